//! The init: what stands between the caller and the process.
//!
//! It enters the namespaces, forks the process, and stays outside: it waits for the end of either, the process or the caller,
//! and takes the stubs of mounts away. It has one thread and does one thing, so forking is harmless here.

mod child;
mod devices;
mod mounts;
mod network;
mod root;
mod stubs;
mod within;

use std::io::{self, BufReader, PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stdin};
use rustix::thread::UnshareFlags;

use crate::accounts;
use crate::error::Limitation;
use crate::kernel::{Fork, close_all_but, fork, leave};
use crate::report::{Stub, Word, hear, say};
use crate::{Exit, Network, SandboxError, Spec};

/// The largest document that is taken for a spec.
const LARGEST: u64 = 64 << 20;

/// Runs the init, whose standard input is the socket to the caller, and ends the program.
pub(crate) fn run() -> ! {
    // Without the socket there is nobody to tell, and without a caller nothing to do.
    let code = if supervise().is_ok() { 0 } else { 1 };
    std::process::exit(code)
}

fn supervise() -> io::Result<()> {
    close_all_but(None)?;
    let mut socket = UnixStream::from(fcntl_dupfd_cloexec(stdin(), 3)?);
    let spec = receive(&mut socket)?;
    let last = match start(&spec) {
        Ok(running) => {
            say(&mut socket, &Word::Running)?;
            running.wait(&socket).map_or_else(Word::Failed, Word::Ended)
        }
        Err(error) => Word::Failed(error),
    };
    say(&mut socket, &last)
}

fn receive(socket: &mut UnixStream) -> io::Result<Spec> {
    let mut length = [0; 8];
    socket.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length).min(LARGEST);
    let mut document = Vec::new();
    socket.take(length).read_to_end(&mut document)?;
    Ok(serde_json::from_slice(&document)?)
}

/// A process that runs, seen from outside.
struct Running<'a> {
    process: OwnedFd,
    root: OwnedFd,
    spec: &'a Spec,
    stubs: Vec<Stub>,
}

fn start(spec: &Spec) -> Result<Running<'_>, SandboxError> {
    let kernel = Limitation::Kernel;
    let null = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(kernel.because())?;
    dup2_stdin(&null).map_err(kernel.because())?;
    accounts::enter(&spec.users)?;
    let network = if spec.network == Network::None { UnshareFlags::NEWNET } else { UnshareFlags::empty() };
    leave(UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS | network)
        .map_err(Limitation::Namespaces.because())?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).map_err(Limitation::Namespaces.because())?;
    let root = root::open(&spec.root)?;
    let (words, mut report) = io::pipe().map_err(kernel.because())?;
    match fork().map_err(kernel.because())? {
        Fork::Child => {
            drop(words);
            let error = match child::begin(spec, root, &mut report) {
                Ok(never) => match never {},
                Err(error) => error,
            };
            // The init hears this, or is gone.
            let _ = say(&mut report, &Word::Failed(error));
            std::process::exit(1)
        }
        Fork::Parent(pid) => {
            drop(report);
            let process = pidfd_open(pid, PidfdFlags::empty()).map_err(kernel.because())?;
            // Our own ends of its output, so that the streams end with it.
            dup2_stdout(&null).and_then(|()| dup2_stderr(&null)).map_err(kernel.because())?;
            let mut running = Running { process, root, spec, stubs: Vec::new() };
            match running.listen(words) {
                Ok(()) => Ok(running),
                Err(error) => {
                    running.clean(pid);
                    Err(error)
                }
            }
        }
    }
}

impl Running<'_> {
    /// Hears what is said until the process has become another program, which closes the pipe.
    fn listen(&mut self, words: PipeReader) -> Result<(), SandboxError> {
        let mut words = BufReader::new(words);
        loop {
            match hear(&mut words) {
                Ok(None) => return Ok(()),
                Ok(Some(Word::Stub(stub))) => self.stubs.push(stub),
                Ok(Some(Word::Failed(error))) => return Err(error),
                Ok(Some(_)) | Err(_) => return Err(SandboxError::Lost),
            }
        }
    }

    /// Waits for a process that did not become the one that was wanted, and takes away what it made.
    fn clean(self, pid: Pid) {
        // It is about to end by itself, and is ours: neither can fail in a way that matters to anybody.
        let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
        self.leave();
    }

    /// Takes away what was made for the process, once everything of it is gone.
    fn leave(self) {
        stubs::remove(&self.root, &self.stubs);
        drop(self.root);
        root::tidy(&self.spec.root);
    }

    /// Waits until the process ends, or kills it when the caller is gone or has closed the socket.
    fn wait(self, caller: &UnixStream) -> Result<Exit, SandboxError> {
        let kernel = Limitation::Kernel;
        let mut killed = false;
        loop {
            let mut watched = vec![PollFd::new(&self.process, PollFlags::IN)];
            if !killed {
                watched.push(PollFd::new(caller, PollFlags::IN));
            }
            match poll(&mut watched, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(kernel.because()(error)),
            }
            let heard: Vec<bool> = watched.iter().map(|watched| !watched.revents().is_empty()).collect();
            if heard.first() == Some(&true) {
                break;
            }
            if heard.get(1) == Some(&true) {
                pidfd_send_signal(&self.process, Signal::KILL).map_err(kernel.because())?;
                killed = true;
            }
        }
        let status = waitid(WaitId::PidFd(self.process.as_fd()), WaitIdOptions::EXITED).map_err(kernel.because())?;
        self.leave();
        let status = status.ok_or(SandboxError::Lost)?;
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Ok(Exit::Code(code)),
            (None, Some(_)) if killed => Ok(Exit::Killed),
            (None, Some(signal)) => Ok(Exit::Signal(signal)),
            (None, None) => Err(SandboxError::Lost),
        }
    }
}
