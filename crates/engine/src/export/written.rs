//! What an export wrote, and what it could not.

use graph::TreePath;

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// How many files, folders and links.
    pub entries: u64,
    /// How many bytes the files have together.
    pub bytes: u64,
    /// What a folder could not take, in the order of a walk; a tar takes everything.
    pub left_out: Vec<LeftOut>,
}

/// Something that is not in a folder as it is in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it would be.
    pub path: TreePath,
    /// What is not there.
    pub what: Omission,
}

/// What a folder does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Omission {
    /// A device: whoever may use one reaches this machine's own hardware by it.
    Device,
    /// An extended attribute that the file system, or its owner, does not allow.
    Attribute(String),
    /// The mode and the time of a folder that was there and belongs to somebody else.
    FolderOfOthers,
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.what {
            Omission::Device => write!(formatter, "{}: a device, left out", self.path),
            Omission::Attribute(name) => write!(formatter, "{}: without its attribute {name}", self.path),
            Omission::FolderOfOthers => write!(formatter, "{}: a folder of somebody else, keeps its mode and time", self.path),
        }
    }
}
