//! The init: what stands between the caller and the process.
//!
//! It enters the namespaces, forks the process, and stays outside: it waits for the end of either, the process or the caller,
//! and takes the stubs of mounts away. It has one thread and does one thing, so forking is harmless here.

mod aside;
mod asking;
mod bounds;
mod bpf;
mod child;
mod devices;
mod emulator;
mod follower;
mod heeding;
mod missing;
mod mounts;
mod network;
mod program;
mod registrar;
mod root;
mod running;
mod streams;
mod stubs;
mod within;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stdin};
use rustix::thread::UnshareFlags;

use crate::accounts;
use crate::cgroup::Cgroups;
use crate::channel::Channel;
use crate::kernel::{Fork, close_all_but, fork, leave};
use crate::limitation::Limitation;
use crate::report::{Order, Word};
use crate::{Input, Network, SandboxError, Spec, Strangers, Streams};

use self::follower::Follower;
use self::registrar::Office;
use self::running::{Beside, Running};

/// Runs the init, whose standard input is the channel to the caller, and ends the program.
pub(crate) fn run() -> ! {
    // Without the channel there is nobody to tell, and without a caller nothing to do.
    let code = if supervise().is_ok() { 0 } else { 1 };
    std::process::exit(code)
}

fn supervise() -> io::Result<()> {
    close_all_but(&[])?;
    let caller = Channel::from(fcntl_dupfd_cloexec(stdin(), 3)?);
    let Some((Order::Start, handed)) = caller.hear()? else { return Err(io::ErrorKind::InvalidData.into()) };
    let mut handed = handed.into_iter().peekable();
    let (spec, cgroups) = read(handed.next())?;
    let reads = !matches!(spec.streams, Streams::Separate { input: Input::Empty, .. } | Streams::Terminal(_));
    let handed = Handed { input: handed.next_if(|_| reads), doors: handed.collect() };
    let ended = start(&spec, handed, cgroups, &caller).and_then(|running| {
        // A caller that is gone is noticed in a moment.
        let _ = caller.say(&Word::Running, &[]);
        running.wait()
    });
    if ended.is_err() {
        // Whatever it was that failed, the root is closed by now.
        root::tidy(&spec.root);
    }
    match ended {
        Ok((exit, owners)) => caller.say(&Word::Ended(exit), owners.as_ref().map(AsFd::as_fd).as_slice()),
        Err(error) => say_last(&caller, &Word::Failed(error)),
    }
}

/// What the caller hands over for the process.
struct Handed {
    /// What it reads.
    input: Option<OwnedFd>,
    /// What its control groups are entered by.
    doors: Vec<OwnedFd>,
}

fn read(document: Option<OwnedFd>) -> io::Result<(Spec, Cgroups)> {
    let mut text = Vec::new();
    File::from(document.ok_or(io::ErrorKind::InvalidData)?).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Says something with what was asked for in it, which may be longer than anything that can be said.
fn say_last(to: &Channel, word: &Word) -> io::Result<()> {
    match to.say(word, &[]) {
        Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
            to.say(&Word::Failed(SandboxError::Spec("there is a name in it that is longer than any can be".to_owned())), &[])
        }
        other => other,
    }
}

fn start<'a>(spec: &'a Spec, handed: Handed, cgroups: Cgroups, caller: &'a Channel) -> Result<Running<'a>, SandboxError> {
    let kernel = Limitation::Kernel;
    let null = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(kernel.because())?;
    dup2_stdin(&null).map_err(kernel.because())?;
    accounts::enter(&spec.users)?;
    let registrar = (spec.strangers == Strangers::Played).then(|| Office::open(spec)).transpose()?;
    let follower = spec.emulation.as_ref().map(Follower::open).transpose()?;
    let network = if spec.network == Network::None { UnshareFlags::NEWNET } else { UnshareFlags::empty() };
    leave(UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS | network)
        .map_err(Limitation::Namespaces.because())?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).map_err(Limitation::Namespaces.because())?;
    let root = root::open(&spec.root).map_err(missing::explain)?;
    let (words, report) = Channel::pair().map_err(kernel.because())?;
    match fork().map_err(kernel.because())? {
        Fork::Child => {
            drop(words);
            let error = match child::begin(spec, root, handed, cgroups.count(), &report) {
                Ok(never) => match never {},
                Err(error) => error,
            };
            // The init hears this, or is gone.
            let _ = say_last(&report, &Word::Failed(missing::explain(error)));
            std::process::exit(1)
        }
        Fork::Parent(pid) => {
            drop((report, handed));
            let mut running = Running::new(pid, root, spec, Beside { cgroups, registrar, follower }, caller)?;
            // Our own ends of its output are closed, so that the streams end with it.
            let closed = dup2_stdout(&null).and_then(|()| dup2_stderr(&null)).map_err(kernel.because());
            match closed.and_then(|()| running.listen(&words)) {
                Ok(()) => Ok(running),
                Err(error) => {
                    running.clean();
                    Err(error)
                }
            }
        }
    }
}
