//! Why an image is no base.

use fault::{Fault, Hint, Kind};
use layer::LayerError;
use oci::{DiffId, Digest};

/// An image that no stage can begin with.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// It is something else, or lacks what an image has.
    #[error("{label} cannot be a base: {problem}")]
    NoBase {
        /// Its name in the Dockerfile.
        label: String,
        /// Why not.
        problem: &'static str,
    },
    /// Its config cannot be read.
    #[error("{label} cannot be a base: its config is broken")]
    Config {
        /// Its name in the Dockerfile.
        label: String,
        /// Where.
        #[source]
        problem: serde_json::Error,
    },
    /// A layer cannot be read.
    #[error("layer {layer} of {label} cannot be read")]
    Layer {
        /// The image's name in the Dockerfile.
        label: String,
        /// The layer.
        layer: Digest,
        /// Why not.
        #[source]
        problem: Box<LayerError>,
    },
    /// A layer holds something else than the config says.
    #[error("layer {layer} of {label} is not what its config says: expected the diff ID {expected}, got {got}")]
    OtherLayer {
        /// The image's name in the Dockerfile.
        label: String,
        /// The layer.
        layer: Digest,
        /// What the config says.
        expected: Box<DiffId>,
        /// What it is.
        got: Box<DiffId>,
    },
    /// Its place did not do what was asked.
    #[error(transparent)]
    Place(#[from] content::Error),
    /// A layer was not read to its end.
    #[error("layer {layer} of {label} was not read to its end: {problem}")]
    Stopped {
        /// The image's name in the Dockerfile.
        label: String,
        /// The layer.
        layer: Digest,
        /// Why not.
        problem: String,
    },
}

impl Fault for BaseError {
    fn kind(&self) -> Kind {
        match self {
            Self::Place(problem) => problem.kind(),
            Self::Layer { problem, .. } => problem.kind(),
            _ => Kind::Build,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Place(problem) => problem.hint(),
            Self::Layer { problem, .. } => problem.hint(),
            Self::OtherLayer { .. } => Some(Hint::new("whoever made the image has to make it again; nothing runs it as it is")),
            _ => None,
        }
    }
}
