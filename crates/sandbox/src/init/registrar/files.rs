//! Giving files to somebody, and making devices.

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags, chownat, major, minor, mknodat, readlinkat, statx};
use rustix::io::Errno;

use super::making::masked;
use super::{Place, Registrar, stand_in};
use crate::Device;
use crate::init::asking::Asking;
use crate::init::within::split;
use crate::kernel::Answer;

/// What stands for "leave it as it is".
const SAME: u32 = u32::MAX;

impl Registrar<'_> {
    /// Gives a file to a user and a group.
    pub(super) fn give(&mut self, asking: &Asking<'_>, place: &Place, uid: u32, gid: u32) -> Result<Answer, Errno> {
        let path = if place.path == 0 { Vec::new() } else { asking.path(place.path)? };
        let who = self.who(asking)?;
        let is_own = (uid == SAME || uid == who.user.files) && (gid == SAME || gid == who.group.files || who.groups.contains(&gid));
        if !who.is_root() && !is_own {
            return Err(Errno::PERM);
        }
        let file = self.in_root_of(asking, || {
            if path.is_empty() && place.flags & libc::AT_EMPTY_PATH != 0 {
                return asking.base(place.base);
            }
            let follows = place.flags & libc::AT_SYMLINK_NOFOLLOW == 0;
            asking.find(place.base, &path, if follows { OFlags::empty() } else { OFlags::NOFOLLOW })
        })?;
        // It does what giving it away does besides: the layers below are left, and rights of programs are taken away.
        chownat(&file, "", None, None, AtFlags::EMPTY_PATH)?;
        let said = |id: u32| (id != SAME).then_some(id);
        if (uid, gid) != (SAME, SAME) {
            let path = self.path_of(&file)?;
            self.register.give(&file, path, said(uid), said(gid))?;
        }
        Ok(Answer::Value(0))
    }

    /// Makes an empty file that stands for a device.
    pub(super) fn device(&mut self, asking: &Asking<'_>, place: &Place, mode: u32, number: u32) -> Result<Answer, Errno> {
        let is_block = FileType::from_raw_mode(mode) == FileType::BlockDevice;
        if !self.who(asking)?.is_root() {
            return Err(Errno::PERM);
        }
        let path = asking.path(place.path)?;
        let mask = Mode::from_raw_mode(asking.kin()?.mask);
        let file = self.in_root_of(asking, || {
            let (folder, name) = split(&path);
            let folder = asking.find(place.base, if folder.is_empty() { b"." } else { folder }, OFlags::DIRECTORY)?;
            masked(mask, || mknodat(&folder, name, FileType::RegularFile, Mode::from_raw_mode(mode & 0o7777), 0))?;
            rustix::fs::openat(&folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        })?;
        let device = Device { is_block, major: major(number.into()), minor: minor(number.into()) };
        let path = self.path_of(&file)?;
        self.register.is_device(&file, path, device)?;
        Ok(Answer::Value(0))
    }

    /// Does something where the process has its `/`, which may have changed it.
    pub(super) fn in_root_of<T>(&self, asking: &Asking<'_>, act: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
        let root = asking.root()?;
        if folder_of(&root)? == self.stands_in {
            return act();
        }
        stand_in(&root)?;
        let result = act();
        if stand_in(&self.root).is_err() {
            // No answer is better than one that was found in the wrong place.
            std::process::exit(1);
        }
        result
    }

    /// Tells where a file is, seen from where we stand.
    pub(super) fn path_of(&self, file: &OwnedFd) -> Result<Vec<u8>, Errno> {
        Ok(readlinkat(self.proc, format!("self/fd/{}", file.as_raw_fd()), Vec::new())?.into_bytes())
    }
}

/// Tells which folder something is, and where it is mounted.
pub(super) fn folder_of(folder: &OwnedFd) -> Result<(u64, u64), Errno> {
    let found = statx(folder, "", AtFlags::EMPTY_PATH, StatxFlags::INO | StatxFlags::MNT_ID)?;
    Ok((found.stx_ino, found.stx_mnt_id))
}
