//! Programs of another machine that are there on purpose.

use dockerfile::{PatternError, PatternList};
use graph::TreePath;

/// What `--allow-foreign` names.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    all: bool,
    patterns: Option<PatternList>,
}

impl Allowed {
    /// Reads paths and patterns, with the words of an ignore file: `/opt/cross/**`; `all` is everything.
    ///
    /// # Errors
    /// Names the pattern that is none.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, PatternError> {
        let words: Vec<&str> = words.into_iter().collect();
        let patterns = words.iter().filter(|word| **word != "all").map(|word| word.trim_start_matches('/'));
        Ok(Self { all: words.contains(&"all"), patterns: Some(PatternList::new(patterns)?) })
    }

    /// Tells whether everything may be for another machine.
    pub const fn all(&self) -> bool {
        self.all
    }

    /// Tells whether a file may be for another machine.
    pub fn holds(&self, path: &TreePath) -> bool {
        self.all || self.patterns.as_ref().is_some_and(|patterns| patterns.matches(&String::from_utf8_lossy(path.bytes())))
    }
}
