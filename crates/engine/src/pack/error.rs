//! Why a layer cannot be written.

use std::sync::Arc;

use fault::{Fault, Hint, Kind};
use graph::TreePath;
use layer::LayerError;

use crate::base::BaseError;
use crate::context::ContextError;
use crate::differ::DiffError;
use crate::files::SpoolError;

/// What is wrong with a layer on its way.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file of a context.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A layer of an image that files are copied from.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// The scratch file that files were kept in.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// A file that a program left.
    #[error(transparent)]
    Diff(#[from] DiffError),
    /// An entry, or the place that the layer goes to.
    #[error(transparent)]
    Layer(LayerError),
    /// The place that the layer goes to.
    #[error(transparent)]
    Place(#[from] content::Error),
    /// A file that was not seen where it is to be read.
    #[error("/{0}: its content is not known here")]
    Missing(TreePath),
    /// What became of a step that several asked for at once.
    #[error(transparent)]
    Shared(#[from] Arc<PackError>),
    /// The layer was not written to its end.
    #[error("the layer was not written to its end: {0}")]
    Stopped(String),
}

impl Fault for PackError {
    fn kind(&self) -> Kind {
        match self {
            Self::Context(problem) => problem.kind(),
            Self::Base(problem) => problem.kind(),
            Self::Spool(problem) => problem.kind(),
            Self::Diff(problem) => problem.kind(),
            Self::Layer(problem) => problem.kind(),
            Self::Place(problem) => problem.kind(),
            Self::Shared(problem) => problem.kind(),
            Self::Missing(_) | Self::Stopped(_) => Kind::Build,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Context(problem) => problem.hint(),
            Self::Base(problem) => problem.hint(),
            Self::Spool(problem) => problem.hint(),
            Self::Diff(problem) => problem.hint(),
            Self::Layer(problem) => problem.hint(),
            Self::Place(problem) => problem.hint(),
            Self::Shared(problem) => problem.hint(),
            Self::Missing(_) | Self::Stopped(_) => None,
        }
    }
}
