//! Why a template cannot be read or rendered.

use std::fmt;

use fault::{Fault, Hint, Kind};

/// A place in a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Bytes before it.
    pub offset: usize,
    /// Its line, from 1.
    pub line: u32,
    /// Its column in characters, from 1.
    pub column: u32,
}

impl Position {
    pub(crate) const START: Self = Self { offset: 0, line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 1 {
            write!(formatter, "line {}, ", self.line)?;
        }
        write!(formatter, "column {}", self.column)
    }
}

/// A template that makes no sense, alone or for the tree it is rendered over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Something else stands where the language asks for something.
    #[error("template, {position}: expected {expected}, got {got}")]
    Syntax {
        /// Where.
        position: Position,
        /// What may stand there.
        expected: String,
        /// What stands there.
        got: String,
        /// What to write instead, where it is known.
        hint: Option<String>,
    },
    /// A block, an action, a comment or a string that nothing closes.
    #[error("template, {position}: {opener} is never closed")]
    Unclosed {
        /// Where it opens.
        position: Position,
        /// What opens, such as `{{range}}`.
        opener: String,
        /// What would close it, such as `{{end}}`.
        closer: &'static str,
    },
    /// A part of the language or a docker format that is left out.
    #[error("template, {position}: {what} is not supported")]
    Unsupported {
        /// Where.
        position: Position,
        /// What is asked for.
        what: String,
        /// What there is instead.
        instead: &'static str,
    },
    /// A function that does not exist.
    #[error("template, {position}: no function {name}: there are {there}")]
    UnknownFunction {
        /// Where.
        position: Position,
        /// The word.
        name: String,
        /// All functions, separated by commas.
        there: String,
        /// The one that is spelt almost so.
        nearest: Option<&'static str>,
    },
    /// A variable that is not set here.
    #[error("template, {position}: no variable {name} here")]
    UnknownVariable {
        /// Where.
        position: Position,
        /// The variable with its `$`.
        name: String,
    },
    /// A function with too few or too many arguments.
    #[error("template, {position}: {function} takes {expected}, got {got}")]
    Count {
        /// Where.
        position: Position,
        /// The function.
        function: &'static str,
        /// How many it takes, in words.
        expected: String,
        /// How many there are.
        got: usize,
    },
    /// A field that the tree does not have.
    #[error("no field .{name} in {owner}: there are {there}")]
    MissingField {
        /// Where.
        position: Position,
        /// The field without its dot.
        name: String,
        /// Where it was looked for, such as `the result` or `.platform`.
        owner: String,
        /// The fields that exist, separated by commas.
        there: String,
        /// What may have been meant.
        hint: Option<String>,
    },
    /// A field whose name fits several when case is ignored.
    #[error("field .{name} of {owner} may be one of several: {there}")]
    AmbiguousField {
        /// Where.
        position: Position,
        /// The field without its dot.
        name: String,
        /// Where it was looked for.
        owner: String,
        /// The ones that fit, separated by commas.
        there: String,
    },
    /// A field of something that has none.
    #[error("no field .{name} in {owner}: expected an object, got {got}")]
    NotAnObject {
        /// Where.
        position: Position,
        /// The field without its dot.
        name: String,
        /// Where it was looked for.
        owner: String,
        /// What is there.
        got: &'static str,
        /// What may have been meant.
        hint: Option<String>,
    },
    /// An argument that a function or `range` cannot work with.
    #[error("template, {position}: {function}: expected {expected}, got {got}")]
    Argument {
        /// Where.
        position: Position,
        /// The function.
        function: &'static str,
        /// What it takes.
        expected: String,
        /// What it was given.
        got: String,
        /// How to write it.
        hint: Option<String>,
    },
    /// Blocks or parentheses inside one another without end.
    #[error("template, {position}: more than {limit} blocks and parentheses inside one another")]
    TooDeep {
        /// Where the first too many opens.
        position: Position,
        /// How many may be.
        limit: usize,
    },
    /// More output, or more work, than a template may make.
    #[error("the template makes more than {limit}")]
    TooMuch {
        /// The limit with its unit.
        limit: &'static str,
    },
}

impl TemplateError {
    /// Returns the place in the template that the error is about, where there is one.
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Syntax { position, .. }
            | Self::Unclosed { position, .. }
            | Self::Unsupported { position, .. }
            | Self::UnknownFunction { position, .. }
            | Self::UnknownVariable { position, .. }
            | Self::Count { position, .. }
            | Self::MissingField { position, .. }
            | Self::AmbiguousField { position, .. }
            | Self::NotAnObject { position, .. }
            | Self::Argument { position, .. }
            | Self::TooDeep { position, .. } => Some(*position),
            Self::TooMuch { .. } => None,
        }
    }
}

impl Fault for TemplateError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        let text = match self {
            Self::Syntax { hint, .. } | Self::MissingField { hint, .. } | Self::NotAnObject { hint, .. } | Self::Argument { hint, .. } => {
                hint.clone()?
            }
            Self::Unclosed { closer, .. } => format!("close it with {closer}"),
            Self::Unsupported { instead, .. } => (*instead).to_owned(),
            Self::UnknownFunction { nearest, .. } => format!("did you mean {}", (*nearest)?),
            Self::UnknownVariable { name, .. } => format!("set it first: {{{{{name} := .}}}}"),
            Self::AmbiguousField { .. } => "write the name exactly as it is listed".to_owned(),
            Self::Count { .. } | Self::TooDeep { .. } => return None,
            Self::TooMuch { .. } => "take the whole result with `--json` and cut it down elsewhere".to_owned(),
        };
        Some(Hint::new(text))
    }
}

/// How many words an error lists.
const SHOWN: usize = 20;

/// Writes words for an error: separated by commas, the first twenty, then how many more.
pub(crate) fn list<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let words: Vec<&str> = words.into_iter().collect();
    if words.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<&str> = words.iter().take(SHOWN).copied().collect();
    match words.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Returns the word of `known` that is spelt almost like `word`.
pub(crate) fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    // One slip in a short word, two in a longer one: more would suggest words that have nothing in common.
    let allowed = if word.chars().count() < 5 { 1 } else { 2 };
    let within = |other: &&str| other.len().abs_diff(word.len()) <= 8 && other.len() <= 64;
    let scored = known.into_iter().filter(within).map(|other| (distance(&word.to_lowercase(), &other.to_lowercase()), other));
    scored.filter(|(slips, _)| *slips <= allowed).min_by_key(|(slips, _)| *slips).map(|(_, other)| other)
}

/// Counts the characters to insert, remove, replace or swap with their neighbour (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    let mut previous = None;
    for (line, letter) in left.chars().enumerate() {
        let mut next = vec![line + 1];
        for (column, other) in right.iter().enumerate() {
            let cell = |cells: &[usize], at: usize| cells.get(at).copied().unwrap_or(usize::MAX - 1);
            let mut slips = cell(&row, column) + usize::from(letter != *other);
            slips = slips.min(cell(&row, column + 1) + 1).min(cell(&next, column) + 1);
            let swapped = column > 0 && previous == Some(*other) && right.get(column - 1) == Some(&letter);
            if swapped {
                slips = slips.min(cell(&before, column - 1) + 1);
            }
            next.push(slips);
        }
        before = std::mem::replace(&mut row, next);
        previous = Some(letter);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (left, right, slips) in [("", "", 0), ("", "ab", 2), ("json", "jsno", 1), ("digst", "digest", 1), ("a", "b", 1), ("abc", "", 3)]
        {
            assert_eq!(distance(left, right), slips, "{left} {right}");
        }
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(list(["a"; 22]).matches('a').count(), 21, "twenty words and the one in `and`");
        assert!(list(["a"; 22]).ends_with("and 2 more"));
        assert_eq!(list([]), "none");
    }
}
