//! Variables, quotes and escapes: what a word of a Dockerfile means in an environment.
//!
//! The rules are those of BuildKit, which are a shell's with fewer forms. `$name` and `${name}` are replaced;
//! `:-` `-` `:+` `+` `:?` `?` choose by whether the variable is set; `#` `##` `%` `%%` cut a pattern off, and `/p/r` and
//! `//p/r` replace one. Quotes and escapes are removed. Start at [`expand`].

mod error;
mod lexer;
mod pattern;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use error::{ExpandError, ExpandReason};

/// What variables are set.
pub trait Environment {
    /// Returns the value of a variable; nothing for one that is not set.
    fn value(&self, name: &str) -> Option<Cow<'_, str>>;
}

impl<E: Environment + ?Sized> Environment for &E {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        (**self).value(name)
    }
}

/// An environment in which nothing is set.
impl Environment for () {
    fn value(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

impl Environment for BTreeMap<String, String> {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(|value| Cow::Borrowed(value.as_str()))
    }
}

impl Environment for HashMap<String, String> {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(|value| Cow::Borrowed(value.as_str()))
    }
}

/// The last pair of a name counts.
impl Environment for [(String, String)] {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.iter().rev().find(|(key, _)| key == name).map(|(_, value)| Cow::Borrowed(value.as_str()))
    }
}

/// What becomes of quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quotes {
    /// They protect, and are removed.
    #[default]
    Remove,
    /// They protect, and stay.
    Keep,
    /// They are letters like others: the content of a heredoc.
    Ignore,
}

/// What becomes of a variable that is not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unset {
    /// It is nothing.
    #[default]
    Empty,
    /// It stays as it was written: for texts that are only shown.
    Keep,
}

/// How a text is expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The character that escapes: `\` or `` ` ``.
    pub escape: char,
    /// What becomes of quotes.
    pub quotes: Quotes,
    /// Keeps the escape characters themselves.
    pub keep_escapes: bool,
    /// What becomes of a variable that is not set.
    pub unset: Unset,
}

impl Rules {
    /// Returns the rules for a word of an instruction.
    pub fn word(escape: char) -> Self {
        Self { escape, quotes: Quotes::Remove, keep_escapes: false, unset: Unset::Empty }
    }

    /// Returns the rules for the content of a heredoc of `COPY` and `ADD`: always with `\`, and quotes are letters.
    pub fn heredoc() -> Self {
        Self { quotes: Quotes::Ignore, ..Self::word('\\') }
    }

    /// Returns the rules for a text that is only shown: what is not set stays as it was written.
    pub fn display(escape: char) -> Self {
        Self { unset: Unset::Keep, ..Self::word(escape) }
    }
}

/// What a text became.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    /// The text as one word.
    pub text: String,
    /// The text cut at blanks that neither quotes nor escapes protect, those from variables included.
    pub words: Vec<String>,
    /// The variables that were looked up and are set.
    pub used: BTreeSet<String>,
    /// The variables that were looked up and are not set.
    pub unset: BTreeSet<String>,
}

/// Expands a text in an environment.
///
/// ```
/// use dockerfile::{Rules, expand};
///
/// let environment = [("NAME".to_owned(), "archive.tar.gz".to_owned())];
/// let expansion = expand("\"${NAME%%.*}\" ${OTHER:-none}", &environment[..], Rules::word('\\'))?;
/// assert_eq!(expansion.text, "archive none");
/// assert_eq!(expansion.words, ["archive", "none"]);
/// assert!(expansion.unset.contains("OTHER"));
/// # Ok::<(), dockerfile::ExpandError>(())
/// ```
///
/// # Errors
/// Names the text, what is wrong and where: quotes or braces that nothing closes, a substitution that does not exist,
/// a `:?` that is not met. Nesting is bounded (100), and so is the result (16 MiB).
pub fn expand<E: Environment + ?Sized>(text: &str, environment: &E, rules: Rules) -> Result<Expansion, ExpandError> {
    lexer::expand(text, &environment, rules)
}
