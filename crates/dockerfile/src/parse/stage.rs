//! `FROM`.

use super::flags::Takes;
use super::pairs::description;
use super::{Context, Parts};
use crate::instruction::Stage;
use crate::problem::Reason;
use crate::source::Word;
use crate::words;

impl Context<'_> {
    /// Reads a `FROM`. One that makes no sense is reported, and begins a stage all the same.
    pub(super) fn stage(&mut self, parts: &Parts<'_>) -> Stage {
        let flags = self.flags(&parts.flags, &[("platform", Takes::Text)]);
        let words = words::blank_words(parts.rest);
        let (base, keyword, alias) = match words.as_slice() {
            [base] => (base.clone(), None, None),
            [base, keyword, alias] if keyword.text.eq_ignore_ascii_case("as") => (base.clone(), Some(keyword.clone()), Some(alias.clone())),
            _ => {
                self.report(parts.place(), Reason::FromArguments);
                (words.into_iter().next().unwrap_or_default(), None, None)
            }
        };
        if let Some(alias) = alias.as_ref().filter(|alias| !is_stage_name(alias)) {
            self.report(alias.span, Reason::StageName(alias.text.clone()));
        }
        let name = alias.as_ref().map(|alias| alias.text.to_lowercase());
        Stage {
            base,
            platform: flags.text("platform").filter(|platform| !platform.text.is_empty()),
            keyword,
            description: name.and_then(|name| description(&parts.header.comments, &name)),
            alias,
            header: parts.header.clone(),
            statements: Vec::new(),
        }
    }
}

/// BuildKit's `^[a-z][a-z0-9-_.]*$`, in any case.
fn is_stage_name(word: &Word) -> bool {
    let mut letters = word.text.chars();
    letters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'))
}
