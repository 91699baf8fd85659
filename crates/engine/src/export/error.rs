//! Why files cannot be exported.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use fault::{Fault, Hint, Kind};
use graph::TreePath;

use crate::pack::PackError;

/// An export cannot be done, or came to an end too early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Two platforms have something else at the same path, and both should go to it.
    #[error("/{path} of {first} is not that of {second}, and both would be written to it")]
    Collision {
        /// The path.
        path: TreePath,
        /// The platform whose files came first.
        first: String,
        /// The other one.
        second: String,
    },
    /// A path that no folder and no tar can have.
    #[error("/{path} of {platform} cannot be written: {problem}")]
    Path {
        /// The path.
        path: TreePath,
        /// Whose it is.
        platform: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The bytes of a file cannot be read.
    #[error(transparent)]
    Content(#[from] PackError),
    /// The bytes of a file end too early.
    #[error("cannot read /{path} to its end")]
    Read {
        /// The file.
        path: TreePath,
        /// Why.
        #[source]
        problem: io::Error,
    },
    /// A file is shorter or longer than it was when it was looked at.
    #[error("/{path} changed while it was read: expected {expected} bytes, got {got}")]
    Changed {
        /// The file.
        path: TreePath,
        /// The size that was seen.
        expected: u64,
        /// How many came; there may be more.
        got: u64,
    },
    /// Something that is no folder stands where files should go.
    #[error("{}: expected a folder to write to, got something else", .0.display())]
    NoFolder(PathBuf),
    /// A folder stands where a tar should go.
    #[error("{}: expected a file to write to, got a folder", .0.display())]
    NoFile(PathBuf),
    /// Something of this machine stands where something of an image should go.
    #[error("{}: expected {expected}, got {got}", path.display())]
    InTheWay {
        /// Where.
        path: PathBuf,
        /// What should go there.
        expected: Found,
        /// What stands there.
        got: Found,
    },
    /// There is no room.
    #[error("cannot write {}: the disk is full", .0.display())]
    Full(PathBuf),
    /// The operating system refused.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        problem: io::Error,
    },
    /// Nobody waits for it any more.
    #[error("stopped before all files were written")]
    Stopped,
}

/// What stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A file, or anything else that is not a folder.
    File,
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Folder => "a folder",
            Self::Link => "a symbolic link",
            Self::File => "a file",
        })
    }
}

impl ExportError {
    /// Says why something could not be written.
    pub(super) fn written(path: &Path, problem: io::Error) -> Self {
        match problem.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full(path.to_owned()),
            _ => Self::Write { path: path.to_owned(), problem },
        }
    }
}

impl Fault for ExportError {
    fn kind(&self) -> Kind {
        match self {
            Self::Content(problem) => problem.kind(),
            Self::Collision { .. } | Self::Path { .. } => Kind::Build,
            Self::Read { .. }
            | Self::Changed { .. }
            | Self::NoFolder(_)
            | Self::NoFile(_)
            | Self::InTheWay { .. }
            | Self::Full(_)
            | Self::Write { .. } => Kind::Place,
            Self::Stopped => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<Hint> {
        let hint = match self {
            Self::Content(problem) => return problem.hint(),
            Self::Collision { .. } => "leave out platform-split=false, so that each platform has a folder of its own",
            Self::NoFolder(_) => "name another folder, or move away what is there",
            Self::NoFile(_) => "name a file in it",
            Self::InTheWay { got: Found::Link, .. } => "links are not followed: remove it, or name another folder",
            Self::InTheWay { .. } => "move it away, or name another folder",
            Self::Full(_) => "make room there, or name another place",
            Self::Write { problem, .. } => match problem.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "name a place that you may write to",
                ErrorKind::InvalidFilename => "the name is too long for the file system there: write a tar instead",
                _ => return None,
            },
            Self::Read { .. } | Self::Changed { .. } | Self::Path { .. } | Self::Stopped => return None,
        };
        Some(Hint::new(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_a_disk_names_the_path() {
        let path = Path::new("/out/usr/x");
        let full = ExportError::written(path, ErrorKind::StorageFull.into());
        assert_eq!((full.to_string().as_str(), full.kind()), ("cannot write /out/usr/x: the disk is full", Kind::Place));
        let quota = ExportError::written(path, ErrorKind::QuotaExceeded.into());
        assert!(matches!(quota, ExportError::Full(_)));
        let denied = ExportError::written(path, ErrorKind::PermissionDenied.into());
        assert_eq!((denied.to_string().as_str(), denied.kind()), ("cannot write /out/usr/x", Kind::Place));
        assert_eq!(denied.hint(), Some(Hint::new("name a place that you may write to")));
    }
}
