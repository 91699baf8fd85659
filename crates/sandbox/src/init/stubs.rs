//! Taking away what was made for mounts, as if it had never been.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, OFlags, ResolveFlags, futimens, statat, unlinkat};
use rustix::io::Errno;

use super::within::{open_as, times_of};
use crate::report::Stub;

/// Removes what is still empty, the last first, and sets the times of its folder back.
///
/// What the process has put there or replaced stays, and so does what cannot be removed: it is the process's own then.
pub(super) fn remove(root: &OwnedFd, stubs: &[Stub]) {
    for stub in stubs.iter().rev() {
        let _ = remove_one(root, stub);
    }
}

fn remove_one(root: &OwnedFd, stub: &Stub) -> Result<(), Errno> {
    let folder = open_as(root, &stub.folder, OFlags::RDONLY | OFlags::DIRECTORY, ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS)?;
    let name = stub.name.as_slice();
    let status = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let kind = FileType::from_raw_mode(status.st_mode);
    let times = times_of(&folder)?;
    match (stub.is_folder, kind) {
        // The kernel refuses a folder that is not empty.
        (true, FileType::Directory) => unlinkat(&folder, name, AtFlags::REMOVEDIR)?,
        (false, FileType::RegularFile) if status.st_size == 0 => unlinkat(&folder, name, AtFlags::empty())?,
        _ => return Ok(()),
    }
    futimens(&folder, &times)
}
