//! A copy of a tree, as it is: owners, permissions, times, attributes, links.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags, chmodat, chownat, lgetxattr, llistxattr, lsetxattr, mknodat,
    utimensat,
};

/// Files with several names, by disk and number, and the copy of the first of them.
pub(super) type Linked = HashMap<(u64, u64), PathBuf>;

/// How long an attribute, and a list of their names, may be (Linux, `XATTR_SIZE_MAX` and `XATTR_LIST_MAX`).
const LONGEST: usize = 64 << 10;

/// Copies a file or a folder with all that is in it to where nothing is yet. Nobody else writes to either.
///
/// # Errors
/// Where something cannot be read or made.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    copy(from, to, &mut Linked::new())
}

fn copy(from: &Path, to: &Path, linked: &mut Linked) -> io::Result<()> {
    let found = fs::symlink_metadata(from)?;
    if !found.is_dir() {
        return copy_one(from, to, &found, linked);
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()), linked)?;
    }
    dress(from, to, &found)
}

/// Copies what is no folder.
pub(super) fn copy_one(from: &Path, to: &Path, found: &Metadata, linked: &mut Linked) -> io::Result<()> {
    let file = (found.dev(), found.ino());
    if let Some(first) = linked.get(&file) {
        return fs::hard_link(first, to);
    }
    if found.nlink() > 1 {
        linked.insert(file, to.to_owned());
    }
    let kind = found.file_type();
    if kind.is_symlink() {
        symlink(fs::read_link(from)?, to)?;
    } else if kind.is_file() {
        // Shares the blocks where the file system can.
        io::copy(&mut File::open(from)?, &mut File::create_new(to)?)?;
    } else {
        let node = match kind {
            kind if kind.is_fifo() => FileType::Fifo,
            kind if kind.is_char_device() => FileType::CharacterDevice,
            kind if kind.is_block_device() => FileType::BlockDevice,
            _ => FileType::Socket,
        };
        mknodat(CWD, to, node, Mode::RUSR | Mode::WUSR, found.rdev())?;
    }
    dress(from, to, found)
}

/// Gives a copy what the original has beside its content.
pub(super) fn dress(from: &Path, to: &Path, found: &Metadata) -> io::Result<()> {
    chownat(CWD, to, Some(Uid::from_raw(found.uid())), Some(Gid::from_raw(found.gid())), AtFlags::SYMLINK_NOFOLLOW)?;
    if !found.file_type().is_symlink() {
        chmodat(CWD, to, Mode::from_raw_mode(found.mode() & 0o7777), AtFlags::empty())?;
    }
    attributes(from, to);
    let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times =
        Timestamps { last_access: time(found.atime(), found.atime_nsec()), last_modification: time(found.mtime(), found.mtime_nsec()) };
    Ok(utimensat(CWD, to, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Copies attributes, as far as they can be read and set here. An overlay's marks are the original's own.
fn attributes(from: &Path, to: &Path) {
    let mut names = vec![0; LONGEST];
    let Ok(length) = llistxattr(from, &mut names) else { return };
    let names = names.get(..length).unwrap_or_default().split(|byte| *byte == 0);
    for name in names.filter(|name| !name.is_empty() && !name.windows(9).any(|part| part == b".overlay.")) {
        let mut value = vec![0; LONGEST];
        if let Ok(length) = lgetxattr(from, name, &mut value) {
            let _ = lsetxattr(to, name, value.get(..length).unwrap_or_default(), XattrFlags::empty());
        }
    }
}
