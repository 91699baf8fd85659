//! Why a text cannot be expanded.

use fault::{Fault, Hint, Kind};

use crate::quote::quote;

/// What is wrong, in BuildKit's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpandReason {
    /// A `'` that nothing closes.
    #[error("unexpected end of statement while looking for matching single-quote")]
    SingleQuote,
    /// A `"` that nothing closes.
    #[error("unexpected end of statement while looking for matching double-quote")]
    DoubleQuote,
    /// A `${` that nothing closes.
    #[error("syntax error: missing '}}'")]
    Brace,
    /// A `${name/` without its second slash.
    #[error("syntax error: missing '/' in ${{}}")]
    Slash,
    /// A `${}`, `${:` or `${{`.
    #[error("syntax error: bad substitution")]
    BadSubstitution,
    /// A sign after the name that means nothing.
    #[error("unsupported modifier ({0}) in substitution")]
    Modifier(String),
    /// A pattern with an escape of something that needs none.
    #[error("invalid pattern ({pattern}) in substitution: invalid escape '\\{letter}'")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is escaped.
        letter: char,
    },
    /// A variable that must be set, with the message that was asked for.
    #[error("{name}: {message}")]
    Required {
        /// The variable.
        name: String,
        /// What `:?` says.
        message: String,
    },
    /// Substitutions inside one another without end.
    #[error("more than {0} substitutions inside one another")]
    TooDeep(usize),
    /// A result without end.
    #[error("expands to more than {0} MiB")]
    TooLong(usize),
    /// A pattern and a value that are too large together.
    #[error("pattern and value are too long for a substitution")]
    TooMuch,
}

/// A text that cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to process {}: {reason}", quote(&shortened(.text)))]
pub struct ExpandError {
    /// The text.
    pub text: String,
    /// Where in the text, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub reason: ExpandReason,
}

/// A message shows the beginning of a long text.
fn shortened(text: &str) -> String {
    if text.chars().count() <= 1000 { text.to_owned() } else { text.chars().take(1000).chain("...".chars()).collect() }
}

impl Fault for ExpandError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        let text = match self.reason {
            ExpandReason::SingleQuote => "write \\' for the letter itself",
            ExpandReason::DoubleQuote => "write \\\" for the letter itself",
            ExpandReason::BadSubstitution | ExpandReason::Modifier(_) | ExpandReason::Brace => "write \\$ for the letter itself",
            _ => return None,
        };
        Some(Hint::new(text))
    }
}
