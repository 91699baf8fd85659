//! Becoming somebody, and being told who one is.

use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

use super::Registrar;
use super::identity::{Identity, Ids, sorted};
use super::low;
use super::register::Key;
use crate::init::asking::Asking;
use crate::kernel::{Answer, Notice};

/// How many processes are remembered before those that have ended are forgotten, at first.
pub(super) const MANY: usize = 1024;

/// How many ancestors are asked for who they are.
const MOST_ANCESTORS: usize = 1024;

/// The most groups that one can be in (`NGROUPS_MAX`).
const MOST_GROUPS: u32 = 65_536;

/// A process that has asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    identity: Identity,
    /// What it was when it last asked, or who it descends from.
    image: Option<Image>,
}

/// What a process has become by `execve(2)`: to the kernel a file, with a stack of its own that lies elsewhere each time.
type Image = (Key, u64);

impl Registrar<'_> {
    /// Answers a call that asks for an identity or changes it.
    pub(super) fn identify(&mut self, asking: &Asking<'_>, notice: &Notice) -> Result<Answer, Errno> {
        if notice.call == libc::SYS_exit_group {
            // It ends, whatever comes of this.
            let _ = self.leave(asking);
            return Ok(Answer::Proceed);
        }
        let before = self.who(asking)?;
        let [one, two, three, ..] = notice.arguments;
        let (first, second, third) = (low(one), low(two), low(three));
        let is_root = before.is_root();
        let mut who = before.clone();
        let mut value = 0;
        match notice.call {
            libc::SYS_getuid => value = who.user.real,
            libc::SYS_geteuid => value = who.user.effective,
            libc::SYS_getgid => value = who.group.real,
            libc::SYS_getegid => value = who.group.effective,
            libc::SYS_getresuid => tell(asking, [one, two, three], who.user)?,
            libc::SYS_getresgid => tell(asking, [one, two, three], who.group)?,
            libc::SYS_getgroups => value = tell_groups(asking, first, two, &who.groups)?,
            libc::SYS_setuid => who.user.set_one(first, is_root)?,
            libc::SYS_setgid => who.group.set_one(first, is_root)?,
            libc::SYS_setreuid => who.user.set_two(first, second, is_root)?,
            libc::SYS_setregid => who.group.set_two(first, second, is_root)?,
            libc::SYS_setresuid => who.user.set_three(first, second, third, is_root)?,
            libc::SYS_setresgid => who.group.set_three(first, second, third, is_root)?,
            libc::SYS_setfsuid => value = who.user.set_files(first, is_root),
            libc::SYS_setfsgid => value = who.group.set_files(first, is_root),
            libc::SYS_prctl => who.keeps_rights = before.is_root() && two == 1,
            libc::SYS_setgroups if !is_root => return Err(Errno::PERM),
            libc::SYS_setgroups if first > MOST_GROUPS => return Err(Errno::INVAL),
            libc::SYS_setgroups => who.groups = sorted(asking.numbers(two, first)?),
            _ => return Ok(Answer::Proceed),
        }
        if who != before {
            // What it has become it has not become by this program's being another.
            let image = image(asking).ok();
            self.remember(asking, Person { identity: who, image })?;
        }
        // What it keeps it keeps from the kernel, too.
        Ok(if notice.call == libc::SYS_prctl { Answer::Proceed } else { Answer::Value(value) })
    }

    /// Tells who a process believes to be: what it has become, or who it descends from.
    pub(super) fn who(&mut self, asking: &Asking<'_>) -> Result<Identity, Errno> {
        if self.known.is_empty() && self.initial.is_root() {
            return Ok(self.initial.clone());
        }
        // Most have one thread only, which has the number of the process.
        let (process, known) = match self.recall(asking) {
            Some(person) => (asking.thread(), Some(person)),
            None => {
                let process = asking.kin()?.process;
                (process, self.recall(&asking.other(process)))
            }
        };
        let mut person = known.clone().unwrap_or_else(|| self.inherited(asking, process));
        self.execute(&asking.other(process), &mut person);
        let identity = person.identity.clone();
        // Whom it descends from may be gone when it asks again.
        if known.is_none_or(|known| known != person) {
            self.remember(asking, person)?;
        }
        Ok(identity)
    }

    /// Does what becoming another program does to who a process is. Who is root already has nothing to gain by it.
    fn execute(&self, asking: &Asking<'_>, person: &mut Person) {
        if person.identity.user.effective == 0 {
            return;
        }
        let Ok(image) = image(asking) else { return };
        if person.image != Some(image) {
            person.image = Some(image);
            let (uid, gid) = self.owners_of_program(asking).ok().filter(|_| self.gains_by_programs).unwrap_or_default();
            person.identity.execute(uid, gid);
        }
    }

    /// Tells as which user and group the program runs that a process is, where that is not who runs it. Of an emulated one the kernel
    /// knows the emulator, which lies outside of the root: the words that it was started with tell what it runs.
    fn owners_of_program(&self, asking: &Asking<'_>) -> Result<(Option<u32>, Option<u32>), Errno> {
        let mut program = asking.program()?;
        if self.is_outside(&program)? {
            let words = asking.words()?;
            let path = emulated(&words).ok_or(Errno::NOENT)?;
            program = self.in_root_of(asking, || asking.find(libc::AT_FDCWD, path, OFlags::empty()))?;
        }
        self.register.owners_of_program(&program, || self.path_of(&program))
    }

    /// Tells whether a program lies outside of the root: where its path leads is another file, or none, and it was not taken away from
    /// there.
    fn is_outside(&self, program: &OwnedFd) -> Result<bool, Errno> {
        let (found, path) = (fstat(program)?, self.path_of(program)?);
        let there = openat(CWD, &path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).and_then(fstat);
        let is_there = there.is_ok_and(|there| (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino));
        Ok(!is_there && !path.ends_with(b" (deleted)"))
    }

    /// Finds the nearest ancestor that is known, the process itself first.
    fn inherited(&self, asking: &Asking<'_>, process: u32) -> Person {
        let mut ancestor = process;
        for _ in 0..MOST_ANCESTORS {
            let one = asking.other(ancestor);
            if let Some(person) = self.recall(&one) {
                return person;
            }
            match one.kin() {
                Ok(kin) if ancestor != self.first => ancestor = kin.parent,
                _ => break,
            }
        }
        Person { identity: self.initial.clone(), image: None }
    }

    /// Remembers who the children of a process are, which ends: they have another parent then, who may be anybody.
    fn leave(&mut self, asking: &Asking<'_>) -> Result<(), Errno> {
        if self.known.is_empty() {
            return Ok(());
        }
        let process = asking.kin()?.process;
        let person = self.inherited(asking, process);
        if person.identity != self.initial {
            for child in asking.other(process).children()? {
                let one = asking.other(child);
                if self.recall(&one).is_none() {
                    // It may have ended, too.
                    let _ = self.remember(&one, person.clone());
                }
            }
        }
        self.known.remove(&process);
        Ok(())
    }

    fn recall(&self, asking: &Asking<'_>) -> Option<Person> {
        let (start, person) = self.known.get(&asking.thread())?;
        (asking.start().ok() == Some(*start)).then(|| person.clone())
    }

    fn remember(&mut self, asking: &Asking<'_>, person: Person) -> Result<(), Errno> {
        if self.known.len() >= self.most_known {
            self.known.retain(|process, (start, _)| asking.other(*process).start().ok() == Some(*start));
            self.most_known = (2 * self.known.len()).max(MANY);
        }
        let process = asking.kin()?.process;
        let start = asking.other(process).start().map_err(|_| Errno::SRCH)?;
        self.known.insert(process, (start, person));
        Ok(())
    }
}

fn image(asking: &Asking<'_>) -> Result<Image, Errno> {
    Ok((Key::of_file(&asking.program()?)?, asking.stack().map_err(|_| Errno::SRCH)?))
}

/// Finds the path of the program among the words of an emulator: the kernel puts it first (binfmt_misc), and so do we, behind the name.
fn emulated(words: &[Vec<u8>]) -> Option<&[u8]> {
    let place = if words.get(1).is_some_and(|word| word == b"-0") { 3 } else { 1 };
    words.get(place).map(Vec::as_slice)
}

fn tell(asking: &Asking<'_>, addresses: [u64; 3], ids: Ids) -> Result<(), Errno> {
    let values = [ids.real, ids.effective, ids.saved];
    addresses.iter().zip(values).try_for_each(|(address, value)| asking.write(*address, &[value]))
}

fn tell_groups(asking: &Asking<'_>, room: u32, address: u64, groups: &[u32]) -> Result<u32, Errno> {
    let count = u32::try_from(groups.len()).map_err(|_| Errno::OVERFLOW)?;
    if room == 0 || count == 0 {
        return Ok(count);
    }
    if room < count {
        return Err(Errno::INVAL);
    }
    asking.write(address, groups)?;
    Ok(count)
}
