//! The follower: a process beside the init that has an emulator run what emulated programs start.
//!
//! An emulator leaves that to the kernel, which knows nothing to do with programs of another machine. So the kernel stops whoever is about
//! to become another program, by a seccomp filter, and the follower looks at which one that is (ptrace(2)). If it is one for the emulator,
//! it changes the words of the call: what calls becomes the emulator again, before that program. It needs no right on this machine. What is
//! followed sees that as little as what somebody debugs: calls that wait may return early for signals that nobody heeds.

mod call;
mod sight;

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::Pid;

use self::call::{Block, Call};
use self::sight::Sight;
use super::aside::{Aside, Own};
use super::bpf::{ALLOW, EQUAL, Program, RETURN, number};
use super::emulator::Emulator;
use crate::kernel::trace::{Going, KNOWS_REGISTERS, Registers, Stop, comes_from_inside, follow, next_stop, resume, still_calls};
use crate::limitation::Limitation;
use crate::{Cause, Emulation, SandboxError};

/// The follower, as the init has it.
pub(super) struct Follower(Aside);

impl Follower {
    /// Begins it, before there is anybody to follow.
    pub fn open(emulation: &Emulation) -> Result<Self, SandboxError> {
        let emulator = Emulator::open(emulation)?;
        Aside::begin(Limitation::Following, |own| serve(&emulator, own)).map(Self)
    }

    /// Has it follow a process, which waits for that.
    ///
    /// # Errors
    /// It cannot: a machine may keep everybody from following anybody.
    pub fn begin(&self, first: Pid) -> Result<(), SandboxError> {
        let failed = Limitation::Following;
        self.0.words.say(&first.as_raw_nonzero().get(), &[]).map_err(failed.because())?;
        match self.0.words.hear::<Option<Cause>>().map_err(failed.because())? {
            Some((None, _)) => Ok(()),
            Some((Some(cause), _)) => Err(failed.because()(cause)),
            None => Err(SandboxError::Lost),
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // All that it has followed has ended, or is to.
        self.0.kill();
    }
}

/// Returns the filter by which it sees who is about to become another program. None where it cannot change what they become.
pub(super) fn filter() -> Option<Vec<u8>> {
    /// What the kernel does with a call: it stops for whoever follows.
    const STOP: u32 = libc::SECCOMP_RET_TRACE;
    let mut program = Program::of_this_machine().filter(|_| KNOWS_REGISTERS)?;
    program.step(EQUAL, 1, 0, number(libc::SYS_execve));
    program.step(EQUAL, 0, 1, number(libc::SYS_execveat));
    program.step(RETURN, 0, 0, STOP);
    program.step(RETURN, 0, 0, ALLOW);
    Some(program.bytes())
}

/// Waits until there is somebody to follow, and follows until all have ended.
fn serve(emulator: &Emulator, own: &Own<'_>) -> io::Result<()> {
    let proc = openat(CWD, "/proc", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    own.keep(&[proc.as_fd(), emulator.as_fd()])?;
    let Some((first, _)) = own.words.hear::<i32>()? else { return Ok(()) };
    let first = Pid::from_raw(first).ok_or(io::ErrorKind::InvalidData)?;
    let followed = match filter() {
        Some(_) => follow(first),
        None => Err(io::ErrorKind::Unsupported.into()),
    };
    let refused = followed.err().map(Cause::from);
    own.words.say(&refused, &[])?;
    if refused.is_some() {
        return Ok(());
    }
    let mut following = Following { proc: &proc, emulator, first, changed: HashMap::new() };
    while let Some((thread, stop)) = next_stop()? {
        let going = following.going(thread, stop);
        // It may have been killed meanwhile, of which we hear next.
        let _ = going.map(|going| resume(thread, going));
    }
    Ok(())
}

struct Following<'a> {
    /// The /proc of this machine.
    proc: &'a OwnedFd,
    emulator: &'a Emulator,
    /// The first process of the sandbox.
    first: Pid,
    /// What calls were made with that have not returned, by thread.
    changed: HashMap<Pid, [u64; 6]>,
}

impl Following<'_> {
    /// Decides how a thread goes on; not at all, if it has ended.
    fn going(&mut self, thread: Pid, stop: Stop) -> Option<Going> {
        Some(match stop {
            Stop::Ended => {
                self.changed.remove(&thread);
                return None;
            }
            Stop::Calls => match self.change(thread) {
                Ok(before) => {
                    self.changed.insert(thread, before);
                    Going::ToReturn
                }
                // The kernel has its say.
                Err(_) => Going::On,
            },
            // It is what it was: its call has failed.
            Stop::Returned => {
                let before = self.changed.remove(&thread);
                // It may have been killed meanwhile.
                before.map(|before| take_back(thread, before));
                Going::On
            }
            Stop::Became(former) => {
                self.changed.remove(&thread);
                former.map(|former| self.changed.remove(&former));
                Going::On
            }
            Stop::Halted => Going::Halted,
            // Nothing inside stops the first process of a namespace, if nobody follows that.
            Stop::Signal(libc::SIGSTOP) if thread == self.first && comes_from_inside(thread) => Going::On,
            Stop::Signal(signal) => Going::With(signal),
            Stop::Begun => Going::On,
        })
    }

    /// Changes a call by which a thread becomes a program of the emulator's machine. Returns what it was made with.
    fn change(&self, thread: Pid) -> io::Result<[u64; 6]> {
        let mut registers = Registers::of(thread)?;
        let (call, before) = (Call::of(&registers)?, registers.arguments());
        let sight = Sight::of(self.proc, thread);
        if !sight.can_be(self.emulator)? {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let takes = |start: &[u8]| self.emulator.takes(start);
        let words = self.emulator.words(sight.path(&call)?, sight.arguments(&call)?, |path| sight.open(path), takes)?;
        let block = registers.stack().checked_sub(Registers::BELOW_STACK).and_then(|end| Block::below(end, &words));
        let block = block.ok_or(io::ErrorKind::InvalidData)?;
        // Another thread of it may have become another program meanwhile, and have its number.
        if !still_calls(thread) {
            return Err(io::ErrorKind::NotFound.into());
        }
        sight.write(&block)?;
        registers.set_arguments(call.with(before, &block));
        registers.give(thread)?;
        Ok(before)
    }
}

fn take_back(thread: Pid, before: [u64; 6]) -> io::Result<()> {
    let mut registers = Registers::of(thread)?;
    registers.take_back(before);
    registers.give(thread)
}
