//! What can be wrong with a word of `run`.

use fault::{Fault, Hint, Kind};

/// A word of `run` that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum ProgramWordError {
    /// Another form than this word has.
    #[error("bad {what} {text:?}: expected {expected}")]
    Shape {
        /// What it was to be: `variable`, `volume`, `mount`, `tmpfs`, `hostname`.
        what: &'static str,
        /// As written.
        text: String,
        /// The forms there are.
        expected: &'static str,
    },
    /// A volume by a name.
    #[error("volume {name:?}: there are no volumes by name")]
    Named {
        /// The name.
        name: String,
        /// Where it was to be.
        target: String,
    },
    /// A volume without a source.
    #[error("volume {0:?}: there are no volumes but folders and files of this machine")]
    Anonymous(String),
    /// A place that is relative to nothing, or the root itself.
    #[error("bad {what} {text:?}: expected an absolute path below / for {target:?}")]
    Target {
        /// What it was to be.
        what: &'static str,
        /// As written.
        text: String,
        /// The path in it.
        target: String,
    },
    /// An option that makes a difference which is not made here.
    #[error("{what} {text:?}: there is no {option:?}, expected {expected}")]
    Option {
        /// What it is of.
        what: &'static str,
        /// As written.
        text: String,
        /// The option.
        option: String,
        /// Those there are.
        expected: &'static str,
    },
    /// A capability that Linux does not have.
    #[error("bad capability {text:?}: expected ALL, or a name such as NET_ADMIN")]
    Capability {
        /// As written.
        text: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// Two things in one place.
    #[error("two mounts at {0}")]
    Twice(String),
    /// A word that asks for what docker does without it.
    #[error("--rm=false: what a program writes into its root is always thrown away")]
    Kept,
}

impl ProgramWordError {
    /// Says that a word has another form.
    pub(super) fn shape(what: &'static str, text: &str, expected: &'static str) -> Self {
        Self::Shape { what, text: text.to_owned(), expected }
    }
}

impl Fault for ProgramWordError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::Named { name, target } => format!("name a folder: -v ./{name}:{target}"),
            Self::Anonymous(target) => {
                format!(
                    "what is written is thrown away anyway; --tmpfs {target} is a folder in memory, -v ./FOLDER:{target} one that stays"
                )
            }
            Self::Capability { nearest, .. } => format!("did you mean {}", (*nearest)?),
            Self::Kept => "mount a folder for what is to stay: -v ./out:/out".to_owned(),
            Self::Shape { .. } | Self::Target { .. } | Self::Option { .. } | Self::Twice(_) => return None,
        }))
    }
}
