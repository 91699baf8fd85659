//! The patterns of `COPY --parents`: what is taken, not what is left out.

use super::{Pattern, PatternError, PatternReason, clean, components_reach};

/// What is done with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inclusion {
    /// It is taken: a pattern means it, or a folder that it lies in.
    Included,
    /// It is not taken itself, but something below it may be.
    Descend,
    /// Neither it nor anything below it is taken.
    Nothing,
}

/// Patterns of what is taken.
#[derive(Clone, Debug, Default)]
pub struct IncludeList {
    patterns: Vec<Pattern>,
    everything: bool,
}

impl IncludeList {
    /// Takes patterns that begin at the pivot. `.` and the empty one mean everything.
    ///
    /// # Errors
    /// Names the first pattern that cannot be read.
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<Self, PatternError> {
        let mut list = Self::default();
        for text in patterns {
            let cleaned = clean(&format!("/{text}"));
            let path = cleaned.trim_start_matches('/');
            if path.is_empty() {
                list.everything = true;
                continue;
            }
            let bad = || PatternError { pattern: text.to_owned(), line: None, reason: PatternReason::Syntax };
            list.patterns.push(Pattern::parse(path, false).ok_or_else(bad)?);
        }
        Ok(list)
    }

    /// Says what is done with a path below the pivot.
    pub fn decide(&self, path: &str) -> Inclusion {
        if self.everything || self.patterns.iter().any(|pattern| pattern.matches_or_parent(path)) {
            return Inclusion::Included;
        }
        match self.patterns.iter().any(|pattern| components_reach(&pattern.text, path)) {
            true => Inclusion::Descend,
            false => Inclusion::Nothing,
        }
    }
}

/// Cuts a source of `COPY --parents` at its pivot, the first `/./`: the folder whose own name is not kept, and the
/// pattern below it. Both are relative to the root; without a pivot the folder is empty.
///
/// ```
/// assert_eq!(dockerfile::parents_pivot("/a/./b/*.c"), ("a".to_owned(), "b/*.c".to_owned()));
/// assert_eq!(dockerfile::parents_pivot("./x/./"), ("x".to_owned(), String::new()));
/// ```
pub fn parents_pivot(source: &str) -> (String, String) {
    let (folder, pattern) = source.split_once("/./").unwrap_or(("", source));
    let rooted = |path: &str| clean(&format!("/{path}")).trim_start_matches('/').to_owned();
    (rooted(folder), rooted(pattern))
}
