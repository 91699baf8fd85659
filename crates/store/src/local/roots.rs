//! What commands of builds stand on: layers as folders, and caches that they keep. Other rooms fill these folders; here they are
//! measured and taken away.
//!
//! `roots/STANDING/layers/CHAIN` and `roots/STANDING/caches/NAME`, with a file `lock` beside, which is held by whoever uses any of
//! them. The time of such a folder itself is when it was last used.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::list::length;
use crate::StoreError;
use crate::blobs::list;

/// The folder of all of it in the store.
const ROOTS: &str = "roots";
/// Folders in which each folder can go by itself.
const KINDS: [&str; 2] = [LAYERS, "caches"];
/// Those that are layers.
const LAYERS: &str = "layers";

/// Lists the folders that can go, each with the name of its kind.
pub(super) fn folders(root: &Path) -> Result<Vec<(&'static str, PathBuf)>, StoreError> {
    let mut found = Vec::new();
    for standing in below(&root.join(ROOTS))? {
        for kind in KINDS {
            found.extend(below(&standing.join(kind))?.into_iter().map(|folder| (kind, folder)));
        }
    }
    Ok(found)
}

/// Lists the layers that lie unpacked, each under its chain ID.
pub(super) fn layers(root: &Path) -> Result<Vec<PathBuf>, StoreError> {
    Ok(folders(root)?.into_iter().filter(|(kind, _)| *kind == LAYERS).map(|(_, folder)| folder).collect())
}

/// Returns how many bytes are in a folder, files with several names once for each. What cannot be looked into counts nothing: it
/// may be another user's.
pub(super) fn size(folder: &Path) -> u64 {
    let (mut bytes, mut folders) = (0, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => bytes += length(&entry.path()),
                _ => {}
            }
        }
    }
    bytes
}

/// Removes a folder with all that is in it; tells whether it did. One that somebody may be using stays.
pub(super) fn remove(folder: &Path) -> Result<bool, StoreError> {
    let standing = folder.parent().and_then(Path::parent).unwrap_or(folder);
    let lock = File::open(standing.join("lock")).map_err(|problem| StoreError::io("lock", standing, problem))?;
    if lock.try_lock().is_err() {
        return Ok(false);
    }
    match fs::remove_dir_all(folder) {
        Err(problem) if problem.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("remove what builds remember", folder, problem))
        }
        _ => Ok(true),
    }
}

fn below(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let all = list(folder)?;
    Ok(all.into_iter().filter(|path| path.is_dir() && !path.is_symlink()).collect())
}
