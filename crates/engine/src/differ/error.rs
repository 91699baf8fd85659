//! Why what a step changed cannot be told.

use std::io;
use std::path::PathBuf;

use fault::{Fault, Hint, Kind};
use graph::TreePath;

use crate::context::ContextError;

/// What a step left cannot be made a layer of.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// Something in it cannot be looked at, or changed meanwhile.
    #[error("what the step changed cannot be read")]
    Unreadable(#[source] ContextError),
    /// The folder cannot be looked at.
    #[error("{}: {problem}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the system says.
        problem: io::Error,
    },
    /// The owner of a file has no number in the image.
    #[error("/{path}: its owner {uid}:{gid} has no number in the image")]
    Owner {
        /// The path.
        path: TreePath,
        /// The user's number on the disk.
        uid: u64,
        /// The group's number on the disk.
        gid: u64,
    },
    /// A file of which the disk has a part only, or that is elsewhere: the overlay was mounted with `metacopy` or `redirect_dir`.
    #[error("/{path}: expected a whole file or folder, got one with the attribute {attribute}")]
    Partial {
        /// The path.
        path: TreePath,
        /// What says so.
        attribute: String,
    },
}

impl Fault for DiffError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unreadable(problem) => problem.kind(),
            Self::Folder { .. } => Kind::Place,
            Self::Owner { .. } => Kind::Build,
            Self::Partial { .. } => Kind::Bug,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Owner { .. } => Some(Hint::new("chown it to a user of the image before the step ends")),
            Self::Unreadable(_) | Self::Folder { .. } | Self::Partial { .. } => None,
        }
    }
}
