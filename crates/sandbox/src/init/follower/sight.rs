//! What a thread that stands still has before it: its memory, its files, and what its paths mean.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, PROC_SUPER_MAGIC, accessat, fstat, fstatfs, openat};
use rustix::io::Errno;
use rustix::process::Pid;

use super::call::{Block, Call, Word};
use crate::init::asking::Asking;
use crate::init::emulator::Emulator;
use crate::init::within::open_in;
use crate::kernel::{look_as, write_to};

/// How many arguments a call may have: more than any stack has room for.
const MOST_ARGUMENTS: usize = 1 << 21;

/// A thread that stands still has its number until we let it go on, unless another one of its process becomes a program meanwhile.
static STANDS_STILL: fn() -> bool = || true;

pub(super) struct Sight<'a> {
    /// The /proc of this machine.
    proc: &'a OwnedFd,
    thread: Pid,
    asking: Asking<'a>,
}

impl<'a> Sight<'a> {
    /// Looks at a thread.
    pub fn of(proc: &'a OwnedFd, thread: Pid) -> Self {
        let number = thread.as_raw_nonzero().get().cast_unsigned();
        Self { proc, thread, asking: Asking::new(proc.as_fd(), number, &STANDS_STILL) }
    }

    /// Tells whether it is the emulator, and can become it again: by a link of /proc, which a root has that nobody else has changed to.
    pub fn can_be(&self, emulator: &Emulator) -> Result<bool, Errno> {
        let (own, other) = (fstat(self.asking.program()?)?, fstat(emulator)?);
        let is_it = (own.st_dev, own.st_ino) == (other.st_dev, other.st_ino);
        Ok(is_it && fstatfs(open_in(&self.asking.root()?, b"/proc", OFlags::PATH)?)?.f_type == PROC_SUPER_MAGIC)
    }

    /// Returns the path that a call names, as the emulator is to have it: descriptors may be closed by then.
    pub fn path(&self, call: &Call) -> Result<CString, Errno> {
        let said = self.asking.path(call.path)?;
        let place_of = |descriptor: i32| self.place(&format!("fd/{descriptor}"));
        let at = call.at.filter(|at| *at != libc::AT_FDCWD && !said.starts_with(b"/"));
        let path = match (own_descriptor(&said), at) {
            (Some(descriptor), _) => place_of(descriptor)?,
            (None, Some(descriptor)) if !said.is_empty() => [&place_of(descriptor)?, &b"/"[..], &said].concat(),
            (None, Some(descriptor)) if call.takes_no_path => place_of(descriptor)?,
            (None, None) if !said.is_empty() => said,
            (None, _) => return Err(Errno::NOENT),
        };
        // It is no option of the emulator.
        let path = if path.starts_with(b"-") { [b"./", &path[..]].concat() } else { path };
        CString::new(path).map_err(|_| Errno::INVAL)
    }

    /// Returns the arguments of a call, where they stand.
    pub fn arguments(&self, call: &Call) -> Result<Vec<Word>, Errno> {
        let addresses = if call.arguments == 0 { Vec::new() } else { self.asking.addresses(call.arguments, MOST_ARGUMENTS)? };
        Ok(addresses.into_iter().map(Word::At).collect())
    }

    /// Opens what a path of it leads to, if that is a file that it may run.
    pub fn open(&self, path: &CStr) -> io::Result<File> {
        let path = path.to_bytes();
        let whole = if path.starts_with(b"/") { path.to_owned() } else { [&self.place("cwd")?, &b"/"[..], path].concat() };
        let (root, who) = (self.asking.root()?, self.asking.looks_as()?);
        // We may see more than it may.
        look_as(&who, || {
            let found = open_in(&root, &whole, OFlags::PATH)?;
            // Opening anything else may wait, or do something.
            if FileType::from_raw_mode(fstat(&found)?.st_mode) != FileType::RegularFile {
                return Err(Errno::ACCESS.into());
            }
            let again = format!("self/fd/{}", found.as_raw_fd());
            accessat(self.proc, &again, Access::EXEC_OK, AtFlags::EACCESS)?;
            Ok(openat(self.proc, again, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?.into())
        })?
    }

    /// Writes a block to its memory.
    pub fn write(&self, block: &Block) -> io::Result<()> {
        write_to(self.thread, block.start, &block.bytes)
    }

    /// Tells where something of it is, as it sees that itself.
    fn place(&self, name: &str) -> Result<Vec<u8>, Errno> {
        let (place, root) = (self.asking.link(name)?, self.asking.link("root")?);
        let root = root.strip_suffix(b"/").unwrap_or(&root);
        let below = place.strip_prefix(root).filter(|below| below.is_empty() || below.starts_with(b"/")).ok_or(Errno::NOENT)?;
        Ok(if below.is_empty() { b"/".to_vec() } else { below.to_vec() })
    }
}

/// Returns the descriptor that a path of /proc means to who calls, and to nobody else.
fn own_descriptor(path: &[u8]) -> Option<i32> {
    let name = path.strip_prefix(b"/proc/self/fd/").or_else(|| path.strip_prefix(b"/dev/fd/"))?;
    std::str::from_utf8(name).ok()?.parse().ok().filter(|number| *number >= 0)
}
