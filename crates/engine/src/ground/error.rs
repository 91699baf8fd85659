//! Why nothing can be run, or nothing be laid out to run on.

use std::io;
use std::path::{Path, PathBuf};

use fault::{Fault, Hint, Kind};
use sandbox::SandboxError;

use crate::roots::RootsError;

/// What a process runs on cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum GroundError {
    /// Nothing can be run here.
    #[error("no command can be run on this machine: {0}")]
    Nowhere(SandboxError),
    /// The layers below it cannot be laid out.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// A file or folder that it needs cannot be made.
    #[error("{}: {problem}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        problem: io::Error,
    },
    /// No user can have that number.
    #[error("no user or group has the number {0}")]
    Number(u64),
    /// The program ends.
    #[error("it was not waited for: {0}")]
    Stopped(String),
}

impl GroundError {
    /// Says for `map_err` what cannot be made.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + Copy + '_ {
        move |problem| Self::Io { path: path.to_owned(), problem }
    }
}

impl Fault for GroundError {
    fn kind(&self) -> Kind {
        match self {
            Self::Nowhere(problem) => problem.kind(),
            Self::Roots(problem) => problem.kind(),
            Self::Io { .. } => Kind::Place,
            Self::Number(_) => Kind::Build,
            Self::Stopped(_) => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Nowhere(problem) => problem.hint(),
            Self::Roots(problem) => problem.hint(),
            Self::Io { .. } | Self::Number(_) | Self::Stopped(_) => None,
        }
    }
}
