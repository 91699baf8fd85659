//! What goes wrong, in docker's words where it has any.

use std::io;
use std::path::PathBuf;

use fault::{Fault, Hint, Kind};
use oci::{Digest, Reference, ReferenceError};

/// A problem of `docker manifest`. Scripts look for these texts, so they are docker's own
/// (cli/command/manifest, cli/manifest/store).
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// The name of the list is none.
    #[error("error parsing name for manifest list {text}: invalid reference format: {problem}")]
    ListName {
        /// As it was written.
        text: String,
        /// What is wrong with it.
        problem: ReferenceError,
    },
    /// A name is none.
    #[error("{context}invalid reference format: {problem}")]
    Name {
        /// What docker says before it; empty as a rule.
        context: String,
        /// What is wrong with it.
        problem: ReferenceError,
    },
    /// The registry has no such image.
    #[error("no such manifest: {0}")]
    NotInRegistry(Reference),
    /// There is no such list, or no such image in it.
    #[error("No such manifest: {0}")]
    NotInFolder(Reference),
    /// The list is there, and nobody said that it may be changed.
    #[error("refusing to amend an existing manifest list with no --amend flag")]
    Exists,
    /// Another list's name makes the same folder.
    #[error("refusing to amend an existing manifest list with no --amend flag: {other} is kept under the same name, {folder}")]
    Collides {
        /// The list that is there.
        other: String,
        /// The folder of both.
        folder: String,
    },
    /// Another image's name makes the same file.
    #[error("{one} and {other} would be kept under the same name, {file}")]
    SameFile {
        /// The one that is there, or was named first.
        one: String,
        /// The one that would replace it.
        other: String,
        /// The file of both.
        file: String,
    },
    /// An index says of one image that it is for several platforms; docker keeps one of them.
    #[error("{image} stands in its index for {one} and for {other}, and a list on this machine holds it once")]
    SeveralPlatforms {
        /// The image.
        image: Box<Reference>,
        /// The platform that was met first.
        one: String,
        /// The other one.
        other: String,
    },
    /// The image that is to be annotated is in no such list.
    #[error("manifest for image {image} does not exist in {list}")]
    NotInList {
        /// The image, as it was written.
        image: String,
        /// The list, as it was written.
        list: String,
        /// What the list has instead.
        has: Vec<String>,
    },
    /// Docker does not know the pair.
    #[error("manifest entry for image has unsupported os/arch combination: {os}/{architecture}")]
    Unsupported {
        /// The system that the entry would have.
        os: String,
        /// The architecture that it would have.
        architecture: String,
    },
    /// An entry says no platform.
    #[error("manifest {0} must have an OS and Architecture to be pushed to a registry")]
    NoPlatform(String),
    /// A list without entries.
    #[error("{0} not found")]
    Empty(Reference),
    /// The tag is not the digest that stands behind it.
    #[error("manifest verification failed for digest {0}")]
    OtherDigest(Digest),
    /// A file of the list was written half, or by something else.
    #[error("invalid manifest file {}: {problem}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: Box<Flaw>,
        /// The list it belongs to.
        list: String,
    },
    /// The folder cannot be read or written.
    #[error("cannot {wish} {}", path.display())]
    Disk {
        /// "read", "write" or "remove".
        wish: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        problem: io::Error,
    },
    /// The registry did not take the list.
    #[error("failed to put manifest {list}: {problem}")]
    Put {
        /// The list.
        list: Box<Reference>,
        /// What went wrong.
        problem: String,
        /// What can be done.
        hint: Option<Hint>,
    },
    /// An image of the list is gone from its repository.
    #[error("failed to put manifest {list}: manifest blob unknown: {image} ({digest}) is not in its repository any more")]
    Gone {
        /// The list.
        list: Box<Reference>,
        /// The image.
        image: Box<Reference>,
        /// Its digest.
        digest: Digest,
    },
    /// A file without an image's bytes says another length than its registry.
    #[error("failed to put manifest {list}: expected {expected} bytes of {image}, its registry has {got}")]
    OtherSize {
        /// The list.
        list: Box<Reference>,
        /// The image.
        image: Box<Reference>,
        /// The size in the file.
        expected: u64,
        /// The size in the registry.
        got: u64,
    },
    /// Tags have moved since their images were read, and that was not to be.
    #[error("{0} of the list's images are not what their tags are now: nothing was pushed")]
    Stale(usize),
}

/// What is wrong with a file of a list.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// Cut off, as a writer that was killed leaves it.
    #[error("unexpected end of JSON input")]
    Cut,
    /// No JSON, or of another shape.
    #[error("{0}")]
    Json(serde_json::Error),
    /// Longer than any manifest.
    #[error("expected at most {expected} bytes, got {got}")]
    TooLong {
        /// The most bytes.
        expected: u64,
        /// The file's length.
        got: u64,
    },
    /// A folder, for one.
    #[error("expected a file")]
    NoFile,
    /// The bytes in it are not the ones that its digest names.
    #[error("image manifest digest mismatch ({expected} != {got})")]
    Digest {
        /// The digest in the file.
        expected: Digest,
        /// The digest of the bytes in it.
        got: Digest,
    },
    /// The bytes in it are more or fewer than it says.
    #[error("expected {expected} bytes of image manifest, got {got}")]
    Size {
        /// The size in the file.
        expected: u64,
        /// The number of bytes in it.
        got: u64,
    },
    /// The bytes in it are no manifest.
    #[error("{0}")]
    Manifest(oci::ManifestError),
    /// The bytes in it are no base64.
    #[error("its Raw field is no base64")]
    Raw,
    /// The name in it is none.
    #[error("its Ref field is no name")]
    Reference,
}

impl Fault for DockerError {
    fn kind(&self) -> Kind {
        match self {
            Self::ListName { .. }
            | Self::Name { .. }
            | Self::Unsupported { .. }
            | Self::SameFile { .. }
            | Self::SeveralPlatforms { .. } => Kind::Usage,
            Self::Exists | Self::Collides { .. } | Self::OtherDigest(_) | Self::NoPlatform(_) | Self::Stale(_) => Kind::Answer,
            _ => Kind::Place,
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::Exists => "--amend adds to it; `manifest rm` forgets it".to_owned(),
            Self::Collides { other, .. } => format!("push or remove {other} first, or use another tag"),
            Self::NotInList { has, .. } if !has.is_empty() => format!("it has {}", has.join(", ")),
            Self::Unsupported { os, architecture } => {
                format!("docker knows no {os}/{architecture}; `polyarch create -t LIST {os}/{architecture}=IMAGE ...` takes any platform")
            }
            Self::NoPlatform(image) => format!("`manifest annotate LIST {image} --os linux --arch ARCHITECTURE` says what it is for"),
            Self::OtherDigest(_) => "leave the tag or the digest out".to_owned(),
            Self::Broken { list, .. } => format!("`manifest rm {list}` removes what is there; then create it again"),
            Self::SameFile { .. } => "name one of them by its digest".to_owned(),
            Self::Stale(_) => "`--refresh` takes what the tags are now".to_owned(),
            Self::SeveralPlatforms { .. } => "`polyarch create -t NAME ...` keeps both".to_owned(),
            Self::OtherSize { image, .. } => format!("`manifest create --amend LIST {image}` reads it again"),
            Self::Gone { image, .. } => {
                format!("name it again with `manifest create --amend LIST {image}` once it is there, or begin anew with `manifest rm LIST`")
            }
            Self::Put { hint, .. } => return hint.clone(),
            _ => return None,
        }))
    }
}
