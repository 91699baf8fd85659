//! What files hash to, found out while their bytes pass on the way into a layer, or by reading them for that alone.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use async_trait::async_trait;
use graph::TreePath;
use layer::LayerError;
use oci::{Algorithm, Digest, Hasher};

use crate::pack::{Contents, PackError, Reading};

/// Files whose bytes are hashed while they pass, where nobody knows what they are.
pub(super) struct Learning {
    contents: Arc<dyn Contents>,
    /// What passed; nothing where a file was read twice and was not the same.
    passed: Mutex<BTreeMap<TreePath, Option<Digest>>>,
}

impl Learning {
    pub(super) fn new(contents: Arc<dyn Contents>) -> Self {
        Self { contents, passed: Mutex::default() }
    }

    /// Returns what passed so far.
    pub(super) fn take(&self) -> BTreeMap<TreePath, Option<Digest>> {
        std::mem::take(&mut *self.passed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Contents for Learning {
    async fn prepare(&self, paths: &[TreePath]) -> Result<(), PackError> {
        self.contents.prepare(paths).await
    }

    fn read(&self, path: &TreePath, reading: Reading<'_>) -> Result<(), PackError> {
        if self.contents.identity(path).is_some() {
            return self.contents.read(path, reading);
        }
        let hash = hashed(self.contents.as_ref(), path, reading)?;
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        passed.entry(path.clone()).and_modify(|old| *old = old.take().filter(|old| hash.as_ref() == Some(old))).or_insert(hash);
        Ok(())
    }
}

/// Reads files on several threads and returns what they hash to.
pub(super) fn hash_all(contents: &dyn Contents, paths: &[TreePath], threads: usize) -> Result<BTreeMap<TreePath, Digest>, PackError> {
    let share = paths.len().div_ceil(threads.max(1)).max(1);
    thread::scope(|scope| {
        let working: Vec<_> = paths.chunks(share).map(|share| scope.spawn(|| hash_share(contents, share))).collect();
        let mut all = BTreeMap::new();
        for share in working {
            all.extend(share.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(all)
    })
}

fn hash_share(contents: &dyn Contents, paths: &[TreePath]) -> Result<Vec<(TreePath, Digest)>, PackError> {
    let mut hashes = Vec::new();
    for path in paths {
        let hash = hashed(contents, path, &mut |reader| {
            io::copy(reader, &mut io::sink()).map(drop).map_err(|problem| PackError::Layer(LayerError::read(problem)))
        })?;
        hashes.extend(hash.map(|hash| (path.clone(), hash)));
    }
    Ok(hashes)
}

/// Reads a file, and returns what passed hashes to.
fn hashed(contents: &dyn Contents, path: &TreePath, reading: Reading<'_>) -> Result<Option<Digest>, PackError> {
    let mut hash = None;
    contents.read(path, &mut |reader| {
        let mut hashing = Hashing { reader, hasher: Hasher::new(Algorithm::Sha256) };
        reading(&mut hashing)?;
        hash = Some(hashing.hasher.finish());
        Ok(())
    })?;
    Ok(hash)
}

struct Hashing<'a> {
    reader: &'a mut dyn Read,
    hasher: Hasher,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}
