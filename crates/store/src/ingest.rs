//! Files on their way in: written beside the content, and renamed into place when they are whole.
//!
//! A file under way carries a lock, so that one left behind by a killed process can be told from
//! one that somebody still writes.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use oci::Hasher;
use tempfile::{NamedTempFile, TempPath};
use tokio::task::JoinHandle;

use crate::StoreError;
use crate::work::{blocking, joined};

/// The beginning of the name of every file under way.
const PREFIX: &str = ".polyarch-";
/// Bytes gathered before a thread is asked to write them.
const BATCH: usize = 1024 * 1024;

/// Makes a new file under way in a folder, which is made if need be. Blocks.
pub(crate) fn begin(folder: &Path) -> Result<NamedTempFile, StoreError> {
    let wrong = |error| StoreError::io("write", folder, error);
    fs::create_dir_all(folder).map_err(wrong)?;
    loop {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        {
            // As any other file: the umask decides who may read it. The default of `tempfile` is the owner alone.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(folder).map_err(wrong)?;
        // A sweep that came between making and locking has the lock, or has removed the file: take another.
        match file.as_file().try_lock() {
            Ok(()) if file.path().exists() => return Ok(file),
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(wrong(error)),
        }
    }
}

/// Makes the file's bytes safe and moves it to its place, over what is there. Blocks.
pub(crate) fn place(file: NamedTempFile, wish: &str, path: &Path) -> Result<(), StoreError> {
    file.as_file().sync_data().map_err(|error| StoreError::io(wish, path, error))?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| StoreError::io(wish, parent, error))?;
    }
    file.persist(path).map_err(|error| StoreError::io(wish, path, error.error))?;
    Ok(())
}

/// Writes a small file whole: readers see the old one or the new one. Blocks.
pub(crate) fn write_whole(folder: &Path, wish: &str, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = begin(folder)?;
    file.write_all(bytes).map_err(|error| StoreError::io(wish, path, error))?;
    place(file, wish, path)
}

/// Tells whether a file of this name is one on its way in.
pub(crate) fn is_under_way(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(PREFIX)
}

/// Lists the files under way in a folder. Blocks.
pub(crate) fn under_way(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let wrong = |error| StoreError::io("list", folder, error);
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(wrong(error)),
    };
    for entry in entries {
        let entry = entry.map_err(wrong)?;
        if is_under_way(&entry.file_name()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Removes a file under way that nobody writes any more; tells whether it is gone. Blocks.
pub(crate) fn sweep(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    file.try_lock().is_ok() && fs::remove_file(path).is_ok()
}

/// A file being written by async code, in large batches, one of them on its way while the next is
/// gathered. Dropping it removes the file.
pub(crate) struct Writing {
    folder: PathBuf,
    wish: String,
    work: Work,
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    size: u64,
}

enum Work {
    Idle(Held),
    Busy(JoinHandle<Result<Held, StoreError>>),
    Broken,
}

/// What there is of a file under way.
enum Held {
    Nothing,
    Open(Target),
    Closed(Closed),
}

/// A file under way that nobody writes for a while. It carries no lock: to who tidies it looks like
/// one that was left behind, so it lasts for the time of grace after its last byte.
struct Closed {
    path: TempPath,
    hasher: Option<Hasher>,
}

/// The file itself, and the hash of what was written to it where one was asked for.
pub(crate) struct Target {
    pub(crate) file: NamedTempFile,
    pub(crate) hasher: Option<Hasher>,
}

impl Writing {
    /// Begins a file in `folder`; `wish` names it in errors, as words that follow "cannot".
    pub(crate) fn new(folder: &Path, wish: String) -> Self {
        Self { folder: folder.to_owned(), wish, work: Work::Idle(Held::Nothing), waiting: Vec::new(), waiting_bytes: 0, size: 0 }
    }

    /// As [`Writing::new`], and hashes what is written.
    pub(crate) async fn hashed(folder: &Path, wish: String, hasher: Hasher) -> Result<Self, StoreError> {
        let mut writing = Self::new(folder, wish);
        let folder = folder.to_owned();
        let file = blocking(move || begin(&folder)).await?;
        writing.work = Work::Idle(Held::Open(Target { file, hasher: Some(hasher) }));
        Ok(writing)
    }

    /// Returns the number of bytes taken so far.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Adds bytes at the end. A caller that stops waiting here loses none of them.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.size = self.size.saturating_add(bytes.len() as u64);
        self.waiting_bytes = self.waiting_bytes.saturating_add(bytes.len());
        self.waiting.push(bytes);
        if self.waiting_bytes >= BATCH {
            let held = self.settle().await?;
            let (batch, folder, wish) = (self.take_batch(), self.folder.clone(), self.wish.clone());
            self.work = Work::Busy(tokio::task::spawn_blocking(move || append(held, batch, &folder, &wish).map(Held::Open)));
        }
        Ok(())
    }

    /// Writes what is left and closes the file until more comes.
    pub(crate) async fn rest(&mut self) -> Result<(), StoreError> {
        if self.waiting.is_empty() && matches!(self.work, Work::Idle(Held::Nothing | Held::Closed(_))) {
            return Ok(());
        }
        let held = self.settle().await?;
        let (batch, folder, wish) = (self.take_batch(), self.folder.clone(), self.wish.clone());
        let close = move || {
            let Target { file, hasher } = append(held, batch, &folder, &wish)?;
            Ok(Held::Closed(Closed { path: file.into_temp_path(), hasher }))
        };
        self.work = Work::Busy(tokio::task::spawn_blocking(close));
        self.work = Work::Idle(self.settle().await?);
        Ok(())
    }

    /// Writes what is left and hands the file to `then`, on a thread that may block.
    pub(crate) async fn finish<T, E>(mut self, then: impl FnOnce(Target) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let held = self.settle().await?;
        let (batch, folder, wish) = (self.take_batch(), self.folder.clone(), self.wish.clone());
        blocking(move || then(append(held, batch, &folder, &wish)?)).await
    }

    fn take_batch(&mut self) -> Vec<Bytes> {
        self.waiting_bytes = 0;
        std::mem::take(&mut self.waiting)
    }

    async fn settle(&mut self) -> Result<Held, StoreError> {
        if let Work::Busy(handle) = &mut self.work {
            // The handle stays where it is while we wait, so that giving up the wait loses nothing.
            let done = joined(handle.await);
            self.work = Work::Broken;
            return done;
        }
        match std::mem::replace(&mut self.work, Work::Broken) {
            Work::Idle(held) => Ok(held),
            Work::Busy(_) | Work::Broken => Err(StoreError::Stopped),
        }
    }
}

impl Closed {
    /// Opens the file at its end and takes its lock again. Blocks.
    fn open(self, wish: &str) -> Result<Target, StoreError> {
        let wrong = |error| StoreError::io(wish, &self.path, error);
        let file = File::options().read(true).append(true).open(&self.path).map_err(wrong)?;
        match file.try_lock() {
            // Tidying looks at the lock and the time, and then removes: whoever has the lock first wins.
            Ok(()) if self.path.exists() => Ok(Target { file: NamedTempFile::from_parts(file, self.path), hasher: self.hasher }),
            Ok(()) | Err(TryLockError::WouldBlock) => Err(wrong(std::io::ErrorKind::NotFound.into())),
            Err(TryLockError::Error(error)) => Err(wrong(error)),
        }
    }
}

fn append(held: Held, batch: Vec<Bytes>, folder: &Path, wish: &str) -> Result<Target, StoreError> {
    let mut target = match held {
        Held::Nothing => Target { file: begin(folder)?, hasher: None },
        Held::Open(target) => target,
        Held::Closed(closed) => closed.open(wish)?,
    };
    for bytes in batch {
        if let Some(hasher) = &mut target.hasher {
            hasher.update(&bytes);
        }
        target.file.write_all(&bytes).map_err(|error| StoreError::io(wish, folder, error))?;
    }
    Ok(target)
}
