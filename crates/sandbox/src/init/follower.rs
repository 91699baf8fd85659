//! The follower: a process beside the init that has an emulator run what emulated programs start.
//!
//! An emulator leaves that to the kernel, which knows nothing to do with programs of another machine. So the kernel stops whoever is about
//! to become another program, by a seccomp filter, and the follower looks at which one that is (ptrace(2)). If it is one for the emulator,
//! it changes the words of the call: what calls becomes the emulator again, before that program. All else is as it was. It needs no right
//! on this machine, and no kernel of these years.

mod call;
mod sight;

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{Pid, Signal, WaitOptions, getppid, set_parent_process_death_signal, waitpid};
use rustix::stdio::{dup2_stderr, dup2_stdout};

use self::call::{Block, Call};
use self::sight::Sight;
use super::bpf::{ALLOW, EQUAL, Program, RETURN, number};
use super::emulator::Emulator;
use crate::channel::Channel;
use crate::kernel::trace::{Going, KNOWS_REGISTERS, Registers, Stop, follow, next_stop, resume};
use crate::kernel::{Fork, close_all_but, fork};
use crate::limitation::Limitation;
use crate::{Emulation, SandboxError};

/// The follower, as the init has it.
pub(super) struct Follower {
    process: Pid,
    words: Channel,
}

impl Follower {
    /// Begins it, before there is anybody to follow. It has to stay outside of the sandbox's processes, which end with the first.
    pub fn open(emulation: &Emulation) -> Result<Self, SandboxError> {
        let failed = Limitation::Kernel;
        let init = rustix::process::getpid();
        let emulator = Emulator::open(emulation)?;
        let (words, theirs) = Channel::pair().map_err(failed.because())?;
        match fork().map_err(failed.because())? {
            Fork::Child => {
                drop(words);
                let ended = serve(init, &emulator, &theirs);
                std::process::exit(if ended.is_ok() { 0 } else { 1 })
            }
            Fork::Parent(process) => Ok(Self { process, words }),
        }
    }

    /// Has it follow a process, which waits for that. Tells whether it can: a machine may keep everybody from following anybody.
    pub fn begin(&self, first: Pid) -> bool {
        let said = self.words.say(&first.as_raw_nonzero().get(), &[]);
        said.is_ok() && self.words.hear().is_ok_and(|heard| heard.is_some_and(|(follows, _)| follows))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // If it has followed nobody, it waits for somebody.
        let _ = self.words.fall_silent();
        let _ = waitpid(Some(self.process), WaitOptions::empty());
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
fn serve(init: Pid, emulator: &Emulator, words: &Channel) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != Some(init) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let proc = openat(CWD, "/proc", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    close_all_but(&[words.as_fd(), proc.as_fd(), emulator.as_fd()])?;
    // Our own ends of the process's output, so that the streams end with it.
    let null = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    dup2_stdout(&null).and_then(|()| dup2_stderr(&null))?;
    let Some((first, _)) = words.hear::<i32>()? else { return Ok(()) };
    let first = Pid::from_raw(first).ok_or(io::ErrorKind::InvalidData)?;
    let follows = filter().is_some() && follow(first).is_ok();
    words.say(&follows, &[])?;
    if !follows {
        return Ok(());
    }
    let mut following = Following { proc: &proc, emulator, changed: HashMap::new() };
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
                former.map(|former| self.changed.remove(&former));
                Going::On
            }
            Stop::Halted => Going::Halted,
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
