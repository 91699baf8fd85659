//! A scratch file: bytes that come once, and are read later.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use fault::{Fault, Hint, Kind};

/// How many bytes are taken at once.
const CHUNK: usize = 64 << 10;

/// A file without a name in a scratch folder, made when the first byte comes; it is gone when nobody holds it any more, whatever
/// becomes of the process.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    file: OnceLock<File>,
    end: Mutex<u64>,
}

/// Where in a spool some bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: u64,
    length: u64,
}

impl Spool {
    /// Starts with nothing.
    pub const fn new(scratch: PathBuf) -> Self {
        Self { folder: scratch, file: OnceLock::new(), end: Mutex::new(0) }
    }

    /// Keeps what is read, to its end. Whoever else comes waits.
    ///
    /// # Errors
    /// Where it cannot be read, or the scratch folder takes no more.
    pub fn append(&self, source: &mut dyn Read) -> Result<Span, SpoolError> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let start = *end;
        let mut buffer = vec![0; CHUNK];
        let mut at = start;
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(problem) if problem.kind() == ErrorKind::Interrupted => continue,
                Err(problem) => return Err(SpoolError::Source(problem)),
            };
            let bytes = buffer.get(..count).unwrap_or_default();
            self.open().and_then(|file| file.write_all_at(bytes, at)).map_err(|problem| SpoolError::written(&self.folder, problem))?;
            at += count as u64;
        }
        // What was begun and not finished is overwritten by the next.
        *end = at;
        Ok(Span { start, length: at - start })
    }

    /// Reads bytes that were kept.
    pub const fn read(&self, span: Span) -> impl Read {
        Kept { spool: self, span }
    }

    /// Only called by who holds the lock, so the file is made once.
    fn open(&self) -> io::Result<&File> {
        match self.file.get() {
            Some(file) => Ok(file),
            None => {
                let file = tempfile::tempfile_in(&self.folder)?;
                Ok(self.file.get_or_init(|| file))
            }
        }
    }
}

struct Kept<'a> {
    spool: &'a Spool,
    span: Span,
}

impl Read for Kept<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.span.length).unwrap_or(usize::MAX).min(buffer.len());
        let (Some(file), Some(buffer)) = (self.spool.file.get(), buffer.get_mut(..room).filter(|room| !room.is_empty())) else {
            return Ok(0);
        };
        let count = file.read_at(buffer, self.span.start)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.span = Span { start: self.span.start + count as u64, length: self.span.length - count as u64 };
        Ok(count)
    }
}

/// Bytes cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// They cannot be read from where they come from.
    #[error("what is to be kept cannot be read")]
    Source(#[source] io::Error),
    /// There is no room for them.
    #[error("the disk of the scratch folder {} is full", .0.display())]
    Full(PathBuf),
    /// They cannot be written.
    #[error("cannot write to the scratch folder {}", folder.display())]
    Scratch {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        problem: io::Error,
    },
}

impl SpoolError {
    fn written(folder: &Path, problem: io::Error) -> Self {
        match problem.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full(folder.to_owned()),
            _ => Self::Scratch { folder: folder.to_owned(), problem },
        }
    }
}

impl Fault for SpoolError {
    fn kind(&self) -> Kind {
        Kind::Place
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Full(_) => Some(Hint::new("make room there, and build again")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn kept(spool: &Spool, span: Span) -> String {
        io::read_to_string(spool.read(span)).unwrap()
    }

    #[test]
    fn what_was_kept_is_read_in_any_order_and_no_name_is_left() {
        let home = tempfile::tempdir().unwrap();
        let spool = Spool::new(home.path().to_owned());
        let large = "0123456789abcdef".repeat(CHUNK / 8);
        let [one, none, two] = ["one", "", large.as_str()].map(|text| spool.append(&mut text.as_bytes()).unwrap());
        assert_eq!((kept(&spool, two), kept(&spool, none), kept(&spool, one)), (large, String::new(), "one".to_owned()));
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_read_to_its_end_leaves_the_rest_whole() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::InvalidData.into())
            }
        }
        let home = tempfile::tempdir().unwrap();
        let spool = Spool::new(home.path().to_owned());
        let one = spool.append(&mut "one".as_bytes()).unwrap();
        assert!(matches!(spool.append(&mut b"part".chain(Broken)), Err(SpoolError::Source(_))));
        let two = spool.append(&mut "two".as_bytes()).unwrap();
        assert_eq!((kept(&spool, one), kept(&spool, two)), ("one".to_owned(), "two".to_owned()));
    }

    #[test]
    fn a_scratch_folder_that_takes_nothing_is_named() {
        let home = tempfile::tempdir().unwrap();
        let gone = home.path().join("gone");
        let problem = Spool::new(gone.clone()).append(&mut "x".as_bytes()).unwrap_err();
        assert_eq!(problem.to_string(), format!("cannot write to the scratch folder {}", gone.display()));
        let full = SpoolError::written(&gone, ErrorKind::StorageFull.into());
        assert_eq!(full.to_string(), format!("the disk of the scratch folder {} is full", gone.display()));
        assert!(full.hint().is_some());
    }
}
