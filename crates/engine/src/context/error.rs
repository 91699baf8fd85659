//! What goes wrong with a context.

use std::io;
use std::path::PathBuf;

use fault::{Fault, Hint, Kind};
use graph::TreePath;

/// A context cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// There is no such folder.
    #[error("no folder {} to build from", .0.display())]
    Missing(PathBuf),
    /// Something else than a folder.
    #[error("{} is no folder", .0.display())]
    NoFolder(PathBuf),
    /// Something in it cannot be read.
    #[error("cannot read {path} in {}", root.display())]
    Unreadable {
        /// The context.
        root: PathBuf,
        /// The path in it.
        path: TreePath,
        /// Why.
        #[source]
        problem: io::Error,
    },
    /// The look at it did not come to an end.
    #[error("{0} was not looked at to its end: {1}")]
    Stopped(String, String),
    /// A file is not what it was when the context was looked at.
    #[error("{path} in {} changed while it was read", root.display())]
    Changed {
        /// The context.
        root: PathBuf,
        /// The path in it.
        path: TreePath,
    },
}

impl Fault for ContextError {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing(_) | Self::NoFolder(_) => Kind::Usage,
            Self::Unreadable { .. } | Self::Changed { .. } | Self::Stopped(..) => Kind::Place,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::NoFolder(path) => Some(Hint::new(format!("name the folder it is in, and the Dockerfile with -f {}", path.display()))),
            Self::Unreadable { path, .. } => {
                Some(Hint::new(format!("leave it out by a line `{path}` in .dockerignore, or make it readable")))
            }
            Self::Changed { .. } => Some(Hint::new("build again when nobody writes to the folder")),
            Self::Missing(_) | Self::Stopped(..) => None,
        }
    }
}
