//! One emulator, put where it is found: written beside its place, tried there, and renamed.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use emulate::Emulator;

use super::error::EmulatorsError;
use super::source::Candidate;
use crate::machines::LIMIT;

/// What the names begin with of files that are under way: no name of an emulator does.
pub const UNDER_WAY: &str = ".polyarch-";

/// How many bytes are taken at once.
const CHUNK: u64 = 128 << 10;

/// What became of a file.
pub enum Outcome {
    /// It is there now.
    Installed(Emulator),
    /// It was there already, byte for byte.
    Unchanged(Emulator),
    /// It is no emulator that can be used, for this reason.
    Refused(String),
}

/// Puts a file into the folder, if it is an emulator.
///
/// # Errors
/// The folder cannot be written to.
pub fn put(candidate: &Candidate, folder: &Path) -> Result<Outcome, EmulatorsError> {
    let written = EmulatorsError::disk("write to", folder);
    let mut file = match tempfile::Builder::new().prefix(UNDER_WAY).tempfile_in(folder) {
        Ok(file) => file,
        Err(problem) => return Err(written(problem)),
    };
    let read = candidate.read(|reader| copy(reader, file.as_file_mut()));
    match read {
        Err(problem) => return Ok(Outcome::Refused(problem.to_string())),
        Ok(Err(Half::Read(problem))) => return Ok(Outcome::Refused(format!("cannot be read: {problem}"))),
        Ok(Err(Half::Write(problem))) => return Err(written(problem)),
        Ok(Ok(())) => {}
    }
    if let Err(problem) = file.as_file().set_permissions(Permissions::from_mode(0o755)).and_then(|()| file.as_file().sync_data()) {
        return Err(written(problem));
    }
    // The kernel runs no file that somebody can write to.
    let file = file.into_temp_path();
    let emulator = match Emulator::open(candidate.machine, &file, LIMIT) {
        Ok(emulator) => emulator,
        Err(problem) => return Ok(Outcome::Refused(problem.unfit.to_string())),
    };
    let path = folder.join(&candidate.name);
    let emulator = Emulator { path: path.clone(), ..emulator };
    if is_same(&file, &path) {
        return Ok(Outcome::Unchanged(emulator));
    }
    file.persist(&path).map_err(|problem| written(problem.error))?;
    Ok(Outcome::Installed(emulator))
}

/// Which half of a copy failed.
enum Half {
    Read(io::Error),
    Write(io::Error),
}

fn copy(reader: &mut dyn Read, file: &mut File) -> Result<(), Half> {
    let mut buffer = vec![0; CHUNK as usize];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => io::Write::write_all(file, buffer.get(..count).unwrap_or_default()).map_err(Half::Write)?,
            Err(problem) if problem.kind() == ErrorKind::Interrupted => {}
            Err(problem) => return Err(Half::Read(problem)),
        }
    }
}

/// Tells whether two files have the same bytes, and the second can be run. One that cannot be read is not the same.
fn is_same(one: &Path, other: &Path) -> bool {
    let compare = || -> io::Result<bool> {
        let (first, second) = (fs::metadata(one)?, fs::symlink_metadata(other)?);
        if !second.is_file() || first.len() != second.len() || second.permissions().mode() & 0o777 != 0o755 {
            return Ok(false);
        }
        let (mut one, mut other) = (File::open(one)?, File::open(other)?);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        loop {
            for (file, bytes) in [(&mut one, &mut first), (&mut other, &mut second)] {
                bytes.clear();
                file.take(CHUNK).read_to_end(bytes)?;
            }
            if first != second || first.is_empty() {
                return Ok(first == second);
            }
        }
    };
    compare().unwrap_or(false)
}
