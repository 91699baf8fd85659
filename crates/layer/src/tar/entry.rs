//! One entry of a layer: everything that is kept of a file but its content.

use std::collections::BTreeMap;

/// What a whiteout's name begins with (OCI image-spec 1.1, "Whiteouts").
pub const WHITEOUT: &[u8] = b".wh.";
/// The name that hides everything that lower layers have in its directory.
pub const WHITEOUT_OPAQUE: &[u8] = b".wh..wh..opq";

/// An entry of a tar, to be written or just read.
///
/// Times are whole seconds since 1970. Names of users and groups, and times of access and change, are never kept:
/// they differ from machine to machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name: no slash at either end, no part `.` or `..`. Empty only for the root directory that a reader found.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// The permissions with setuid, setgid and sticky: at most 0o7777.
    pub mode: u32,
    /// The number of the owner.
    pub uid: u64,
    /// The number of the group.
    pub gid: u64,
    /// When it was modified, in seconds since 1970; may be negative.
    pub mtime: i64,
    /// Extended attributes by their full names (`security.capability`), with values of any bytes.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file with so many bytes of content.
    File {
        /// The length of the content.
        size: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Where it leads, as it stands: absolute, relative, or nowhere.
        target: Vec<u8>,
    },
    /// Another name of a file in the same archive.
    Hardlink {
        /// The path of that file, in the form of [`Entry::path`].
        target: Vec<u8>,
    },
    /// A named pipe.
    Fifo,
    /// A character device.
    CharDevice(Device),
    /// A block device.
    BlockDevice(Device),
}

/// The numbers of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Device {
    /// The driver's number.
    pub major: u32,
    /// The device's number within the driver.
    pub minor: u32,
}

/// What a name says of lower layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whiteout {
    /// This path is hidden, with everything below it.
    Hides(Vec<u8>),
    /// Everything in this directory is hidden; the directory itself stays. Empty is the root.
    Empties(Vec<u8>),
    /// A name that begins with `.wh..wh.`: bookkeeping of AUFS, which means nothing.
    Nothing,
}

impl Entry {
    fn new(path: impl Into<Vec<u8>>, kind: EntryKind, mode: u32) -> Self {
        Self { path: path.into(), kind, mode, uid: 0, gid: 0, mtime: 0, xattrs: BTreeMap::new() }
    }

    /// Makes a regular file with mode 0644 that belongs to root and was modified in 1970.
    pub fn file(path: impl Into<Vec<u8>>, size: u64) -> Self {
        Self::new(path, EntryKind::File { size }, 0o644)
    }

    /// Makes a directory with mode 0755.
    pub fn directory(path: impl Into<Vec<u8>>) -> Self {
        Self::new(path, EntryKind::Directory, 0o755)
    }

    /// Makes a symbolic link with mode 0777.
    pub fn symlink(path: impl Into<Vec<u8>>, target: impl Into<Vec<u8>>) -> Self {
        Self::new(path, EntryKind::Symlink { target: target.into() }, 0o777)
    }

    /// Makes a hard link with mode 0644 to a path of the same archive. Give it the mode, owner and time of its target:
    /// whoever unpacks may apply them.
    pub fn hardlink(path: impl Into<Vec<u8>>, target: impl Into<Vec<u8>>) -> Self {
        Self::new(path, EntryKind::Hardlink { target: target.into() }, 0o644)
    }

    /// Makes the whiteout that hides a path of lower layers: an empty file `.wh.NAME` with mode 0 and time 0, as
    /// BuildKit writes it.
    pub fn whiteout(path: impl AsRef<[u8]>) -> Self {
        let path = path.as_ref();
        let at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let (parent, name) = path.split_at(at);
        Self::new([parent, WHITEOUT, name].concat(), EntryKind::File { size: 0 }, 0)
    }

    /// Sets the permissions.
    #[must_use]
    pub const fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Sets owner and group.
    #[must_use]
    pub const fn owner(mut self, uid: u64, gid: u64) -> Self {
        self.uid = uid;
        self.gid = gid;
        self
    }

    /// Sets the time of modification, in seconds since 1970.
    #[must_use]
    pub const fn mtime(mut self, seconds: i64) -> Self {
        self.mtime = seconds;
        self
    }

    /// Adds an extended attribute.
    #[must_use]
    pub fn xattr(mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.xattrs.insert(name.into(), value.into());
        self
    }

    /// Returns the length of the content: zero for all but regular files.
    pub const fn size(&self) -> u64 {
        match self.kind {
            EntryKind::File { size } => size,
            _ => 0,
        }
    }

    /// Returns the last part of the path.
    pub fn name(&self) -> &[u8] {
        self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// Returns what the entry says of lower layers, if its name makes it a whiteout.
    pub fn as_whiteout(&self) -> Option<Whiteout> {
        let hidden = self.name().strip_prefix(WHITEOUT)?;
        let parent = self.path.get(..self.path.len() - self.name().len()).unwrap_or_default();
        Some(if self.name() == WHITEOUT_OPAQUE {
            Whiteout::Empties(parent.strip_suffix(b"/").unwrap_or(parent).to_vec())
        } else if hidden.starts_with(WHITEOUT) || hidden.is_empty() {
            Whiteout::Nothing
        } else {
            Whiteout::Hides([parent, hidden].concat())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whiteouts_are_known_by_their_names() {
        let entry = |path: &str| Entry::file(path, 0);
        assert_eq!(Entry::whiteout("a/b").path, b"a/.wh.b");
        assert_eq!(Entry::whiteout("b").as_whiteout(), Some(Whiteout::Hides(b"b".to_vec())));
        assert_eq!(Entry::whiteout("a/b/c").as_whiteout(), Some(Whiteout::Hides(b"a/b/c".to_vec())));
        assert_eq!(entry("a/.wh..wh..opq").as_whiteout(), Some(Whiteout::Empties(b"a".to_vec())));
        assert_eq!(entry(".wh..wh..opq").as_whiteout(), Some(Whiteout::Empties(Vec::new())));
        assert_eq!(entry(".wh..wh.plnk").as_whiteout(), Some(Whiteout::Nothing));
        assert_eq!(entry("a/.whx").as_whiteout(), None);
        assert_eq!(entry(".wh.a/b").as_whiteout(), None);
    }
}
