//! Starting the init: ourselves, from a copy in memory.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::fs::{SealFlags, fcntl_add_seals};

use crate::cgroup::Cgroups;
use crate::channel::{Channel, in_memory};
use crate::process::Ends;
use crate::report::Order;
use crate::{Input, Output, Process, SandboxError, Spec, Starting, Streams, init};

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
    /// As with [`begin`](Self::begin) and [`Starting::running`].
    pub fn start(&self, spec: &Spec) -> Result<Process, SandboxError> {
        self.begin(spec)?.running()
    }

    /// Begins to start a process, which can be ended from then on.
    ///
    /// # Errors
    /// [`SandboxError::Start`] if this program could not be started again; [`SandboxError::Refused`] if memory is to be bounded and
    /// cannot be.
    pub fn begin(&self, spec: &Spec) -> Result<Starting, SandboxError> {
        spec.streams.check()?;
        let cgroups = Cgroups::make(spec.bounds)?;
        let doors = cgroups.doors().map_err(start)?;
        let document = serde_json::to_vec(&(spec, &cgroups)).map_err(|error| SandboxError::Spec(error.to_string()))?;
        let document = in_memory("spec", &mut document.as_slice()).map_err(start)?;
        let (ours, theirs) = Channel::pair().map_err(io::Error::from).map_err(start)?;
        let mut command = Command::new(format!("/proc/self/fd/{}", self.program.as_raw_fd()));
        command.arg0("sandbox").arg(INIT).env_clear().current_dir("/");
        // A group of its own: Ctrl-C reaches the caller, who then decides.
        command.process_group(0).stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
        let (mut ends, mut input) = (Ends::default(), None);
        if let Streams::Separate { input: from, output } = spec.streams {
            match from {
                Input::Empty => {}
                Input::Piped => {
                    let (read, write) = io::pipe().map_err(start)?;
                    (ends.stdin, input) = (Some(write), Some(OwnedFd::from(read)));
                }
                Input::Inherited => input = Some(io::stdin().as_fd().try_clone_to_owned().map_err(start)?),
            }
            match output {
                Output::Piped => {
                    let ((stdout, stdout_end), (stderr, stderr_end)) = (io::pipe().map_err(start)?, io::pipe().map_err(start)?);
                    command.stdout(stdout_end).stderr(stderr_end);
                    ends.outputs = Some((stdout, stderr));
                }
                Output::Inherited => {
                    command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
                }
            }
        }
        let init = spawn(&mut command).map_err(start)?;
        // The command holds our copies of the other ends, which must be closed for the streams to end.
        drop(command);
        let handed: Vec<BorrowedFd<'_>> = [Some(&document), input.as_ref()].into_iter().flatten().chain(&doors).map(AsFd::as_fd).collect();
        let sent = ours.say(&Order::Start, &handed).map_err(start);
        let starting = Starting::new(init, ours, ends, cgroups);
        sent.map(|()| starting)
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

fn copy(program: &Path) -> io::Result<OwnedFd> {
    let memory = in_memory("sandbox", &mut File::open(program)?)?;
    seal(&memory)?;
    // Nobody who holds it for writing can run it (ETXTBSY), so it is opened again.
    Ok(File::open(format!("/proc/self/fd/{}", memory.as_raw_fd()))?.into())
}

/// Lets nobody change what is in memory any more.
///
/// The seal against writing fails while the kernel itself holds a page, to move it or to take it back (EBUSY). The one against future
/// writing asks for nothing, and is worth the same where nothing is mapped; kernels before 5.1 do not know it.
fn seal(memory: &OwnedFd) -> io::Result<()> {
    let always = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    let sealed = fcntl_add_seals(memory, SealFlags::FUTURE_WRITE | always).or_else(|_| fcntl_add_seals(memory, SealFlags::WRITE | always));
    Ok(sealed?)
}

fn start(error: io::Error) -> SandboxError {
    SandboxError::Start { cause: error.into() }
}
