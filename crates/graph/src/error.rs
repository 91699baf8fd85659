//! Why files cannot be copied into a tree, and why a stage makes no sense.

use dockerfile::{ChmodError, ExposeError, PatternError, ScopeError, SignalError};
use fault::{Fault, Hint, Kind};
use layer::LayerError;

use crate::path::TreePath;

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

/// An instruction that makes no sense once its variables are known.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A word that cannot be expanded.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// A mode that is none.
    #[error("line {line}: {problem}")]
    Chmod {
        /// The line where the instruction begins.
        line: usize,
        /// What is wrong with it.
        problem: ChmodError,
    },
    /// A signal that does not exist.
    #[error("line {line}: {problem}")]
    Signal {
        /// The line where the instruction begins.
        line: usize,
        /// What is wrong with it.
        problem: SignalError,
    },
    /// A port that is none.
    #[error("line {line}: {problem}")]
    Expose {
        /// The line where the instruction begins.
        line: usize,
        /// What is wrong with it.
        problem: ExposeError,
    },
    /// A checksum of what comes from the context.
    #[error("line {line}: checksum requires HTTP(S) or Git sources")]
    Checksum {
        /// The line where the instruction begins.
        line: usize,
    },
}

impl Fault for StageError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Scope(problem) => problem.hint(),
            Self::Chmod { problem, .. } => problem.hint(),
            Self::Signal { problem, .. } => problem.hint(),
            Self::Expose { problem, .. } => problem.hint(),
            Self::Checksum { .. } => None,
        }
    }
}
