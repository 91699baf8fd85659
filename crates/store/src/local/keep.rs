//! What builds remember, kept beside the store. Losing it costs time, nothing else, so no error of the
//! disk is worth a word here, and nothing waits for the disk to be done.
//!
//! A file says that it is one of these, and has a checksum over its name and its bytes: one that is damaged,
//! cut off by a power cut or moved is none. Its time of modification is when it was last used.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use content::{Keep, MAX_KEPT_SIZE, Shelf};
use flate2::Crc;
use oci::Digest;

use super::Store;
use super::recall::read;

/// How a file begins; a checksum follows.
const MAGIC: &[u8; 8] = b"polykp1\n";
/// The length of what stands before the document.
const HEADER: usize = MAGIC.len() + size_of::<u32>();
/// How exactly it is known when a document was last used.
const USE_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

impl Store {
    /// Returns the folder of what builds remember.
    pub(super) fn cache_folder(&self) -> PathBuf {
        self.0.root.join("cache")
    }

    fn kept_path(&self, shelf: Shelf, key: &Digest) -> PathBuf {
        let hex = key.hex();
        self.cache_folder().join(shelf.name()).join(hex.get(..2).unwrap_or_default()).join(hex)
    }

    /// Says that a document is used, where that was not said lately.
    fn mark_used(&self, path: &Path) {
        let Ok(file) = File::open(path) else { return };
        let (now, last) = (self.now(), file.metadata().and_then(|found| found.modified()));
        // A time to come is none: somebody set the clock back.
        let is_lately = last.is_ok_and(|last| now.duration_since(last).is_ok_and(|age| age < USE_EVERY));
        if !is_lately {
            let _ = file.set_modified(now);
        }
    }
}

/// The checksum of a document under its name.
fn checksum(shelf: Shelf, key: &Digest, document: &[u8]) -> [u8; 4] {
    let mut sum = Crc::new();
    for part in [shelf.name().as_bytes(), key.to_string().as_bytes(), document] {
        sum.update(part);
    }
    sum.sum().to_le_bytes()
}

impl Keep for Store {
    fn get(&self, shelf: Shelf, key: &Digest) -> Option<Bytes> {
        let path = self.kept_path(shelf, key);
        let file = Bytes::from(read(&path, MAX_KEPT_SIZE + HEADER as u64)?);
        let sum = file.strip_prefix(MAGIC)?.first_chunk::<4>()?;
        let document = file.slice(HEADER..);
        if *sum != checksum(shelf, key, &document) {
            return None;
        }
        self.mark_used(&path);
        Some(document)
    }

    fn put(&self, shelf: Shelf, key: &Digest, bytes: &[u8]) {
        if bytes.len() as u64 <= MAX_KEPT_SIZE {
            let file = [MAGIC, checksum(shelf, key, bytes).as_slice(), bytes].concat();
            let _ = self.remember(&self.kept_path(shelf, key), &file);
        }
    }
}
