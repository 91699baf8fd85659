//! Paths inside the root: what is there, and what has to be made for a mount.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags, Timespec, Timestamps, UTIME_OMIT, fstat, futimens, mkdirat, openat, openat2,
    readlinkat, statx,
};
use rustix::io::Errno;

use crate::channel::Channel;
use crate::report::{Stub, Word};

/// How many links that lead nowhere are followed, as the kernel does with links.
const MOST_LINKS: u32 = 40;

/// How often a path is tried while the machine's files are moved about.
const MOST_TRIES: u32 = 1000;

/// A root, and what is mounted in it.
pub(super) struct Within<'a> {
    root: &'a OwnedFd,
    mount: u64,
    report: &'a Channel,
}

/// What a target is to be, where it has to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// A folder, else a file.
    pub is_folder: bool,
    /// It stays when the process has ended.
    pub stays: bool,
}

impl<'a> Within<'a> {
    /// Looks into a root. What is made there is told to `report`.
    pub fn new(root: &'a OwnedFd, report: &'a Channel) -> Result<Self, Errno> {
        let mount = mount_of(root)?;
        Ok(Self { root, mount, report })
    }

    /// Opens what is at a path, without reading it.
    pub fn open(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        open_in(self.root, path, OFlags::PATH)
    }

    /// Opens what something is to be mounted on, and makes it if it is missing.
    pub fn target(&self, path: &[u8], wanted: Wanted) -> Result<OwnedFd, Errno> {
        self.make(path, wanted, 0)
    }

    fn make(&self, path: &[u8], wanted: Wanted, links: u32) -> Result<OwnedFd, Errno> {
        match self.open(path) {
            Err(Errno::NOENT) if links < MOST_LINKS => {}
            Err(Errno::NOENT) => return Err(Errno::LOOP),
            other => return other,
        }
        let (folder, name) = split(path);
        let parent = self.make(folder, Wanted { is_folder: true, stays: wanted.stays }, links + 1)?;
        if matches!(name, b"" | b"." | b"..") {
            return self.open(path);
        }
        match self.make_one(&parent, name, wanted) {
            Ok(()) => self.open(path),
            // There is something, but it was not found: a link to what is missing.
            Err(Errno::EXIST) => {
                let link = readlinkat(&parent, name, Vec::new())?.into_bytes();
                let target = if link.starts_with(b"/") { link } else { [folder, b"/", &link].concat() };
                self.make(&target, wanted, links + 1)
            }
            Err(error) => Err(error),
        }
    }

    fn make_one(&self, parent: &OwnedFd, name: &[u8], wanted: Wanted) -> Result<(), Errno> {
        let open = openat(parent, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let times = times_of(&open)?;
        // What is made in something that is mounted is no part of the root.
        let told = !wanted.stays && mount_of(&open)? == self.mount;
        if told {
            // Before, so that whoever ends this in between knows of it. And without any link, so that nobody can make it mean
            // something else afterwards.
            let folder = readlinkat(CWD, format!("/proc/self/fd/{}", open.as_raw_fd()), Vec::new())?.into_bytes();
            self.say(&Word::Stub(Stub { folder, name: name.to_vec(), is_folder: wanted.is_folder }))?;
        }
        let made = if wanted.is_folder {
            mkdirat(&open, name, Mode::from_raw_mode(0o755))
        } else {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            openat(&open, name, flags, Mode::from_raw_mode(0o644)).map(drop)
        };
        if made.is_err() && told {
            self.say(&Word::NoStub)?;
        }
        made.and_then(|()| futimens(&open, &times))
    }

    fn say(&self, word: &Word) -> Result<(), Errno> {
        self.report.say(word, &[]).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::PIPE))
    }
}

/// Opens a path as if a folder were the root: no link and no `..` leads out, and links of /proc lead nowhere.
pub(super) fn open_in(root: &OwnedFd, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    open_as(root, path, flags, ResolveFlags::IN_ROOT)
}

/// The same, with rules of its own.
pub(super) fn open_as(root: &OwnedFd, path: &[u8], flags: OFlags, rules: ResolveFlags) -> Result<OwnedFd, Errno> {
    let path = if path.is_empty() { b"/" } else { path };
    for _ in 0..MOST_TRIES {
        match openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), rules) {
            // Something was renamed or mounted anywhere on this machine while a `..` was followed (openat2(2)).
            Err(Errno::AGAIN) => {}
            other => return other,
        }
    }
    Err(Errno::AGAIN)
}

/// Tells when a folder was changed, for setting it back.
pub(super) fn times_of(folder: &OwnedFd) -> Result<Timestamps, Errno> {
    let status = fstat(folder)?;
    let last_modification = Timespec { tv_sec: status.st_mtime, tv_nsec: i64::try_from(status.st_mtime_nsec).unwrap_or(0) };
    Ok(Timestamps { last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }, last_modification })
}

fn mount_of(file: impl AsFd) -> Result<u64, Errno> {
    Ok(statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?.stx_mnt_id)
}

/// Splits a path into a folder and the name in it, without resolving anything.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let path = path.get(..end).unwrap_or_default();
    let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    path.split_at(start)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_path_is_a_folder_and_a_name() {
        let cases: [(&[u8], &[u8], &[u8]); 5] =
            [(b"/a/b", b"/a/", b"b"), (b"/a//", b"/", b"a"), (b"a", b"", b"a"), (b"/", b"", b""), (b"/a/../", b"/a/", b"..")];
        for (path, folder, name) in cases {
            assert_eq!(split(path), (folder, name));
        }
    }
}
