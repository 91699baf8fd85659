//! The bytes of a planned file, piece by piece.

use std::io::{ErrorKind, Read};

use graph::TreePath;

use super::error::ExportError;
use super::thread::Waited;
use crate::files::Files;
use crate::pack::Contents;

/// How many bytes are taken at once.
const CHUNK: usize = 128 << 10;

/// Hands over the bytes of a file, which has exactly `size` of them.
pub(super) fn each_piece(
    files: &Files,
    path: &TreePath,
    size: u64,
    waited: &Waited,
    take: &mut dyn FnMut(&[u8]) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    if size == 0 {
        return Ok(());
    }
    let mut outcome = Ok(());
    files.read(path, &mut |reader| {
        outcome = pieces(reader, path, size, waited, take);
        Ok(())
    })?;
    outcome
}

fn pieces(
    reader: &mut dyn Read,
    path: &TreePath,
    size: u64,
    waited: &Waited,
    take: &mut dyn FnMut(&[u8]) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut buffer = vec![0; usize::try_from(size).unwrap_or(CHUNK).clamp(1, CHUNK)];
    let mut got: u64 = 0;
    loop {
        waited.check()?;
        let count = match reader.read(&mut buffer) {
            Ok(count) => count,
            Err(problem) if problem.kind() == ErrorKind::Interrupted => continue,
            Err(problem) => return Err(ExportError::Read { path: path.clone(), problem }),
        };
        got = got.saturating_add(count as u64);
        if got > size || (count == 0 && got < size) {
            return Err(ExportError::Changed { path: path.clone(), expected: size, got });
        }
        if count == 0 {
            return Ok(());
        }
        take(buffer.get(..count).unwrap_or_default())?;
    }
}
