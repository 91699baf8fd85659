//! Opening a root as a mount that is nowhere yet.

use std::ffi::{CString, OsString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, MountFlags, OpenTreeFlags, UnmountFlags, mount, open_tree, unmount};
use rustix::process::chdir;

use crate::enter::is_root_of_machine;
use crate::kernel::{Reach, set_attributes};
use crate::limitation::Limitation;
use crate::{Root, SandboxError, Upper};

/// Opens a root: a clone of a folder, or folders over each other.
pub(super) fn open(root: &Root) -> Result<OwnedFd, SandboxError> {
    match root {
        Root::Folder(folder) => {
            let failed =
                |cause: Errno| SandboxError::Mount { what: folder.display().to_string(), target: "/".to_owned(), cause: cause.into() };
            open_tree(CWD, folder, clone() | OpenTreeFlags::AT_RECURSIVE).map_err(failed)
        }
        Root::Overlay { lowers, upper: None } if lowers.len() == 1 => {
            let only = open(&Root::Folder(lowers.first().cloned().unwrap_or_default()))?;
            set_attributes(&only, MountAttrFlags::MOUNT_ATTR_RDONLY, Reach::Whole).map_err(Limitation::Overlay.because())?;
            Ok(only)
        }
        Root::Overlay { lowers, upper } => overlay(lowers, upper.as_ref()).map_err(Limitation::Overlay.because()),
    }
}

/// Lays folders over each other by `mount(2)`: up to Linux 6.6, no other call takes more than 255 bytes of their names.
///
/// Its text is a page at most, in which 500 layers have to be. So each folder is opened, and is called by its number, as seen from the
/// folder of what is open. Then a colon or a comma in a path means nothing, either.
fn overlay(lowers: &[OsString], upper: Option<&Upper>) -> Result<OwnedFd, Errno> {
    let folder = |path: &OsString| openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let opened = lowers.iter().map(folder).collect::<Result<Vec<_>, _>>()?;
    let numbers: Vec<String> = opened.iter().map(|folder| folder.as_raw_fd().to_string()).collect();
    let changed = upper.map(|upper| Ok((folder(&upper.folder)?, folder(&upper.work)?))).transpose()?;
    let mut text = format!("lowerdir={},{}", numbers.join(":"), options());
    if let Some((upper, work)) = &changed {
        text.push_str(&format!(",upperdir={},workdir={}", upper.as_raw_fd(), work.as_raw_fd()));
    }
    // It has to be somewhere before it can be nowhere, and this place is ours: nobody else sees what we mount.
    let place = lowers.first().ok_or(Errno::INVAL)?;
    let over = |text: &str| {
        let text = CString::new(text).map_err(|_| Errno::INVAL)?;
        mount("overlay", place, "overlay", MountFlags::empty(), Some(text.as_c_str()))
    };
    chdir("/proc/self/fd")?;
    // Else everything that anybody has written to the disk is waited for when it ends. Kernels before 5.10 know no other way.
    let mounted = if upper.is_some() { over(&format!("{text},volatile")).or_else(|_| over(&text)) } else { over(&text) };
    chdir("/")?;
    mounted?;
    let root = open_tree(CWD, place, clone());
    unmount(place, UnmountFlags::DETACH)?;
    root
}

/// How folders are laid over each other. What the upper one holds afterwards must be read by others than the kernel: no redirects, no
/// files without content. With `userxattr`, which a user namespace needs, there are none, and the kernel refuses to be told so.
fn options() -> &'static str {
    if is_root_of_machine() { "index=off,metacopy=off,redirect_dir=off" } else { "index=off,userxattr" }
}

/// Takes away what the kernel leaves in the work folder of an overlay that is gone: a folder that nobody may look into, which
/// would be in the way of who removes the rest, with the whiteout that it has kept for more of them.
pub(super) fn tidy(root: &Root) {
    if let Root::Overlay { upper: Some(upper), .. } = root {
        // It is the caller's to remove, and no worse than before if it cannot be removed here.
        let _ = std::fs::remove_dir_all(Path::new(&upper.work).join("work"));
    }
}

/// How a tree is cloned.
pub(super) const fn clone() -> OpenTreeFlags {
    OpenTreeFlags::OPEN_TREE_CLONE.union(OpenTreeFlags::OPEN_TREE_CLOEXEC)
}
