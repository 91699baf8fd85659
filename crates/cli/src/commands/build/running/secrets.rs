//! Reads the secrets of a build.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use engine::run::Secret;

use super::error::RunningError;
use crate::args::{SecretSource, SecretWord};
use crate::context::Variables;

/// How long a secret may be, in bytes (moby/buildkit, `MaxSecretSize`).
pub(super) const LONGEST: usize = 500 * 1024;

/// Reads every secret; of two with one id, the later one counts.
///
/// # Errors
/// Where one is not there, cannot be read, or is too long.
pub fn read(words: &[SecretWord], variables: &Variables) -> Result<BTreeMap<String, Secret>, RunningError> {
    let mut secrets = BTreeMap::new();
    for word in words {
        let content = content(word, variables)?;
        if content.len() > LONGEST {
            return Err(RunningError::TooLong(word.id.clone()));
        }
        secrets.insert(word.id.clone(), Secret::new(content));
    }
    Ok(secrets)
}

fn content(word: &SecretWord, variables: &Variables) -> Result<Vec<u8>, RunningError> {
    let SecretWord { id, source } = word;
    let variable = |name: &str| variables(name).map(OsStringExt::into_vec);
    match source {
        SecretSource::File(path) => file(id, path)?.ok_or_else(|| RunningError::NoFile { id: id.clone(), path: path.clone() }),
        SecretSource::Variable(name) => variable(name).ok_or_else(|| RunningError::NoVariable { id: id.clone(), name: name.clone() }),
        SecretSource::Either => match variable(id) {
            Some(value) => Ok(value),
            None => file(id, Path::new(id))?.ok_or_else(|| RunningError::Neither(id.clone())),
        },
    }
}

/// Reads a file, or one byte more than is taken of it; none where nothing is there. It may be a pipe.
fn file(id: &str, path: &Path) -> Result<Option<Vec<u8>>, RunningError> {
    let unreadable = |problem| RunningError::Unreadable { id: id.to_owned(), path: path.to_owned(), problem };
    let file = match File::open(path) {
        Err(problem) if matches!(problem.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        opened => opened.map_err(unreadable)?,
    };
    let mut bytes = Vec::new();
    file.take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(Some(bytes))
}
