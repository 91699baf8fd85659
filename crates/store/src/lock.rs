//! Locks between threads and processes, kept by the operating system, which frees those of a
//! process that was killed.

use std::fs::{File, OpenOptions};
use std::path::Path;

use crate::StoreError;

/// A lock; dropping it frees it.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the one lock on a file, which is made if it is not there. Blocks.
    pub(crate) fn wait(path: &Path) -> Result<Self, StoreError> {
        // Opened for writing where possible: NFS gives exclusive locks on no other files (flock(2), NOTES).
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.or_else(|_| File::open(path)).map_err(|error| StoreError::io("open", path, error))?;
        file.lock().map_err(|error| StoreError::io("lock", path, error))?;
        Ok(Self { _file: file })
    }
}
