//! Lines of a file with those around them, as BuildKit shows them.

use dockerfile::Source;

use crate::console::visible;

/// How many lines are shown beside one line, and beside several.
const AROUND: (usize, usize) = (4, 2);
const RULER: &str = "--------------------";

/// Shows lines of a file, counted from 1, each with a mark.
pub fn excerpt(source: &Source, first: usize, last: usize) -> Vec<String> {
    // A line's end at the end of the file begins a line: so BuildKit counts.
    let count = source.text().matches('\n').count() + 1;
    let (start, end) = around(first, last.min(count), count);
    let mut lines = vec![format!("{}:{first}", visible(source.name())), RULER.to_owned()];
    for number in start..=end {
        let mark = if (first..=last).contains(&number) { ">>>" } else { "   " };
        // A blank at the start of a line is often a tab.
        let text = source.line(number).split('\t').map(visible).collect::<Vec<_>>().join("\t");
        lines.push(format!(" {number:3} | {mark} {text}"));
    }
    lines.push(RULER.to_owned());
    lines
}

/// Widens a range by lines before and behind it. Where the file ends on one side, there is less in all, and not more on the
/// other one.
fn around(first: usize, last: usize, count: usize) -> (usize, usize) {
    let (mut start, mut end) = (first, last);
    let wanted = if first == last { AROUND.0 } else { AROUND.1 };
    let mut added = 0;
    while added < wanted {
        if start > 1 {
            start -= 1;
            added += 1;
        }
        if end < count {
            end += 1;
            added += 1;
        }
        added += 1;
    }
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_as_buildkit_shows_them() {
        let source = Source::new("Dockerfile", "FROM alpine\n\nCMD echo\n");
        assert_eq!(
            excerpt(&source, 3, 3),
            [
                "Dockerfile:3",
                "--------------------",
                "   1 |     FROM alpine",
                "   2 |     ",
                "   3 | >>> CMD echo",
                "   4 |     ",
                "--------------------",
            ]
        );
        let source = Source::new("a/Dockerfile", "1\n2\n3\nRUN x \\\n\ty\n6\n7\n8");
        assert_eq!(
            excerpt(&source, 4, 5),
            [
                "a/Dockerfile:4",
                "--------------------",
                "   3 |     3",
                "   4 | >>> RUN x \\",
                "   5 | >>> \ty",
                "   6 |     6",
                "--------------------",
            ]
        );
    }

    #[test]
    fn a_file_ends_somewhere() {
        for (first, last, count, expected) in
            [(1, 1, 1, (1, 1)), (1, 1, 9, (1, 3)), (9, 9, 9, (7, 9)), (5, 5, 9, (3, 7)), (1, 9, 9, (1, 9))]
        {
            assert_eq!(around(first, last, count), expected, "{first} {last} {count}");
        }
    }

    #[test]
    fn what_steers_a_terminal_is_seen() {
        let source = Source::new("Dockerfile", "RUN \u{1b}[31m");
        assert!(excerpt(&source, 1, 1).iter().any(|line| line.contains("\\u{1b}[31m")));
    }
}
