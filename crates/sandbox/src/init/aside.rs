//! A process beside the init, which does something for the sandbox's processes. It is none of those: they end with the first.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{Pid, Signal, WaitOptions, getppid, kill_process, set_parent_process_death_signal, waitpid};
use rustix::stdio::{dup2_stderr, dup2_stdout};

use crate::SandboxError;
use crate::channel::Channel;
use crate::kernel::{Fork, close_all_but, fork};
use crate::limitation::Limitation;

/// Such a process, as the init has it.
pub(super) struct Aside {
    process: Pid,
    /// What is said to it, and what it says.
    pub words: Channel,
}

impl Aside {
    /// Begins one that does `work` until that is done; what it fails with is this limitation.
    pub fn begin(failed: Limitation, work: impl FnOnce(&Own<'_>) -> io::Result<()>) -> Result<Self, SandboxError> {
        let init = rustix::process::getpid();
        let (words, theirs) = Channel::pair().map_err(failed.because())?;
        match fork().map_err(failed.because())? {
            Fork::Child => {
                drop(words);
                let ended = outlive_nobody(init).and_then(|()| work(&Own { words: &theirs }));
                std::process::exit(if ended.is_ok() { 0 } else { 1 })
            }
            Fork::Parent(process) => Ok(Self { process, words }),
        }
    }

    /// Ends it, whatever it does.
    pub fn kill(&self) {
        // Nobody has waited for it, so that it is still this process which has the number.
        let _ = kill_process(self.process, Signal::KILL);
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = self.words.fall_silent();
        // It has nothing open in the root any more when it has ended.
        let _ = waitpid(Some(self.process), WaitOptions::empty());
    }
}

/// What the process has itself.
pub(super) struct Own<'a> {
    /// What the init says, and what is said to it.
    pub words: &'a Channel,
}

impl Own<'_> {
    /// Lets go of whatever is open but this, and of the ends of the output of the sandbox's processes, so that the streams end with those.
    pub fn keep(&self, kept: &[BorrowedFd<'_>]) -> io::Result<()> {
        let kept: Vec<BorrowedFd<'_>> = kept.iter().copied().chain([self.words.as_fd()]).collect();
        close_all_but(&kept)?;
        let null = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        dup2_stdout(&null).and_then(|()| dup2_stderr(&null))?;
        Ok(())
    }
}

/// Ends with the init.
fn outlive_nobody(init: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() == Some(init) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}
