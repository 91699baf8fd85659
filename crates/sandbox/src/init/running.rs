//! The process, seen from outside: what it says on its way, and its end.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid};

use super::{root, stubs};
use crate::channel::Channel;
use crate::error::Limitation;
use crate::kernel::send_signal;
use crate::report::{Order, Stub, Word};
use crate::{Exit, SandboxError, Spec};

/// A process that was forked.
pub(super) struct Running<'a> {
    process: OwnedFd,
    root: OwnedFd,
    spec: &'a Spec,
    caller: &'a Channel,
    stubs: Vec<Stub>,
    killed: bool,
}

impl<'a> Running<'a> {
    /// Takes over a process.
    pub fn new(pid: Pid, root: OwnedFd, spec: &'a Spec, caller: &'a Channel) -> Result<Self, SandboxError> {
        let process = pidfd_open(pid, PidfdFlags::empty()).map_err(Limitation::Kernel.because())?;
        Ok(Self { process, root, spec, caller, stubs: Vec::new(), killed: false })
    }

    /// Hears what it says until it has become another program, which closes the channel.
    pub fn listen(&mut self, words: &Channel) -> Result<(), SandboxError> {
        loop {
            self.attend(words.as_fd())?;
            match words.hear() {
                Ok(None) if self.killed => return Err(SandboxError::Killed),
                Ok(None) => return Ok(()),
                Ok(Some((Word::Stub(stub), _))) => self.stubs.push(stub),
                Ok(Some((Word::NoStub, _))) => drop(self.stubs.pop()),
                Ok(Some((Word::Terminal, handed))) => {
                    let handed: Vec<BorrowedFd<'_>> = handed.iter().map(AsFd::as_fd).collect();
                    // A caller that is gone is noticed in a moment.
                    let _ = self.caller.say(&Word::Terminal, &handed);
                }
                Ok(Some((Word::Failed(error), _))) => return Err(error),
                Ok(Some(_)) | Err(_) => return Err(SandboxError::Lost),
            }
        }
    }

    /// Waits until the process ends, and takes away what was made for it.
    pub fn wait(mut self) -> Result<Exit, SandboxError> {
        let process = self.process.try_clone().map_err(Limitation::Kernel.because())?;
        self.attend(process.as_fd())?;
        let killed = self.killed;
        let status = self.leave()?.ok_or(SandboxError::Lost)?;
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Ok(Exit::Code(code)),
            (None, Some(_)) if killed => Ok(Exit::Killed),
            (None, Some(signal)) => Ok(Exit::Signal(signal)),
            (None, None) => Err(SandboxError::Lost),
        }
    }

    /// Does what the caller says until something else can be read. Kills the process when the caller is gone or falls silent.
    fn attend(&mut self, other: BorrowedFd<'_>) -> Result<(), SandboxError> {
        let failed = Limitation::Kernel;
        loop {
            let mut watched = vec![PollFd::new(&other, PollFlags::IN)];
            if !self.killed {
                watched.push(PollFd::new(self.caller, PollFlags::IN));
            }
            match poll(&mut watched, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(failed.because()(error)),
            }
            let ready: Vec<bool> = watched.iter().map(|watched| !watched.revents().is_empty()).collect();
            if ready.get(1) == Some(&true) {
                match self.caller.hear() {
                    // It may have ended by now, and there may be no such signal.
                    Ok(Some((Order::Signal(number), _))) => drop(send_signal(self.process.as_fd(), number)),
                    _ => {
                        pidfd_send_signal(&self.process, Signal::KILL).map_err(failed.because())?;
                        self.killed = true;
                    }
                }
            }
            if ready.first() == Some(&true) {
                return Ok(());
            }
        }
    }

    /// Ends a process that did not become the one that was wanted, and takes away what was made for it.
    pub fn clean(self) {
        // It is ours and may have ended by itself: there is nothing that could fail, and nobody to tell.
        let _ = pidfd_send_signal(&self.process, Signal::KILL);
        let _ = self.leave();
    }

    /// Waits for the end, then takes away what was made, since everything of it is gone.
    fn leave(self) -> Result<Option<rustix::process::WaitIdStatus>, SandboxError> {
        let status = waitid(WaitId::PidFd(self.process.as_fd()), WaitIdOptions::EXITED).map_err(Limitation::Kernel.because());
        stubs::remove(&self.root, &self.stubs);
        drop(self.root);
        root::tidy(&self.spec.root);
        status
    }
}
