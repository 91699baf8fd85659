//! The flags of an instruction against the ones that it has.

use super::Context;
use crate::problem::Reason;
use crate::source::{Span, Word};
use crate::suggest::nearest;

/// What a flag takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing, or `true` or `false`.
    Truth,
    /// A value.
    Text,
    /// A value, and it may stand there several times.
    List,
}

/// The flags that were given.
pub(super) struct Flags {
    given: Vec<(&'static str, Word)>,
}

impl Flags {
    /// Returns the value of a flag.
    pub fn text(&self, name: &str) -> Option<Word> {
        self.given.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone())
    }

    /// Returns the values of a flag.
    pub fn list(&self, name: &str) -> Vec<Word> {
        self.given.iter().filter(|(own, _)| *own == name).map(|(_, value)| value.clone()).collect()
    }

    /// Returns whether a flag is true; nothing where it was not given.
    pub fn truth(&self, name: &str) -> Option<bool> {
        self.text(name).map(|value| value.text == "true")
    }
}

impl Context<'_> {
    /// Reads flags, and reports those that the instruction does not have.
    pub(super) fn flags(&mut self, words: &[Word], known: &[(&'static str, Takes)]) -> Flags {
        let mut given: Vec<(&'static str, Word)> = Vec::new();
        for word in words {
            let inside = word.text.strip_prefix("--").unwrap_or(&word.text);
            let (name, value) = inside.split_once('=').map_or((inside, None), |(name, value)| (name, Some(value)));
            let Some((name, takes)) = known.iter().find(|(own, _)| *own == name) else {
                let suggestion = nearest(name, known.iter().map(|(own, _)| *own)).map(str::to_owned);
                self.suggest(word.span, Reason::UnknownFlag(name.to_owned()), suggestion);
                continue;
            };
            if *takes != Takes::List && given.iter().any(|(own, _)| own == name) {
                self.report(word.span, Reason::DuplicateFlag((*name).to_owned()));
                continue;
            }
            let value = match (takes, value) {
                (Takes::Truth, None) => "true".to_owned(),
                (Takes::Truth, Some(value)) if !value.is_empty() => match value.to_lowercase() {
                    lower if lower == "true" || lower == "false" => lower,
                    _ => {
                        self.report(word.span, Reason::BooleanFlag { flag: (*name).to_owned(), value: value.to_owned() });
                        continue;
                    }
                },
                (Takes::Text | Takes::List, Some(value)) => value.to_owned(),
                _ => {
                    self.report(word.span, Reason::MissingFlagValue((*name).to_owned()));
                    continue;
                }
            };
            given.push((name, Word::new(value, self.value_span(word.span))));
        }
        Flags { given }
    }

    /// Returns the place of what follows the `=` of a flag.
    fn value_span(&self, span: Span) -> Span {
        let equals = self.source.slice(span).find('=').map_or(0, |at| at + 1);
        Span::new(span.start + equals, span.end)
    }

    /// Reports every flag of an instruction that has none.
    pub(super) fn no_flags(&mut self, words: &[Word]) {
        self.flags(words, &[]);
    }
}
