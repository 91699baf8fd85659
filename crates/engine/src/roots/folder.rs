//! A folder that a layer is unpacked into, in the form of overlayfs (Linux, Documentation/filesystems/overlayfs.rst): what is gone
//! is a character device 0:0, and a folder through which nothing shows is marked as opaque.
//!
//! Nobody else writes here, and every path comes from an index, so it leads over no link.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graph::{Content, Lay, TreePath};
use layer::index::{Node, PathIndex};
use layer::tar::{Device, Entry, EntryKind, WHITEOUT, WHITEOUT_OPAQUE};
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags, chmodat, chownat, fchmod, fsetxattr, fstat, futimens,
    linkat, makedev, mkdirat, mknodat, openat, statat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::error::RootsError;
use super::form::Form;
use super::standing::Standing;
use super::within;
use crate::beneath;

/// How a folder of an overlay says that nothing shows through it, behind the prefix.
const OPAQUE: &[u8] = b"opaque";

/// A layer on its way into a folder.
pub(crate) struct LayerFolder<'a> {
    root: OwnedFd,
    /// The layers below, the lowest first.
    below: &'a [PathBuf],
    standing: Standing,
    form: Form,
    /// The folders in it, which get what they are like when all is in them.
    folders: BTreeSet<TreePath>,
    /// The folder that was written to last: a tar mostly stays in one.
    parent: Option<(TreePath, Arc<OwnedFd>)>,
}

impl<'a> LayerFolder<'a> {
    /// Makes the folder.
    pub fn make(path: &Path, below: &'a [PathBuf], standing: Standing, form: Form) -> Result<Self, RootsError> {
        let failed = |problem: io::Error| RootsError::io(path, problem);
        fs::create_dir(path).map_err(failed)?;
        let root: OwnedFd = File::open(path).map_err(failed)?.into();
        fchmod(&root, Mode::from_raw_mode(0o755)).map_err(|problem| failed(problem.into()))?;
        Ok(Self { root, below, standing, form, folders: BTreeSet::new(), parent: None })
    }

    /// Makes a folder, or takes the one that is there.
    pub fn directory(&mut self, path: &TreePath, entry: &Entry) -> Result<(), RootsError> {
        self.make_folder(path)?;
        let handle = self.open(path)?;
        self.attributes(path, entry, handle.as_fd())
    }

    /// Writes a file.
    pub fn file(&mut self, path: &TreePath, entry: &Entry, content: &mut dyn Read) -> Result<(), RootsError> {
        let parent = self.clear(path)?;
        let mut file = create(&parent, path)?;
        io::copy(content, &mut file).map_err(|problem| RootsError::file(path, problem))?;
        self.dress(path, entry, file.as_fd())
    }

    /// Makes a symbolic link.
    pub fn symlink(&mut self, path: &TreePath, entry: &Entry, target: &[u8]) -> Result<(), RootsError> {
        let parent = self.clear(path)?;
        symlinkat(target, &parent, name(path)).map_err(|problem| RootsError::file(path, problem))?;
        self.own(path, (entry.uid, entry.gid), parent.as_fd())?;
        self.date(path, entry.mtime, parent.as_fd())
    }

    /// Makes a pipe or a device. Who may make no devices goes without: commands have a /dev of their own.
    pub fn special(&mut self, path: &TreePath, entry: &Entry) -> Result<(), RootsError> {
        let (kind, device) = match &entry.kind {
            // That would be a mark of the overlay's.
            EntryKind::CharDevice(Device { major: 0, minor: 0 }) => return Ok(()),
            EntryKind::CharDevice(device) => (FileType::CharacterDevice, makedev(device.major, device.minor)),
            EntryKind::BlockDevice(device) => (FileType::BlockDevice, makedev(device.major, device.minor)),
            _ => (FileType::Fifo, 0),
        };
        let parent = self.clear(path)?;
        match mknodat(&parent, name(path), kind, Mode::RUSR | Mode::WUSR, device) {
            Err(Errno::PERM) if kind != FileType::Fifo => return Ok(()),
            other => other.map_err(|problem| RootsError::file(path, problem))?,
        }
        self.own(path, (entry.uid, entry.gid), parent.as_fd())?;
        let mode = Mode::from_raw_mode(entry.mode);
        chmodat(&parent, name(path), mode, AtFlags::empty()).map_err(|problem| RootsError::file(path, problem))?;
        self.date(path, entry.mtime, parent.as_fd())
    }

    /// Gives a file another name. One of a layer below is copied first: overlayfs knows no links from layer to layer.
    pub fn link(&mut self, path: &TreePath, target: &TreePath) -> Result<(), RootsError> {
        let failed = |problem: Errno| RootsError::file(path, problem);
        if path == target {
            return Ok(());
        }
        if !self.is_here(target)? {
            self.copy_up(target)?;
        }
        let parent = self.clear(path)?;
        let from = self.open(&target.parent())?;
        linkat(&from, name(target), &parent, name(path), AtFlags::empty()).map_err(failed)
    }

    /// Hides what the layers below have at a path.
    pub fn hide(&mut self, path: &TreePath) -> Result<(), RootsError> {
        let parent = self.clear(path)?;
        let failed = |problem: Errno| RootsError::file(path, problem);
        match self.form {
            Form::Overlay => mknodat(&parent, name(path), FileType::CharacterDevice, Mode::empty(), makedev(0, 0)).map_err(failed),
            Form::Names => mark(&parent, &hiding(path)).map_err(failed),
        }
    }

    /// Gives every folder what the index says of it. Folders that are here only as the way to something are as below.
    pub fn finish(mut self, index: &PathIndex) -> Result<(), RootsError> {
        self.parent = None;
        let implied = Node { kind: layer::index::NodeKind::Directory, mode: 0o755, uid: 0, gid: 0, mtime: 0, layer: 0 };
        for path in std::mem::take(&mut self.folders).iter().rev() {
            let node = index.at(path.bytes()).unwrap_or(&implied);
            let handle = self.open(path)?;
            self.set(path, (node.uid, node.gid), node.mode, node.mtime, handle.as_fd())?;
        }
        Ok(())
    }

    fn open(&self, path: &TreePath) -> Result<OwnedFd, RootsError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        beneath::open(self.root.as_fd(), path, flags).map_err(|problem| RootsError::file(path, problem))
    }

    fn is_here(&self, path: &TreePath) -> Result<bool, RootsError> {
        match beneath::open(self.root.as_fd(), path, OFlags::PATH) {
            Ok(found) => Ok(!is_mark(&found).map_err(|problem| RootsError::file(path, problem))?),
            Err(problem) if matches!(problem.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
            // A link is there as itself.
            Err(problem) if problem.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Ok(true),
            Err(problem) => Err(RootsError::file(path, problem)),
        }
    }

    /// Opens the folder that something is in, and makes it if need be.
    fn folder_of(&mut self, path: &TreePath) -> Result<Arc<OwnedFd>, RootsError> {
        let folder = path.parent();
        if let Some((open, handle)) = &self.parent
            && *open == folder
        {
            return Ok(Arc::clone(handle));
        }
        if !folder.is_root() && !self.folders.contains(&folder) {
            self.make_folder(&folder)?;
        }
        let handle = Arc::new(self.open(&folder)?);
        self.parent = Some((folder, Arc::clone(&handle)));
        Ok(handle)
    }

    /// Makes room for something that is no folder, and returns the folder that it goes into.
    fn clear(&mut self, path: &TreePath) -> Result<Arc<OwnedFd>, RootsError> {
        let parent = self.folder_of(path)?;
        if self.form == Form::Names {
            match unlinkat(&parent, hiding(path).as_slice(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(problem) => return Err(RootsError::file(path, problem)),
            }
        }
        match unlinkat(&parent, name(path), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR) => {
                self.folders.retain(|folder| folder != path && folder.below(path).is_none());
                let place = Path::new("/proc/self/fd").join(std::os::fd::AsRawFd::as_raw_fd(&*parent).to_string()).join(name(path));
                fs::remove_dir_all(place).map_err(|problem| RootsError::file(path, problem))?;
            }
            Err(problem) => return Err(RootsError::file(path, problem)),
        }
        Ok(parent)
    }

    fn make_folder(&mut self, path: &TreePath) -> Result<(), RootsError> {
        if self.folders.contains(path) {
            return Ok(());
        }
        let failed = |problem: Errno| RootsError::file(path, problem);
        let parent = self.folder_of(path)?;
        let hiding = hiding(path);
        let (mark, is_names) = if self.form == Form::Names { (OsStr::from_bytes(&hiding), true) } else { (name(path), false) };
        let was_hidden = match statat(&parent, mark, AtFlags::SYMLINK_NOFOLLOW) {
            // The layer itself took the folder below away before it made this one.
            Ok(found) => is_names || FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice && found.st_rdev == 0,
            Err(Errno::NOENT) => false,
            Err(problem) => return Err(failed(problem)),
        };
        self.clear(path)?;
        mkdirat(&parent, name(path), Mode::RWXU).map_err(failed)?;
        self.folders.insert(path.clone());
        if was_hidden {
            let handle = self.open(path)?;
            match self.form {
                Form::Overlay => {
                    let attribute = [self.standing.marks().prefix(), OPAQUE].concat();
                    fsetxattr(&handle, attribute.as_slice(), b"y", XattrFlags::empty()).map_err(failed)?;
                }
                Form::Names => self::mark(&handle, WHITEOUT_OPAQUE).map_err(failed)?,
            }
        }
        Ok(())
    }

    /// Copies a file from the uppermost layer below that has it.
    fn copy_up(&mut self, path: &TreePath) -> Result<(), RootsError> {
        let failed = |problem: io::Error| RootsError::file(path, problem);
        let from = self.below.iter().rev().find(|folder| fs::symlink_metadata(within(folder, path)).is_ok());
        let from = from.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        let handle = File::open(from).map_err(failed)?;
        if let Ok(target) = rustix::fs::readlinkat(&handle, path.bytes(), Vec::new()) {
            let stat = statat(&handle, path.bytes(), AtFlags::SYMLINK_NOFOLLOW).map_err(|problem| failed(problem.into()))?;
            let entry = Entry { uid: stat.st_uid.into(), gid: stat.st_gid.into(), mtime: stat.st_mtime, ..Entry::symlink("", "") };
            return self.symlink(path, &entry, target.as_bytes());
        }
        let file = beneath::open(handle.as_fd(), path, OFlags::RDONLY | OFlags::NONBLOCK).map_err(failed)?;
        let stat = fstat(&file).map_err(|problem| failed(problem.into()))?;
        let parent = self.clear(path)?;
        let mut copy = create(&parent, path)?;
        io::copy(&mut File::from(file), &mut copy).and_then(|_| copy.rewind()).map_err(failed)?;
        self.set(path, (stat.st_uid.into(), stat.st_gid.into()), stat.st_mode & 0o7777, stat.st_mtime, copy.as_fd())
    }

    fn dress(&self, path: &TreePath, entry: &Entry, handle: BorrowedFd<'_>) -> Result<(), RootsError> {
        self.set(path, (entry.uid, entry.gid), entry.mode, entry.mtime, handle)?;
        // Changing the owner would have taken the rights of a program.
        self.attributes(path, entry, handle)
    }

    fn set(&self, path: &TreePath, owner: (u64, u64), mode: u32, mtime: i64, handle: BorrowedFd<'_>) -> Result<(), RootsError> {
        if self.standing.has_owners() {
            let (uid, gid) = numbers(owner).ok_or_else(|| self.too_many(path, owner))?;
            match rustix::fs::fchown(handle, Some(uid), Some(gid)) {
                Err(Errno::INVAL) => return Err(self.too_many(path, owner)),
                other => other.map_err(|problem| RootsError::file(path, problem))?,
            }
        }
        let failed = |problem: Errno| RootsError::file(path, problem);
        // After the owner, which takes away what is set for others than the owner.
        fchmod(handle, Mode::from_raw_mode(mode)).map_err(failed)?;
        futimens(handle, &times(mtime)).map_err(failed)
    }

    fn own(&self, path: &TreePath, owner: (u64, u64), parent: BorrowedFd<'_>) -> Result<(), RootsError> {
        if !self.standing.has_owners() {
            return Ok(());
        }
        let (uid, gid) = numbers(owner).ok_or_else(|| self.too_many(path, owner))?;
        match chownat(parent, name(path), Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::INVAL) => Err(self.too_many(path, owner)),
            other => other.map_err(|problem| RootsError::file(path, problem)),
        }
    }

    fn date(&self, path: &TreePath, mtime: i64, parent: BorrowedFd<'_>) -> Result<(), RootsError> {
        let dated = utimensat(parent, name(path), &times(mtime), AtFlags::SYMLINK_NOFOLLOW);
        dated.map_err(|problem| RootsError::file(path, problem))
    }

    /// Sets extended attributes, as far as they mean something here: an overlay's own are none of an image's business, and
    /// those of other systems cannot be set on this one.
    fn attributes(&self, path: &TreePath, entry: &Entry, handle: BorrowedFd<'_>) -> Result<(), RootsError> {
        for (name, value) in &entry.xattrs {
            let is_mark = [&b"trusted.overlay."[..], b"user.overlay."].iter().any(|prefix| name.starts_with(prefix));
            if is_mark {
                continue;
            }
            match fsetxattr(handle, name.as_slice(), value, XattrFlags::empty()) {
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM | Errno::INVAL) => {}
                Err(problem) => return Err(RootsError::file(path, problem)),
            }
        }
        Ok(())
    }

    fn too_many(&self, path: &TreePath, (uid, gid): (u64, u64)) -> RootsError {
        RootsError::Owner { path: path.clone(), uid, gid }
    }
}

/// Gives everything in a folder that is newer than `newest` that time: what a folder is in comes after it.
pub(super) fn date_back(root: &Path, lay: &Lay, newest: i64) -> Result<(), RootsError> {
    let handle = File::open(root).map_err(|problem| RootsError::io(root, problem))?;
    let newer = lay.iter().rev().filter(|(_, laid)| laid.content != Content::Whiteout && laid.entry.mtime > newest);
    for (path, _) in newer {
        let parent = beneath::open(handle.as_fd(), &path.parent(), OFlags::RDONLY | OFlags::DIRECTORY);
        let dated = parent.and_then(|parent| Ok(utimensat(&parent, name(path), &times(newest), AtFlags::SYMLINK_NOFOLLOW)?));
        dated.map_err(|problem| RootsError::file(path, problem))?;
    }
    Ok(())
}

fn name(path: &TreePath) -> &OsStr {
    OsStr::from_bytes(path.name())
}

/// Returns the name that hides one.
fn hiding(path: &TreePath) -> Vec<u8> {
    [WHITEOUT, path.name()].concat()
}

/// Makes an empty file whose name says something.
fn mark(parent: &OwnedFd, name: &[u8]) -> rustix::io::Result<()> {
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty()).map(drop)
}

fn create(parent: &OwnedFd, path: &TreePath) -> Result<File, RootsError> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(parent, name(path), flags, Mode::RUSR | Mode::WUSR);
    file.map(File::from).map_err(|problem| RootsError::file(path, problem))
}

fn is_mark(file: &OwnedFd) -> Result<bool, Errno> {
    let stat = fstat(file)?;
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0)
}

fn numbers((uid, gid): (u64, u64)) -> Option<(Uid, Gid)> {
    // The last number means "nobody asked".
    let known = |number: u64| u32::try_from(number).ok().filter(|number| *number != u32::MAX);
    Some((Uid::from_raw(known(uid)?), Gid::from_raw(known(gid)?)))
}

fn times(mtime: i64) -> Timestamps {
    let time = Timespec { tv_sec: mtime, tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}
