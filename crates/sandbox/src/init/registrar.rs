//! The registrar: a process beside the init that answers for users who do not exist.
//!
//! It is asked by the kernel, through a seccomp filter, when something in the sandbox gives a file to somebody, makes one,
//! looks at one, becomes somebody or asks who it is. It stands in the root of the sandbox, so that a path means to it what it means there, and sees the processes in
//! the /proc of this machine. It does nothing that the one who asks could not do.

mod beginning;
mod calls;
mod changes;
mod files;
mod identity;
mod looking;
mod making;
mod people;
mod register;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::{Pid, chroot, fchdir};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

use self::beginning::Beginning;
use self::changes::Changes;
use self::identity::Identity;
use self::looking::Looking;
use self::making::Making;
use self::people::Person;
use self::register::Register;
use crate::channel::{Channel, in_memory};
use crate::init::aside::{Aside, Own};
use crate::init::asking::Asking;
use crate::kernel::{Answer, Notice, answer, receive, take_turns, waits};
use crate::limitation::Limitation;
use crate::{SandboxError, Spec};

pub(super) use self::calls::filter;

/// The registrar, as the init has it.
pub(super) struct Office(Aside);

impl Office {
    /// Begins it, before there is anybody who could ask.
    pub fn open(spec: &Spec) -> Result<Self, SandboxError> {
        Aside::begin(Limitation::Strangers, |own| serve(spec, own)).map(Self)
    }

    /// Hands over what it is asked by, and by whom at first.
    pub fn begin(&self, listener: BorrowedFd<'_>, first: Pid) -> Result<(), SandboxError> {
        self.0.words.say(&first.as_raw_nonzero().get().cast_unsigned(), &[listener]).map_err(Limitation::Strangers.because())
    }

    /// Ends it, when nobody is left who could ask. Returns a list of [`Owned`](crate::Owned) as a document, unless it has failed.
    pub fn close(self) -> Option<OwnedFd> {
        let _ = self.0.words.fall_silent();
        self.0.words.hear::<()>().ok().flatten().and_then(|((), handed)| handed.into_iter().next())
    }
}

/// Waits until there is somebody who can ask, and then answers to the end.
fn serve(spec: &Spec, own: &Own<'_>) -> io::Result<()> {
    let folder = |path: &OsStr| openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let proc = folder(OsStr::new("/proc"))?;
    let changes = Changes::of(&spec.root, folder)?;
    let kept: Vec<BorrowedFd<'_>> = [Some(proc.as_fd()), changes.as_ref().map(AsFd::as_fd)].into_iter().flatten().collect();
    own.keep(&kept)?;
    let words = own.words;
    let Some((first, handed)) = words.hear::<u32>()? else { return Ok(()) };
    let listener = handed.into_iter().next().ok_or(io::ErrorKind::InvalidData)?;
    // Without it everything works, too.
    let _ = take_turns(listener.as_fd());
    let root = openat(&proc, format!("{first}/root"), OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    stand_in(&root)?;
    let all = capabilities(None)?.permitted;
    act_with(spec.capabilities.set() | CapabilitySet::SYS_CHROOT | CapabilitySet::SYS_PTRACE)?;
    let beginning = Beginning::look(&spec.owners, changes.as_ref());
    let (initial, known, register) = (Identity::of(&spec.user), HashMap::new(), Register::new(beginning, changes));
    let stands_in = files::folder_of(&root)?;
    let mut registrar = Registrar {
        listener: &listener,
        proc: &proc,
        root,
        stands_in,
        first,
        initial,
        gains_by_programs: !spec.no_new_privileges,
        known,
        most_known: people::MANY,
        register,
    };
    registrar.work(words)?;
    act_with(all)?;
    let owners = registrar.register.close();
    let document = in_memory("owners", &mut serde_json::to_vec(&owners)?.as_slice())?;
    words.say(&(), &[document.as_fd()])
}

/// What it knows.
struct Registrar<'a> {
    listener: &'a OwnedFd,
    /// The /proc of this machine.
    proc: &'a OwnedFd,
    /// What the first process has as `/`, and so do we.
    root: OwnedFd,
    /// The same, to be compared with what others have.
    stands_in: (u64, u64),
    first: u32,
    initial: Identity,
    /// Whether a program can run as its owner.
    gains_by_programs: bool,
    /// Those who have asked since anybody became somebody, by number, with when they were started.
    known: HashMap<u32, (u64, Person)>,
    /// How many these may be before those that have ended are forgotten.
    most_known: usize,
    register: Register,
}

impl Registrar<'_> {
    /// Answers until the init says that it is over.
    fn work(&mut self, words: &Channel) -> io::Result<()> {
        let mut somebody_can_ask = true;
        loop {
            let mut watched = vec![PollFd::new(words, PollFlags::IN)];
            if somebody_can_ask {
                watched.push(PollFd::new(self.listener, PollFlags::IN));
            }
            match poll(&mut watched, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let heard: Vec<PollFlags> = watched.iter().map(PollFd::revents).collect();
            match heard.get(1) {
                Some(events) if events.contains(PollFlags::IN) => self.answer_one(),
                Some(events) if !events.is_empty() => somebody_can_ask = false,
                // The init says nothing but that it is over.
                _ if heard.first().is_some_and(|events| !events.is_empty()) => return Ok(()),
                _ => {}
            }
        }
    }

    fn answer_one(&mut self) {
        // Who was killed meanwhile waits for no answer, in both.
        let Ok(notice) = receive(self.listener.as_fd()) else { return };
        let reply = self.reply(&notice).unwrap_or_else(|error| Answer::Error(error.raw_os_error()));
        let _ = answer(self.listener.as_fd(), notice.id, reply);
    }

    fn reply(&mut self, notice: &Notice) -> Result<Answer, Errno> {
        let listener = self.listener;
        let waits = || waits(listener.as_fd(), notice.id);
        let asking = Asking::new(self.proc.as_fd(), notice.thread, &waits);
        let [one, two, three, four, five, _] = notice.arguments;
        match notice.call {
            libc::SYS_fchown => self.give(&asking, &Place::open(one), low(two), low(three)),
            libc::SYS_fchownat => {
                let flags = low(five).cast_signed();
                let place = Place { base: low(one).cast_signed(), path: two, flags };
                if flags & !(libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH) != 0 {
                    return Err(Errno::INVAL);
                }
                self.give(&asking, &place, low(three), low(four))
            }
            #[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64")))]
            libc::SYS_chown => self.give(&asking, &Place::named(one, 0), low(two), low(three)),
            #[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64")))]
            libc::SYS_lchown => self.give(&asking, &Place::named(one, libc::AT_SYMLINK_NOFOLLOW), low(two), low(three)),
            _ => match (Making::of(notice), Looking::of(notice)) {
                (Some(making), _) => self.make(&asking, notice.id, &making),
                (_, Some(looking)) => self.look(&asking, &looking),
                (None, None) => self.identify(&asking, notice),
            },
        }
    }
}

/// What a call names: a descriptor, or a path that begins at one.
struct Place {
    base: i32,
    path: u64,
    flags: i32,
}

impl Place {
    fn open(descriptor: u64) -> Self {
        Self { base: low(descriptor).cast_signed(), path: 0, flags: libc::AT_EMPTY_PATH }
    }

    #[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64")))]
    const fn named(path: u64, flags: i32) -> Self {
        Self { base: libc::AT_FDCWD, path, flags }
    }
}

/// What the kernel reads of an argument that is no address.
const fn low(argument: u64) -> u32 {
    (argument & 0xffff_ffff) as u32
}

/// Limits what we may do to what those may who ask, and what it takes to look at them.
fn act_with(rights: CapabilitySet) -> Result<(), Errno> {
    let CapabilitySets { permitted, inheritable, .. } = capabilities(None)?;
    set_capabilities(None, CapabilitySets { effective: permitted & rights, permitted, inheritable })
}

fn stand_in(root: &OwnedFd) -> Result<(), Errno> {
    fchdir(root)?;
    chroot(".")
}
