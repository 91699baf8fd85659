//! Opening a root as a mount that is nowhere yet.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen,
    open_tree,
};

use crate::error::Limitation;
use crate::kernel::{Reach, set_attributes};
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

fn overlay(lowers: &[OsString], upper: Option<&Upper>) -> Result<OwnedFd, Errno> {
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", "overlay")?;
    // One after the other, since a list in one text may have 255 bytes only.
    for lower in lowers {
        fsconfig_set_string(&context, "lowerdir+", lower)?;
    }
    if let Some(upper) = upper {
        fsconfig_set_string(&context, "upperdir", &upper.folder)?;
        fsconfig_set_string(&context, "workdir", &upper.work)?;
    }
    // What the upper folder holds afterwards must be read by others than the kernel: no redirects, no files without content.
    // With `userxattr` there are none, and the kernel refuses to be told so.
    fsconfig_set_string(&context, "index", "off")?;
    if owns_the_machine() {
        fsconfig_set_string(&context, "metacopy", "off")?;
        fsconfig_set_string(&context, "redirect_dir", "off")?;
    } else {
        fsconfig_set_flag(&context, "userxattr")?;
    }
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}

/// Takes away what the kernel leaves in the work folder of an overlay that is gone: a folder that nobody may look into, which
/// would be in the way of who removes the rest, with the whiteout that it has kept for more of them.
pub(super) fn tidy(root: &Root) {
    if let Root::Overlay { upper: Some(upper), .. } = root {
        // It is the caller's to remove, and no worse than before if it cannot be removed here.
        let _ = std::fs::remove_dir_all(Path::new(&upper.work).join("work"));
    }
}

/// Tells whether this is the first user namespace, whose root may write attributes that are `trusted`.
fn owns_the_machine() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// How a tree is cloned.
pub(super) const fn clone() -> OpenTreeFlags {
    OpenTreeFlags::OPEN_TREE_CLONE.union(OpenTreeFlags::OPEN_TREE_CLOEXEC)
}
