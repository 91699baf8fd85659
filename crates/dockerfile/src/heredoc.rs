//! Heredocs: the words that open them, and what stands between.

use crate::expand::{Quotes, Rules, Unset, expand};
use crate::source::Span;

/// A text that stands in the Dockerfile itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it, without quotes; `COPY` and `ADD` make a file of this name.
    pub word: String,
    /// The lines between, as they stand there.
    pub content: String,
    /// Variables in the content are expanded: no part of the word was quoted. Only `COPY` and `ADD` do that; `RUN` leaves
    /// it to the shell.
    pub expands: bool,
    /// Written `<<-`: tabs at the beginnings of lines do not count.
    pub strips_tabs: bool,
    /// The number before `<<`; 0 without one.
    pub descriptor: u32,
    /// Where the opening word stands.
    pub span: Span,
    /// Where the content stands.
    pub content_span: Span,
    /// The end of the line that ends it.
    pub(crate) end: usize,
}

impl Heredoc {
    /// Returns the content as a file or a script gets it: without the leading tabs where `<<-` says so.
    pub fn text(&self) -> String {
        if !self.strips_tabs {
            return self.content.clone();
        }
        self.content.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
    }
}

/// What opens a heredoc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeredocWord {
    pub word: String,
    pub expands: bool,
    pub strips_tabs: bool,
    pub descriptor: u32,
}

/// Reads a word such as `<<EOF`, `3<<-"end"`; nothing when it opens no heredoc.
///
/// # Errors
/// Returns the text of the word, when its quotes do not close or its number is too large.
pub(crate) fn parse_word(word: &str) -> Result<Option<HeredocWord>, String> {
    let digits = word.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(word.len());
    let (number, rest) = word.split_at(digits);
    let Some(rest) = rest.strip_prefix("<<") else { return Ok(None) };
    let (strips_tabs, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    let rest = rest.trim_start();
    if rest.is_empty() || rest.contains('<') {
        return Ok(None);
    }
    let bad = || word.to_owned();
    let descriptor = if number.is_empty() { 0 } else { number.parse().map_err(|_| bad())? };
    let rules = Rules { unset: Unset::Keep, ..Rules::word('\\') };
    let plain = expand(rest, &(), rules).map_err(|_| bad())?;
    let raw = expand(rest, &(), Rules { quotes: Quotes::Keep, keep_escapes: true, ..rules }).map_err(|_| bad())?;
    let ([plain], [raw]) = (plain.words.as_slice(), raw.words.as_slice()) else { return Ok(None) };
    Ok(Some(HeredocWord { word: plain.clone(), expands: plain == raw, strips_tabs, descriptor }))
}

/// Returns the heredocs that a line opens, each with the first place of its word in the line.
///
/// A line whose quotes do not close opens none.
///
/// # Errors
/// Returns the word that cannot be read.
pub(crate) fn find(line: &str) -> Result<Vec<(HeredocWord, usize, usize)>, String> {
    if !line.contains("<<") {
        return Ok(Vec::new());
    }
    let rules = Rules { unset: Unset::Keep, quotes: Quotes::Keep, keep_escapes: true, ..Rules::word('\\') };
    let Ok(expansion) = expand(line, &(), rules) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let mut from = 0;
    for word in expansion.words {
        if let Some(opened) = parse_word(&word)? {
            let at = line.get(from..).and_then(|rest| rest.find(word.as_str())).map_or(from, |at| from + at);
            from = at + word.len();
            found.push((opened, at, from));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(word: &str) -> Option<(String, bool, bool, u32)> {
        parse_word(word).unwrap().map(|word| (word.word, word.expands, word.strips_tabs, word.descriptor))
    }

    #[test]
    fn item_13_words_of_heredocs() {
        assert_eq!(opened("<<EOF"), Some(("EOF".to_owned(), true, false, 0)));
        assert_eq!(opened("3<<-EOF"), Some(("EOF".to_owned(), true, true, 3)));
        assert_eq!(opened("<<'E F'"), Some(("E F".to_owned(), false, false, 0)));
        assert_eq!(opened("<<\"EOF\""), Some(("EOF".to_owned(), false, false, 0)));
        assert_eq!(opened("<<E$X"), Some(("E$X".to_owned(), true, false, 0)));
        for word in ["<<", "<<<x", "a<<b", "$((1<<2))", "<<-", "<EOF"] {
            assert_eq!(opened(word), None, "{word}");
        }
        assert!(parse_word("<<'EOF").is_err());
    }

    #[test]
    fn item_17_only_whole_words_open_a_heredoc() {
        assert!(find("RUN echo $((1<<2))").unwrap().is_empty());
        assert!(find("RUN echo '<<EOF'").unwrap().is_empty());
        let found = find("RUN cat <<A <<B | tr").unwrap();
        assert_eq!(
            found.iter().map(|(word, start, end)| (word.word.as_str(), *start, *end)).collect::<Vec<_>>(),
            [("A", 8, 11), ("B", 12, 15)]
        );
    }
}
