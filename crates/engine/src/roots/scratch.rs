//! Folders of what is under way: gone when nobody works in them any more, whatever became of who did.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::error::RootsError;

/// Held as long as somebody works beside it.
const LOCK: &str = "lock";
/// What is worked in.
const CONTENT: &str = "content";

/// An empty folder, which is removed with all that is in it then.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    pub(super) fn new(beside: &Path) -> Result<Self, RootsError> {
        let make = || {
            let folder = tempfile::Builder::new().prefix("").tempdir_in(beside)?;
            let lock = OpenOptions::new().read(true).write(true).create_new(true).open(folder.path().join(LOCK))?;
            lock.lock()?;
            fs::create_dir(folder.path().join(CONTENT))?;
            Ok(Self { folder, _lock: lock })
        };
        make().map_err(|problem| RootsError::io(beside, problem))
    }

    /// Returns the folder to work in.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(CONTENT)
    }

    /// Moves what was worked in to its place, where nothing stands yet.
    pub(super) fn settle(self, place: &Path) -> io::Result<()> {
        fs::rename(self.path(), place)
    }
}

/// Removes what nobody works in any more. Best effort: what stays is in nobody's way.
pub(super) fn tidy(beside: &Path) {
    for entry in fs::read_dir(beside).into_iter().flatten().flatten() {
        // One that has no lock yet is being made just now.
        let is_left = File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_left {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
