//! The register: whose each file is, by what the file is and not by its name.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{AtFlags, CWD, Statx};
use rustix::io::Errno;

use super::super::within::split;
use super::beginning::Beginning;
use super::changes::{Changes, look};
use crate::{Device, Owned, Owner};

/// How many files have an entry at most. Whoever gives more away is refused.
const MOST: usize = 1 << 20;

/// How many entries there may be before those of files that are gone are looked for, at first.
const MANY: usize = 1 << 16;

/// What a file is: where it lies, and when it was made, since numbers are given again, if not quite as precisely as files are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    system: (u32, u32),
    number: u64,
    made: (i64, u32),
}

impl Key {
    /// Tells what an open file is.
    pub fn of_file(file: &OwnedFd) -> Result<Self, Errno> {
        look(file, b"", AtFlags::EMPTY_PATH).map(|found| Self::of(&found))
    }

    fn of(found: &Statx) -> Self {
        Self {
            system: (found.stx_dev_major, found.stx_dev_minor),
            number: found.stx_ino,
            made: (found.stx_btime.tv_sec, found.stx_btime.tv_nsec),
        }
    }
}

/// An entry.
#[derive(Debug, Default)]
struct Entry {
    /// Where the file was when it was given away last.
    path: Vec<u8>,
    /// What it is where changes are kept, if that tells it from those that have had its number.
    handle: Option<Vec<u8>>,
    owner: Owner,
}

/// Whose files are.
#[derive(Debug)]
pub(super) struct Register {
    entries: HashMap<Key, Entry>,
    /// How many of these there may be before those of files that are gone are looked for.
    most: usize,
    /// Whose they were before.
    beginning: Beginning,
    /// None if nothing can be new.
    changes: Option<Changes>,
}

impl Register {
    /// Returns one in which nothing is written yet.
    pub fn new(beginning: Beginning, changes: Option<Changes>) -> Self {
        Self { entries: HashMap::new(), most: MANY, beginning, changes }
    }

    /// Tells whether everything is root's.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.beginning.is_empty()
    }

    /// Writes down whose a file is; what is not said stays as it was.
    pub fn give(&mut self, file: &OwnedFd, path: Vec<u8>, uid: Option<u32>, gid: Option<u32>) -> Result<(), Errno> {
        let owner = &mut self.entry(file, path)?.owner;
        owner.uid = uid.unwrap_or(owner.uid);
        owner.gid = gid.unwrap_or(owner.gid);
        Ok(())
    }

    /// Writes down who has made a file. Its group is that of the folder that it is made in, if that folder passes its own on.
    pub fn is_made(&mut self, file: &OwnedFd, path: Vec<u8>, uid: u32, gid: u32) -> Result<(), Errno> {
        let (folder, _) = split(&path);
        let passed_on = look(CWD, folder, AtFlags::empty()).ok().filter(|found| u32::from(found.stx_mode) & libc::S_ISGID != 0);
        let gid = match passed_on {
            Some(found) => self.owner(&found, || Ok(folder.to_owned()))?.map_or(gid, |owner| owner.gid),
            None => gid,
        };
        self.entry(file, path)?.owner = Owner { uid, gid, device: None };
        Ok(())
    }

    /// Writes down which device a file is.
    pub fn is_device(&mut self, file: &OwnedFd, path: Vec<u8>, device: Device) -> Result<(), Errno> {
        self.entry(file, path)?.owner = Owner { device: Some(device), ..Owner::default() };
        Ok(())
    }

    /// Tells as which user and group a program runs, where that is not who runs it.
    pub fn owners_of_program(
        &self,
        program: &OwnedFd,
        path: impl FnOnce() -> Result<Vec<u8>, Errno>,
    ) -> Result<(Option<u32>, Option<u32>), Errno> {
        let found = look(program, b"", AtFlags::EMPTY_PATH)?;
        let owner = self.owner(&found, path)?.unwrap_or(Owner { uid: found.stx_uid, gid: found.stx_gid, device: None });
        let has = |bits: u32| u32::from(found.stx_mode) & bits == bits;
        Ok((has(libc::S_ISUID).then_some(owner.uid), has(libc::S_ISGID | libc::S_IXGRP).then_some(owner.gid)))
    }

    /// Tells whose a file is, if it is not whose the kernel says. Its path is asked for only if that could matter.
    pub fn owner(&self, found: &Statx, path: impl FnOnce() -> Result<Vec<u8>, Errno>) -> Result<Option<Owner>, Errno> {
        let written = match self.entries.contains_key(&Key::of(found)) {
            true => self.written(found, &path()?).map(|entry| entry.owner),
            false => None,
        };
        Ok(written.or_else(|| self.beginning.owner(found)))
    }

    /// Finds the entry of a file, or makes one.
    fn entry(&mut self, file: &OwnedFd, path: Vec<u8>) -> Result<&mut Entry, Errno> {
        let found = look(file, b"", AtFlags::EMPTY_PATH)?;
        let key = Key::of(&found);
        if self.entries.len() >= self.most && !self.entries.contains_key(&key) {
            self.forget();
            if self.entries.len() >= MOST {
                return Err(Errno::DQUOT);
            }
        }
        let handle = self.handle(&found, &path);
        let entry = self.entries.entry(key).or_default();
        if entry.path.is_empty() || !entry.is_of(handle.as_deref()) {
            entry.owner = self.beginning.owner_at(&found, &path).unwrap_or_default();
        }
        (entry.path, entry.handle) = (path, handle);
        Ok(entry)
    }

    fn handle(&self, found: &Statx, path: &[u8]) -> Option<Vec<u8>> {
        self.changes.as_ref()?.handle(found, path)
    }

    /// Finds the entry of what is at a path.
    fn written(&self, there: &Statx, path: &[u8]) -> Option<&Entry> {
        self.entries.get(&Key::of(there)).filter(|entry| entry.is_of(self.handle(there, path).as_deref()))
    }

    /// Finds all that is new or changed below our `/`, in which nobody changes anything any more, and is not root's.
    pub fn close(&self) -> Vec<Owned> {
        let mut files = Vec::new();
        let Some(changes) = self.changes.as_ref().filter(|_| !self.is_empty()) else { return files };
        changes.search(|there, path| {
            let written = self.written(there, path).map(|entry| entry.owner);
            let owner = written.or_else(|| self.beginning.owner_at(there, path)).unwrap_or_default();
            if owner != Owner::default() {
                files.push(Owned { path: OsString::from_vec(path.to_owned()), owner });
            }
        });
        files
    }

    /// Forgets the files that have no name any more.
    fn forget(&mut self) {
        let Some(changes) = &self.changes else { return };
        let mut there = HashSet::new();
        changes.search(|found, _| {
            there.insert(Key::of(found));
        });
        self.entries.retain(|key, _| there.contains(key));
        // So that it is not looked again for a while: as many as there are may be gone then, or half of those that may come.
        let count = self.entries.len();
        self.most = (2 * count).max(MANY).min(usize::midpoint(count, MOST));
    }
}

impl Entry {
    /// Tells whether it is that of a file, as far as is known what that is.
    fn is_of(&self, handle: Option<&[u8]>) -> bool {
        self.handle.as_deref().zip(handle).is_none_or(|(ours, theirs)| ours == theirs)
    }
}
