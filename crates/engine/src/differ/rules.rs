//! What holds for a diff: whose the files are, how an overlay marks what is gone, what is kept, and what was never the step's.

use std::collections::BTreeSet;

use graph::TreePath;
use layer::tar::EntryKind;

use super::same::Lower;

/// Tells whose a file is in the image. All numbers are kept, unless one says otherwise.
pub trait Owners {
    /// Returns the user's and the group's number in the image of what has these on the disk; `None` where they have none there.
    fn in_image(&self, path: &TreePath, uid: u64, gid: u64) -> Option<(u64, u64)>;

    /// Returns what an empty file stands for, where whoever made it could make no device.
    fn device(&self, _path: &TreePath) -> Option<EntryKind> {
        None
    }

    /// Tells whether a user's number on the disk is root's in the image: rights that a program has there only are rights in
    /// the image.
    fn is_root(&self, uid: u64) -> bool;
}

/// Owners as they are on the disk: for root, and for whoever looks from inside the user namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsOnDisk;

impl Owners for AsOnDisk {
    fn in_image(&self, _: &TreePath, uid: u64, gid: u64) -> Option<(u64, u64)> {
        Some((uid, gid))
    }

    fn is_root(&self, uid: u64) -> bool {
        uid == 0
    }
}

/// Where an overlay keeps its marks (Linux, Documentation/filesystems/overlayfs.rst, "User xattr").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marks {
    /// In `trusted.overlay.*`, which only root can set: a plain mount.
    #[default]
    Trusted,
    /// In `user.overlay.*`: a mount with `userxattr`, as it has to be in a user namespace.
    User,
}

impl Marks {
    /// Returns what the names of its attributes begin with.
    pub(crate) const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Trusted => b"trusted.overlay.",
            Self::User => b"user.overlay.",
        }
    }
}

/// What holds for a diff.
pub struct DiffRules<'a> {
    /// Whose the files are.
    pub owners: &'a dyn Owners,
    /// Where the overlay keeps its marks.
    pub marks: Marks,
    /// The attributes `user.*` of files and folders are kept, and not `security.capability` alone.
    pub keeps_user_attributes: bool,
    /// What was made for mounts to lie on. It is left out, but for a folder that something else came into.
    pub stubs: &'a BTreeSet<TreePath>,
    /// The folders that the overlay lies on, from the uppermost down. Without them no file is known to be what it was, and
    /// every file that is there belongs to the layer.
    pub lower: &'a [Lower],
}
