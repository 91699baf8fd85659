//! What registries said before, kept beside the store. Losing it costs requests, nothing else, so
//! no error of the disk is worth a word here, and nothing waits for the disk to be done.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use content::Recall;
use oci::{Digest, MAX_MANIFEST_SIZE};

use super::Store;
use crate::ingest;
use crate::small::{self, Small};

/// A pointer is one digest.
const POINTER_LIMIT: u64 = 4 * 1024;
/// A fact about a host is a few words.
const FACT_LIMIT: u64 = 4 * 1024;

impl Store {
    /// Returns the folder of what is remembered.
    pub(super) fn recall_folder(&self) -> PathBuf {
        self.0.root.join("recall")
    }

    fn document_path(&self, digest: &Digest) -> PathBuf {
        self.recall_folder().join("documents").join(digest.algorithm().name()).join(digest.hex())
    }

    fn pointer_path(&self, reference: &str) -> PathBuf {
        // Hashed: a reference may have any length and any letters.
        self.recall_folder().join("pointers").join(Digest::of(reference.as_bytes()).hex())
    }

    fn fact_path(&self, host: &str, key: &str) -> PathBuf {
        self.recall_folder().join("facts").join(Digest::of(format!("{host} {key}").as_bytes()).hex())
    }

    /// Writes a file whole, as of now, if that can be.
    pub(super) fn remember(&self, path: &Path, bytes: &[u8]) -> Option<()> {
        self.make().ok()?;
        let mut file = ingest::begin(self.0.blobs.ingest()).ok()?;
        file.write_all(bytes).ok()?;
        file.as_file().set_modified(self.now()).ok()?;
        fs::create_dir_all(path.parent()?).ok()?;
        file.persist(path).ok().map(drop)
    }
}

/// Reads a file of at most `limit` bytes, if that can be.
pub(super) fn read(path: &Path, limit: u64) -> Option<Vec<u8>> {
    match small::read(path, limit) {
        Ok(Some(Small::Bytes(bytes))) => Some(bytes),
        _ => None,
    }
}

impl Recall for Store {
    fn document(&self, digest: &Digest) -> Option<Bytes> {
        // An image that is kept here has its documents among the blobs.
        let paths = [self.document_path(digest), self.0.blobs.path(digest)];
        paths.iter().find_map(|path| read(path, MAX_MANIFEST_SIZE)).map(Bytes::from)
    }

    fn keep_document(&self, digest: &Digest, bytes: &Bytes) {
        let path = self.document_path(digest);
        if bytes.len() as u64 <= MAX_MANIFEST_SIZE && !path.exists() {
            let _ = self.remember(&path, bytes);
        }
    }

    fn pointed_at(&self, reference: &str) -> Option<Digest> {
        let bytes = read(&self.pointer_path(reference), POINTER_LIMIT)?;
        std::str::from_utf8(&bytes).ok()?.trim().parse().ok()
    }

    fn keep_pointer(&self, reference: &str, digest: &Digest) {
        let _ = self.remember(&self.pointer_path(reference), digest.to_string().as_bytes());
    }

    fn fact(&self, host: &str, key: &str) -> Option<String> {
        String::from_utf8(read(&self.fact_path(host, key), FACT_LIMIT)?).ok()
    }

    fn keep_fact(&self, host: &str, key: &str, value: &str) {
        let path = self.fact_path(host, key);
        if value.is_empty() {
            let _ = fs::remove_file(path);
        } else {
            let _ = self.remember(&path, value.as_bytes());
        }
    }
}
