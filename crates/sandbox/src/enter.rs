//! Moving this program itself into a user namespace, in which it is root.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Pid, WaitOptions, geteuid, waitpid};
use rustix::thread::{CapabilitySet, LinkNameSpaceType, UnshareFlags, capabilities, move_into_link_name_space};

use crate::accounts;
use crate::channel::Channel;
use crate::kernel::{Fork, fork, leave};
use crate::limitation::Limitation;
use crate::report::Word;
use crate::{SandboxError, Users};

/// The user namespace that every machine begins with (Linux, `PROC_USER_INIT_INO`). What is registered there holds for the machine.
const FIRST_NAMESPACE: &str = "user:[4026531837]";

/// Tells whether this program is root here, of the machine or of a user namespace: it may make mounts and namespaces, so there is
/// nothing to [`enter`].
pub fn is_root() -> bool {
    geteuid().is_root() && capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// Tells whether this program is root of the machine itself, not of a user namespace, a container's for one, which may have every user
/// of the machine: what it registers holds for the machine, and it may write attributes that are `trusted`.
pub fn is_root_of_machine() -> bool {
    is_root() && is_in_first_namespace().unwrap_or(false)
}

/// Tells whether this program is in the machine's own user namespace.
pub(crate) fn is_in_first_namespace() -> io::Result<bool> {
    Ok(std::fs::read_link("/proc/self/ns/user")?.as_os_str() == FIRST_NAMESPACE)
}

/// Moves this program into a user namespace of its own, as its root, with every capability there.
///
/// From then on it reads and writes files as that root, makes overlays of them, and starts sandboxes with [`Users::Same`]. Its
/// other groups stay, so it opens what it could open before. There is no way back.
///
/// Must be called while this program has one thread, right after [`init_if_asked`](crate::init_if_asked). In `users`, 0 should
/// stand for the caller; [`Users::Same`] changes nothing.
///
/// # Errors
/// [`SandboxError::Refused`] if this machine does not allow it, or in part only. Nothing has changed then: the namespace is made
/// and tried out by another process, and entered when it is known to be good.
pub fn enter(users: &Users) -> Result<(), SandboxError> {
    if *users == Users::Same {
        return Ok(());
    }
    let failed = Limitation::UserNamespace;
    let (ours, theirs) = Channel::pair().map_err(failed.because())?;
    match fork().map_err(failed.because())? {
        Fork::Child => {
            drop(ours);
            // If nobody hears it, there is nobody to enter either.
            let _ = stand_by(users, &theirs);
            std::process::exit(0)
        }
        Fork::Parent(pioneer) => {
            drop(theirs);
            let entered = follow(pioneer, &ours);
            drop(ours);
            // It ends by itself now, with the last word on whether there is a namespace already said.
            let _ = waitpid(Some(pioneer), WaitOptions::empty());
            entered?;
            accounts::become_root().map_err(failed.because())
        }
    }
}

/// Makes the namespace and tries it out, says how that went, and keeps it until it was entered.
fn stand_by(users: &Users, caller: &Channel) -> io::Result<()> {
    let word = accounts::enter(users).and_then(|()| try_out()).map_or_else(Word::Failed, |()| Word::Running);
    caller.say(&word, &[])?;
    // Nothing more is said, so this hears the end.
    caller.hear::<Word>().map(drop)
}

/// Does what takes rights. Ubuntu lets anybody make a user namespace, and gives no capability in it.
fn try_out() -> Result<(), SandboxError> {
    let failed = Limitation::UserNamespace;
    leave(UnshareFlags::NEWNS).map_err(failed.because())?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).map_err(failed.because())?;
    mount("tmpfs", "/", "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, None).map_err(failed.because())
}

/// Enters the namespace of another process, once that says that it is good.
fn follow(pioneer: Pid, channel: &Channel) -> Result<(), SandboxError> {
    match channel.hear() {
        Ok(Some((Word::Running, _))) => {}
        Ok(Some((Word::Failed(error), _))) => return Err(error),
        _ => return Err(SandboxError::Lost),
    }
    let failed = Limitation::UserNamespace;
    let namespace = File::open(format!("/proc/{}/ns/user", pioneer.as_raw_nonzero())).map_err(failed.because())?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::User)).map_err(failed.because())
}
