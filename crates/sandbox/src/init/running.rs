//! The process, seen from outside: what it says on its way, and its end.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, getpgid, kill_process, pidfd_open, pidfd_send_signal, waitid, waitpid,
};

use super::follower::Follower;
use super::registrar::Office;
use super::{heeding, root, stubs};
use crate::cgroup::{Cgroups, Kills};
use crate::channel::Channel;
use crate::kernel::send_signal;
use crate::limitation::Limitation;
use crate::report::{Order, Stub, Word};
use crate::{Exit, SandboxError, Spec};

/// What there is besides, for the process.
pub(super) struct Beside {
    /// What holds it.
    pub cgroups: Cgroups,
    /// Who answers for users that do not exist.
    pub registrar: Option<Office>,
    /// Who follows it, where it is emulated.
    pub follower: Option<Follower>,
}

/// A process that was forked.
pub(super) struct Running<'a> {
    pid: Pid,
    process: OwnedFd,
    root: OwnedFd,
    spec: &'a Spec,
    caller: &'a Channel,
    stubs: Vec<Stub>,
    /// It has become the program that was wanted.
    runs: bool,
    killed: bool,
    /// The signal that ended it, where the kernel would not have passed it on.
    ended_by: Option<i32>,
    cgroups: Cgroups,
    kills: Kills,
    registrar: Option<Office>,
    follower: Option<Follower>,
}

impl<'a> Running<'a> {
    /// Takes over a process.
    pub fn new(pid: Pid, root: OwnedFd, spec: &'a Spec, beside: Beside, caller: &'a Channel) -> Result<Self, SandboxError> {
        let process = pidfd_open(pid, PidfdFlags::empty()).map_err(|cause| {
            // Nobody has waited for it, so that it is still this process which has the number.
            let _ = kill_process(pid, Signal::KILL).and_then(|()| waitpid(Some(pid), WaitOptions::empty()).map(drop));
            Limitation::Kernel.because()(cause)
        })?;
        let Beside { cgroups, registrar, follower } = beside;
        let kills = Kills::begin(cgroups.kills());
        let stubs = Vec::new();
        let (runs, killed, ended_by) = (false, false, None);
        Ok(Self { pid, process, root, spec, caller, stubs, runs, killed, ended_by, cgroups, kills, registrar, follower })
    }

    /// Hears what it says until it has become another program, which closes the channel.
    pub fn listen(&mut self, words: &Channel) -> Result<(), SandboxError> {
        loop {
            self.attend(words.as_fd())?;
            match words.hear() {
                Ok(None) if self.killed => return Err(SandboxError::Killed),
                Ok(None) => {
                    self.runs = true;
                    return Ok(());
                }
                Ok(Some((Word::Stub(stub), _))) => self.stubs.push(stub),
                Ok(Some((Word::NoStub, _))) => drop(self.stubs.pop()),
                Ok(Some((Word::Listener, handed))) => {
                    let (listener, office) = handed.first().zip(self.registrar.as_ref()).ok_or(SandboxError::Lost)?;
                    office.begin(listener.as_fd(), self.pid)?;
                }
                Ok(Some((Word::Follow, _))) => {
                    let follower = self.follower.as_ref().ok_or(SandboxError::Lost)?;
                    let refused = follower.begin(self.pid).err();
                    // It may have been killed meanwhile, which is heard next.
                    let _ = words.say(&refused.is_none(), &[]);
                    if let Some(reason) = refused {
                        if self.spec.emulation.as_ref().is_some_and(|emulation| emulation.is_strict) {
                            return Err(reason);
                        }
                        // A caller that is gone is noticed in a moment.
                        let _ = self.caller.say(&Word::Unfollowed(reason), &[]);
                    }
                }
                Ok(Some((Word::NoCgroups, _))) => self.kills = Kills::begin(None),
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

    /// Waits until the process ends, and takes away what was made for it. Returns whose files should be, as a document, where
    /// somebody has kept a register of that.
    pub fn wait(mut self) -> Result<(Exit, Option<OwnedFd>), SandboxError> {
        let process = self.process.try_clone().map_err(Limitation::Kernel.because())?;
        self.attend(process.as_fd())?;
        let status = waitid(WaitId::PidFd(process.as_fd()), WaitIdOptions::EXITED).map_err(Limitation::Kernel.because());
        let for_memory = self.kills.any();
        let (killed, exact, ended_by) = (self.killed, self.kills.exact, self.ended_by);
        let owners = self.leave()?;
        let status = status?.ok_or(SandboxError::Lost)?;
        let exit = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(_)) if killed => return Ok((Exit::Killed, owners)),
            (None, Some(signal)) => Exit::Signal(ended_by.unwrap_or(signal)),
            (None, None) => return Err(SandboxError::Lost),
        };
        // What was killed elsewhere on the machine says something only if something here was killed by nobody that we know.
        let told = if exact { !exit.is_success() } else { exit.status() == Exit::Killed.status() };
        Ok((if for_memory && told { Exit::OutOfMemory(exit.status()) } else { exit }, owners))
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
                    Ok(Some((Order::Signal(number), _))) => self.signal(number),
                    Ok(Some((Order::Typed { number, group }, _open))) => self.typed(number, group),
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

    /// Sends it a signal. One that would end any other process ends this one, too: the kernel keeps from the first process of a
    /// namespace what it did not ask for.
    fn signal(&mut self, number: i32) {
        if self.runs && heeding::ends(self.pid, number) {
            self.end_by(number);
        } else {
            // It may have ended by now, and there may be no such signal.
            let _ = send_signal(self.process.as_fd(), number);
        }
    }

    /// Does what the kernel would leave out of a signal that a terminal sends to a group of processes.
    fn typed(&mut self, number: i32, group: i32) {
        let is_own = getpgid(Some(self.pid)).is_ok_and(|own| own.as_raw_nonzero().get() == group);
        if self.runs && is_own && heeding::ends(self.pid, number) {
            self.end_by(number);
        }
    }

    fn end_by(&mut self, number: i32) {
        // It may have ended by now, in which case it was not this.
        if pidfd_send_signal(&self.process, Signal::KILL).is_ok() {
            self.ended_by.get_or_insert(number);
        }
    }

    /// Ends a process that did not become the one that was wanted, and takes away what was made for it.
    pub fn clean(self) {
        // It is ours and may have ended by itself: there is nothing that could fail, and nobody to tell.
        let _ = pidfd_send_signal(&self.process, Signal::KILL);
        let _ = waitid(WaitId::PidFd(self.process.as_fd()), WaitIdOptions::EXITED);
        let _ = self.leave();
    }

    /// Takes away what was made for the process, once everything of it is gone. Returns what the registrar has to say.
    fn leave(self) -> Result<Option<OwnedFd>, SandboxError> {
        let owners = self.registrar.map(|office| office.close().ok_or(SandboxError::Lost)).transpose();
        drop(self.follower);
        stubs::remove(&self.root, &self.stubs);
        drop(self.root);
        root::tidy(&self.spec.root);
        drop(self.cgroups);
        owners
    }
}
