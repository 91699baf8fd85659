//! Cuts what follows the name of an instruction into flags and words, without changing what they say.

use crate::lines::Piece;
use crate::source::Word;

/// Cuts at tabs, form feeds, carriage returns and blanks; quotes protect nothing.
pub(crate) fn blank_words(piece: Piece<'_>) -> Vec<Word> {
    let blank = |letter: char| matches!(letter, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ');
    cut(piece, |rest| rest.find(blank).unwrap_or(rest.len()), blank)
}

/// Cuts at white space that neither quotes nor escapes protect; both stay.
pub(crate) fn quoted_words(piece: Piece<'_>, escape: char) -> Vec<Word> {
    let mut words = cut(piece, |rest| quoted_word(rest, escape), char::is_whitespace);
    // An escape character at the very end escapes nothing.
    if let Some(last) = words.last_mut() {
        if ends_in_escape(&last.text, escape) {
            last.text.pop();
            last.span.end -= 1;
        }
        if last.text.is_empty() {
            words.pop();
        }
    }
    words
}

fn cut<'l>(piece: Piece<'l>, length: impl Fn(&'l str) -> usize, blank: impl Fn(char) -> bool + Copy) -> Vec<Word> {
    let text = piece.text();
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        at += rest.len() - rest.trim_start_matches(blank).len();
        let rest = text.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return words;
        }
        let end = at + length(rest).max(1);
        words.push(piece.part(at, end).word());
        at = end;
    }
}

/// Returns the length of the word that a text begins with.
fn quoted_word(text: &str, escape: char) -> usize {
    let mut quote = None;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match quote {
            None if letter.is_whitespace() => return at,
            None if matches!(letter, '\'' | '"') => quote = Some(letter),
            Some(open) if letter == open => quote = None,
            _ if letter == escape && quote != Some('\'') => drop(letters.next()),
            _ => {}
        }
    }
    text.len()
}

/// Tells whether the last letter of a word is an escape character that escapes nothing.
fn ends_in_escape(word: &str, escape: char) -> bool {
    let mut quote = None;
    let mut letters = word.chars();
    while let Some(letter) = letters.next() {
        match quote {
            None if matches!(letter, '\'' | '"') => quote = Some(letter),
            Some(open) if letter == open => quote = None,
            _ if letter == escape && quote != Some('\'') && letters.next().is_none() => return true,
            _ => {}
        }
    }
    false
}

/// What a text is, read as JSON.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Json {
    /// No JSON array.
    None,
    /// An array of strings.
    Strings(Vec<Word>),
    /// An array with something else in it.
    Others,
}

/// Reads a JSON array of strings.
pub(crate) fn json(piece: Piece<'_>) -> Json {
    let piece = piece.trim();
    let text = piece.text();
    if !text.starts_with('[') {
        return Json::None;
    }
    let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(text) else { return Json::None };
    let mut at = 1;
    let mut words = Vec::new();
    for value in values {
        let serde_json::Value::String(value) = value else { return Json::Others };
        let start = text.get(at..).and_then(|rest| rest.find('"')).map_or(at, |found| at + found);
        let mut escaped = false;
        let length = text.get(start + 1..).unwrap_or_default().find(|letter| {
            let closes = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            closes
        });
        at = start + 2 + length.unwrap_or_default();
        words.push(Word::new(value, piece.part(start, at).span()));
    }
    Json::Strings(words)
}

/// Takes the words that begin with `--` off the front. Quotes and escapes in them are removed.
///
/// A bare `--` ends them.
pub(crate) fn flags<'l>(piece: Piece<'l>) -> (Vec<Word>, Piece<'l>) {
    let text = piece.text();
    let mut flags = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        at += rest.len() - rest.trim_start().len();
        let rest = text.get(at..).unwrap_or_default();
        if !rest.starts_with("--") {
            return (flags, piece.from(at).trim());
        }
        // The escape character of flags is always the backslash.
        let length = quoted_word(rest, '\\');
        let word = unquoted(rest.get(..length).unwrap_or_default());
        let part = piece.part(at, at + length);
        at += length;
        if word == "--" {
            return (flags, piece.from(at).trim());
        }
        flags.push(Word::new(word, part.span()));
    }
}

fn unquoted(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    let mut quote = None;
    let mut letters = word.chars();
    while let Some(letter) = letters.next() {
        match quote {
            None if matches!(letter, '\'' | '"') => quote = Some(letter),
            Some(open) if letter == open => quote = None,
            _ if letter == '\\' && quote != Some('\'') => text.extend(letters.next()),
            _ => text.push(letter),
        }
    }
    text
}
