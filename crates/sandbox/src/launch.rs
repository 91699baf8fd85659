//! Starting the init: ourselves, from a copy in memory.

use std::fs::File;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use crate::{Process, SandboxError, Spec, init};

/// The first word of the init's command line, which no person types.
const INIT: &str = "__sandbox-init";

/// How often starting is tried while our copy is busy.
const MOST_TRIES: u32 = 100;

/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(1);

/// Becomes the init if this program was started as one, and does not return then.
///
/// Must be the first thing in `main`, before any thread and any file: the init forks, and closes what it did not open.
pub fn init_if_asked() {
    if std::env::args_os().nth(1).is_some_and(|word| word == INIT) {
        init::run();
    }
}

/// Starts sandboxes from one copy of a program that calls [`init_if_asked`].
///
/// The copy is in memory and sealed, since a process can get at the program that it was made of: whoever runs `#!/proc/self/exe`
/// in a sandbox could otherwise write to the file on this machine's disk (CVE-2019-5736).
#[derive(Debug)]
pub struct Launcher {
    program: OwnedFd,
}

impl Launcher {
    /// Copies the program that runs now.
    ///
    /// # Errors
    /// [`SandboxError::Start`] if it cannot be read, or if there is no memory.
    pub fn of_this_program() -> Result<Self, SandboxError> {
        Self::of(Path::new("/proc/self/exe"))
    }

    /// Copies a program, which calls [`init_if_asked`].
    ///
    /// # Errors
    /// As with [`of_this_program`](Self::of_this_program).
    pub fn of(program: &Path) -> Result<Self, SandboxError> {
        Ok(Self { program: copy(program).map_err(start)? })
    }

    /// Starts a process, and returns when it runs.
    ///
    /// # Errors
    /// Says what is missing in the root, what this machine refuses, or what cannot be mounted.
    pub fn start(&self, spec: &Spec) -> Result<Process, SandboxError> {
        let document = serde_json::to_vec(spec).map_err(|error| SandboxError::Spec(error.to_string()))?;
        let (mut ours, theirs) = UnixStream::pair().map_err(start)?;
        let (stdout, stdout_end) = io::pipe().map_err(start)?;
        let (stderr, stderr_end) = io::pipe().map_err(start)?;
        let mut command = Command::new(format!("/proc/self/fd/{}", self.program.as_raw_fd()));
        command.arg0("sandbox").arg(INIT).env_clear().current_dir("/");
        // A group of its own: Ctrl-C reaches the caller, who then decides.
        command.process_group(0).stdin(Stdio::from(OwnedFd::from(theirs))).stdout(stdout_end).stderr(stderr_end);
        let init = spawn(&mut command).map_err(start)?;
        // The command holds our copies of the other ends, which must be closed for the streams to end.
        drop(command);
        let sent = send(&mut ours, &document);
        let process = Process::begin(init, ours, stdout, stderr)?;
        sent.map(|()| process).map_err(start)
    }
}

/// Starts a command. Whoever was forked elsewhere while our copy was written has it open for writing until it becomes another
/// program, and meanwhile nobody can run it (ETXTBSY).
fn spawn(command: &mut Command) -> io::Result<Child> {
    for _ in 0..MOST_TRIES {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => thread::sleep(PAUSE),
            other => return other,
        }
    }
    command.spawn()
}

/// Sends the spec: its length, then itself. The stream stays open, since its end means that the caller is gone.
fn send(to: &mut UnixStream, document: &[u8]) -> io::Result<()> {
    let sent = to.write_all(&(document.len() as u64).to_le_bytes()).and_then(|()| to.write_all(document));
    if sent.is_err() {
        to.shutdown(Shutdown::Write)?;
    }
    sent
}

fn copy(program: &Path) -> io::Result<OwnedFd> {
    let memory = memfd_create("sandbox", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut memory = File::from(memory);
    io::copy(&mut File::open(program)?, &mut memory)?;
    fcntl_add_seals(&memory, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    // Nobody who holds it for writing can run it (ETXTBSY), so it is opened again.
    Ok(File::open(format!("/proc/self/fd/{}", memory.as_raw_fd()))?.into())
}

fn start(error: io::Error) -> SandboxError {
    SandboxError::Start { cause: error.into() }
}
