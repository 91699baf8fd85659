//! Layers over each other as one plain folder, where the kernel lays no folders over each other: in most containers, on NFS.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use layer::tar::{WHITEOUT, WHITEOUT_OPAQUE};
use rustix::fs::lgetxattr;

use super::copy::{Linked, copy_one, dress};
use super::error::RootsError;
use super::standing::Standing;

/// Copies layers, the lowest first, into a folder, which is made if need be.
///
/// # Errors
/// Where a file cannot be copied.
pub(crate) fn merge(layers: &[PathBuf], target: &Path, standing: Standing) -> Result<(), RootsError> {
    for layer in layers {
        let mut merging = Merging { linked: Linked::default(), opaque: [standing.marks().prefix(), b"opaque"].concat() };
        merging.folder(layer, target).map_err(|problem| RootsError::io(layer, problem))?;
    }
    Ok(())
}

struct Merging {
    linked: Linked,
    opaque: Vec<u8>,
}

impl Merging {
    fn folder(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        match fs::symlink_metadata(to) {
            Ok(there) if there.is_dir() && !self.is_opaque(from) => {}
            Ok(_) => {
                clear(to)?;
                fs::create_dir(to)?;
            }
            Err(_) => fs::create_dir(to)?,
        }
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let name = entry.file_name();
            if let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT) {
                if name.as_bytes() != WHITEOUT_OPAQUE {
                    clear(&to.join(OsStr::from_bytes(hidden)))?;
                }
                continue;
            }
            let (from, to) = (entry.path(), to.join(name));
            let found = fs::symlink_metadata(&from)?;
            if found.is_dir() {
                self.folder(&from, &to)?;
                continue;
            }
            clear(&to)?;
            // A mark says that what was there is gone.
            if !(found.file_type().is_char_device() && found.rdev() == 0) {
                copy_one(&from, &to, &found, &mut self.linked)?;
            }
        }
        dress(from, to, &fs::symlink_metadata(from)?)
    }

    fn is_opaque(&self, folder: &Path) -> bool {
        if fs::symlink_metadata(folder.join(OsStr::from_bytes(WHITEOUT_OPAQUE))).is_ok() {
            return true;
        }
        let mut value = [0; 8];
        lgetxattr(folder, self.opaque.as_slice(), &mut value).is_ok_and(|length| value.get(..length) == Some(b"y".as_slice()))
    }
}

/// Takes away what stands at a path.
fn clear(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(problem) => Err(problem),
    };
    removed.or_else(|problem| if problem.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(problem) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use graph::TreePath;
    use layer::index::PathIndex;
    use layer::tar::Entry;

    use super::*;
    use crate::roots::{Form, LayerFolder};

    /// Who runs the tests.
    fn standing() -> Standing {
        if testkit::is_root() { Standing::Root } else { Standing::Single }
    }

    fn layer(path: &Path, below: &[PathBuf], form: Form, make: impl Fn(&mut LayerFolder<'_>)) {
        let mut folder = LayerFolder::make(path, below, standing(), form).unwrap();
        make(&mut folder);
        folder.finish(&PathIndex::new()).unwrap();
    }

    fn listed(folder: &Path) -> Vec<String> {
        let mut paths = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap().flatten() {
                paths.push(entry.path().strip_prefix(folder).unwrap().display().to_string());
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        paths.sort();
        paths
    }

    #[test]
    fn layers_are_merged_whatever_their_marks_are() {
        let forms = [Form::Names, Form::Overlay];
        for form in &forms[..if testkit::takes_marks() { 2 } else { 1 }] {
            let form = *form;
            let home = tempfile::tempdir().unwrap();
            let (lower, upper, merged) = (home.path().join("lower"), home.path().join("upper"), home.path().join("merged"));
            let file = |files: &mut LayerFolder<'_>, path: &str| {
                files.file(&TreePath::from(path), &Entry::file(path, 1).mtime(7), &mut b"x".as_slice()).unwrap();
            };
            layer(&lower, &[], form, |files| {
                ["keep/a", "keep/gone", "whole/a", "again/old", "turns/a", "leaf"].iter().for_each(|path| file(files, path));
            });
            layer(&upper, std::slice::from_ref(&lower), form, |files| {
                files.hide(&"keep/gone".into()).unwrap();
                files.hide(&"whole".into()).unwrap();
                files.hide(&"again".into()).unwrap();
                file(files, "again/new");
                file(files, "turns");
                files.directory(&"leaf".into(), &Entry::directory("leaf")).unwrap();
                files.hide(&"leaf/none".into()).unwrap();
                file(files, "leaf/none");
            });
            merge(&[lower, upper], &merged, standing()).unwrap();
            assert_eq!(listed(&merged), ["again", "again/new", "keep", "keep/a", "leaf", "leaf/none", "turns"], "{form:?}");
            assert_eq!(fs::metadata(merged.join("keep/a")).unwrap().mtime(), 7);
        }
    }
}
