//! What can be wrong with an archive.

use std::fmt;
use std::io;

use fault::{Fault, Hint, Kind as FaultKind};
use oci::{DiffId, ReferenceError};

use super::Kind;

/// A compression that archives come in and that is not inflated here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// `gzip`; refused only where an archive is to be written to.
    Gzip,
    /// `bzip2`.
    Bzip2,
    /// `xz`.
    Xz,
    /// `zstd`.
    Zstd,
}

impl Compression {
    /// Recognises a compression by the first bytes of a file.
    pub fn of(start: &[u8]) -> Option<Self> {
        const MAGIC: [(&[u8], Compression); 4] = [
            (&[0x1f, 0x8b], Compression::Gzip),
            (b"BZh", Compression::Bzip2),
            (&[0xfd, b'7', b'z', b'X', b'Z', 0], Compression::Xz),
            (&[0x28, 0xb5, 0x2f, 0xfd], Compression::Zstd),
        ];
        MAGIC.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, found)| *found)
    }

    /// Returns the command that inflates to the standard output.
    const fn command(self) -> &'static str {
        match self {
            Self::Gzip => "gzip -dc",
            Self::Bzip2 => "bzip2 -dc",
            Self::Xz => "xz -dc",
            Self::Zstd => "zstd -dc",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        })
    }
}

/// An archive cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried, as a verb: "read".
        action: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        problem: io::Error,
    },
    /// A folder or a device where a file was expected.
    #[error("{path} is no file")]
    NotFile {
        /// What was given.
        path: String,
        /// Whether it is a folder.
        folder: bool,
    },
    /// A stream was given as a target.
    #[error("cannot write to {path}: an archive is written to a file, and appears there when it is whole")]
    NotTarget {
        /// What was given.
        path: String,
    },
    /// The whole archive is compressed.
    #[error("{path} is compressed with {found}: expected a plain{} tar", if *writing { "" } else { " or gzip" })]
    Compressed {
        /// The file.
        path: String,
        /// How it is compressed.
        found: Compression,
        /// Whether images were to be added.
        writing: bool,
    },
    /// Other bytes than those of a tar.
    #[error("{path} is no tar: no valid header at byte {offset}")]
    NotTar {
        /// The file.
        path: String,
        /// Where the header should be.
        offset: u64,
    },
    /// The file ends early.
    #[error("{path} is cut off: expected {expected} bytes or more, got {got}")]
    Truncated {
        /// The file.
        path: String,
        /// Where the last entry would end.
        expected: u64,
        /// The file's length.
        got: u64,
    },
    /// A way to store a file that images never use.
    #[error("{path}: entry {entry:?} is a sparse file, expected a regular one")]
    Sparse {
        /// The file.
        path: String,
        /// The entry.
        entry: String,
    },
    /// A name inside the archive that leads out of it (CVE-2024-3727 is one of this kind).
    #[error("{path}: {name:?} leads out of the archive")]
    Escape {
        /// The file.
        path: String,
        /// The name.
        name: String,
    },
    /// Links that lead to links without end.
    #[error("{path}: too many links behind {name:?}")]
    Links {
        /// The file.
        path: String,
        /// Where it began.
        name: String,
    },
    /// Neither kind of list of images is inside.
    #[error("no {} in {path}: it is no {kind}", kind.list())]
    NoList {
        /// The file.
        path: String,
        /// What it was taken for.
        kind: Kind,
        /// What it looks like instead.
        instead: Option<Kind>,
    },
    /// `manifest.json` names a file that is not there.
    #[error("{path}: {entry:?} is named in manifest.json and is not in the archive")]
    NoEntry {
        /// The file.
        path: String,
        /// The entry.
        entry: String,
    },
    /// A document inside has another shape.
    #[error("{path}: {entry} cannot be read")]
    Document {
        /// The file.
        path: String,
        /// The entry.
        entry: String,
        /// Why.
        #[source]
        problem: serde_json::Error,
    },
    /// The config and `manifest.json` disagree about how many layers there are.
    #[error("{path}: config {config}: expected {expected} layers, got {got} in manifest.json")]
    LayerCount {
        /// The file.
        path: String,
        /// The config's entry.
        config: String,
        /// The number of the config's diff IDs.
        expected: usize,
        /// The number of layers in `manifest.json`.
        got: usize,
    },
    /// A layer is not the one that the config means.
    #[error("{path}: layer {layer}: expected uncompressed bytes with digest {expected}, got {got}")]
    Layer {
        /// The file.
        path: String,
        /// The layer's entry.
        layer: String,
        /// What the config says.
        expected: DiffId,
        /// What its bytes have.
        got: DiffId,
    },
    /// A layer in a compression that is not read here.
    #[error("{path}: layer {layer} is compressed with {found}: expected a plain or gzip tar")]
    LayerCompressed {
        /// The file.
        path: String,
        /// The layer's entry.
        layer: String,
        /// How it is compressed.
        found: Compression,
    },
    /// A layer claims to be compressed and is not, or stops early.
    #[error("{path}: layer {layer} cannot be read")]
    LayerBytes {
        /// The file.
        path: String,
        /// The layer's entry.
        layer: String,
        /// What is wrong.
        #[source]
        problem: io::Error,
    },
    /// Docker's archives hold references only.
    #[error("{name:?} cannot name an image in a docker archive")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        #[source]
        problem: ReferenceError,
    },
    /// Another process keeps the folder locked.
    #[error("cannot write {path}: another process has kept its folder locked for {seconds} seconds")]
    Busy {
        /// The target.
        path: String,
        /// How long this one waited.
        seconds: u64,
    },
}

impl ArchiveError {
    /// Returns a closure that wraps what the system said.
    pub(crate) fn io(action: &'static str, path: &dyn fmt::Display) -> impl Fn(io::Error) -> Self + Clone + Send + Sync + use<> {
        let path = path.to_string();
        move |problem| Self::Io { action, path: path.clone(), problem }
    }
}

impl Fault for ArchiveError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::NotFile { .. } | Self::NotTarget { .. } | Self::Name { .. } => FaultKind::Usage,
            _ => FaultKind::Place,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Io { problem, .. } if matches!(problem.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                Some(Hint::new("the disk is full: free some space, nothing was changed"))
            }
            Self::NotFile { path, folder: true } => Some(Hint::new(format!("a folder that holds an OCI layout is written oci:{path}"))),
            Self::NotTarget { .. } => Some(Hint::new("name a file")),
            Self::Compressed { path, found, writing: false } => Some(Hint::new(format!("{} {path} > plain.tar", found.command()))),
            Self::Compressed { path, found, writing: true } => {
                Some(Hint::new(format!("name another file, or first: {} {path} > plain.tar", found.command())))
            }
            Self::Truncated { path, .. } | Self::LayerBytes { path, .. } => Some(Hint::new(format!("fetch or save {path} again"))),
            Self::NoList { path, instead: Some(other), .. } => {
                Some(Hint::new(format!("it looks like a {other}: {}{path}", other.prefix())))
            }
            Self::NoList { instead: None, .. } => {
                Some(Hint::new("`docker save` and `skopeo copy` write archives of images; `docker export` writes a file system"))
            }
            Self::Layer { .. } | Self::LayerCount { .. } | Self::NoEntry { .. } => {
                Some(Hint::new("the archive is damaged: save the image again"))
            }
            Self::LayerCompressed { .. } => Some(Hint::new("save the image as an OCI archive and name it oci-archive:FILE")),
            Self::Name { .. } => Some(Hint::new("write it as docker does: app:1.0")),
            _ => None,
        }
    }
}

impl From<ArchiveError> for content::Error {
    fn from(error: ArchiveError) -> Self {
        Self::place(error)
    }
}
