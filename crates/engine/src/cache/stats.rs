//! What the files of a folder hash to, so that a build reads only those that changed.
//!
//! A file is known by what the disk says of it: its number, its length, its times. One of those times nobody can set
//! back, so an equal answer means an equal content, but for files that changed just before they were read: within one
//! tick of the disk's clock they may change again and look the same. Those are not believed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use content::{Keep, Shelf};
use oci::Digest;

use crate::context::Stamp;

const MAGIC: &[u8] = b"STA1";
/// Disk and number of a file: where its row is.
const FILE: usize = 16;
/// Those, and its length and times: by what it is known.
const STAMP: usize = FILE + 24;
/// Those, for how many builds nobody saw it, and its SHA-256.
const ROW: usize = STAMP + 1 + 32;
/// How long before it was read a file must have stayed the same: the coarsest clock of a disk, FAT's.
const TICK: Duration = Duration::from_secs(2);
/// For how many builds a file that is not seen stays known: builds of one folder may look at different parts of it.
const MOST_UNSEEN: u8 = 10;

type File = [u8; FILE];
type Row = [u8; ROW];

/// The hashes of a folder's files, as they were kept, and what was learned since.
pub struct StatCache {
    key: Digest,
    /// Rows in the order of their files.
    rows: Bytes,
    learned: Mutex<BTreeMap<File, Row>>,
}

impl StatCache {
    /// Reads what is kept of a folder. Blocks for the time of reading one file.
    pub fn load(keep: &dyn Keep, folder: &Path) -> Self {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let key = Digest::of(&[b"files of ", folder.as_os_str().as_encoded_bytes()].concat());
        let whole = |kept: Bytes| kept.starts_with(MAGIC).then(|| kept.slice(MAGIC.len()..)).filter(|rows| rows.len() % ROW == 0);
        let rows = keep.get(Shelf::Files, &key).and_then(whole).unwrap_or_default();
        Self { key, rows, learned: Mutex::default() }
    }

    /// Returns what a file hashes to, where that is known.
    pub fn hash(&self, stamp: &Stamp) -> Option<Digest> {
        let row = self.row(&encode(stamp)?)?;
        Some(Digest::from_sha256(*row.last_chunk()?))
    }

    /// Remembers what a file hashes to; it was read after `begun`, to its end, and was the same then.
    pub fn learn(&self, stamp: &Stamp, hash: &Digest, begun: SystemTime) {
        let begun = begun.checked_sub(TICK).and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        let is_settled = begun.and_then(|begun| i128::try_from(begun.as_nanos()).ok()).is_some_and(|begun| stamp.changed <= begun);
        if let (true, Some(stamp), Some(hash)) = (is_settled, encode(stamp), hash.sha256()) {
            self.learned().insert(file(&stamp), row(&stamp, 0, &hash));
        }
    }

    /// Keeps what is known, if anything was learned; `seen` are the files that were looked at.
    pub fn save<'a>(&self, keep: &dyn Keep, seen: impl IntoIterator<Item = &'a Stamp>) {
        if self.learned().is_empty() {
            return;
        }
        let mut rows: BTreeMap<File, Row> = BTreeMap::new();
        for old in self.rows.as_chunks::<ROW>().0 {
            let unseen = old.get(STAMP).map_or(u8::MAX, |unseen| unseen.saturating_add(1));
            if let (true, Some(stamp), Some(hash)) = (unseen <= MOST_UNSEEN, old.first_chunk(), old.last_chunk()) {
                rows.insert(file(stamp), row(stamp, unseen, hash));
            }
        }
        for stamp in seen.into_iter().filter_map(encode) {
            match self.row(&stamp).and_then(|row| row.last_chunk().copied()) {
                Some(hash) => rows.insert(file(&stamp), row(&stamp, 0, &hash)),
                // It is another one by now.
                None => rows.remove(&file(&stamp)),
            };
        }
        let kept: Vec<u8> = MAGIC.iter().chain(rows.values().flatten()).copied().collect();
        keep.put(Shelf::Files, &self.key, &kept);
    }

    /// Finds the row of exactly this file.
    fn row(&self, stamp: &[u8; STAMP]) -> Option<Row> {
        let same = |row: &Row| row.starts_with(stamp);
        if let Some(row) = self.learned().get(&file(stamp)) {
            return Some(*row).filter(same);
        }
        let rows = self.rows.as_chunks::<ROW>().0;
        let at = rows.binary_search_by(|row| row.get(..FILE).cmp(&stamp.get(..FILE))).ok()?;
        rows.get(at).copied().filter(same)
    }

    fn learned(&self) -> MutexGuard<'_, BTreeMap<File, Row>> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Big-endian, so that rows are in the order of their numbers. Times outside of the years 1678 to 2262 are not kept.
fn encode(stamp: &Stamp) -> Option<[u8; STAMP]> {
    let (modified, changed) = (i64::try_from(stamp.modified).ok()?, i64::try_from(stamp.changed).ok()?);
    let numbers = [stamp.device, stamp.inode, stamp.size, modified.cast_unsigned(), changed.cast_unsigned()];
    numbers.map(u64::to_be_bytes).concat().try_into().ok()
}

fn file(stamp: &[u8; STAMP]) -> File {
    stamp.first_chunk().copied().unwrap_or_default()
}

fn row(stamp: &[u8; STAMP], unseen: u8, hash: &[u8; 32]) -> Row {
    let mut row = [0; ROW];
    let parts = stamp.iter().chain([&unseen]).chain(hash);
    row.iter_mut().zip(parts).for_each(|(byte, part)| *byte = *part);
    row
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use content::Memory;

    use super::*;

    const SECOND: i128 = 1_000_000_000;

    fn stamp(inode: u64, changed: i128) -> Stamp {
        Stamp { device: 1, inode, size: 7, modified: -5, changed }
    }

    fn at(nanoseconds: i128) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(nanoseconds).unwrap())
    }

    fn load(memory: &Memory) -> StatCache {
        StatCache::load(memory, Path::new("/nowhere/at/all"))
    }

    #[test]
    fn a_file_is_known_as_long_as_nothing_of_it_changes() {
        let memory = Memory::new();
        let files: Vec<Stamp> = [300, 2, 1, 65_536].map(|inode| stamp(inode, 10 * SECOND)).into();
        let hash = |stamp: &Stamp| Digest::of(&stamp.inode.to_be_bytes());
        let stats = load(&memory);
        for stamp in &files {
            assert_eq!(stats.hash(stamp), None);
            stats.learn(stamp, &hash(stamp), at(20 * SECOND));
            assert_eq!(stats.hash(stamp), Some(hash(stamp)));
        }
        stats.save(&memory, &files);
        let stats = load(&memory);
        for stamp in &files {
            assert_eq!(stats.hash(stamp), Some(hash(stamp)));
            let others = [
                Stamp { device: 2, ..*stamp },
                Stamp { inode: 5, ..*stamp },
                Stamp { size: 8, ..*stamp },
                Stamp { modified: -4, ..*stamp },
                Stamp { changed: 10 * SECOND + 1, ..*stamp },
            ];
            assert_eq!(others.map(|other| stats.hash(&other)), [None, None, None, None, None]);
        }
        assert_eq!(StatCache::load(&memory, Path::new("/nowhere")).hash(&files[0]), None, "another folder");
    }

    #[test]
    fn what_changed_just_before_it_was_read_is_not_believed() {
        let (memory, hash) = (Memory::new(), Digest::of(b""));
        let stats = load(&memory);
        let changed = 10 * SECOND;
        stats.learn(&stamp(1, changed), &hash, at(changed + 2 * SECOND - 1));
        stats.learn(&stamp(2, changed), &hash, at(changed + 2 * SECOND));
        // A clock that is wrong.
        stats.learn(&stamp(3, changed), &hash, at(0));
        let known = [1, 2, 3].map(|inode| stats.hash(&stamp(inode, changed)).is_some());
        assert_eq!(known, [false, true, false]);
    }

    #[test]
    fn what_is_not_seen_for_long_is_forgotten_and_a_file_has_one_row() {
        let (memory, hash) = (Memory::new(), Digest::of(b""));
        let learn = |stats: &StatCache, stamp: &Stamp| stats.learn(stamp, &hash, at(100 * SECOND));
        let (seldom, often) = (stamp(1, SECOND), |build: i128| stamp(2, SECOND + build));
        let stats = load(&memory);
        learn(&stats, &seldom);
        stats.save(&memory, [&seldom]);
        for build in 0..i128::from(MOST_UNSEEN) {
            let stats = load(&memory);
            assert!(stats.hash(&seldom).is_some(), "build {build}");
            learn(&stats, &often(build));
            stats.save(&memory, [&often(build)]);
            assert_eq!(load(&memory).rows.len(), 2 * ROW);
        }
        let stats = load(&memory);
        learn(&stats, &often(99));
        stats.save(&memory, [&often(99)]);
        let stats = load(&memory);
        assert_eq!((stats.hash(&seldom), stats.rows.len()), (None, ROW));
        // A file that changed and was not read loses its row, and what was not learned is not written.
        learn(&stats, &stamp(3, SECOND));
        stats.save(&memory, [&often(100), &stamp(3, SECOND)]);
        assert_eq!(load(&memory).rows.len(), ROW);
        load(&memory).save(&memory, []);
        assert_eq!(load(&memory).rows.len(), ROW);
    }

    #[test]
    fn other_bytes_are_nothing() {
        let memory = Memory::new();
        let stats = load(&memory);
        for bytes in [b"".as_slice(), b"STA2", b"STA1x", &[MAGIC, &[0; ROW + 1]].concat()] {
            memory.put(Shelf::Files, &stats.key, bytes);
            assert!(load(&memory).rows.is_empty());
        }
    }
}
