//! What can go wrong on this machine's disk.

use std::io;
use std::path::{Path, PathBuf};

use fault::{Fault, Hint, Kind};
use oci::{Digest, ManifestError, ReferenceError};

/// A fault of the disk, or of what lies on it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("{}", describe(wish, path, source))]
    Io {
        /// What was wished, as words that follow "cannot": `write blob sha256:…`.
        wish: String,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A folder is no OCI layout.
    #[error("{} is no OCI layout: expected {expected}, got {got}", path.display())]
    BadLayout {
        /// The folder.
        path: PathBuf,
        /// What makes a layout.
        expected: String,
        /// What is there.
        got: String,
    },
    /// The list of images of an OCI layout cannot be read.
    #[error("{} is broken", path.display())]
    BadIndex {
        /// The file `index.json`.
        path: PathBuf,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// A newer polyarch wrote the store.
    #[error("the local store {} has version {version}, expected at most {}", path.display(), crate::STORE_VERSION)]
    NewerStore {
        /// The store's folder.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// A folder with other things in it was given as the local store.
    #[error("{} is no local store: expected {expected}, got {got}", path.display())]
    NotAStore {
        /// The folder.
        path: PathBuf,
        /// What makes a store.
        expected: String,
        /// What is there.
        got: String,
    },
    /// The file of a name cannot be read.
    #[error("the name file {} is broken", path.display())]
    BadName {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A newer polyarch wrote the file of a name.
    #[error("the name file {} has version {version}, expected at most {}", path.display(), crate::NAME_VERSION)]
    NewerName {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// Something else lies where a file should be.
    #[error("{}: expected a file, got something else", path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
    },
    /// The local store keeps images by tag.
    #[error("the local store keeps images by tag, got {reference}")]
    NoTag {
        /// What was to be named.
        reference: String,
    },
    /// A text is no tag.
    #[error("the local store cannot name an image {tag:?}")]
    BadTag {
        /// The text.
        tag: String,
        /// Why not.
        source: ReferenceError,
    },
    /// A text is no path of a repository.
    #[error("{path:?} is no repository")]
    BadRepository {
        /// The text.
        path: String,
        /// Why not.
        source: ReferenceError,
    },
    /// A manifest cannot be removed while another image is made of it.
    #[error("manifest {digest} is part of {user}")]
    InUse {
        /// The manifest.
        digest: Digest,
        /// What needs it.
        user: String,
    },
    /// What an image needs cannot be told, so nothing is tidied away.
    #[error("cannot tell what {name} needs")]
    Unclear {
        /// The image.
        name: String,
        /// Why not.
        source: Box<content::Error>,
    },
    /// The program is ending, so the disk is not touched any more.
    #[error("stopped before the disk was done")]
    Stopped,
}

impl StoreError {
    /// Makes the error for a refusal of the operating system.
    pub fn io(wish: impl Into<String>, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::Io { wish: wish.into(), path: path.as_ref().to_owned(), source }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn describe(wish: &str, path: &Path, source: &io::Error) -> String {
    if is_full(source) { format!("no space left to {wish} at {}", path.display()) } else { format!("cannot {wish} at {}", path.display()) }
}

impl Fault for StoreError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoTag { .. } | Self::BadTag { .. } | Self::BadRepository { .. } => Kind::Usage,
            Self::Stopped => Kind::Interrupted,
            _ => Kind::Place,
        }
    }

    fn hint(&self) -> Option<Hint> {
        let text = match self {
            Self::Io { path, source, .. } if is_full(source) => {
                format!("free space on the disk of {}, or choose another place (--store DIR for the local store)", path.display())
            }
            Self::BadLayout { .. } => "give the folder that holds the file oci-layout, or a new one".to_owned(),
            Self::NewerStore { .. } => "use the newer polyarch that wrote it, or choose another folder with --store DIR".to_owned(),
            Self::NotAStore { .. } => "choose an empty or a new folder with --store DIR".to_owned(),
            Self::BadName { path, .. } | Self::NewerName { path, .. } => {
                format!("remove {}, or use the polyarch that wrote it", path.display())
            }
            Self::NoTag { .. } => "give it a tag, NAME:TAG".to_owned(),
            Self::Unclear { name, .. } => format!("make or pull {name} again, or remove it with `polyarch rm {name}`"),
            Self::InUse { user, .. } => format!("remove {user} first"),
            _ => return None,
        };
        Some(Hint::new(text))
    }
}

impl From<StoreError> for content::Error {
    fn from(error: StoreError) -> Self {
        Self::place(error)
    }
}
