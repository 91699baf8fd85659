//! Why a program is not run.

use fault::{Fault, Hint, Kind};
use layer::LayerError;
use sandbox::SandboxError;

use crate::base::BaseError;
use crate::ground::GroundError;
use crate::roots::RootsError;

/// A program that was not run.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// Neither the image nor anybody else says what to run.
    #[error("there is nothing to run: no program is named, by the image neither")]
    Nothing,
    /// A working folder that is relative to nothing.
    #[error("working folder {0}: expected an absolute path")]
    Working(String),
    /// Whom it is to run as is not known.
    #[error("unable to find user {user}: {problem}")]
    User {
        /// The user.
        user: String,
        /// Why not.
        problem: Box<LayerError>,
    },
    /// What is in the image cannot be read.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// It has nothing to run on.
    #[error(transparent)]
    Ground(#[from] GroundError),
    /// It could not be started, or its end is not known.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

impl From<RootsError> for ProgramError {
    fn from(problem: RootsError) -> Self {
        Self::Ground(problem.into())
    }
}

impl Fault for ProgramError {
    fn kind(&self) -> Kind {
        match self {
            Self::Nothing | Self::Working(_) | Self::User { .. } => Kind::Usage,
            Self::Base(problem) => problem.kind(),
            Self::Ground(problem) => problem.kind(),
            Self::Sandbox(problem) => problem.kind(),
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Nothing => Some(Hint::new("write the program and its arguments behind the image")),
            Self::Working(folder) => Some(Hint::new(format!("--workdir /{folder}"))),
            Self::User { .. } => Some(Hint::new("the image has no such name: `--user` takes numbers, too")),
            Self::Base(problem) => problem.hint(),
            Self::Ground(problem) => problem.hint(),
            Self::Sandbox(problem) => problem.hint(),
        }
    }
}
