//! What can go wrong between two places, by meaning. What is special to one kind of place comes as
//! [`Error::Place`] with that room's own type inside.

use std::fmt;

use fault::{AnyFault, Fault, Hint, Kind};
use oci::{Digest, ManifestError};

use crate::Expected;

/// The result of everything that a place does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A name of a manifest.
    Tag(String),
    /// A manifest by its digest.
    Manifest(Digest),
    /// A blob by its digest.
    Blob(Digest),
    /// The repository itself.
    Repository,
    /// Any image at all.
    Image,
}

impl fmt::Display for Item {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(formatter, "tag {tag}"),
            Self::Manifest(digest) => write!(formatter, "manifest {digest}"),
            Self::Blob(digest) => write!(formatter, "blob {digest}"),
            Self::Repository => formatter.write_str("repository"),
            Self::Image => formatter.write_str("image"),
        }
    }
}

/// A place did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there.
    #[error("no {item} in {place}")]
    Missing {
        /// What is not there.
        item: Item,
        /// Where it is not.
        place: String,
    },
    /// Several images are there and none was named.
    #[error("{place} holds {count} images, expected the name of one: {names}")]
    Several {
        /// Where.
        place: String,
        /// How many.
        count: usize,
        /// Their names, separated by commas.
        names: String,
    },
    /// The bytes are not the ones that the digest names.
    #[error("{item} from {place}: expected these bytes to have its digest, got {got}")]
    WrongDigest {
        /// What was read.
        item: Item,
        /// Who sent it.
        place: String,
        /// The digest of the bytes received.
        got: Digest,
    },
    /// More or fewer bytes than the descriptor says.
    #[error("{item} from {place}: expected {expected} bytes, got {got}")]
    WrongSize {
        /// What was read.
        item: Item,
        /// Who sent it.
        place: String,
        /// The size in the descriptor.
        expected: u64,
        /// The bytes received, or one more than expected where reading stopped there.
        got: u64,
    },
    /// The bytes are no manifest.
    #[error("{item} in {place} is broken")]
    Document {
        /// What was read.
        item: Item,
        /// Where.
        place: String,
        /// What is wrong with it.
        #[source]
        problem: ManifestError,
    },
    /// The bytes are no image config.
    #[error("config {digest} in {place} is broken")]
    Config {
        /// The config blob.
        digest: Digest,
        /// Where.
        place: String,
        /// What is wrong with it.
        #[source]
        problem: serde_json::Error,
    },
    /// Somebody else moved the tag.
    #[error("tag {name} of {place} moved: expected {expected}, got {}", found.as_ref().map_or_else(|| "no such tag".to_owned(), ToString::to_string))]
    Moved {
        /// The tag.
        name: String,
        /// Where.
        place: String,
        /// What the writer counted on.
        expected: Expected,
        /// What is there now.
        found: Option<Digest>,
    },
    /// The image is larger or deeper than polyarch follows.
    #[error("{what}: expected at most {limit}, got {got}")]
    Limit {
        /// What is too much.
        what: String,
        /// How much is allowed.
        limit: u64,
        /// How much was found, as far as was counted.
        got: u64,
    },
    /// This kind of place cannot do it.
    #[error("{place} {cannot}")]
    Unsupported {
        /// Which place.
        place: String,
        /// What it does not do, beginning with a verb: "holds one platform only".
        cannot: String,
        /// What to do instead.
        hint: Option<Hint>,
    },
    /// A fault of the place's own kind.
    #[error(transparent)]
    Place(AnyFault),
}

impl Error {
    /// Wraps a room's own fault.
    pub fn place(fault: impl Fault) -> Self {
        Self::Place(AnyFault::new(fault))
    }

    /// Makes the error for something that is not there.
    pub fn missing(item: Item, place: impl Into<String>) -> Self {
        Self::Missing { item, place: place.into() }
    }

    /// Tells whether the thing asked for is simply not there.
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Several { .. } => Kind::Usage,
            Self::Place(fault) => fault.kind(),
            _ => Kind::Place,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Several { place, .. } => Some(Hint::new(format!("name one: {place}:NAME"))),
            Self::Moved { .. } => Some(Hint::new("somebody else moved it: look at what it is now, then repeat with --if-digest of that")),
            Self::Unsupported { hint, .. } => hint.clone(),
            Self::Document { problem: ManifestError::Schema1, .. } => {
                Some(Hint::new("push the image again with a Docker of 2016 or later"))
            }
            Self::WrongDigest { .. } | Self::WrongSize { .. } => {
                Some(Hint::new("the content is damaged there or on the way; fetch it again, or push it again"))
            }
            Self::Place(fault) => fault.hint(),
            _ => None,
        }
    }
}
