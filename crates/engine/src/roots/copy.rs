//! A copy of a tree, as it is: owners, permissions, times, attributes, links.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags, chmodat, chownat, lgetxattr, llistxattr, lsetxattr, mknodat,
    utimensat,
};

/// Copies a file or a folder with all that is in it to where nothing is yet. Nobody else writes to either.
///
/// # Errors
/// Where something cannot be read or made.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    Copying { linked: HashMap::new() }.one(from, to)
}

struct Copying {
    /// Files with several names, and the first of them.
    linked: HashMap<(u64, u64), PathBuf>,
}

impl Copying {
    fn one(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let found = fs::symlink_metadata(from)?;
        let kind = found.file_type();
        if kind.is_dir() {
            fs::create_dir(to)?;
            for entry in fs::read_dir(from)? {
                let entry = entry?;
                self.one(&entry.path(), &to.join(entry.file_name()))?;
            }
        } else {
            let file = (found.dev(), found.ino());
            if let Some(first) = self.linked.get(&file) {
                return fs::hard_link(first, to);
            }
            if found.nlink() > 1 {
                self.linked.insert(file, to.to_owned());
            }
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
        }
        dress(from, to, &found)
    }
}

fn dress(from: &Path, to: &Path, found: &fs::Metadata) -> io::Result<()> {
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

/// Copies attributes, as far as they can be read and set here.
fn attributes(from: &Path, to: &Path) {
    let mut names = vec![0; 64 << 10];
    let Ok(length) = llistxattr(from, &mut names) else { return };
    for name in names.get(..length).unwrap_or_default().split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 64 << 10];
        if let Ok(length) = lgetxattr(from, name, &mut value) {
            let _ = lsetxattr(to, name, value.get(..length).unwrap_or_default(), XattrFlags::empty());
        }
    }
}
