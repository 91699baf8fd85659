//! What is new or changed in the root, and what the system says of files.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Dir, FileType, OFlags, ResolveFlags, Statx, StatxFlags, statx};
use rustix::io::Errno;

use super::super::within::open_as;
use crate::Root;
use crate::kernel::handle;

/// The folder that has all that is new or changed.
#[derive(Debug)]
pub(super) struct Changes {
    folder: OwnedFd,
    /// It is not the root itself, but lies over others.
    are_apart: bool,
}

impl Changes {
    /// Opens it. None if nothing can be changed.
    pub fn of(root: &Root, open: impl Fn(&OsStr) -> Result<OwnedFd, Errno>) -> Result<Option<Self>, Errno> {
        let (path, are_apart) = match root {
            Root::Folder(path) => (path, false),
            Root::Overlay { upper: Some(upper), .. } => (&upper.folder, true),
            Root::Overlay { upper: None, .. } => return Ok(None),
        };
        Ok(Some(Self { folder: open(path)?, are_apart }))
    }

    /// Tells whether there is more in the root than what is new or changed.
    pub const fn are_apart(&self) -> bool {
        self.are_apart
    }

    /// Tells whether what is changed keeps its number: where it is kept, files can be told by more than their number.
    pub fn keep_numbers(&self) -> bool {
        handle(self.folder.as_fd(), c".").is_ok()
    }

    /// Asks what a file is where changes are kept. An overlay has its number from there, unless that of what it is a copy of.
    pub fn handle(&self, found: &Statx, path: &[u8]) -> Option<Vec<u8>> {
        let path = CString::new(path.strip_prefix(b"/")?).ok()?;
        let there = look(&self.folder, path.to_bytes(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        handle(self.folder.as_fd(), &path).ok().filter(|_| there.stx_ino == found.stx_ino)
    }

    /// Looks at everything below our `/` that is new or changed, folder by folder. What cannot be looked at has no entry: it was there
    /// before, or is too deep for anybody.
    pub fn search(&self, mut tell: impl FnMut(&Statx, &[u8])) {
        let rules = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
        if let Ok(there) = look(CWD, b"/", AtFlags::empty()) {
            tell(&there, b"/");
        }
        let mut folders = vec![b"/".to_vec()];
        while let Some(folder) = folders.pop() {
            let Ok(open) = open_as(&self.folder, &folder, OFlags::RDONLY | OFlags::DIRECTORY, rules) else { continue };
            let Ok(entries) = Dir::new(open) else { continue };
            for name in entries.flatten().map(|entry| entry.file_name().to_bytes().to_vec()) {
                if matches!(&*name, b"." | b"..") {
                    continue;
                }
                let path = [folder.as_slice(), if folder.ends_with(b"/") { b"" } else { b"/" }, &name].concat();
                let Ok(there) = look(CWD, &path, AtFlags::SYMLINK_NOFOLLOW) else { continue };
                tell(&there, &path);
                if is_folder(&there) {
                    folders.push(path);
                }
            }
        }
    }
}

impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

/// Asks what the registrar wants to know of a file.
pub(super) fn look(folder: impl AsFd, path: &[u8], flags: AtFlags) -> Result<Statx, Errno> {
    let wanted = StatxFlags::INO | StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::UID | StatxFlags::GID;
    statx(folder, path, flags, wanted | StatxFlags::NLINK | StatxFlags::BTIME)
}

/// Tells whether it is a folder.
pub(super) fn is_folder(found: &Statx) -> bool {
    FileType::from_raw_mode(found.stx_mode.into()) == FileType::Directory
}
