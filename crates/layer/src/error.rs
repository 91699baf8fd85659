//! What can be wrong with a layer, an archive or a file.

use std::io;

use fault::{Fault, Hint, Kind};

/// Why a layer cannot be written, read or searched.
///
/// Those that concern one entry name it. A name is shown as text: what is no UTF-8 is replaced, and control
/// characters are escaped.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The archive's bytes could not be read from where they come from.
    #[error("reading an archive failed: {0}")]
    Read(#[source] io::Error),
    /// The layer's bytes could not be written to where they go.
    #[error("writing a layer failed: {0}")]
    Write(#[source] io::Error),
    /// A file's content could not be read.
    #[error("{name}: reading the content failed: {source}")]
    Content {
        /// The entry.
        name: String,
        /// What the reader said.
        source: io::Error,
    },
    /// A file is shorter or longer than it was when its size was asked for.
    #[error("{name}: file changed while it was read: expected {expected} bytes, got {got}")]
    Changed {
        /// The entry.
        name: String,
        /// The declared size.
        expected: u64,
        /// How many bytes came, or "more".
        got: Got,
    },
    /// An entry that no layer may have. The reader can go on behind it.
    #[error("{name}: {problem}")]
    Entry {
        /// The entry.
        name: String,
        /// What is wrong with it.
        problem: Problem,
    },
    /// Something is larger than the caller allows.
    #[error("{name}: {limit} more than {allowed}")]
    Limit {
        /// The entry, or the archive.
        name: String,
        /// What there is too much of.
        limit: Limit,
        /// How much is allowed.
        allowed: u64,
    },
    /// The bytes are no tar, or a damaged one.
    #[error("damaged archive at byte {offset}: {problem}")]
    Damaged {
        /// Where, in the inflated archive.
        offset: u64,
        /// What is wrong there.
        problem: &'static str,
    },
    /// A path that cannot be followed in an image's tree.
    #[error("{path}: {problem}")]
    Path {
        /// The path that was asked for.
        path: String,
        /// Why it leads nowhere.
        problem: PathProblem,
    },
    /// A user or a group that is no number and stands in no file.
    #[error("{owner}: no {what} of that name in {file}")]
    Unknown {
        /// What was asked for.
        owner: String,
        /// "user" or "group".
        what: &'static str,
        /// The file that was searched.
        file: &'static str,
    },
    /// Words that are no owner, such as `a:b:c`.
    #[error("bad owner {0:?}: expected USER, USER:GROUP or :GROUP")]
    Owner(String),
    /// A level that the compression does not have.
    #[error("bad level {level} of {compression}: expected {lowest} to {highest}")]
    Level {
        /// The name of the compression.
        compression: &'static str,
        /// What was asked for.
        level: i64,
        /// The first level there is.
        lowest: i64,
        /// The last one.
        highest: i64,
    },
    /// The serialised form of an index is of another version, or damaged.
    #[error("damaged index of paths: {0}")]
    Index(&'static str),
    /// A compressor broke its contract.
    #[error("compressing failed: {0}")]
    Compressor(String),
}

/// How much content came instead of what was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    /// The content ended after so many bytes.
    Only(u64),
    /// The content goes on after the declared size.
    More,
}

impl std::fmt::Display for Got {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Only(count) => write!(formatter, "{count}"),
            Self::More => formatter.write_str("more"),
        }
    }
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// There is no name, or one of slashes only.
    #[error("the name is empty")]
    Empty,
    /// A NUL stands in a name, a target or the key of an extended attribute.
    #[error("there is a NUL in a name")]
    Nul,
    /// The name begins with a slash.
    #[error("the name is absolute")]
    Absolute,
    /// A part of the name is `..`.
    #[error("the name has a part ..")]
    Climbs,
    /// The target of a hard link is absolute where that is refused, or has a part `..`.
    #[error("the link to {0} leads out of the archive")]
    LinkLeadsOut(String),
    /// A symbolic link that leads above the root, where that is refused.
    #[error("the symbolic link to {0} leads above the root")]
    SymlinkLeadsOut(String),
    /// A hard link to what does not come before it.
    #[error("the hard link's target {0} does not come before it")]
    LinkMissing(String),
    /// The same name was written before.
    #[error("the name was written before")]
    Duplicate,
    /// An extended attribute's name is empty or has an equals sign.
    #[error("bad name of an extended attribute: {0:?}")]
    Attribute(String),
    /// A number that the format cannot hold.
    #[error("the {0} is too large for a tar")]
    Number(&'static str),
    /// A kind of entry that no layer has.
    #[error("entries of type {0:?} are not supported")]
    Type(char),
    /// The map of a sparse file contradicts itself.
    #[error("the map of a sparse file is damaged")]
    Sparse,
    /// A name begins with `.wh.`, which would be taken for a whiteout.
    #[error("the name would be taken for a whiteout")]
    Whiteout,
}

/// What there can be too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// The number of entries.
    Entries,
    /// The length of a name or of a link's target in bytes.
    Name,
    /// The bytes of an entry's extended header.
    Header,
    /// The bytes of all contents together.
    Content,
    /// The bytes in holes of sparse files together.
    Holes,
    /// The number of data segments of a sparse file.
    Segments,
    /// The bytes that a compressed stream inflates to.
    Inflated,
    /// How many times larger than its compressed form a stream is.
    Ratio,
    /// The bytes of `/etc/passwd` or `/etc/group`.
    Accounts,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Entries => "number of entries:",
            Self::Name => "bytes in a name:",
            Self::Header => "bytes in an extended header:",
            Self::Content => "bytes of content:",
            Self::Holes => "bytes in holes of sparse files:",
            Self::Segments => "segments in a sparse file:",
            Self::Inflated => "inflated bytes:",
            Self::Ratio => "times its compressed size:",
            Self::Accounts => "bytes in a file of accounts:",
        })
    }
}

/// Why a path cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathProblem {
    /// Symbolic links lead to each other, or there are more of them than a kernel follows.
    #[error("too many symbolic links")]
    Loop,
    /// Something on the way is no directory.
    #[error("{0} is not a directory")]
    NotDirectory(String),
    /// A NUL in the path.
    #[error("there is a NUL in the path")]
    Nul,
    /// `/etc/passwd` or `/etc/group` is no regular file whose content was kept.
    #[error("the content of this file is not known")]
    NotKept,
}

impl Fault for LayerError {
    fn kind(&self) -> Kind {
        match self {
            Self::Level { .. } | Self::Owner(_) | Self::Unknown { .. } => Kind::Usage,
            Self::Compressor(_) => Kind::Bug,
            _ => Kind::Place,
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::Changed { .. } => "run again when nothing writes to this file",
            Self::Unknown { .. } => "write the number instead, such as 1000:1000",
            Self::Entry { problem: Problem::Absolute, .. } => "make the archive with relative names: `tar -C / -c NAME`",
            Self::Entry { problem: Problem::Climbs | Problem::LinkLeadsOut(_), .. } => {
                "make the archive in the folder that holds all of it"
            }
            Self::Entry { problem: Problem::LinkMissing(_), .. } => "put the file that the link means into the archive, before the link",
            Self::Limit { limit: Limit::Holes, .. } => "make the archive without `tar --sparse`, of a smaller file",
            _ => return None,
        }))
    }
}

impl LayerError {
    /// Wraps what a reader of an archive said; a [`LayerError`] that travelled in it comes out again.
    pub fn read(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(Self::Read)
    }

    /// The same for a writer of a layer.
    pub(crate) fn written(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(Self::Write)
    }

    /// Says what is wrong with an entry.
    pub fn entry(name: &[u8], problem: Problem) -> Self {
        Self::Entry { name: shown(name), problem }
    }

    pub(crate) fn limit(name: &[u8], limit: Limit, allowed: u64) -> Self {
        Self::Limit { name: shown(name), limit, allowed }
    }

    /// Tells whether only one entry is bad, so that an archive can be read on.
    pub const fn concerns_one_entry(&self) -> bool {
        matches!(self, Self::Entry { .. })
    }
}

/// For readers and writers that can only say `io::Error`.
impl From<LayerError> for io::Error {
    fn from(error: LayerError) -> Self {
        let kind = match &error {
            LayerError::Read(source) | LayerError::Write(source) | LayerError::Content { source, .. } => source.kind(),
            LayerError::Limit { .. } => io::ErrorKind::FileTooLarge,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

/// A name as text: one line, whatever is in it, and not endless.
pub(crate) fn shown(name: &[u8]) -> String {
    const LONGEST: usize = 300;
    let cut = name.get(..LONGEST).unwrap_or(name);
    let mut text = String::new();
    for letter in String::from_utf8_lossy(cut).chars() {
        if letter.is_control() { text.extend(letter.escape_default()) } else { text.push(letter) }
    }
    if cut.len() < name.len() {
        text.push_str("...");
    }
    text
}
