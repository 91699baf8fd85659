//! Logs of builds: what their commands wrote, a file for each build, which is written as it comes.
//!
//! `logs/ID.jsonl`. An ID is the time when the first command began, so they sort by time. Who writes one holds its lock as long as the build
//! lasts. What stands in them is the business of who writes them: here they are begun, found and taken away.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use content::Result;
use time::OffsetDateTime;

use super::Store;
use crate::StoreError;
use crate::blobs::list;

/// How many logs there are at most: older ones go when a new one begins.
const MOST: usize = 20;
/// How the name of each ends.
const SUFFIX: &str = ".jsonl";
/// What an ID has to differ by.
const TICK: Duration = Duration::from_millis(1);

/// A log that is being written. Its lock is free when this is dropped.
#[derive(Debug)]
pub struct Log {
    id: String,
    path: PathBuf,
    file: File,
}

impl Log {
    /// Returns its ID.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Adds a line, which has no end yet: whoever reads at the same time sees it. Blocks.
    ///
    /// # Errors
    /// Where the disk does not take it.
    pub fn add(&mut self, line: &str) -> Result<(), StoreError> {
        let added = self.file.write_all(format!("{line}\n").as_bytes());
        added.map_err(|problem| StoreError::io("keep what commands write", &self.path, problem))
    }
}

/// A log that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLog {
    /// Its ID.
    pub id: String,
    /// Its file.
    pub path: PathBuf,
    /// Somebody is still writing it.
    pub is_open: bool,
}

impl Store {
    /// Begins a log, in the store that is made if need be, and takes away the oldest ones. Blocks.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn begin_log(&self) -> Result<Log, StoreError> {
        self.make()?;
        let folder = self.log_folder();
        let wrong = |path: &Path, problem| StoreError::io("keep what commands write", path, problem);
        fs::create_dir_all(&folder).map_err(|problem| wrong(&folder, problem))?;
        let mut moment = self.now();
        let log = loop {
            let id = id_of(moment);
            let path = folder.join(format!("{id}{SUFFIX}"));
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Ok(file) => break Log { id, path, file },
                Err(problem) if problem.kind() == ErrorKind::AlreadyExists => moment += TICK,
                Err(problem) => return Err(wrong(&path, problem)),
            }
        };
        log.file.lock().map_err(|problem| wrong(&log.path, problem))?;
        let all = self.log_files()?;
        for (_, path) in all.iter().take(all.len().saturating_sub(MOST)) {
            // What stays is in nobody's way, and goes the next time.
            let _ = remove(path);
        }
        Ok(log)
    }

    /// Lists the logs, the oldest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn logs(&self) -> Result<Vec<KeptLog>> {
        self.off(|store| {
            let kept = |(id, path): (String, PathBuf)| KeptLog { is_open: is_open(&path), id, path };
            Ok(store.log_files()?.into_iter().map(kept).collect())
        })
        .await
    }

    /// Lists the files of logs with their IDs, the oldest first.
    pub(super) fn log_files(&self) -> Result<Vec<(String, PathBuf)>, StoreError> {
        let id = |path: PathBuf| Some((path.file_name()?.to_str()?.strip_suffix(SUFFIX)?.to_owned(), path));
        let mut files: Vec<_> = list(&self.log_folder())?.into_iter().filter_map(id).collect();
        files.sort();
        Ok(files)
    }

    fn log_folder(&self) -> PathBuf {
        self.0.root.join("logs")
    }
}

/// Removes a log that nobody writes; tells whether it is gone.
pub(super) fn remove(path: &Path) -> Result<bool, StoreError> {
    if is_open(path) {
        return Ok(false);
    }
    match fs::remove_file(path) {
        Err(problem) if problem.kind() != ErrorKind::NotFound => Err(StoreError::io("remove what builds remember", path, problem)),
        _ => Ok(true),
    }
}

fn is_open(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Writes a time so that texts sort as times do: `20261128-235801-042`.
fn id_of(moment: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment);
    let (date, time) = (moment.date(), moment.time());
    format!(
        "{:04}{:02}{:02}-{:02}{:02}{:02}-{:03}",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_time_to_the_millisecond() {
        assert_eq!(id_of(SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_042)), "20231114-221320-042");
    }
}
