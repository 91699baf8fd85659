//! A process that runs in a sandbox, and how it ended.

use std::fs::File;
use std::io::{self, BufReader, PipeReader, PipeWriter, Read};
use std::os::fd::AsFd;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cgroup::Cgroups;
use crate::channel::Channel;
use crate::report::{Order, Word};
use crate::template::Copied;
use crate::{Ended, SandboxError, Terminal, TypedSignal};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// By itself, with this status; 0 is success.
    Code(i32),
    /// By a signal, of whoever sent it.
    Signal(i32),
    /// By [`Handle::kill`], or since the caller ended.
    Killed,
    /// Since it, or something that it started, was killed for want of memory. This is the status that a shell has for its end.
    OutOfMemory(i32),
}

impl Exit {
    /// Tells whether the process did what it was asked for.
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Code(0))
    }

    /// Returns the status that a shell has for it: 128 and the number of a signal.
    pub const fn status(self) -> i32 {
        match self {
            Self::Code(code) | Self::OutOfMemory(code) => code,
            Self::Signal(signal) => 128 + signal,
            Self::Killed => 128 + libc::SIGKILL,
        }
    }
}

/// The caller's ends of the streams of a process.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    pub stdin: Option<PipeWriter>,
    pub outputs: Option<(PipeReader, PipeReader)>,
}

/// A process that does not run yet: its root is being put together. Dropping it ends that, and waits until all is gone.
#[derive(Debug)]
pub struct Starting(Process);

/// A process that runs in a sandbox. Dropping it kills the process, and waits until all is gone.
#[derive(Debug)]
pub struct Process {
    /// What it reads, where the caller writes that.
    pub stdin: Option<PipeWriter>,
    /// What it writes to its standard output, until it and everything that it started have ended.
    pub stdout: Option<PipeReader>,
    /// What it writes to its standard error.
    pub stderr: Option<PipeReader>,
    /// The other side of its terminal.
    pub terminal: Option<Terminal>,
    /// Why, though it is emulated, what it starts is left to the kernel.
    pub unfollowed: Option<SandboxError>,
    init: Copied,
    handle: Handle,
    /// Removed when everything else is gone, if the init was lost or may not.
    _cgroups: Cgroups,
}

/// Reaches a process from elsewhere, such as another thread.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Channel>);

impl Handle {
    /// Kills the process and everything that it started, whatever it does about signals. Does nothing once it has ended.
    pub fn kill(&self) {
        // An error means that the other end is gone, which is what is wanted.
        let _ = self.0.fall_silent();
    }

    /// Sends the process a signal, by its number. Does nothing before it runs and once it has ended.
    ///
    /// It does what it does to any other process. The kernel keeps from this one, the first of its namespace, whatever it did not
    /// ask for; where such a signal would have ended it, it is killed, and [`Exit::Signal`] says which one it was.
    pub fn signal(&self, number: i32) {
        let _ = self.0.say(&Order::Signal(number), &[]);
    }

    /// Says that a character is about to be typed of which the terminal makes a signal. Returns when that has ended the process, or
    /// never will: the character can be typed then, and whoever heeds the signal gets it by that.
    pub fn before_typing(&self, signal: TypedSignal) {
        let TypedSignal { number, group } = signal;
        // The other end closes when the order was carried out, or nobody is there any more to do it.
        let Ok((mut done, end)) = io::pipe() else { return };
        let _ = self.0.say(&Order::Typed { number, group }, &[end.as_fd()]);
        drop(end);
        let _ = done.read(&mut [0]);
    }
}

impl Starting {
    /// Takes over an init that was started, with the caller's ends of its streams.
    pub(crate) fn new(init: Copied, channel: Channel, ends: Ends, cgroups: Cgroups) -> Self {
        let (stdout, stderr) = ends.outputs.unzip();
        let handle = Handle(Arc::new(channel));
        Self(Process { stdin: ends.stdin, stdout, stderr, terminal: None, unfollowed: None, init, handle, _cgroups: cgroups })
    }

    /// Returns what kills it.
    pub fn handle(&self) -> Handle {
        self.0.handle()
    }

    /// Waits until the process runs.
    ///
    /// # Errors
    /// Says what is missing in the root, what this machine refuses, or what cannot be mounted; [`SandboxError::Killed`] if
    /// [`Handle::kill`] came first.
    pub fn running(self) -> Result<Process, SandboxError> {
        let Self(mut process) = self;
        loop {
            match process.handle.0.hear() {
                Ok(Some((Word::Terminal, handed))) => process.terminal = handed.into_iter().next().map(Terminal::from),
                Ok(Some((Word::Unfollowed(reason), _))) => process.unfollowed = Some(reason),
                Ok(Some((Word::Running, _))) => return Ok(process),
                Ok(Some((Word::Failed(error), _))) => return Err(error),
                _ => return Err(SandboxError::Lost),
            }
        }
    }
}

impl Process {
    /// Returns what kills it and sends it signals.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits until the process and everything that it started have ended. What is left of `stdin` is closed.
    ///
    /// Somebody must read `stdout` and `stderr`, or `terminal`, meanwhile: a process whose output is not read waits for that, for
    /// ever.
    ///
    /// # Errors
    /// [`SandboxError::Lost`] if the init was killed, which takes the process with it.
    pub fn wait(self) -> Result<Exit, SandboxError> {
        self.finish().map(|ended| ended.exit)
    }

    /// Does the same, and says whose files should be, with [`Strangers::Played`](crate::Strangers::Played).
    ///
    /// # Errors
    /// As with [`wait`](Self::wait).
    pub fn finish(mut self) -> Result<Ended, SandboxError> {
        drop(self.stdin.take());
        match self.handle.0.hear() {
            Ok(Some((Word::Ended(exit), handed))) => {
                let read = |list| serde_json::from_reader(BufReader::new(File::from(list))).map_err(|_| SandboxError::Lost);
                Ok(Ended { exit, owners: handed.into_iter().next().map(read).transpose()? })
            }
            Ok(Some((Word::Failed(error), _))) => Err(error),
            _ => Err(SandboxError::Lost),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.handle.kill();
        // The init ends as soon as everything is gone.
        self.init.wait();
    }
}
