//! The register: whose each file should be, by what the file is and not by its name.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::{CString, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{AtFlags, CWD, Dir, FileType, OFlags, ResolveFlags, Statx, StatxFlags, statx};
use rustix::io::Errno;

use super::super::within::{open_as, split};
use crate::kernel::handle;
use crate::{Device, Owned};

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
    fn of(found: &Statx) -> Self {
        Self {
            system: (found.stx_dev_major, found.stx_dev_minor),
            number: found.stx_ino,
            made: (found.stx_btime.tv_sec, found.stx_btime.tv_nsec),
        }
    }

    /// Tells what an open file is.
    pub fn of_open(file: impl AsFd) -> Result<Self, Errno> {
        look(file, b"", AtFlags::EMPTY_PATH).map(|found| Self::of(&found))
    }
}

/// What a program is, and as whom it runs, if that is not who runs it.
pub(super) struct Program {
    pub key: Key,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

/// An entry.
#[derive(Debug, Default)]
struct Entry {
    /// Where the file was when it was given away last.
    path: Vec<u8>,
    /// What it is where changes are kept, if that tells it from those that have had its number.
    handle: Option<Vec<u8>>,
    uid: Option<u32>,
    gid: Option<u32>,
    device: Option<Device>,
}

/// Whose files should be.
#[derive(Debug)]
pub(super) struct Register {
    entries: HashMap<Key, Entry>,
    /// How many of these there may be before those of files that are gone are looked for.
    most: usize,
    /// The folder that has all that is new or changed. None if nothing can be.
    changed: Option<OwnedFd>,
}

impl Register {
    /// Returns an empty one.
    pub fn new(changed: Option<OwnedFd>) -> Self {
        Self { entries: HashMap::new(), most: MANY, changed }
    }

    /// Writes down whose a file is; what is not said stays as it was.
    pub fn give(&mut self, key: Key, path: Vec<u8>, uid: Option<u32>, gid: Option<u32>) -> Result<(), Errno> {
        let entry = self.entry(key, path)?;
        entry.uid = uid.or(entry.uid);
        entry.gid = gid.or(entry.gid);
        Ok(())
    }

    /// Writes down who has made a file. Its group is that of the folder that it is made in, if that folder passes its own on.
    pub fn is_made(&mut self, key: Key, path: Vec<u8>, uid: u32, gid: u32) -> Result<(), Errno> {
        let (folder, _) = split(&path);
        let passed_on = look(CWD, folder, AtFlags::empty()).ok().filter(|found| u32::from(found.stx_mode) & libc::S_ISGID != 0);
        let gid = passed_on.and_then(|found| self.entries.get(&Key::of(&found))?.gid).unwrap_or(gid);
        let entry = self.entry(key, path)?;
        (entry.uid, entry.gid, entry.device) = (Some(uid), Some(gid), None);
        Ok(())
    }

    /// Writes down which device a file is.
    pub fn is_device(&mut self, key: Key, path: Vec<u8>, device: Device) -> Result<(), Errno> {
        let entry = self.entry(key, path)?;
        (entry.uid, entry.gid, entry.device) = (None, None, Some(device));
        Ok(())
    }

    /// Tells as whom a program runs. Which group's it is nobody knows who was not told so: all look like root's.
    pub fn program(&self, program: &OwnedFd) -> Result<Program, Errno> {
        let found = look(program, b"", AtFlags::EMPTY_PATH)?;
        let key = Key::of(&found);
        let entry = self.entries.get(&key);
        let has = |bits: u32| u32::from(found.stx_mode) & bits == bits;
        let uid = has(libc::S_ISUID).then(|| entry.and_then(|entry| entry.uid).unwrap_or(found.stx_uid));
        let gid = entry.and_then(|entry| entry.gid).filter(|_| has(libc::S_ISGID | libc::S_IXGRP));
        Ok(Program { key, uid, gid })
    }

    /// Finds the entry of a file, or makes one.
    fn entry(&mut self, key: Key, path: Vec<u8>) -> Result<&mut Entry, Errno> {
        if self.entries.len() >= self.most && !self.entries.contains_key(&key) {
            self.forget();
            if self.entries.len() >= MOST {
                return Err(Errno::DQUOT);
            }
        }
        let handle = self.handle(&key, &path);
        let entry = self.entries.entry(key).or_default();
        if !entry.is_of(handle.as_deref()) {
            *entry = Entry::default();
        }
        (entry.path, entry.handle) = (path, handle);
        Ok(entry)
    }

    /// Asks what a file is where changes are kept. An overlay has its number from there, unless that of what it is a copy of.
    fn handle(&self, key: &Key, path: &[u8]) -> Option<Vec<u8>> {
        let changed = self.changed.as_ref()?;
        let path = CString::new(path.strip_prefix(b"/")?).ok()?;
        let there = look(changed, path.to_bytes(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        handle(changed.as_fd(), &path).ok().filter(|_| there.stx_ino == key.number)
    }

    /// Finds the entry of what is at a path.
    fn find(&self, there: &Statx, path: &[u8]) -> Option<&Entry> {
        let key = Key::of(there);
        self.entries.get(&key).filter(|entry| entry.is_of(self.handle(&key, path).as_deref()))
    }

    /// Finds all that is left of what was written down, below our `/`, in which nobody changes anything any more.
    pub fn close(&self) -> Vec<Owned> {
        let Some(changed) = &self.changed else { return Vec::new() };
        let mut found = Vec::new();
        let mut is_complete = true;
        for (key, entry) in &self.entries {
            match look(CWD, &entry.path, AtFlags::SYMLINK_NOFOLLOW) {
                // It may have other names, too.
                Ok(there) if Key::of(&there) == *key && (there.stx_nlink == 1 || is_folder(&there)) => {
                    found.extend(self.find(&there, &entry.path).and_then(|entry| entry.owned(&entry.path)));
                }
                _ => is_complete = false,
            }
        }
        if !is_complete {
            let known: BTreeSet<OsString> = found.iter().map(|owned| owned.path.clone()).collect();
            search(changed, |there, path| {
                let owned = self.find(there, path).and_then(|entry| entry.owned(path));
                found.extend(owned.filter(|owned| !known.contains(&owned.path)));
            });
        }
        found
    }

    /// Forgets the files that have no name any more.
    fn forget(&mut self) {
        let Some(changed) = &self.changed else { return };
        let mut there = HashSet::new();
        search(changed, |found, _| {
            there.insert(Key::of(found));
        });
        self.entries.retain(|key, _| there.contains(key));
        // So that it is not looked again for a while: as many as there are may be gone then, or half of those that may come.
        let count = self.entries.len();
        self.most = (2 * count).max(MANY).min(usize::midpoint(count, MOST));
    }
}

/// Looks at everything below our `/` that is also below `changed`, folder by folder. What cannot be looked at has no entry: it was
/// there before, or is too deep for anybody.
fn search(changed: &OwnedFd, mut tell: impl FnMut(&Statx, &[u8])) {
    let rules = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
    let mut folders = vec![b"/".to_vec()];
    while let Some(folder) = folders.pop() {
        let Ok(open) = open_as(changed, &folder, OFlags::RDONLY | OFlags::DIRECTORY, rules) else { continue };
        let Ok(entries) = Dir::new(open) else { continue };
        for name in entries.flatten().map(|entry| entry.file_name().to_bytes().to_vec()) {
            if matches!(&*name, b"." | b"..") {
                continue;
            }
            let path = [folder.as_slice(), if folder.ends_with(b"/") { b"" } else { b"/" }, &name].concat();
            let Ok(there) = look(CWD, &path, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            tell(&there, &path);
            if is_folder(&there) {
                folders.push(path);
            }
        }
    }
}

impl Entry {
    /// Tells whether it is that of a file, as far as is known what that is.
    fn is_of(&self, handle: Option<&[u8]>) -> bool {
        self.handle.as_deref().zip(handle).is_none_or(|(ours, theirs)| ours == theirs)
    }

    fn owned(&self, path: &[u8]) -> Option<Owned> {
        let is_said = |id: &u32| *id != 0 || self.path == path;
        let (uid, gid) = (self.uid.filter(is_said), self.gid.filter(is_said));
        let says_something = uid.is_some() || gid.is_some() || self.device.is_some();
        says_something.then(|| Owned { path: OsString::from_vec(path.to_owned()), uid, gid, device: self.device })
    }
}

fn look(folder: impl AsFd, path: &[u8], flags: AtFlags) -> Result<Statx, Errno> {
    statx(
        folder,
        path,
        flags,
        StatxFlags::INO | StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::UID | StatxFlags::NLINK | StatxFlags::BTIME,
    )
}

fn is_folder(found: &Statx) -> bool {
    FileType::from_raw_mode(found.stx_mode.into()) == FileType::Directory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_stays() {
        let key = Key { system: (0, 1), number: 2, made: (3, 4) };
        let mut register = Register::new(None);
        register.give(key, b"/a".to_vec(), Some(3), None).unwrap();
        register.give(key, b"/b".to_vec(), None, Some(4)).unwrap();
        let entry = &register.entries[&key];
        assert_eq!((entry.path.as_slice(), entry.uid, entry.gid), (b"/b".as_slice(), Some(3), Some(4)));
    }
}
