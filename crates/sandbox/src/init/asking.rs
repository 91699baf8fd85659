//! A process that waits for us: its memory, and what its paths mean.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{CWD, Dir, Mode, OFlags, openat, readlinkat};
use rustix::io::Errno;

use super::within::split;
use crate::User;

/// The longest path, with the NUL at its end.
const LONGEST_PATH: usize = 4096;

/// How long a status is at most, with 65,536 groups in it.
const MOST_STATUS: u64 = 1 << 20;

/// A thread, seen in a /proc in which it has this number.
pub(super) struct Asking<'a> {
    proc: BorrowedFd<'a>,
    thread: u32,
    /// Tells whether it still waits, so that nobody else can have its number.
    waits: &'a dyn Fn() -> bool,
}

/// What /proc says of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kin {
    /// The process that the thread belongs to.
    pub process: u32,
    /// Its parent.
    pub parent: u32,
    /// What it has as its number itself.
    pub own: u32,
    /// Its file mode mask.
    pub mask: u32,
}

impl<'a> Asking<'a> {
    /// Looks at a thread.
    pub const fn new(proc: BorrowedFd<'a>, thread: u32, waits: &'a dyn Fn() -> bool) -> Self {
        Self { proc, thread, waits }
    }

    /// Looks at another one, that may have ended.
    pub const fn other(&self, thread: u32) -> Self {
        Self { thread, ..*self }
    }

    /// Its number.
    pub const fn thread(&self) -> u32 {
        self.thread
    }

    fn open(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let open = openat(self.proc, format!("{}/{name}", self.thread), flags | OFlags::CLOEXEC, Mode::empty())?;
        if (self.waits)() { Ok(open) } else { Err(Errno::SRCH) }
    }

    /// Opens what it has as `/`.
    pub fn root(&self) -> Result<OwnedFd, Errno> {
        self.open("root", OFlags::PATH | OFlags::DIRECTORY)
    }

    /// Tells where a link of it in /proc leads.
    pub fn link(&self, name: &str) -> Result<Vec<u8>, Errno> {
        let target = readlinkat(self.proc, format!("{}/{name}", self.thread), Vec::new())?.into_bytes();
        if (self.waits)() { Ok(target) } else { Err(Errno::SRCH) }
    }

    /// Opens the program that it is.
    pub fn program(&self) -> Result<OwnedFd, Errno> {
        self.open("exe", OFlags::PATH)
    }

    /// Opens what a path of it begins at: a descriptor of it, or its working folder.
    pub fn base(&self, descriptor: i32) -> Result<OwnedFd, Errno> {
        match descriptor {
            libc::AT_FDCWD => self.open("cwd", OFlags::PATH),
            number if number >= 0 => self.open(&format!("fd/{number}"), OFlags::PATH).map_err(|error| match error {
                Errno::NOENT => Errno::BADF,
                other => other,
            }),
            _ => Err(Errno::BADF),
        }
    }

    /// Reads a path from its memory.
    pub fn path(&self, address: u64) -> Result<Vec<u8>, Errno> {
        let memory = self.memory(OFlags::RDONLY)?;
        let mut path = Vec::new();
        // Not past the end of a page, behind which there may be nothing.
        let mut at = address;
        while path.len() < LONGEST_PATH {
            let mut piece = vec![0; usize::try_from(4096 - at % 4096).unwrap_or(1).min(LONGEST_PATH - path.len())];
            let length = memory.read_at(&mut piece, at).map_err(|_| Errno::FAULT)?;
            let piece = piece.get(..length).filter(|piece| !piece.is_empty()).ok_or(Errno::FAULT)?;
            if let Some(end) = piece.iter().position(|byte| *byte == 0) {
                path.extend_from_slice(piece.get(..end).unwrap_or_default());
                return Ok(path);
            }
            path.extend_from_slice(piece);
            at = at.checked_add(length as u64).ok_or(Errno::FAULT)?;
        }
        Err(Errno::NAMETOOLONG)
    }

    /// Reads the addresses that stand in its memory before a null pointer, `most` of them.
    pub fn addresses(&self, address: u64, most: usize) -> Result<Vec<u64>, Errno> {
        let memory = self.memory(OFlags::RDONLY)?;
        let (mut addresses, mut at) = (Vec::new(), address);
        while addresses.len() <= most {
            // Not past the end of a page, behind which there may be nothing.
            let count = usize::try_from(4096 - at % 4096).unwrap_or_default().max(8) / 8;
            let mut piece = vec![0; 8 * count];
            memory.read_exact_at(&mut piece, at).map_err(|_| Errno::FAULT)?;
            let (found, _) = piece.as_chunks::<8>();
            let end = found.iter().position(|bytes| *bytes == [0; 8]);
            addresses.extend(found.iter().take(end.unwrap_or(found.len())).map(|bytes| u64::from_ne_bytes(*bytes)));
            if end.is_some() {
                return Ok(addresses);
            }
            at = at.checked_add(8 * count as u64).ok_or(Errno::FAULT)?;
        }
        Err(Errno::TOOBIG)
    }

    /// Reads numbers from its memory.
    pub fn numbers(&self, address: u64, count: u32) -> Result<Vec<u32>, Errno> {
        let mut bytes = vec![0; usize::try_from(count).map_err(|_| Errno::INVAL)?.saturating_mul(4)];
        if count > 0 {
            self.memory(OFlags::RDONLY)?.read_exact_at(&mut bytes, address).map_err(|_| Errno::FAULT)?;
        }
        let (numbers, _) = bytes.as_chunks::<4>();
        Ok(numbers.iter().map(|number| u32::from_ne_bytes(*number)).collect())
    }

    /// Reads large numbers from its memory.
    pub fn large_numbers<const COUNT: usize>(&self, address: u64) -> Result<[u64; COUNT], Errno> {
        let mut bytes = [[0; 8]; COUNT];
        self.memory(OFlags::RDONLY)?.read_exact_at(bytes.as_flattened_mut(), address).map_err(|_| Errno::FAULT)?;
        Ok(bytes.map(u64::from_ne_bytes))
    }

    /// Writes numbers to its memory.
    pub fn write(&self, address: u64, numbers: &[u32]) -> Result<(), Errno> {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
        self.write_bytes(address, &bytes)
    }

    /// Writes to its memory.
    pub fn write_bytes(&self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        self.memory(OFlags::WRONLY)?.write_all_at(bytes, address).map_err(|_| Errno::FAULT)
    }

    fn memory(&self, flags: OFlags) -> Result<File, Errno> {
        self.open("mem", flags).map(File::from)
    }

    /// Reads what /proc says of it.
    pub fn kin(&self) -> Result<Kin, Errno> {
        Kin::read(&String::from_utf8_lossy(&self.start_of("status", MOST_STATUS)?)).ok_or(Errno::SRCH)
    }

    /// Reads the first words that it was started with.
    pub fn words(&self) -> Result<Vec<Vec<u8>>, Errno> {
        Ok(self.start_of("cmdline", 2 * LONGEST_PATH as u64)?.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect())
    }

    /// Reads the start of a text that /proc has of it.
    fn start_of(&self, name: &str, most: u64) -> Result<Vec<u8>, Errno> {
        let mut text = Vec::new();
        let read = File::from(self.open(name, OFlags::RDONLY)?).take(most).read_to_end(&mut text);
        read.map(|_| text).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }

    /// Tells as whom it looks at files.
    pub fn looks_as(&self) -> Result<User, Errno> {
        let status = self.start_of("status", MOST_STATUS)?;
        let text = String::from_utf8_lossy(&status);
        let numbers =
            |name: &str| -> Option<Vec<u32>> { field(&text, name)?.split_whitespace().map(|number| number.parse().ok()).collect() };
        // The last of four is the one for files (proc_pid_status(5)).
        let last = |name: &str| numbers(name)?.get(3).copied();
        let user = (|| Some(User { uid: last("Uid")?, gid: last("Gid")?, groups: numbers("Groups")? }))();
        user.ok_or(Errno::SRCH)
    }

    /// Lists its children. Kernels without `CONFIG_PROC_CHILDREN` do not tell.
    pub fn children(&self) -> Result<Vec<u32>, Errno> {
        let mut children = Vec::new();
        for thread in Dir::new(self.open("task", OFlags::RDONLY | OFlags::DIRECTORY)?)?.flatten() {
            let mut text = String::new();
            // A thread may have ended, and left its children to another.
            if let Ok(list) = self.open(&format!("task/{}/children", thread.file_name().to_string_lossy()), OFlags::RDONLY) {
                let _ = File::from(list).read_to_string(&mut text);
            }
            children.extend(text.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        Ok(children)
    }

    /// Tells when it was started, which no other process of this number has in common with it.
    pub fn start(&self) -> io::Result<u64> {
        self.number(22)
    }

    /// Tells where its stack begins.
    pub fn stack(&self) -> io::Result<u64> {
        self.number(28)
    }

    /// Reads a number of its status (proc_pid_stat(5)).
    fn number(&self, field: usize) -> io::Result<u64> {
        let mut text = String::new();
        File::from(self.open("stat", OFlags::RDONLY)?).read_to_string(&mut text)?;
        // The name of the program is the second, stands in parentheses, and may have any in it.
        let fields = text.rsplit_once(") ").map_or("", |(_, fields)| fields);
        fields.split(' ').nth(field - 3).and_then(|field| field.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Opens a path of it, where what it has as `/` is ours.
    pub fn find(&self, descriptor: i32, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        self.way(descriptor, path)?.open(flags)
    }

    /// Tells how we get where a path of it leads, where what it has as `/` is ours.
    pub fn way(&self, descriptor: i32, path: &[u8]) -> Result<Way, Errno> {
        match path.first() {
            None => Err(Errno::NOENT),
            Some(b'/') => Ok(Way { base: None, path: self.with_number(path)? }),
            Some(_) => Ok(Way { base: Some(self.base(descriptor)?), path: path.to_owned() }),
        }
    }

    /// Writes the process's own number for what means the one that asks: we are not it.
    fn with_number(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        let own = |rest: &[u8]| Ok([format!("/proc/{}", self.kin()?.own).as_bytes(), rest].concat());
        for (name, means) in
            [("/proc/self", ""), ("/dev/fd", "/fd"), ("/dev/stdin", "/fd/0"), ("/dev/stdout", "/fd/1"), ("/dev/stderr", "/fd/2")]
        {
            if let Some(rest) = path.strip_prefix(name.as_bytes()).filter(|rest| rest.is_empty() || rest.starts_with(b"/")) {
                return own(&[means.as_bytes(), rest].concat());
            }
        }
        Ok(path.to_owned())
    }
}

/// How we get where a path of another process leads.
pub(super) struct Way {
    /// Where it begins, if that is not `/`.
    base: Option<OwnedFd>,
    pub path: Vec<u8>,
}

impl Way {
    /// Where the path begins.
    pub fn base(&self) -> BorrowedFd<'_> {
        self.base.as_ref().map_or(CWD, AsFd::as_fd)
    }

    /// Opens what is there, for being looked at.
    pub fn open(&self, flags: OFlags) -> Result<OwnedFd, Errno> {
        openat(self.base(), &self.path, flags | OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
    }

    /// Goes on where a link points that is at its end. None if there is none.
    pub fn behind_link(self, asking: &Asking<'_>) -> Result<Option<Self>, Errno> {
        let target = match readlinkat(self.base(), &self.path, Vec::new()) {
            Ok(target) => target.into_bytes(),
            Err(Errno::INVAL) => return Ok(None),
            Err(error) => return Err(error),
        };
        if target.starts_with(b"/") {
            return asking.way(libc::AT_FDCWD, &target).map(Some);
        }
        let (folder, _) = split(&self.path);
        let folder = Self { path: if folder.is_empty() { b".".to_vec() } else { folder.to_owned() }, ..self };
        Ok(Some(Self { base: Some(folder.open(OFlags::DIRECTORY)?), path: target }))
    }
}

/// Returns a field of `status` (proc_pid_status(5)).
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"))
}

impl Kin {
    fn read(status: &str) -> Option<Self> {
        let number = |name: &str| field(status, name)?.parse().ok();
        let own = field(status, "NSpid").and_then(|numbers| numbers.split_whitespace().last()?.parse().ok());
        let mask = u32::from_str_radix(field(status, "Umask").unwrap_or("22"), 8).ok()?;
        Some(Self { process: number("Tgid")?, parent: number("PPid")?, own: own?, mask })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kin_is_read() {
        let status = "Name:\tPPid:\t7\nUmask:\t0027\nTgid:\t40\nPid:\t41\nPPid:\t30\nNSpid:\t41\t3\n";
        assert_eq!(Kin::read(status), Some(Kin { process: 40, parent: 30, own: 3, mask: 0o27 }));
        assert_eq!(Kin::read("Tgid:\t40\n"), None);
    }
}
