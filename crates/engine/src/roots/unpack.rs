//! A layer's tar as a folder, entry by entry.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use graph::TreePath;
use layer::index::{PathIndex, Placed};
use layer::tar::{Entry, EntryKind};

use super::error::RootsError;
use super::folder::LayerFolder;
use super::form::Form;
use super::standing::Standing;

/// Unpacks a layer into a new folder. Paths are those that the index gives them, so no link of an image leads anywhere.
///
/// # Errors
/// Where it cannot be read, or a file cannot be made. What was made by then stays.
pub(super) fn unpack(
    tar: &mut dyn Read,
    mut index: PathIndex,
    folder: &Path,
    below: &[PathBuf],
    (standing, form): (Standing, Form),
) -> Result<PathIndex, RootsError> {
    let mut files = LayerFolder::make(folder, below, standing, form)?;
    let mut failed = None;
    let read = index.add_layer_with(tar, |entry, placed, content| {
        put(&mut files, entry, placed, content).map_err(|problem| {
            failed = Some(problem);
            io::ErrorKind::Other.into()
        })
    });
    if let Some(problem) = failed {
        return Err(problem);
    }
    read?;
    files.finish(&index)?;
    Ok(index)
}

/// Does to the folder what an entry did to the index.
fn put(files: &mut LayerFolder<'_>, entry: &Entry, placed: &Placed, content: &mut dyn Read) -> Result<(), RootsError> {
    let Some(at) = placed.at.as_ref().map(|path| TreePath::clean(path)) else { return hide(files, &placed.gone) };
    if at.is_root() {
        return Ok(());
    }
    if let Some(linked) = &placed.linked {
        return files.link(&at, &TreePath::clean(linked));
    }
    match &entry.kind {
        EntryKind::Directory => files.directory(&at, entry),
        EntryKind::File { .. } => files.file(&at, entry, content),
        EntryKind::Symlink { target } => files.symlink(&at, entry, target),
        EntryKind::Fifo | EntryKind::CharDevice(_) | EntryKind::BlockDevice(_) => files.special(&at, entry),
        // One whose target is in no layer has no place in the index.
        EntryKind::Hardlink { .. } => Ok(()),
    }
}

/// Hides what a whiteout takes away: the uppermost paths, which hide what is below them.
fn hide(files: &mut LayerFolder<'_>, gone: &[Vec<u8>]) -> Result<(), RootsError> {
    let mut paths: Vec<TreePath> = gone.iter().map(|path| TreePath::clean(path)).collect();
    paths.sort();
    let mut last: Option<TreePath> = None;
    for path in paths {
        if last.as_ref().is_some_and(|last| path.below(last).is_some()) {
            continue;
        }
        files.hide(&path)?;
        last = Some(path);
    }
    Ok(())
}
