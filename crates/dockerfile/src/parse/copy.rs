//! `COPY` and `ADD`.

use super::flags::{Flags, Takes};
use super::{Context, Parts};
use crate::chmod::Chmod;
use crate::heredoc;
use crate::ignore::PatternList;
use crate::instruction::{Add, Copy, CopySource, Location};
use crate::problem::Reason;
use crate::source::Word;
use crate::words::{self, Json};

/// Tells whether a text may change when it is expanded.
pub(super) fn is_variable(text: &str) -> bool {
    text.contains(['$', '\\', '`', '"', '\''])
}

impl Context<'_> {
    pub(super) fn copy(&mut self, parts: &mut Parts<'_>) -> Option<Copy> {
        let flags = self.flags(
            &parts.flags,
            &[
                ("from", Takes::Text),
                ("chown", Takes::Text),
                ("chmod", Takes::Text),
                ("link", Takes::Truth),
                ("parents", Takes::Truth),
                ("exclude", Takes::List),
            ],
        );
        let from = flags.text("from").filter(|from| !from.text.is_empty());
        if let Some(from) = from.as_ref().filter(|from| from.text.contains('$')) {
            self.report(from.span, Reason::FromVariable);
        }
        let (sources, destination) = self.sources(parts, "COPY")?;
        for source in &sources {
            if let CopySource::Path(path) = source
                && (path.text.starts_with("http://") || path.text.starts_with("https://"))
            {
                self.report(path.span, Reason::CopyUrl);
            }
        }
        let (link, parents) = (flags.truth("link").unwrap_or(false), flags.truth("parents").unwrap_or(false));
        let (chown, chmod, exclude) = self.ownership(&flags);
        Some(Copy { sources, destination, from, chown, chmod, link, parents, exclude })
    }

    pub(super) fn add(&mut self, parts: &mut Parts<'_>) -> Option<Add> {
        let flags = self.flags(
            &parts.flags,
            &[
                ("chown", Takes::Text),
                ("chmod", Takes::Text),
                ("link", Takes::Truth),
                ("keep-git-dir", Takes::Truth),
                ("checksum", Takes::Text),
                ("unpack", Takes::Truth),
                ("exclude", Takes::List),
            ],
        );
        let (sources, destination) = self.sources(parts, "ADD")?;
        let checksum = flags.text("checksum").filter(|checksum| !checksum.text.is_empty());
        let local = |source: &CopySource| match source {
            CopySource::Path(path) => !is_variable(&path.text) && Location::of(&path.text) == Location::Context,
            CopySource::Inline(_) => true,
        };
        if let Some(checksum) = checksum.as_ref().filter(|_| sources.iter().any(local)) {
            self.report(checksum.span, Reason::ChecksumSource);
        }
        let (chown, chmod, exclude) = self.ownership(&flags);
        Some(Add {
            sources,
            destination,
            chown,
            chmod,
            link: flags.truth("link").unwrap_or(false),
            exclude,
            checksum,
            keep_git_dir: flags.truth("keep-git-dir"),
            unpack: flags.truth("unpack"),
        })
    }

    /// Returns what both have: `--chown`, `--chmod`, `--exclude`. What holds no variable is checked at once.
    fn ownership(&mut self, flags: &Flags) -> (Option<Word>, Option<Word>, Vec<Word>) {
        let given = |name| flags.text(name).filter(|value| !value.text.is_empty());
        let chmod = given("chmod");
        if let Some(chmod) = chmod.as_ref().filter(|chmod| !is_variable(&chmod.text))
            && let Err(error) = Chmod::parse(&chmod.text)
        {
            self.report(chmod.span, error.into());
        }
        let exclude = flags.list("exclude");
        for pattern in &exclude {
            if let Err(error) = PatternList::new([pattern.text.as_str()]) {
                self.report(pattern.span, error.into());
            }
        }
        (given("chown"), chmod, exclude)
    }

    fn sources(&mut self, parts: &mut Parts<'_>, name: &'static str) -> Option<(Vec<CopySource>, Word)> {
        let (mut words, json) = match words::json(parts.rest) {
            Json::Strings(words) => (words, true),
            Json::Others => {
                self.report(parts.rest.span(), Reason::JsonStrings);
                return None;
            }
            Json::None => (words::blank_words(parts.rest), false),
        };
        let destination = words.pop().filter(|_| !words.is_empty());
        let Some(destination) = destination else {
            self.report(parts.place(), Reason::NoDestination(name));
            return None;
        };
        let opens = |word: &Word| if json { None } else { heredoc::parse_word(&word.text).ok().flatten() };
        if opens(&destination).is_some() {
            self.report(destination.span, Reason::HeredocDestination(name));
            return None;
        }
        let sources = words.into_iter().map(|word| match opens(&word) {
            None => CopySource::Path(word),
            Some(opened) => {
                let found = parts.heredocs.iter().find(|heredoc| heredoc.word == opened.word).cloned();
                found.map_or(CopySource::Path(word), CopySource::Inline)
            }
        });
        Some((sources.collect(), destination))
    }
}
