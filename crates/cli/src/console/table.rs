//! Tables of text: columns two spaces apart, as wide as their widest cell.

use unicode_width::UnicodeWidthStr;

use super::visible;

/// Rows under a heading. Empty columns are left out.
pub struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Starts with the heading.
    pub fn new(heading: &[&'static str]) -> Self {
        Self { heading: heading.to_vec(), rows: Vec::new() }
    }

    /// Adds a row of as many cells as the heading has.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| visible(&cell).into_owned()).collect());
    }

    /// Returns the lines; none where nothing stands in any column.
    pub fn lines(&self) -> Vec<String> {
        let shown: Vec<usize> = (0..self.heading.len())
            .filter(|column| self.rows.iter().any(|row| row.get(*column).is_some_and(|cell| !cell.is_empty())))
            .collect();
        if shown.is_empty() {
            return Vec::new();
        }
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width());
            cells.chain([self.heading.get(column).map_or(0, |word| word.width())]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = shown.iter().map(|column| width(*column)).collect();
        let line = |cells: Vec<&str>| {
            let mut text = String::new();
            for (cell, width) in cells.iter().zip(&widths) {
                text.push_str(cell);
                text.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + 2));
            }
            text.trim_end().to_owned()
        };
        let heading = line(shown.iter().filter_map(|column| self.heading.get(*column).copied()).collect());
        let rows = self.rows.iter().map(|row| line(shown.iter().map(|column| row.get(*column).map_or("", String::as_str)).collect()));
        std::iter::once(heading).chain(rows).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_as_wide_as_their_cells_and_empty_ones_are_gone() {
        let mut table = Table::new(&["PLATFORM", "OS", "DIGEST"]);
        table.row(["linux/arm/v7".to_owned(), String::new(), "sha256:a".to_owned()]);
        table.row(["linux/amd64".to_owned(), String::new(), "sha256:b".to_owned()]);
        assert_eq!(table.lines(), ["PLATFORM      DIGEST", "linux/arm/v7  sha256:a", "linux/amd64   sha256:b"]);
    }

    #[test]
    fn nothing_is_no_line_and_a_cell_stays_in_its_line() {
        let mut table = Table::new(&["A", "B"]);
        assert!(table.lines().is_empty());
        table.row([String::new(), String::new()]);
        assert!(table.lines().is_empty());
        table.row(["x\ny".to_owned(), "\x1b[2J".to_owned()]);
        assert_eq!(table.lines().last().map(String::as_str), Some("x\\ny  \\u{1b}[2J"));
    }
}
