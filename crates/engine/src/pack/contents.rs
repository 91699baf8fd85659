//! Where the bytes of a layer's files are.

use std::io::Read;
use std::time::SystemTime;

use async_trait::async_trait;
use graph::TreePath;
use oci::Digest;

use super::error::PackError;
use crate::context::{Folder, Walked};

/// What is done with the bytes of a file.
pub type Reading<'a> = &'a mut dyn FnMut(&mut dyn Read) -> Result<(), PackError>;

/// Files by their paths in a tree.
#[async_trait]
pub trait Contents: Send + Sync {
    /// Gets ready to read these files: called once for all that a layer needs, before the first is read. Whoever can
    /// read in one order only, such as the layers of an image, fetches them now, in one pass.
    ///
    /// # Errors
    /// Where one of them is not there or cannot be fetched.
    async fn prepare(&self, _paths: &[TreePath]) -> Result<(), PackError> {
        Ok(())
    }

    /// Opens the file, has it read to its end, and makes sure that it stayed the one that was looked at.
    ///
    /// # Errors
    /// Where it is not there, cannot be read, or changed, and what reading it reports.
    fn read(&self, path: &TreePath, reading: Reading<'_>) -> Result<(), PackError>;

    /// Returns what only files of this content have in common, where it is known without reading the file: the hash that
    /// it was given by [`learn`](Self::learn), or a name that always means the same.
    fn identity(&self, _path: &TreePath) -> Option<Digest> {
        None
    }

    /// Takes the SHA-256 of a file that was read to its end, by a reading that began after `begun`.
    fn learn(&self, _path: &TreePath, _hash: &Digest, _begun: SystemTime) {}
}

/// No files at all: for steps that only make folders, or whose content stands in the Dockerfile.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Contents for Nowhere {
    fn read(&self, path: &TreePath, _: Reading<'_>) -> Result<(), PackError> {
        Err(PackError::Missing(path.clone()))
    }
}

/// A folder, and what was seen of it.
impl Contents for (Folder, Walked) {
    fn read(&self, path: &TreePath, reading: Reading<'_>) -> Result<(), PackError> {
        let (folder, walked) = self;
        let stamp = walked.stamps.get(path).ok_or_else(|| PackError::Missing(path.clone()))?;
        let mut file = folder.file(path, stamp)?;
        let read = reading(&mut file);
        // That it changed is the better message where it could not be read for that.
        folder.check(path, stamp, &file)?;
        read
    }
}
