//! Go's `text/tabwriter` for lines of a label and a value, padded with one space.

/// Lines whose labels are padded to the widest of their block.
#[derive(Debug, Default)]
pub(crate) struct Labelled {
    text: String,
    block: Vec<(String, String)>,
}

impl Labelled {
    /// Adds a line.
    pub fn line(&mut self, label: impl Into<String>, value: impl Into<String>) {
        self.block.push((label.into(), value.into()));
    }

    /// Ends a block (`Flush`): the next lines have a width of their own.
    pub fn end_block(&mut self) {
        // Go counts characters, and so does the padding of a format string.
        let width = self.block.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default() + 1;
        for (label, value) in self.block.drain(..) {
            self.text.push_str(&format!("{label:width$}{value}\n"));
        }
    }

    /// Returns all blocks.
    pub fn finish(mut self) -> String {
        self.end_block();
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_as_wide_as_its_widest_label() {
        let mut lines = Labelled::default();
        lines.line("Name:", "x");
        lines.line("MediaType:", "y");
        lines.end_block();
        lines.line("", "");
        lines.line("Name:", "z");
        assert_eq!(lines.finish(), "Name:      x\nMediaType: y\n      \nName: z\n");
    }
}
