//! Cache mounts: folders that live on between builds, one for each name.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use dockerfile::{CacheMount, Sharing, clean};
use oci::Digest;

use super::error::RunError;
use super::mounts::Mounted;
use crate::roots::{copy_tree, touch, within};

/// How many steps have a private cache of one name at once.
const MOST_PRIVATE: u32 = 10_000;

/// A cache that a command has, as long as this is there.
pub(super) struct Held {
    /// Its files.
    pub files: PathBuf,
    _lock: File,
}

/// Takes a cache, and makes it where there is none. Waits for one that is locked.
pub(super) fn hold(folder: &Path, namespace: &str, mounted: &Mounted, cache: &CacheMount, has_owners: bool) -> Result<Held, RunError> {
    let place = folder.join(name(namespace, mounted, cache).hex());
    let failed = |problem: io::Error| RunError::Mount(format!("the cache for {} in {}: {problem}", cache.target, place.display()));
    fs::create_dir_all(&place).map_err(failed)?;
    touch(&place);
    let (files, lock) = match cache.sharing {
        Sharing::Shared => {
            let lock = open(&place.join("lock")).map_err(failed)?;
            lock.lock_shared().map_err(failed)?;
            (place.join("files"), lock)
        }
        Sharing::Locked => {
            let lock = open(&place.join("lock")).map_err(failed)?;
            lock.lock().map_err(failed)?;
            (place.join("files"), lock)
        }
        Sharing::Private => free(&place).map_err(failed)?,
    };
    if !files.exists() {
        begin(&files, mounted, cache, has_owners).map_err(failed)?;
    }
    Ok(Held { files, _lock: lock })
}

/// Returns what tells a cache from all others. What it begins with does: BuildKit has it so.
fn name(namespace: &str, mounted: &Mounted, cache: &CacheMount) -> Digest {
    let id = match &cache.id {
        Some(id) => id.clone(),
        // Programs for one machine are of no use to another.
        None => format!("{} for {}", clean(&cache.target), mounted.platform),
    };
    let seed = mounted.seed.as_ref().map(Digest::to_string).unwrap_or_default();
    Digest::of(format!("{namespace:?} {id:?} {seed:?} {:?} {:?} {:?} {:?}", cache.source, cache.uid, cache.gid, cache.mode).as_bytes())
}

/// Finds a private one that nobody has.
fn free(place: &Path) -> io::Result<(PathBuf, File)> {
    for number in 0..MOST_PRIVATE {
        let lock = open(&place.join(format!("lock-{number}")))?;
        if lock.try_lock().is_ok() {
            return Ok((place.join(format!("files-{number}")), lock));
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

/// Makes a cache: whole, or not at all.
fn begin(files: &Path, mounted: &Mounted, cache: &CacheMount, has_owners: bool) -> io::Result<()> {
    let parent = files.parent().unwrap_or(files);
    let new = tempfile::Builder::new().prefix("new-").tempdir_in(parent)?;
    let content = new.path().join("files");
    match &mounted.files {
        Some((folder, inside)) => copy_tree(&within(folder, inside), &content)?,
        None => fs::create_dir(&content)?,
    }
    if mounted.files.is_none() || cache.mode.is_some() {
        fs::set_permissions(&content, fs::Permissions::from_mode(cache.mode.unwrap_or(0o755)))?;
    }
    if has_owners && (cache.uid.is_some() || cache.gid.is_some()) {
        chown(&content, Some(cache.uid.unwrap_or(0)), Some(cache.gid.unwrap_or(0)))?;
    }
    match fs::rename(&content, files) {
        // Somebody else was first.
        Err(_) if files.exists() => Ok(()),
        other => other,
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}
