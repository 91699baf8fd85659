//! `.dockerignore`, `COPY --exclude` and `COPY --parents`: which paths a list of patterns means.
//!
//! The rules are those of moby/patternmatcher, not those of git: a pattern begins at the root, the last one that matches
//! decides, one that matches a folder means everything in it, and `!` takes back. `*` and `?` do not cross a `/`; `**`
//! does. Start at [`PatternList`].

mod include;
mod pattern;

use fault::{Fault, Hint, Kind};

pub use include::{IncludeList, Inclusion, parents_pivot};
pub(crate) use pattern::{Pattern, components_reach};

/// A pattern that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", .line.map(|line| format!("line {line}: ")).unwrap_or_default(), .reason.text(.pattern))]
pub struct PatternError {
    /// The pattern as it was written.
    pub pattern: String,
    /// Its line in the file, from 1; nothing for a pattern that stands elsewhere.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: PatternReason,
}

/// What is wrong with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternReason {
    /// A `[` that nothing closes, an empty `[]`, or a `\` at the end.
    Syntax,
    /// A `!` with nothing behind.
    LoneExclamation,
}

impl PatternReason {
    fn text(self, pattern: &str) -> String {
        match self {
            Self::Syntax => format!("syntax error in pattern {}", crate::quote::quote(pattern)),
            Self::LoneExclamation => "illegal exclusion pattern: \"!\"".to_owned(),
        }
    }
}

impl Fault for PatternError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self.reason {
            PatternReason::Syntax => "write \\[ for the letter itself",
            PatternReason::LoneExclamation => "write what to take back behind the !, such as !keep",
        }))
    }
}

/// What is done with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is taken.
    Included,
    /// It is left out, with everything below it.
    Excluded,
    /// It is left out, but something below it may be taken: a `!` pattern reaches there.
    ExcludedButDescend,
}

/// Patterns of what is left out, in their order.
///
/// ```
/// use dockerfile::{PatternList, Verdict};
///
/// let list = PatternList::read("# all but\n*\n!src/*.rs\n")?;
/// assert_eq!(list.verdict("target"), Verdict::Excluded);
/// assert_eq!(list.verdict("src"), Verdict::ExcludedButDescend);
/// assert_eq!(list.verdict("src/lib.rs"), Verdict::Included);
/// # Ok::<(), dockerfile::PatternError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PatternList {
    patterns: Vec<Pattern>,
    takes_back: bool,
}

impl PatternList {
    /// Reads the text of an ignore file: one pattern on a line, `#` in the first column begins a comment.
    ///
    /// # Errors
    /// Names the first pattern that cannot be read, with its line.
    pub fn read(text: &str) -> Result<Self, PatternError> {
        let mut list = Self::default();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let pattern = line.trim();
            if line.starts_with('#') || pattern.is_empty() {
                continue;
            }
            let (sign, path) = pattern.strip_prefix('!').map_or(("", pattern), |path| ("!", path.trim()));
            let path = if path.is_empty() { String::new() } else { clean(path) };
            // A pattern begins at the root anyway.
            let path = path.strip_prefix('/').filter(|rest| !rest.is_empty()).unwrap_or(&path);
            list.add(&format!("{sign}{path}")).map_err(|error| PatternError {
                pattern: pattern.to_owned(),
                line: Some(index + 1),
                ..error
            })?;
        }
        Ok(list)
    }

    /// Takes patterns that stand elsewhere, such as those of `COPY --exclude`.
    ///
    /// # Errors
    /// Names the first pattern that cannot be read.
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<Self, PatternError> {
        let mut list = Self::default();
        for pattern in patterns {
            list.add(pattern)?;
        }
        Ok(list)
    }

    fn add(&mut self, text: &str) -> Result<(), PatternError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Ok(());
        }
        let bad = |reason| PatternError { pattern: trimmed.to_owned(), line: None, reason };
        let cleaned = clean(trimmed);
        let (negative, path) = cleaned.strip_prefix('!').map_or((false, cleaned.as_str()), |path| (true, path));
        if path.is_empty() {
            return Err(bad(PatternReason::LoneExclamation));
        }
        self.patterns.push(Pattern::parse(path, negative).ok_or_else(|| bad(PatternReason::Syntax))?);
        self.takes_back |= negative;
        Ok(())
    }

    /// Tells whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Tells whether any pattern takes something back.
    pub fn takes_back(&self) -> bool {
        self.takes_back
    }

    /// Tells whether a pattern leaves out all that there is.
    pub(crate) fn is_everything(&self) -> bool {
        self.patterns.iter().any(|pattern| matches!(pattern.text.as_str(), "*" | "**" | "**/*"))
    }

    /// Tells whether a path is left out. It is relative, without `.` and `..`, with `/` between its parts.
    pub fn matches(&self, path: &str) -> bool {
        let mut matched = false;
        for pattern in &self.patterns {
            // A pattern that could change nothing is not asked.
            if pattern.negative == matched && pattern.matches_or_parent(path) {
                matched = !pattern.negative;
            }
        }
        matched
    }

    /// Says what is done with a path, and whether to look into it when it is a folder.
    pub fn verdict(&self, path: &str) -> Verdict {
        if !self.matches(path) {
            return Verdict::Included;
        }
        let reaches = self.takes_back && self.patterns.iter().any(|pattern| pattern.negative && components_reach(&pattern.text, path));
        if reaches { Verdict::ExcludedButDescend } else { Verdict::Excluded }
    }
}

/// Writes a path in its shortest form: no `.`, no empty parts, `..` resolved where it can be (Go's `path.Clean`).
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
