//! What a process reads from and writes to.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write, stderr, stdin, stdout};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::process::Signal;
use rustix::termios::{LocalModes, SpecialCodeIndex, Winsize, tcgetattr, tcgetpgrp, tcsetwinsize};
use serde::{Deserialize, Serialize};

use crate::SandboxError;

/// The standard streams of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Streams {
    /// Three streams.
    Separate {
        /// What it reads.
        input: Input,
        /// What it writes to, for its errors too.
        output: Output,
    },
    /// One terminal for all, made in the root's own `/dev/pts`, which controls the process. The caller has its other side.
    Terminal(Size),
}

/// What a process reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// Nothing: `/dev/null`.
    Empty,
    /// What the caller writes to [`Process::stdin`](crate::Process::stdin).
    Piped,
    /// The caller's own standard input, if that is no terminal.
    Inherited,
}

/// What a process writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// [`Process::stdout`](crate::Process::stdout) and [`Process::stderr`](crate::Process::stderr).
    Piped,
    /// The caller's own, if they are no terminals.
    Inherited,
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// How many lines.
    pub rows: u16,
    /// How many characters are in a line.
    pub columns: u16,
}

impl Streams {
    /// What a build needs: nothing to read, and output that comes by pipes.
    pub const PIPED: Self = Self::Separate { input: Input::Empty, output: Output::Piped };

    /// Refuses what would hand a terminal of this machine to a process. It could change it, and read what is typed into it.
    pub(crate) fn check(self) -> Result<(), SandboxError> {
        let terminal = match self {
            Self::Separate { input: Input::Inherited, .. } if stdin().is_terminal() => "standard input",
            Self::Separate { output: Output::Inherited, .. } if stdout().is_terminal() => "standard output",
            Self::Separate { output: Output::Inherited, .. } if stderr().is_terminal() => "standard error",
            _ => return Ok(()),
        };
        Err(SandboxError::Spec(format!("{terminal} is a terminal of this machine, which is handed to no process")))
    }
}

/// A signal that a terminal makes of a character, such as Ctrl-C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypedSignal {
    pub(crate) number: i32,
    /// The processes that get it.
    pub(crate) group: i32,
}

/// The caller's side of a terminal: what is written to it was typed, and what is read from it is shown.
///
/// Reading ends when the process and everything that it started have ended.
#[derive(Debug)]
pub struct Terminal(File);

impl Terminal {
    /// Changes the size, which the process is told of.
    ///
    /// # Errors
    /// What the kernel says; none is known.
    pub fn resize(&self, size: Size) -> io::Result<()> {
        resize(self, size)
    }

    /// Tells which signal the terminal will make of a character, for the processes in its foreground; none of most.
    pub fn signal_of(&self, character: u8) -> Option<TypedSignal> {
        let state = tcgetattr(self).ok().filter(|state| state.local_modes.contains(LocalModes::ISIG))?;
        let keys = [(SpecialCodeIndex::VINTR, Signal::INT), (SpecialCodeIndex::VQUIT, Signal::QUIT)];
        let (_, signal) = keys.into_iter().find(|(key, _)| character != 0 && state.special_codes[*key] == character)?;
        Some(TypedSignal { number: signal.as_raw(), group: tcgetpgrp(self).ok()?.as_raw_nonzero().get() })
    }

    /// Makes another handle of it, for another thread.
    ///
    /// # Errors
    /// If there are too many open files.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }
}

pub(crate) fn resize(terminal: impl AsFd, size: Size) -> io::Result<()> {
    Ok(tcsetwinsize(terminal, Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 })?)
}

impl From<OwnedFd> for Terminal {
    fn from(master: OwnedFd) -> Self {
        Self(master.into())
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Read for Terminal {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            // Nobody has the other side open any more.
            Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(0),
            other => other,
        }
    }
}

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
