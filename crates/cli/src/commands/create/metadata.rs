//! The files of `--metadata-file` and `--iidfile`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fault::{Fault, Hint, Kind};

/// The file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct MetadataError {
    path: PathBuf,
    word: &'static str,
    #[source]
    problem: io::Error,
}

impl Fault for MetadataError {
    fn kind(&self) -> Kind {
        Kind::Place
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(format!("{} names a file in a folder that can be written", self.word)))
    }
}

/// A file that is written at the end, known to be writable before anything else is done.
pub struct Metadata {
    path: PathBuf,
    word: &'static str,
}

impl Metadata {
    /// Follows links, and tries to write beside the file; `word` is the flag that names it.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn prepare(path: &Path, word: &'static str) -> Result<Self, MetadataError> {
        // A link's target is what is written; a file that is not there yet stands for itself.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let ready = if is_pipe(&path) {
            // Opening it waits for its reader, who may wait for the work that is not done yet.
            Ok(())
        } else if in_place(&path) {
            OpenOptions::new().write(true).open(&path).map(drop)
        } else {
            beside(&path).map(drop)
        };
        ready.map_err(|problem| MetadataError { path: path.clone(), word, problem })?;
        Ok(Self { path, word })
    }

    /// Writes the text, all of it or nothing.
    ///
    /// # Errors
    /// Where the disk is full, for one.
    pub fn write(&self, text: &str) -> Result<(), MetadataError> {
        let written = if in_place(&self.path) { fs::write(&self.path, text) } else { replace(&self.path, text.as_bytes()) };
        written.map_err(|problem| MetadataError { path: self.path.clone(), word: self.word, problem })
    }
}

/// A pipe or a device is written as it is; replacing it would destroy it.
fn in_place(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file())
}

#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_path: &Path) -> bool {
    false
}

fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // The umask takes away what others may not; it is a file like any other.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(".polyarch-").tempfile_in(folder)
}

/// Writes a file so that nobody ever sees a half of it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = beside(path)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}
