//! What this machine does not have at all, found out once something has failed.

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, MoveMountFlags, OpenTreeFlags, move_mount, open_tree};

use super::mounts::{INERT, made};
use super::within::open_as;
use crate::kernel::{Reach, set_attributes};
use crate::limitation::Limitation;
use crate::{Cause, SandboxError};

/// Names the calls that are missing, where an error comes of that. A kernel that is too old has no such call, and a filter, as in a
/// container, permits none that it does not know.
pub(super) fn explain(error: SandboxError) -> SandboxError {
    let cause = match &error {
        SandboxError::Refused { limitation: Limitation::Overlay | Limitation::Root | Limitation::Proc, cause } => *cause,
        SandboxError::Mount { cause, .. } | SandboxError::Folder { cause, .. } => *cause,
        // What may fail for other reasons, such as that the rights are given up by then.
        _ => return error,
    };
    if !is_refusal(cause) {
        return error;
    }
    let root = openat(CWD, "/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    if let Some(cause) = refused(root.and_then(|root| open_as(&root, b"/", OFlags::PATH, ResolveFlags::IN_ROOT))) {
        return Limitation::Paths.because()(cause);
    }
    let nothing = || made("tmpfs", &[], INERT);
    let calls = [
        refused(nothing()),
        refused(nothing().and_then(|mount| open_tree(mount, "", OpenTreeFlags::AT_EMPTY_PATH | OpenTreeFlags::OPEN_TREE_CLOEXEC))),
        // These fail, and in another way if they are there.
        refused(move_mount(CWD, "", CWD, "", MoveMountFlags::empty())),
        refused(nothing().and_then(|mount| {
            let set = set_attributes(&mount, MountAttrFlags::MOUNT_ATTR_RDONLY, Reach::Top);
            set.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
        })),
    ];
    match calls.into_iter().flatten().next() {
        Some(cause) => Limitation::Mounts.because()(cause),
        None => error,
    }
}

fn refused<T>(result: Result<T, Errno>) -> Option<Cause> {
    result.err().map(Cause::from).filter(|cause| is_refusal(*cause))
}

fn is_refusal(cause: Cause) -> bool {
    [libc::ENOSYS, libc::EPERM].contains(&cause.number())
}
