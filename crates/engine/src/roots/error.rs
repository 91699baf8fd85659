//! Why a layer cannot be unpacked.

use std::io;
use std::path::{Path, PathBuf};

use fault::{Fault, Hint, Kind};
use graph::TreePath;
use layer::LayerError;

use crate::base::BaseError;

/// A layer that cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// A file or folder of the store that cannot be made, opened or moved.
    #[error("{}: {problem}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system says.
        problem: io::Error,
    },
    /// A file of a layer that cannot be made.
    #[error("/{path} of a layer cannot be unpacked: {problem}")]
    File {
        /// The path in the image.
        path: TreePath,
        /// What the system says.
        problem: io::Error,
    },
    /// A file whose owner does not exist for who unpacks it.
    #[error("/{path} of a layer belongs to {uid}:{gid}, and there are not so many users here")]
    Owner {
        /// The path in the image.
        path: TreePath,
        /// The user's number.
        uid: u64,
        /// The group's number.
        gid: u64,
    },
    /// A layer that cannot be read as the tar that it is.
    #[error("a layer cannot be unpacked")]
    Layer(#[from] LayerError),
    /// A base whose layers cannot be read.
    #[error(transparent)]
    Base(#[from] BaseError),
}

impl RootsError {
    pub(super) fn io(path: &Path, problem: io::Error) -> Self {
        Self::Io { path: path.to_owned(), problem }
    }

    pub(super) fn file(path: &TreePath, problem: impl Into<io::Error>) -> Self {
        Self::File { path: path.clone(), problem: problem.into() }
    }
}

impl Fault for RootsError {
    fn kind(&self) -> Kind {
        match self {
            Self::Layer(problem) => problem.kind(),
            Self::Base(problem) => problem.kind(),
            Self::Io { .. } | Self::File { .. } | Self::Owner { .. } => Kind::Place,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Layer(problem) => problem.hint(),
            Self::Base(problem) => problem.hint(),
            Self::Io { problem, .. } | Self::File { problem, .. } if problem.kind() == io::ErrorKind::StorageFull => {
                Some(Hint::new("make room with `polyarch cache prune`, or name a store on another disk with --store"))
            }
            Self::Owner { .. } => Some(Hint::new("grant this user more numbers in /etc/subuid and /etc/subgid, or build as root")),
            Self::Io { .. } | Self::File { .. } => None,
        }
    }
}
