//! The template: ourselves, started once from a copy in memory, and doubled for every sandbox. To start a program, and one of our size,
//! takes longer than most commands run.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::{Pid, PidfdFlags, WaitOptions, pidfd_open, setpgid, waitpid};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stdin};

use crate::channel::Channel;
use crate::init;
use crate::kernel::{Fork, close_all_but, fork, keep_to_small_pages};

/// The first word of the template's command line, which no person types.
pub(crate) const TEMPLATE: &str = "__sandbox-template";

/// How often starting is tried while our copy is busy.
const MOST_TRIES: u32 = 100;

/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(1);

/// The template keeps to small pages, and who started it does not.
static IS_KEPT: AtomicBool = AtomicBool::new(false);

/// A process that has started, and done nothing yet.
#[derive(Debug)]
pub(crate) struct Template {
    process: Child,
    /// Who asks waits for its answer, before another does.
    words: Mutex<Channel>,
}

/// A process that is a copy of the template.
#[derive(Debug)]
pub(crate) struct Copied(OwnedFd);

impl Template {
    /// Starts a program, which calls [`init_if_asked`](crate::init_if_asked).
    pub fn start(program: &OwnedFd) -> io::Result<Self> {
        let (words, theirs) = Channel::pair()?;
        let mut command = Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()));
        command.arg0("sandbox").arg(TEMPLATE).env_clear().current_dir("/");
        // A group of its own: Ctrl-C reaches the caller, who then decides.
        command.process_group(0).stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { process: spawn(&mut command)?, words: Mutex::new(words) })
    }

    /// Doubles it: the copy becomes an init with these standard streams, the first of which is the channel to its caller.
    pub fn double(&self, streams: [BorrowedFd<'_>; 3]) -> io::Result<Copied> {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        words.say(&(), &streams)?;
        let (answer, handed) = words.hear::<Result<(), i32>>()?.ok_or(io::ErrorKind::UnexpectedEof)?;
        answer.map_err(io::Error::from_raw_os_error)?;
        handed.into_iter().next().map(Copied).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        let words = self.words.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = words.fall_silent();
        // It has nothing to do but to end.
        let _ = self.process.wait();
    }
}

impl Copied {
    /// Waits until it has ended, and all that it had is closed.
    pub fn wait(&self) {
        while let Err(Errno::INTR) = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], None) {}
    }
}

/// Runs the template, whose standard input is the channel to the caller, and ends the program; or becomes a copy of it, and runs the init.
pub(crate) fn run() -> ! {
    // A copy lives for a moment. Its share of one large page takes as long to be cleared as all that it does.
    IS_KEPT.store(keep_to_small_pages(true), Ordering::Relaxed);
    match serve() {
        Ok(Some(streams)) => match take_place(streams) {
            Ok(()) => init::run(),
            Err(_) => std::process::exit(1),
        },
        // Without the channel there is nobody to tell, and without a caller nothing to do.
        Ok(None) => std::process::exit(0),
        Err(_) => std::process::exit(1),
    }
}

/// Gives a process that will become another program what it was kept from as a copy.
pub(crate) fn let_go() {
    if IS_KEPT.load(Ordering::Relaxed) {
        keep_to_small_pages(false);
    }
}

/// Doubles as often as it is asked to. Returns in each copy, with its streams, and none in the template itself when it is over.
fn serve() -> io::Result<Option<Vec<OwnedFd>>> {
    close_all_but(&[])?;
    let caller = Channel::from(fcntl_dupfd_cloexec(stdin(), 3)?);
    // Else a copy would be one of those who hold its caller's end of the channel open.
    let null = File::open("/dev/null")?;
    dup2_stdin(&null)?;
    drop(null);
    while let Some(((), streams)) = caller.hear()? {
        // Those that have ended since.
        while matches!(waitpid(None, WaitOptions::NOHANG), Ok(Some(_))) {}
        match fork() {
            Ok(Fork::Child) => return Ok(Some(streams)),
            Ok(Fork::Parent(copy)) => answer(&caller, copy)?,
            Err(error) => caller.say(&Err::<(), _>(error.raw_os_error().unwrap_or(libc::EIO)), &[])?,
        }
    }
    Ok(None)
}

fn answer(caller: &Channel, copy: Pid) -> io::Result<()> {
    match pidfd_open(copy, PidfdFlags::empty()) {
        Ok(copy) => caller.say(&Ok::<_, i32>(()), &[copy.as_fd()]),
        // Its caller is told, and lets go of it.
        Err(error) => caller.say(&Err::<(), _>(error.raw_os_error()), &[]),
    }
}

fn take_place(streams: Vec<OwnedFd>) -> io::Result<()> {
    setpgid(None, None)?;
    let [channel, output, errors] = <[OwnedFd; 3]>::try_from(streams).map_err(|_| io::ErrorKind::InvalidData)?;
    dup2_stdin(&channel)?;
    dup2_stdout(&output)?;
    dup2_stderr(&errors)?;
    Ok(())
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
