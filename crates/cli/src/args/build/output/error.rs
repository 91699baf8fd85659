//! What can be wrong with an output.

use fault::{Fault, Hint, Kind};
use oci::ReferenceError;

use super::super::error::WordError;

/// An output that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Quotes that do not fit.
    #[error("bad output {text:?}: {problem}")]
    Csv {
        /// As written.
        text: String,
        /// What Go's reader says of it.
        problem: &'static str,
    },
    /// A field that is no option.
    #[error("bad output {text:?}: expected KEY=VALUE, got {field:?}")]
    Field {
        /// As written.
        text: String,
        /// The field.
        field: String,
    },
    /// No type.
    #[error("bad output {0:?}: expected type=image, registry, oci, docker, tar or local among the options")]
    NoType(String),
    /// A type that does not exist here.
    #[error("bad output type {kind:?}: expected image, registry, oci, docker, tar or local")]
    Type {
        /// The type.
        kind: String,
        /// What was probably meant, or what does the same.
        hint: Option<String>,
    },
    /// A key that this type does not have.
    #[error("type={kind} has no option {key:?}, but {known}")]
    Key {
        /// The type.
        kind: &'static str,
        /// The key.
        key: String,
        /// Those it has.
        known: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// An option of BuildKit that means nothing here.
    #[error("output option {key}={value} is not there: {reason}")]
    Refused {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// Why it is not.
        reason: &'static str,
    },
    /// A value that an option cannot have.
    #[error("bad output option {key}={value}: expected {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What it can have.
        expected: &'static str,
    },
    /// An option twice.
    #[error("output option {0} is there twice")]
    Twice(&'static str),
    /// An option without another one that it needs.
    #[error("type={kind} without {missing}")]
    Missing {
        /// The type.
        kind: &'static str,
        /// What is missing.
        missing: &'static str,
    },
    /// A name is none.
    #[error(transparent)]
    Name(#[from] ReferenceError),
    /// An annotation, a compression or a level is none.
    #[error(transparent)]
    Word(#[from] WordError),
}

impl Fault for OutputError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::NoType(text) => Some(Hint::new(format!("type=image,{text}; a folder of that name is ./{text}"))),
            Self::Type { hint, .. } => hint.clone().map(Hint::new),
            Self::Key { nearest, .. } => nearest.map(|nearest| Hint::new(format!("did you mean {nearest}"))),
            Self::Missing { kind, missing } => Some(Hint::new(format!("--output type={kind},{missing}"))),
            Self::Word(word) => word.hint(),
            Self::Csv { .. } => Some(Hint::new("a field with a comma is written whole in quotes: 'type=image,\"name=a,b\"'")),
            _ => None,
        }
    }
}
