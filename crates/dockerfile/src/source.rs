//! The text of a Dockerfile, and places in it.

use std::borrow::Cow;
use std::fmt;

use crate::problem::excerpt;

/// A part of a source, in bytes from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

impl Span {
    /// Makes a span of two offsets; an end before the start is moved to it.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// Returns the span from the start of this one to the end of the other.
    pub fn to(self, other: Self) -> Self {
        Self::new(self.start, other.end)
    }
}

/// A place in a source as people count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// A word of a Dockerfile as it stands there, with its place.
///
/// Quotes, escapes and variables are still in `text`, except where the language removes them while it reads: in flags
/// and in the JSON form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Word {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

impl Word {
    /// Makes a word.
    pub fn new(text: impl Into<String>, span: Span) -> Self {
        Self { text: text.into(), span }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// A named text that is to be read, with an index of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    starts: Vec<usize>,
    replaced: Vec<usize>,
}

impl Source {
    /// Takes a text under the name that messages show, such as `Dockerfile`.
    ///
    /// A byte order mark is left in place; reading skips it.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name: name.into(), text, starts, replaced: Vec::new() }
    }

    /// Takes the bytes of a file.
    ///
    /// What is not UTF-8 becomes U+FFFD. That harms nothing in a comment; inside an instruction it is a problem that
    /// [`parse`](crate::parse) reports, since the bytes would not arrive.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(bytes.len());
        let mut replaced = Vec::new();
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                replaced.push(text.len());
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        Self { replaced, ..Self::new(name, text) }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the text of a span; nothing for one that does not lie between characters of this source.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// Returns the line of an offset, from 1.
    pub fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1)
    }

    /// Returns the place of an offset.
    pub fn position(&self, offset: usize) -> Position {
        let line = self.line_of(offset);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        let mut column = 1 + self.slice(Span::new(start, self.floor(offset))).chars().count();
        if line == 1 && self.text.starts_with('\u{feff}') && column > 1 {
            column -= 1;
        }
        Position { line, column }
    }

    /// Returns a line without its end; nothing for a number that is too large.
    pub fn line(&self, number: usize) -> &str {
        let Some(start) = number.checked_sub(1).and_then(|index| self.starts.get(index)) else { return "" };
        let end = self.starts.get(number).copied().unwrap_or(self.text.len());
        let line = self.slice(Span::new(*start, end)).trim_end_matches(['\r', '\n']);
        if number == 1 { line.trim_start_matches('\u{feff}') } else { line }
    }

    /// Returns the lines that show a sentence about a part of the source: the place with the sentence, the line, and a
    /// mark under it.
    ///
    /// ```
    /// use dockerfile::{Source, Span};
    ///
    /// let source = Source::new("Dockerfile", "FROM x\n");
    /// assert_eq!(source.show(Span::new(5, 6), "no such image"), ["Dockerfile:1:6: no such image", "  1 | FROM x", "    |      ^"]);
    /// ```
    pub fn show(&self, span: Span, sentence: &str) -> Vec<String> {
        let position = self.position(span.start);
        let width = self.slice(span).lines().next().map_or(1, |text| text.chars().count());
        let mut lines = vec![format!("{}:{position}: {sentence}", self.name)];
        lines.extend(excerpt(&hidden(self.line(position.line)), position, width.max(1)));
        lines
    }

    /// Returns the first place inside a span where bytes were not UTF-8.
    pub(crate) fn replaced_in(&self, span: Span) -> Option<usize> {
        let next = self.replaced.partition_point(|at| *at < span.start);
        self.replaced.get(next).copied().filter(|at| *at < span.end)
    }

    /// Returns the nearest boundary between characters at or before an offset.
    fn floor(&self, offset: usize) -> usize {
        (0..=offset.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or_default()
    }
}

/// Puts `x` in the place of every letter of a login that stands in an address, so that what is marked below a line stays there.
fn hidden(line: &str) -> Cow<'_, str> {
    let mut shown = Cow::Borrowed(line);
    let mut from = 0;
    while let Some(at) = line.get(from..).and_then(|rest| rest.find("://")).map(|at| from + at + 3) {
        from = at;
        let rest = line.get(at..).unwrap_or_default();
        let end = rest.find(|letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | '#' | '?')).unwrap_or(rest.len());
        let login = rest.get(..end).and_then(|word| word.rfind('@')).and_then(|end| rest.get(..end)).unwrap_or_default();
        let is_http = line.get(..at).is_some_and(|before| before.ends_with("http://") || before.ends_with("https://"));
        if login.contains(':') || is_http {
            let letters: String = login.chars().map(|letter| if letter == ':' { ':' } else { 'x' }).collect();
            shown = Cow::Owned(shown.replacen(&format!("://{login}@"), &format!("://{letters}@"), 1));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_not_shown() {
        for (line, shown) in [
            ("ADD https://me:se/cr@et@host/a git@host:b /", "ADD https://xx:xxxxxxxx@host/a git@host:b /"),
            ("ADD https://token@host/a ssh://git@host/b /", "ADD https://xxxxx@host/a ssh://git@host/b /"),
            (r#"ADD ["https://é:b@h/a", "https://c:d@h/@b"]"#, r#"ADD ["https://x:x@h/a", "https://x:xxxx@b"]"#),
            ("RUN echo https://host/a#me@b http://@", "RUN echo https://host/a#me@b http://@"),
        ] {
            assert_eq!(hidden(line), shown);
        }
    }

    #[test]
    fn places_are_counted_in_characters_and_a_byte_order_mark_is_none() {
        let source = Source::new("Dockerfile", "\u{feff}FROM é x\r\nRUN y");
        assert_eq!(source.position(3), Position { line: 1, column: 1 });
        assert_eq!(source.position(source.text().find('x').unwrap()), Position { line: 1, column: 8 });
        assert_eq!(source.position(source.text().find("RUN").unwrap()), Position { line: 2, column: 1 });
        assert_eq!((source.line(1), source.line(2), source.line(3), source.line(0)), ("FROM é x", "RUN y", "", ""));
    }
}
