//! The standard streams, on the process's side.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, fchown, openat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid, ioctl_tiocsctty};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stderr, stdin, stdout};

use super::devices::Devices;
use crate::channel::Channel;
use crate::report::Word;
use crate::streams::resize;
use crate::{Input, Output, SandboxError, Streams, User};

/// What becomes the standard streams. Those that the process writes to are in place already, where it has no terminal.
pub(super) struct Ends {
    input: Option<OwnedFd>,
    terminal: Option<OwnedFd>,
}

impl Ends {
    /// Takes what it reads, where it reads anything.
    pub fn new(input: Option<OwnedFd>) -> Self {
        Self { input, terminal: None }
    }

    /// Makes a terminal, if one is wanted, and hands its outer side over.
    pub fn with_terminal(self, streams: Streams, devices: Option<Devices>, report: &Channel) -> Result<Self, SandboxError> {
        let Streams::Terminal(size) = streams else { return Ok(self) };
        let failed =
            |cause: Errno| SandboxError::Mount { what: "a terminal".to_owned(), target: "/dev/console".to_owned(), cause: cause.into() };
        let devices = devices.ok_or_else(|| SandboxError::Spec("a terminal is made in /dev, which is not mounted".to_owned()))?;
        let (outer, inner) = devices.terminal().map_err(failed)?;
        let handed = resize(&outer, size).and_then(|()| report.say(&Word::Terminal, &[outer.as_fd()]));
        handed.map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::PIPE)))?;
        Ok(Self { terminal: Some(inner), ..self })
    }

    /// Puts them in place, in the root, as the leader of a session.
    pub fn take_place(self) -> Result<(), Errno> {
        if let Some(terminal) = self.terminal {
            ioctl_tiocsctty(&terminal)?;
            return dup2_stdin(&terminal).and_then(|()| dup2_stdout(&terminal)).and_then(|()| dup2_stderr(&terminal));
        }
        if let Some(input) = self.input {
            return dup2_stdin(&input);
        }
        // A root without /dev keeps the machine's own.
        openat(CWD, "/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_or(Ok(()), |null| dup2_stdin(&null))
    }
}

/// Makes the streams the user's own, so that it can open them by name, such as /dev/stdout. What was inherited stays the caller's.
///
/// What we do not own it cannot be given, and can do without.
pub(super) fn give_to(user: &User, streams: Streams) {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    match streams {
        // The group is that of all terminals.
        Streams::Terminal(_) => {
            let _ = fchown(stdin(), Some(uid), None);
        }
        Streams::Separate { input, output } => {
            if input == Input::Piped {
                let _ = fchown(stdin(), Some(uid), Some(gid));
            }
            if output == Output::Piped {
                let _ = fchown(stdout(), Some(uid), Some(gid));
                let _ = fchown(stderr(), Some(uid), Some(gid));
            }
        }
    }
}
