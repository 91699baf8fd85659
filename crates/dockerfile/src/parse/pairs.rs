//! `ENV`, `LABEL` and `ARG`: names and values.

use super::{Context, Parts};
use crate::instruction::{Declaration, Pairs};
use crate::problem::Reason;
use crate::source::{Span, Word};
use crate::words;

/// Cuts a word at its first `=`.
fn split(word: &Word) -> Option<(Word, Word)> {
    let (name, value) = word.text.split_once('=')?;
    let middle = word.span.start + name.len();
    let inside = middle < word.span.end;
    let middle = if inside { middle } else { word.span.start };
    Some((
        Word::new(name, Span::new(word.span.start, middle)),
        Word::new(value, Span::new(if inside { middle + 1 } else { middle }, word.span.end)),
    ))
}

/// Returns what a comment `name text` says of a name.
pub(super) fn description(comments: &[Word], name: &str) -> Option<String> {
    comments.iter().find_map(|comment| comment.text.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned))
}

impl Context<'_> {
    pub(super) fn pairs(&mut self, parts: &Parts<'_>, name: &'static str) -> Option<Pairs> {
        self.no_flags(&parts.flags);
        let words = words::quoted_words(parts.rest, self.escape);
        let Some(first) = words.first() else {
            self.report(parts.place(), Reason::AtLeastOne(name));
            return None;
        };
        if !first.text.contains('=') {
            let text = parts.rest.text();
            let blank = |letter: char| matches!(letter, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ');
            let Some(length) = text.find(blank) else {
                self.report(first.span, Reason::TwoArguments(name));
                return None;
            };
            let after = text.get(length..).unwrap_or_default();
            let start = length + after.len() - after.trim_start_matches(blank).len();
            let pair = (parts.rest.part(0, length).word(), parts.rest.from(start).word());
            return Some(Pairs { pairs: vec![pair], legacy: true });
        }
        let mut pairs = Vec::with_capacity(words.len());
        let mut whole = true;
        for word in &words {
            match split(word) {
                None => {
                    self.report(word.span, Reason::NoEquals(word.text.clone()));
                    whole = false;
                }
                Some((key, _)) if key.text.is_empty() => {
                    self.report(word.span, Reason::BlankName(name));
                    whole = false;
                }
                Some(pair) => pairs.push(pair),
            }
        }
        whole.then_some(Pairs { pairs, legacy: false })
    }

    pub(super) fn arg(&mut self, parts: &Parts<'_>) -> Option<Vec<Declaration>> {
        self.no_flags(&parts.flags);
        let words = words::quoted_words(parts.rest, self.escape);
        if words.is_empty() {
            self.report(parts.place(), Reason::AtLeastOne("ARG"));
            return None;
        }
        let mut declarations = Vec::with_capacity(words.len());
        for word in words {
            let (name, default) = split(&word).map_or((word.clone(), None), |(name, default)| (name, Some(default)));
            if name.text.is_empty() {
                self.report(word.span, Reason::BlankName("ARG"));
                return None;
            }
            let description = description(&parts.header.comments, &name.text);
            declarations.push(Declaration { name, default, description });
        }
        Some(declarations)
    }
}
