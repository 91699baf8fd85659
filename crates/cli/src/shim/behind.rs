//! The docker behind: the one that does what is not ours.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::DOCKER;

/// Returns this program's file. Where the system cannot tell (without /proc), it is looked for as a
/// shell has found it.
pub fn own(called: &OsStr, folders: &[PathBuf]) -> Option<PathBuf> {
    let told = env::current_exe().and_then(|own| own.canonicalize()).ok();
    told.or_else(|| {
        let called = Path::new(called);
        let with_folder = called.components().count() > 1;
        let found = folders.iter().map(|folder| folder.join(called)).find(|file| is_program(file));
        if with_folder { Some(called.to_owned()) } else { found }?.canonicalize().ok()
    })
}

/// Finds another docker: behind the folder in which this one is found first, where it is on PATH at
/// all, or else in front of it; and none that was passed already. So whatever calls itself docker is
/// never gone round in a circle.
pub fn behind(folders: &[PathBuf], own: Option<&Path>, passed: &[PathBuf]) -> Option<PathBuf> {
    let is_own = |file: &Path| own.is_some() && file.canonicalize().ok().as_deref() == own;
    let passed: Vec<PathBuf> = passed.iter().filter_map(|file| file.canonicalize().ok()).collect();
    let is_new = |file: &Path| file.canonicalize().is_ok_and(|file| !passed.contains(&file));
    let first = folders.iter().position(|folder| is_own(&folder.join(DOCKER))).map_or(0, |at| at + 1);
    let (front, behind) = folders.split_at(first);
    let mut files = behind.iter().chain(front).map(|folder| folder.join(DOCKER));
    files.find(|file| is_program(file) && !is_own(file) && is_new(file))
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}
