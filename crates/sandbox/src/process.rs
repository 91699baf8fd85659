//! A process that runs in a sandbox, and how it ended.

use std::io::{BufReader, PipeReader};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::SandboxError;
use crate::report::{Word, hear};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// By itself, with this status; 0 is success.
    Code(i32),
    /// By a signal that nobody here sent.
    Signal(i32),
    /// By [`Handle::kill`], or since the caller ended.
    Killed,
}

impl Exit {
    /// Tells whether the process did what it was asked for.
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Code(0))
    }
}

/// A process that runs in a sandbox. Dropping it kills the process, and waits until all is gone.
#[derive(Debug)]
pub struct Process {
    /// What it writes to its standard output, until it and everything that it started have ended.
    pub stdout: Option<PipeReader>,
    /// What it writes to its standard error.
    pub stderr: Option<PipeReader>,
    init: Child,
    words: BufReader<UnixStream>,
    handle: Handle,
}

/// Kills a process from elsewhere, such as another thread.
#[derive(Clone, Debug)]
pub struct Handle(Arc<UnixStream>);

impl Handle {
    /// Kills the process and everything that it started, whatever it does about signals. Does nothing once it has ended.
    pub fn kill(&self) {
        // An error means that the other end is gone, which is what is wanted.
        let _ = self.0.shutdown(Shutdown::Write);
    }
}

impl Process {
    /// Takes over an init that was started, and waits until it says that the process runs.
    pub(crate) fn begin(init: Child, socket: UnixStream, stdout: PipeReader, stderr: PipeReader) -> Result<Self, SandboxError> {
        let handle = Handle(Arc::new(socket.try_clone().map_err(|error| SandboxError::Start { cause: error.into() })?));
        let mut process = Self { stdout: Some(stdout), stderr: Some(stderr), init, words: BufReader::new(socket), handle };
        match hear(&mut process.words) {
            Ok(Some(Word::Running)) => Ok(process),
            Ok(Some(Word::Failed(error))) => Err(error),
            _ => Err(SandboxError::Lost),
        }
    }

    /// Returns what kills it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits until the process and everything that it started have ended.
    ///
    /// Somebody must read `stdout` and `stderr` meanwhile: a process whose output is not read waits for that, for ever.
    ///
    /// # Errors
    /// [`SandboxError::Lost`] if the init was killed, which takes the process with it.
    pub fn wait(mut self) -> Result<Exit, SandboxError> {
        match hear(&mut self.words) {
            Ok(Some(Word::Ended(exit))) => Ok(exit),
            Ok(Some(Word::Failed(error))) => Err(error),
            _ => Err(SandboxError::Lost),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.handle.kill();
        // The init ends as soon as everything is gone; there is nobody to tell if it cannot be waited for.
        let _ = self.init.wait();
    }
}
