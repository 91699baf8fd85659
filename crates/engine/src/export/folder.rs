//! Writes planned files below a folder of this machine.
//!
//! As BuildKit's local exporter does: files are merged into what is there, and belong to who writes them, root too. They have their
//! modes, with setuid, setgid and sticky, and their times. What stands where something else goes is never taken away unless a file
//! or a link takes the place of one.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use graph::TreePath;
use layer::tar::{Entry, EntryKind};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, XattrFlags, fchmod, fsetxattr, fstat, futimens, linkat, mkdirat, mknodat, openat, statat, symlinkat,
    utimensat,
};
use rustix::io::Errno;

use super::content::each_piece;
use super::error::ExportError;
use super::plan::Plan;
use super::root::{Beside, Root, name, times};
use super::thread::{Waited, on_thread};
use super::written::{LeftOut, Omission, Written};

/// Writes planned files below a folder, which is made if need be.
///
/// Before anything is written, everything is looked for that stands in the way. Each file, and each link, then comes to its place
/// whole; after an error, or where nobody waits any more, there are only whole ones.
///
/// # Errors
/// Names what is in the way, cannot be read, or cannot be written.
pub async fn write_folder(plan: Arc<Plan>, folder: &Path) -> Result<Written, ExportError> {
    plan.prepare().await?;
    let folder = folder.to_owned();
    on_thread(move |waited| {
        let root = Root::open(&folder)?;
        let mut writing = Writing { plan: &plan, root: &root, waited, written: Written::default(), parent: None, folders: Vec::new() };
        writing.look()?;
        let done = writing.all();
        // Also after an error: what was made writable for a while is so no longer.
        let finished = writing.finish_folders();
        done.and(finished)?;
        writing.written.left_out.sort_by(|one, two| one.path.cmp(&two.path));
        Ok(writing.written)
    })
    .await
}

struct Writing<'a> {
    plan: &'a Plan,
    root: &'a Root,
    waited: &'a Waited,
    written: Written,
    /// The folder that was written to last, opened.
    parent: Option<(TreePath, Arc<OwnedFd>)>,
    /// Those that are there by now, and whether they were before.
    folders: Vec<(TreePath, &'a Entry, WasThere)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WasThere {
    Yes,
    No,
}

impl<'a> Writing<'a> {
    /// Looks for what is in the way, and changes nothing.
    fn look(&mut self) -> Result<(), ExportError> {
        let mut missing: Option<&TreePath> = None;
        for (path, entry) in self.plan.items() {
            self.waited.check()?;
            if is_device(entry) || missing.is_some_and(|missing| path.below(missing).is_some()) {
                continue;
            }
            let is_folder = entry.kind == EntryKind::Directory;
            let parent = self.parent(path)?;
            if self.root.look(parent.as_fd(), path, is_folder)?.is_none() && is_folder {
                missing = Some(path);
            }
        }
        Ok(())
    }

    fn all(&mut self) -> Result<(), ExportError> {
        for (path, entry) in self.plan.items() {
            self.waited.check()?;
            if is_device(entry) {
                self.leave_out(path, Omission::Device);
                continue;
            }
            let parent = self.parent(path)?;
            let parent = parent.as_fd();
            match &entry.kind {
                EntryKind::Directory => self.folder(path, entry, parent)?,
                EntryKind::File { .. } => self.file(path, entry, parent)?,
                EntryKind::Symlink { target } => self.symlink(path, entry, target, parent)?,
                EntryKind::Hardlink { target } => self.hard_link(path, &TreePath::clean(target), parent)?,
                EntryKind::Fifo => self.fifo(path, entry, parent)?,
                EntryKind::CharDevice(_) | EntryKind::BlockDevice(_) => {}
            }
            self.written.entries += 1;
        }
        Ok(())
    }

    /// Opens the folder that something is in. A walk mostly stays in one.
    fn parent(&mut self, path: &TreePath) -> Result<Arc<OwnedFd>, ExportError> {
        let folder = path.parent();
        match &self.parent {
            Some((open, handle)) if *open == folder => Ok(Arc::clone(handle)),
            _ => {
                let handle = Arc::new(self.root.folder(&folder)?);
                self.parent = Some((folder, Arc::clone(&handle)));
                Ok(handle)
            }
        }
    }

    /// Makes a folder, or takes the one that is there. It gets its mode when all is in it: it may be one that nobody can write to.
    fn folder(&mut self, path: &TreePath, entry: &'a Entry, parent: BorrowedFd<'_>) -> Result<(), ExportError> {
        let failed = |problem: Errno| self.root.failed(path, problem);
        match mkdirat(parent, name(path), Mode::RWXU) {
            Ok(()) => self.folders.push((path.clone(), entry, WasThere::No)),
            Err(Errno::EXIST) => {
                self.root.look(parent, path, true)?;
                let handle = self.root.folder(path)?;
                let mode = Mode::from_raw_mode(fstat(&handle).map_err(failed)?.st_mode);
                if !mode.contains(Mode::RWXU) {
                    // Where it belongs to somebody else, whether files can be made in it shows soon.
                    let _ = fchmod(&handle, mode | Mode::RWXU);
                }
                self.folders.push((path.clone(), entry, WasThere::Yes));
            }
            Err(problem) => return Err(failed(problem)),
        }
        Ok(())
    }

    fn file(&mut self, path: &TreePath, entry: &Entry, parent: BorrowedFd<'_>) -> Result<(), ExportError> {
        let (beside, mut file) = Beside::file(parent, name(path)).map_err(|problem| self.root.failed(path, problem))?;
        if let Some((files, inside)) = self.plan.source(path) {
            each_piece(files, &inside, entry.size(), self.waited, &mut |bytes| {
                file.write_all(bytes).map_err(|problem| self.root.failed(path, problem))
            })?;
        }
        self.attributes(path, entry, file.as_fd());
        set(entry, file.as_fd()).map_err(|problem| self.root.failed(path, problem))?;
        beside.place(name(path)).map_err(|problem| self.root.failed(path, problem))?;
        self.written.bytes += entry.size();
        Ok(())
    }

    fn symlink(&self, path: &TreePath, entry: &Entry, target: &[u8], parent: BorrowedFd<'_>) -> Result<(), ExportError> {
        let made = Beside::make(parent, name(path), |name| symlinkat(target, parent, name)).and_then(|(beside, ())| {
            utimensat(parent, beside.name(), &times(entry.mtime), AtFlags::SYMLINK_NOFOLLOW)?;
            beside.place(name(path))
        });
        made.map_err(|problem| self.root.failed(path, problem))
    }

    /// Gives a file that was written another name.
    fn hard_link(&self, path: &TreePath, target: &TreePath, parent: BorrowedFd<'_>) -> Result<(), ExportError> {
        let from = self.root.folder(&target.parent())?;
        // Renaming one name of a file over another does nothing, and the first would stay.
        if let (Ok(one), Ok(other)) =
            (statat(&from, name(target), AtFlags::SYMLINK_NOFOLLOW), statat(parent, name(path), AtFlags::SYMLINK_NOFOLLOW))
            && (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
        {
            return Ok(());
        }
        let made = Beside::make(parent, name(path), |beside| linkat(&from, name(target), parent, beside, AtFlags::empty()));
        made.and_then(|(beside, ())| beside.place(name(path))).map_err(|problem| self.root.failed(path, problem))
    }

    fn fifo(&self, path: &TreePath, entry: &Entry, parent: BorrowedFd<'_>) -> Result<(), ExportError> {
        let failed = |problem| self.root.failed(path, problem);
        let make = |name: &str| mknodat(parent, name, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0);
        let (beside, ()) = Beside::make(parent, name(path), make).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = openat(parent, beside.name(), flags, Mode::empty()).map_err(|problem| failed(problem.into()))?;
        set(entry, handle.as_fd()).map_err(|problem| failed(problem.into()))?;
        beside.place(name(path)).map_err(failed)
    }

    /// Sets the attributes that mean something on another machine.
    fn attributes(&mut self, path: &TreePath, entry: &Entry, handle: BorrowedFd<'_>) {
        for (name, value) in &entry.xattrs {
            let may = name.starts_with(b"user.") || name == b"security.capability";
            if !may || fsetxattr(handle, name.as_slice(), value, XattrFlags::empty()).is_err() {
                self.leave_out(path, Omission::Attribute(String::from_utf8_lossy(name).into_owned()));
            }
        }
    }

    /// Gives all folders their modes and times, those that are in others first.
    fn finish_folders(&mut self) -> Result<(), ExportError> {
        let mut outcome = Ok(());
        self.parent = None;
        for (path, entry, was_there) in std::mem::take(&mut self.folders).into_iter().rev() {
            let finished = self.finish_folder(&path, entry, was_there);
            outcome = outcome.and(finished);
        }
        outcome
    }

    fn finish_folder(&mut self, path: &TreePath, entry: &Entry, was_there: WasThere) -> Result<(), ExportError> {
        let handle = self.root.folder(path)?;
        match set(entry, handle.as_fd()) {
            Err(Errno::PERM) if was_there == WasThere::Yes => self.leave_out(path, Omission::FolderOfOthers),
            Err(problem) => return Err(self.root.failed(path, problem)),
            Ok(()) => self.attributes(path, entry, handle.as_fd()),
        }
        Ok(())
    }

    fn leave_out(&mut self, path: &TreePath, what: Omission) {
        self.written.left_out.push(LeftOut { path: path.clone(), what });
    }
}

/// Sets the mode and the time. The owner is who writes: BuildKit has it so, for root too.
fn set(entry: &Entry, handle: BorrowedFd<'_>) -> rustix::io::Result<()> {
    fchmod(handle, Mode::from_raw_mode(entry.mode))?;
    futimens(handle, &times(entry.mtime))
}

const fn is_device(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::CharDevice(_) | EntryKind::BlockDevice(_))
}
