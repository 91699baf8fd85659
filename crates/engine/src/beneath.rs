//! Opens files below a folder without following a single link: what was a file when it was looked at may
//! be a link to anywhere by now.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use graph::TreePath;
use rustix::fs::{Mode, OFlags, openat};

/// How long a path may be, in bytes (Linux, `PATH_MAX`, with the zero at its end).
#[cfg(target_os = "linux")]
const LONGEST: usize = 4095;

/// Opens a folder or a file below `root`.
pub(crate) fn open(root: BorrowedFd<'_>, path: &TreePath, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    #[cfg(target_os = "linux")]
    match at_once(root, path, flags) {
        // Linux before 5.6, and sandboxes that do not know the call (EPERM).
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {}
        opened => return Ok(opened?),
    }
    step_by_step(root, path, flags)
}

#[cfg(target_os = "linux")]
fn at_once(root: BorrowedFd<'_>, path: &TreePath, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    use rustix::fs::{ResolveFlags, openat2};
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let folders = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at: Option<OwnedFd> = None;
    let mut rest = path.bytes();
    // The kernel takes no longer path at once.
    while let Some(end) = rest.get(..LONGEST).and_then(|begin| begin.iter().rposition(|byte| *byte == b'/')) {
        let (begin, behind) = rest.split_at(end);
        at = Some(openat2(at.as_ref().map_or(root, AsFd::as_fd), OsStr::from_bytes(begin), folders, Mode::empty(), resolve)?);
        rest = behind.get(1..).unwrap_or_default();
    }
    let name = if rest.is_empty() { OsStr::new(".") } else { OsStr::from_bytes(rest) };
    openat2(at.as_ref().map_or(root, AsFd::as_fd), name, flags, Mode::empty(), resolve)
}

/// One part after the other, each of which must be a folder and no link.
fn step_by_step(root: BorrowedFd<'_>, path: &TreePath, flags: OFlags) -> io::Result<OwnedFd> {
    let mut at: Option<OwnedFd> = None;
    let folders = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for above in path.ancestors() {
        let next = openat(at.as_ref().map_or(root, AsFd::as_fd), OsStr::from_bytes(above.name()), folders, Mode::empty())?;
        at = Some(next);
    }
    let name = if path.is_root() { OsStr::new(".") } else { OsStr::from_bytes(path.name()) };
    Ok(openat(at.as_ref().map_or(root, AsFd::as_fd), name, flags, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_is_followed_by_either_way() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/file"), "x").unwrap();
        fs::write(home.path().join("secret"), "s").unwrap();
        symlink("../secret", root.join("out")).unwrap();
        symlink("a", root.join("in")).unwrap();
        let handle = fs::File::open(&root).unwrap();
        type Open = fn(BorrowedFd<'_>, &TreePath, OFlags) -> io::Result<OwnedFd>;
        let both: [Open; 2] = [open, |root, path, flags| step_by_step(root, path, flags | OFlags::NOFOLLOW)];
        for open in both {
            let opens = |path: &str| open(handle.as_fd(), &path.into(), OFlags::RDONLY).is_ok();
            assert!(opens("a/b/file") && opens("a/b") && opens(""));
            assert!(!opens("out") && !opens("in") && !opens("in/b/file") && !opens("none"));
        }
    }
}
