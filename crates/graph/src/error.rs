//! Why files cannot be copied into a tree.

use fault::{Fault, Hint, Kind};

use crate::path::TreePath;

/// A copy that makes no sense, in BuildKit's words where people look for them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// There is nothing at a path that is copied.
    #[error("\"/{path}\": not found")]
    NotFound {
        /// The path, as it was cleaned.
        path: TreePath,
        /// A path that was probably meant.
        nearest: Option<TreePath>,
        /// Whether an ignore file hides it.
        ignored: bool,
    },
    /// Links that lead to themselves.
    #[error("\"/{path}\": too many links")]
    Loop {
        /// The path.
        path: TreePath,
    },
    /// A folder onto something else.
    #[error("cannot copy to non-directory: /{path}")]
    NoDirectory {
        /// The destination.
        path: TreePath,
    },
    /// A file onto a folder.
    #[error("cannot replace to directory /{path} with file")]
    IsDirectory {
        /// The destination.
        path: TreePath,
    },
}

impl Fault for CopyError {
    fn kind(&self) -> Kind {
        Kind::Build
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::NotFound { path, ignored: true, .. } => {
                Some(Hint::new(format!("the ignore file hides {path}: add a line `!{path}` to it")))
            }
            Self::NotFound { nearest: Some(nearest), .. } => Some(Hint::new(format!("did you mean {nearest}"))),
            _ => None,
        }
    }
}
