//! A folder of this machine that files of images are written to: the only door by which a path of an image becomes one here.
//!
//! Everything is done relative to the folder's open handle. No link below it is ever followed, neither one of the image nor one
//! that stands there already, so nothing leads out. What is made has a name of its own until it is whole; then it is renamed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use graph::TreePath;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::error::{ExportError, Found};
use crate::beneath;

/// What the name of everything under way begins with.
const PREFIX: &str = ".polyarch-";
/// How many names are tried at most.
const ATTEMPTS: u64 = 10_000;

/// A folder, by its open handle.
pub(super) struct Root {
    path: PathBuf,
    handle: OwnedFd,
}

impl Root {
    /// Opens a folder, which is made if need be. Links in `path` itself are followed: whoever names it means them.
    pub fn open(path: &Path) -> Result<Self, ExportError> {
        let failed = |problem| ExportError::written(path, problem);
        match fs::metadata(path) {
            Ok(found) if !found.is_dir() => return Err(ExportError::NoFolder(path.to_owned())),
            Ok(_) => {}
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => fs::create_dir_all(path).map_err(failed)?,
            Err(problem) => return Err(failed(problem)),
        }
        Ok(Self { path: path.to_owned(), handle: File::open(path).map_err(failed)?.into() })
    }

    /// Opens a folder in it, or the folder itself.
    pub fn folder(&self, path: &TreePath) -> Result<OwnedFd, ExportError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        beneath::open(self.handle.as_fd(), path, flags).map_err(|problem| self.failed(path, problem))
    }

    /// Tells where on this machine a path is, for messages only.
    pub fn place(&self, path: &TreePath) -> PathBuf {
        self.path.join(OsStr::from_bytes(path.bytes()))
    }

    /// Says why something could not be written.
    pub fn failed(&self, path: &TreePath, problem: impl Into<io::Error>) -> ExportError {
        ExportError::written(&self.place(path), problem.into())
    }

    /// Looks at what stands at a name in an open folder of it, and refuses what must not be replaced: only a folder may stand where
    /// one goes, and none where something else goes. Returns nothing where nothing stands.
    pub fn look(&self, parent: BorrowedFd<'_>, path: &TreePath, is_folder: bool) -> Result<Option<Stat>, ExportError> {
        let stat = match statat(parent, name(path), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(problem) => return Err(self.failed(path, problem)),
        };
        let got = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Found::Folder,
            FileType::Symlink => Found::Link,
            _ => Found::File,
        };
        if is_folder == (got == Found::Folder) {
            return Ok(Some(stat));
        }
        let expected = if is_folder { Found::Folder } else { Found::File };
        Err(ExportError::InTheWay { path: self.place(path), expected, got })
    }
}

/// Returns the last part of a path, for calls that are relative to its folder.
pub(super) fn name(path: &TreePath) -> &OsStr {
    OsStr::from_bytes(path.name())
}

/// Returns a time of whole seconds, for reading and for modification.
pub(super) const fn times(seconds: i64) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}

/// Something under way: beside its place, under a name that goes away with it.
pub(super) struct Beside<'a> {
    folder: BorrowedFd<'a>,
    name: String,
    is_placed: bool,
}

impl<'a> Beside<'a> {
    /// Makes something under a name that nothing has in a folder. `make` must fail where there is something already.
    pub fn make<T>(folder: BorrowedFd<'a>, place: &OsStr, mut make: impl FnMut(&str) -> rustix::io::Result<T>) -> io::Result<(Self, T)> {
        for number in 0..ATTEMPTS {
            let name = format!("{PREFIX}{}-{number}", std::process::id());
            if place == OsStr::new(&name) {
                continue;
            }
            match make(&name) {
                Ok(made) => return Ok((Self { folder, name, is_placed: false }, made)),
                Err(Errno::EXIST) => {}
                Err(problem) => return Err(problem.into()),
            }
        }
        Err(Errno::EXIST.into())
    }

    /// Makes an empty file that only its owner may open.
    pub fn file(folder: BorrowedFd<'a>, place: &OsStr) -> io::Result<(Self, File)> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let (beside, file) = Self::make(folder, place, |name| openat(folder, name, flags, mode))?;
        Ok((beside, file.into()))
    }

    /// Returns its name for now.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Moves it to its place, over what is there.
    pub fn place(mut self, place: &OsStr) -> io::Result<()> {
        renameat(self.folder, &self.name, self.folder, place)?;
        self.is_placed = true;
        Ok(())
    }
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        if !self.is_placed {
            // What cannot be taken away stays; the reason why it is not placed is the better message.
            let _ = unlinkat(self.folder, &self.name, AtFlags::empty());
        }
    }
}
