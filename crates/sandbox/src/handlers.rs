//! Handlers of programs of other machines that hold in this program's user namespace alone (binfmt_misc, Linux 6.7).

use std::io;
use std::os::fd::OwnedFd;
use std::thread;

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::write;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};
use rustix::system::uname;
use rustix::thread::UnshareFlags;

use crate::channel::Channel;
use crate::enter::is_in_first_namespace;
use crate::kernel::{Fork, fork, leave};
use crate::limitation::Limitation;
use crate::report::Word;
use crate::{SandboxError, Users, accounts};
use rustix::process::{WaitOptions, waitpid};

/// The first Linux that has them, major and minor.
const FIRST_KERNEL: (u32, u32) = (6, 7);

/// Handlers that were registered. They are gone with this value, and nothing comes in their place: while it lives and after, none of
/// the machine's own handlers is seen from this user namespace any more.
#[derive(Debug)]
pub struct PrivateHandlers(#[expect(dead_code, reason = "it is kept open")] OwnedFd);

impl PrivateHandlers {
    /// Tells whether this kernel knows them. One that does may have been built without.
    pub fn are_known() -> bool {
        let system = uname();
        let release = system.release().to_string_lossy();
        let mut numbers = release.split(|character: char| !character.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= FIRST_KERNEL
    }

    /// Finds out whether there can be any, by another process that enters a user namespace of these users for it. Nothing becomes of
    /// this program. Must be called while it has one thread.
    ///
    /// # Errors
    /// What [`enter`](crate::enter) or [`register`](Self::register) would return.
    pub fn attempt(users: &Users) -> Result<(), SandboxError> {
        let failed = Limitation::Handlers;
        let (ours, theirs) = Channel::pair().map_err(failed.because())?;
        match fork().map_err(failed.because())? {
            Fork::Child => {
                drop(ours);
                let attempted = accounts::enter(users).and_then(|()| Self::register(&[]).map(drop));
                // If nobody hears it, nobody wants to know.
                let _ = theirs.say(&attempted.map_or_else(Word::Failed, |()| Word::Running), &[]);
                std::process::exit(0)
            }
            Fork::Parent(other) => {
                drop(theirs);
                let heard = ours.hear();
                let _ = waitpid(Some(other), WaitOptions::empty());
                match heard {
                    Ok(Some((Word::Running, _))) => Ok(()),
                    Ok(Some((Word::Failed(error), _))) => Err(error),
                    _ => Err(SandboxError::Lost),
                }
            }
        }
    }

    /// Registers handlers for every process in this program's user namespace, which it has [entered](crate::enter): a line for each,
    /// as the kernel's file `register` takes it (Linux, Documentation/admin-guide/binfmt-misc.rst).
    ///
    /// # Errors
    /// [`SandboxError::Refused`] if this is the machine's own namespace, if the kernel has no such handlers, or if it refuses a line.
    pub fn register(lines: &[Vec<u8>]) -> Result<Self, SandboxError> {
        let failed = Limitation::Handlers;
        if is_in_first_namespace().map_err(failed.because())? {
            return Err(failed.because()(io::Error::from_raw_os_error(libc::EPERM)));
        }
        let instance = thread::scope(|scope| scope.spawn(instance).join()).unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
        let instance = instance.map_err(failed.because())?;
        let register = openat(&instance, "register", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).map_err(failed.because())?;
        for line in lines {
            // The kernel takes one by one, each whole.
            write(&register, line).map_err(failed.because())?;
        }
        Ok(Self(instance))
    }
}

/// Makes the instance of this user namespace, on a thread of its own: whoever mounts has to be in a namespace of mounts that belongs to
/// the user namespace, and nobody else here wants to be.
fn instance() -> io::Result<OwnedFd> {
    leave(UnshareFlags::NEWNS)?;
    let system = fsopen("binfmt_misc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&system)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    Ok(fsmount(&system, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}
