//! Small files, read whole and never more than a limit.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::StoreError;

/// What a small file turned out to be.
#[derive(Debug)]
pub(crate) enum Small {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// It is longer than the limit: so many bytes.
    TooLong(u64),
}

/// Reads a file of at most `limit` bytes, if it is there. Blocks.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Small>, StoreError> {
    let wrong = |error| StoreError::io("read", path, error);
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(wrong(error)),
    };
    // A pipe or a device would be read for ever.
    if !found.is_file() {
        return Err(StoreError::NotAFile { path: path.to_owned() });
    }
    if found.len() > limit {
        return Ok(Some(Small::TooLong(found.len())));
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error)),
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(wrong)?;
    Ok(Some(if bytes.len() as u64 > limit { Small::TooLong(bytes.len() as u64) } else { Small::Bytes(bytes) }))
}
