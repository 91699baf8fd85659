//! Why a process could not be started.

use std::fmt;
use std::io;

use fault::{Fault, Hint, Kind};
use serde::{Deserialize, Serialize};

use crate::Limitation;

/// Why a process could not be started, or why its end is not known.
///
/// It travels from the init to the caller, so what the kernel said is a [`Cause`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SandboxError {
    /// The program is not in the root.
    #[error("{program}: not found")]
    NotFound {
        /// The program, as it was given.
        program: String,
    },
    /// The program is there, and what its first bytes ask for is not: the interpreter of a script or the loader.
    #[error("{program}: its interpreter is not found")]
    NoInterpreter {
        /// The program.
        program: String,
    },
    /// The program may not be run by this user.
    #[error("{program}: permission denied")]
    NotExecutable {
        /// The program.
        program: String,
    },
    /// The file is no program of this machine.
    #[error("{program}: not a program of this machine")]
    Format {
        /// The program.
        program: String,
    },
    /// The kernel would not run the program for another reason.
    #[error("{program}: cannot be run: {cause}")]
    Execute {
        /// The program.
        program: String,
        /// What the kernel said.
        cause: Cause,
    },
    /// The working folder is missing, or is none.
    #[error("working folder {folder}: {cause}")]
    Folder {
        /// The folder.
        folder: String,
        /// What the kernel said.
        cause: Cause,
    },
    /// This machine refuses something that a sandbox is made of.
    #[error("{limitation}: {cause}")]
    Refused {
        /// What was refused.
        limitation: Limitation,
        /// What the kernel said.
        cause: Cause,
    },
    /// Something cannot be mounted.
    #[error("mounting {what} on {target} failed: {cause}")]
    Mount {
        /// What.
        what: String,
        /// Where, in the root.
        target: String,
        /// What the kernel said.
        cause: Cause,
    },
    /// A user or a group that does not exist in the sandbox.
    #[error("running as {user}: {cause}")]
    User {
        /// The user and the group.
        user: String,
        /// What the kernel said.
        cause: Cause,
    },
    /// What is wanted contradicts itself.
    #[error("bad sandbox: {0}")]
    Spec(String),
    /// Starting ourselves again failed.
    #[error("starting the sandbox failed: {cause}")]
    Start {
        /// What the kernel said.
        cause: Cause,
    },
    /// It was killed before the process ran.
    #[error("the sandbox was ended before its process ran")]
    Killed,
    /// The init ended without a word.
    #[error("the sandbox ended without a word")]
    Lost,
}

/// What the kernel said: a number that travels between processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause(i32);

impl Cause {
    /// Returns the number, as in `errno(3)`.
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.0).fmt(formatter)
    }
}

impl From<rustix::io::Errno> for Cause {
    fn from(errno: rustix::io::Errno) -> Self {
        Self(errno.raw_os_error())
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

impl Fault for SandboxError {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused { .. } | Self::Mount { .. } | Self::Start { .. } => Kind::Place,
            Self::Spec(_) | Self::Lost => Kind::Bug,
            Self::Killed => Kind::Interrupted,
            _ => Kind::Build,
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::Refused { limitation, .. } => return limitation.hint(),
            Self::User { .. } => "only root exists in this sandbox, unless newuidmap is installed: `apt-get install uidmap`",
            Self::NoInterpreter { .. } => "look at its `#!` line, or whether it needs a loader that the image does not have",
            _ => return None,
        }))
    }
}
