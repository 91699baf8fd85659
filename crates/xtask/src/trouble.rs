//! What stops a chore.

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

/// A chore that could not be done. Findings of a check are no trouble: they are its answer.
#[derive(Debug)]
pub enum Trouble {
    /// A file of the checkout could not be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program could not be started.
    Start {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A program ended with a failure; it has said why itself.
    Failed {
        /// What was run.
        command: String,
    },
    /// A program said something else than was expected.
    Answer {
        /// What was run.
        command: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Something was named that is not there.
    Choice {
        /// What kind of thing.
        what: &'static str,
        /// What was named.
        got: String,
        /// What there is.
        there: String,
    },
}

impl Trouble {
    /// Returns a function that names the file an error happened at.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, source } => write!(formatter, "{}: {source}", path.display()),
            Self::Start { program, source } => write!(formatter, "cannot run {program}: {source}"),
            Self::Failed { command } => write!(formatter, "{command}: ended with a failure"),
            Self::Answer { command, expected } => write!(formatter, "{command}: expected {expected}, got something else"),
            Self::Choice { what, got, there } => write!(formatter, "no {what} {got}: there are {there}"),
        }
    }
}

impl error::Error for Trouble {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::File { source, .. } | Self::Start { source, .. } => Some(source),
            Self::Failed { .. } | Self::Answer { .. } | Self::Choice { .. } => None,
        }
    }
}
