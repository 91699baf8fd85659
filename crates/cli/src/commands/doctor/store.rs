//! Whether the local store can be written to, and how much room it has.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use fault::Failure;
use rustix::fs::statvfs;
use store::Store;

use super::check::{Check, word};
use crate::console::bytes;
use crate::context::Context;

/// The folders of a store that are written to.
const FOLDERS: [&str; 8] = ["", "ingest", "blobs", "blobs/sha256", "names", "referrers", "recall", "cache"];

/// With less room than this, in bytes, a build of any size runs out of it.
const LITTLE: u64 = 2_000_000_000;

/// With less than this, nothing can be written at all.
const NOTHING: u64 = 1_000_000;

/// A layer is one file, and what a RUN changes is many.
const FEW_FILES: u64 = 10_000;

/// Returns the store, or the nearest folder above it where there is none yet.
pub fn nearest(store: &Path) -> PathBuf {
    // Of a path in the current folder, the last parent is an empty one.
    let found = store.ancestors().find(|folder| !folder.as_os_str().is_empty() && folder.is_dir());
    found.unwrap_or(Path::new(".")).to_owned()
}

/// Writes a file without a name into every folder of the store.
pub fn writable(context: &Context) -> Check {
    let (name, root) = ("store", &context.store);
    if let Err(problem) = Store::open(root.clone(), context.now.clone()) {
        return Check::failed(name, &Failure::from(problem));
    }
    let own: Vec<PathBuf> = FOLDERS.iter().map(|folder| root.join(folder)).filter(|folder| folder.is_dir()).collect();
    let is_there = !own.is_empty();
    for folder in if is_there { own } else { vec![nearest(root)] } {
        if let Err(problem) = write(&folder) {
            let found = format!("{} cannot be written to: {problem}", folder.display());
            return Check::missing(name, found).mended_by(mend(root, is_there, &problem));
        }
    }
    Check::ok(name, if is_there { root.display().to_string() } else { format!("{} can be made", root.display()) })
}

fn write(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder)?.write_all(b"polyarch doctor")
}

fn mend(root: &Path, is_there: bool, problem: &io::Error) -> String {
    match problem.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "polyarch cache prune --all\npolyarch store prune --apply".to_owned(),
        ErrorKind::PermissionDenied if is_there => format!("sudo chown -R \"$(id -u):$(id -g)\" {}", word(root)),
        _ => "export POLYARCH_STORE=DIR # a folder that you may write to".to_owned(),
    }
}

/// Asks how much room there is.
pub fn space(context: &Context) -> Check {
    let folder = nearest(&context.store);
    match statvfs(&folder) {
        // As some file systems do that are no disks.
        Ok(found) if found.f_blocks == 0 => Check::ok("space", format!("{} does not count it", folder.display())),
        Ok(found) => room(found.f_bavail.saturating_mul(found.f_frsize), (found.f_files > 0).then_some(found.f_favail)),
        Err(problem) => Check::limited("space", format!("{} does not tell: {problem}", folder.display())),
    }
}

/// Judges so many bytes and, on file systems that count them, so many files.
fn room(free: u64, files: Option<u64>) -> Check {
    let files_shown = files.map(|files| format!(" and {files} files")).unwrap_or_default();
    let found = format!("{}{files_shown} are free where the store is", bytes(free));
    let fewest = files.unwrap_or(u64::MAX);
    let check = if free < NOTHING || fewest == 0 {
        Check::missing("space", found)
    } else if free < LITTLE || fewest < FEW_FILES {
        Check::limited("space", found)
    } else {
        return Check::ok("space", found);
    };
    check.mended_by("polyarch cache prune --all\npolyarch store prune --apply")
}

/// Makes a folder in the file system of the store, which goes when it is dropped.
pub fn folder(context: &Context) -> io::Result<tempfile::TempDir> {
    let ingest = context.store.join("ingest");
    let place = if fs::exists(&ingest).unwrap_or(false) { ingest } else { nearest(&context.store) };
    tempfile::Builder::new().prefix(".polyarch-doctor-").tempdir_in(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::check::State;

    #[test]
    fn a_store_that_is_not_there_is_where_it_would_be() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(nearest(&folder.path().join("a/b")), folder.path());
        assert_eq!(nearest(folder.path()), folder.path());
        assert_eq!(nearest(Path::new("no-such-folder/store")), Path::new("."));
    }

    #[test]
    fn little_room_is_said() {
        for (free, files, state) in [
            (3_000_000_000, None, State::Ok),
            (3_000_000_000, Some(1_000_000), State::Ok),
            (3_000_000_000, Some(9_999), State::Limited),
            (3_000_000_000, Some(0), State::Missing),
            (1_999_999_999, None, State::Limited),
            (999_999, Some(1_000_000), State::Missing),
        ] {
            let check = room(free, files);
            assert_eq!(check.state, state, "{check:?}");
            assert_eq!(check.mend.is_none(), state == State::Ok);
        }
        assert_eq!(room(3_000_000_000, Some(20_000)).found, "3.00 GB and 20000 files are free where the store is");
    }
}
