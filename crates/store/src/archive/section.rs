//! A stretch of a file, read without moving anybody's cursor.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use content::{Error, Result};
use futures_util::{Stream, stream};

use super::ArchiveError;

/// How much one read takes from the disk.
const CHUNK: u64 = 256 * 1024;

/// Where an entry's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first byte.
    pub offset: u64,
    /// The number of bytes.
    pub size: u64,
}

/// The bytes of one entry. Clones are cheap and read independently of each other; the file stays
/// open, and so its bytes stay the same, even when another file is moved to its path.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub file: Arc<File>,
    pub span: Span,
}

impl Section {
    /// Reads it whole.
    ///
    /// # Errors
    /// Refuses more than `limit` bytes before reading any.
    pub fn read(&self, what: &str, limit: u64) -> Result<Bytes> {
        if self.span.size > limit {
            return Err(Error::Limit { what: format!("bytes of {what}"), limit, got: self.span.size });
        }
        let mut bytes = Vec::new();
        self.reader().read_to_end(&mut bytes).map_err(ArchiveError::io("read", &what))?;
        Ok(bytes.into())
    }

    /// Returns a reader for threads that may wait.
    pub fn reader(&self) -> SectionReader {
        SectionReader { file: Arc::clone(&self.file), offset: self.span.offset, left: self.span.size }
    }

    /// Returns the bytes as a stream; `path` names the file in errors.
    pub fn stream(&self, path: &str) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
        let failed = ArchiveError::io("read", &path);
        stream::try_unfold(self.reader(), move |mut reader| {
            let failed = failed.clone();
            async move {
                let read = tokio::task::spawn_blocking(move || {
                    let mut chunk = BytesMut::zeroed(usize::try_from(reader.left.min(CHUNK)).unwrap_or_default());
                    let count = reader.read(&mut chunk)?;
                    chunk.truncate(count);
                    Ok((chunk.freeze(), reader))
                });
                let (chunk, reader) = read.await.unwrap_or_else(|stopped| Err(io::Error::other(stopped))).map_err(failed)?;
                Ok(if chunk.is_empty() { None } else { Some((chunk, reader)) })
            }
        })
    }
}

/// Reads a section from its beginning to its end.
#[derive(Debug)]
pub(crate) struct SectionReader {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl Read for SectionReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = read_at(&self.file, buffer.get_mut(..most).unwrap_or_default(), self.offset)?;
        self.offset += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// Reads at a position; the file's own cursor stays where it is, where the system allows that.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

/// Reads at a position. It moves the file's cursor, which nobody here relies on.
#[cfg(windows)]
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// Writes everything at a position.
#[cfg(unix)]
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Writes everything at a position.
#[cfg(windows)]
pub(crate) fn write_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        bytes = bytes.get(count..).unwrap_or_default();
        offset += count as u64;
    }
    Ok(())
}
