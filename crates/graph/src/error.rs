//! Why files cannot be copied into a tree, and why a stage makes no sense.

use dockerfile::{ChmodError, ExposeError, MountError, PatternError, ScopeError, SignalError, Span};
use fault::{Fault, Hint, Kind};
use layer::LayerError;

use crate::path::TreePath;
use crate::windows::WindowsPathError;

/// A copy that makes no sense, in BuildKit's words where people look for them.
#[derive(Debug, thiserror::Error)]
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
    /// The root cannot be followed or changed: links in a circle, too many entries.
    #[error(transparent)]
    Target(Box<LayerError>),
    /// An --exclude or --parents that cannot be read.
    #[error(transparent)]
    Pattern(PatternError),
    /// A source that is no pattern.
    #[error("bad pattern {0:?}: expected `*`, `?` and closed `[...]`")]
    Wildcard(String),
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
            Self::Target(problem) => problem.hint(),
            Self::Pattern(problem) => problem.hint(),
            Self::NotFound { nearest: Some(nearest), .. } => Some(Hint::new(format!("did you mean {nearest}"))),
            _ => None,
        }
    }
}

/// An instruction that makes no sense once its variables are known, with its place.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct StageError {
    /// Where: the word, or else the instruction.
    pub span: Span,
    /// What is wrong with it.
    pub reason: Box<StageReason>,
}

/// What is wrong with an instruction once its variables are known.
#[derive(Debug, thiserror::Error)]
pub enum StageReason {
    /// A word that cannot be expanded.
    #[error(transparent)]
    Scope(ScopeError),
    /// A mode that is none.
    #[error(transparent)]
    Chmod(ChmodError),
    /// A signal that does not exist.
    #[error(transparent)]
    Signal(SignalError),
    /// A port that is none.
    #[error(transparent)]
    Expose(ExposeError),
    /// A path that no image for Windows has.
    #[error(transparent)]
    WindowsPath(WindowsPathError),
    /// A mount that makes no sense.
    #[error(transparent)]
    Mount(MountError),
    /// A checksum of what comes from the context.
    #[error("checksum requires HTTP(S) or Git sources")]
    Checksum,
}

impl From<ScopeError> for StageError {
    fn from(problem: ScopeError) -> Self {
        Self { span: problem.span, reason: Box::new(StageReason::Scope(problem)) }
    }
}

impl Fault for StageError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match &*self.reason {
            StageReason::Scope(problem) => problem.hint(),
            StageReason::Chmod(problem) => problem.hint(),
            StageReason::Signal(problem) => problem.hint(),
            StageReason::Expose(problem) => problem.hint(),
            StageReason::Mount(problem) => problem.hint(),
            StageReason::WindowsPath(_) | StageReason::Checksum => None,
        }
    }
}
