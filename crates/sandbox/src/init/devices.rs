//! /dev, as containers have it.

use std::os::fd::OwnedFd;

use rustix::fs::{CWD, FileType, Mode, OFlags, chmodat, makedev, mkdirat, mknodat, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, open_tree};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};

use super::mounts::{INERT, attach, cloned, made};
use super::root;

/// The devices, with their numbers (devices.txt of the kernel).
const DEVICES: [(&str, u32, u32); 6] = [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// The links.
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// The group of terminals, where it exists.
const TERMINALS: &str = "5";

/// What was mounted as /dev.
pub(super) struct Devices {
    folder: OwnedFd,
    terminals: OwnedFd,
}

impl Devices {
    /// Mounts /dev and what is in it.
    pub fn mount(target: &OwnedFd, shared_memory: u64) -> Result<Self, Errno> {
        let no_suid = MountAttrFlags::MOUNT_ATTR_NOSUID;
        let folder = made("tmpfs", &[("mode", "755".to_owned()), ("size", "65536k".to_owned())], no_suid)?;
        attach(&folder, target)?;
        for (name, major, minor) in DEVICES {
            device(&folder, name, major, minor)?;
        }
        for (name, leads_to) in LINKS {
            symlinkat(leads_to, &folder, name)?;
        }
        let terminals = terminals()?;
        attach(&terminals, &subfolder(&folder, "pts")?)?;
        let size = [("mode", "1777".to_owned()), ("size", shared_memory.to_string())];
        attach(&made("tmpfs", &size, INERT)?, &subfolder(&folder, "shm")?)?;
        match made("mqueue", &[], INERT) {
            Ok(queues) => attach(&queues, &subfolder(&folder, "mqueue")?)?,
            // A kernel without message queues.
            Err(Errno::NODEV) => {}
            Err(error) => return Err(error),
        }
        Ok(Self { folder, terminals })
    }

    /// Makes a terminal, whose inner side is `/dev/console` too. Returns its outer side, then the inner one.
    pub fn terminal(&self) -> Result<(OwnedFd, OwnedFd), Errno> {
        let outer = openat(&self.terminals, "ptmx", OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        unlockpt(&outer)?;
        let inner = ioctl_tiocgptpeer(&outer, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        attach(&cloned(&inner)?, &file(&self.folder, "console", Mode::from_raw_mode(0o600))?)?;
        Ok((outer, inner))
    }
}

fn device(folder: &OwnedFd, name: &str, major: u32, minor: u32) -> Result<(), Errno> {
    let mode = Mode::from_raw_mode(0o666);
    match mknodat(folder, name, FileType::CharacterDevice, mode, makedev(major, minor)) {
        // Only the machine's own root makes devices. Its own are shown instead.
        Err(Errno::PERM) => attach(&open_tree(CWD, format!("/dev/{name}"), root::clone())?, &file(folder, name, mode)?),
        // The file mode mask had its say.
        other => other.and_then(|()| chmodat(folder, name, mode, rustix::fs::AtFlags::empty())),
    }
}

fn terminals() -> Result<OwnedFd, Errno> {
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    // Every mount of it is an instance of its own, since Linux 4.7.
    let mut options = vec![("ptmxmode", "0666".to_owned()), ("mode", "0620".to_owned()), ("gid", TERMINALS.to_owned())];
    match made("devpts", &options, attributes) {
        Err(Errno::INVAL) => {
            options.pop();
            made("devpts", &options, attributes)
        }
        other => other,
    }
}

/// Makes an empty file for something to be mounted on.
fn file(folder: &OwnedFd, name: &str, mode: Mode) -> Result<OwnedFd, Errno> {
    openat(folder, name, OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC, mode)?;
    openat(folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

fn subfolder(folder: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    mkdirat(folder, name, Mode::from_raw_mode(0o755))?;
    openat(folder, name, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}
