//! What a program changed in a plain folder: compared with what was noted of it before, as if an overlay had kept the changes.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use graph::{Lay, Tree, TreePath};
use layer::index::PathIndex;
use layer::tar::{Device, Entry, EntryKind};

use super::error::DiffError;
use super::rules::DiffRules;
use super::upper::Upper;
use super::{Differ, Left};
use crate::pack::Contents;

/// What tells that nothing of a file was changed: its number, and the time that nobody can set back.
type Note = (u64, i64, i64);

/// What was noted of a folder.
#[derive(Debug, Default)]
pub struct Snapshot(BTreeMap<TreePath, Note>);

impl Snapshot {
    /// Notes all that is in a folder.
    ///
    /// # Errors
    /// Where it cannot be looked at.
    pub fn take(folder: &Path) -> io::Result<Self> {
        let mut snapshot = Self::default();
        snapshot.look(folder, &TreePath::default())?;
        Ok(snapshot)
    }

    fn look(&mut self, folder: &Path, path: &TreePath) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = path.join(entry.file_name().as_bytes());
            let found = entry.metadata()?;
            self.0.insert(path.clone(), (found.ino(), found.ctime(), found.ctime_nsec()));
            if found.is_dir() {
                self.look(&entry.path(), &path)?;
            }
        }
        Ok(())
    }
}

/// Finds what a program changed in a folder since a snapshot. All else is as with [`diff`](super::diff).
///
/// # Errors
/// As with [`diff`](super::diff).
pub fn diff_copy(folder: &Path, before: &Snapshot, base: &PathIndex, rules: &DiffRules<'_>) -> Result<(Lay, Arc<dyn Contents>), DiffError> {
    let after = Snapshot::take(folder).map_err(|problem| DiffError::Folder { folder: folder.to_owned(), problem })?;
    let mut upper = Upper::look(folder, rules)?;
    let tree = std::mem::take(&mut upper.walked.tree);
    let mut changed = Tree::default();
    let root = TreePath::default();
    for (path, entry) in tree.below(&root).filter(|(path, _)| before.0.get(path) != after.0.get(path)) {
        lead(&mut changed, path, &tree);
        changed.insert(entry.clone());
    }
    // What is gone with its folder is gone by that.
    for path in before.0.keys().filter(|path| !after.0.contains_key(path) && tree.is_directory(&path.parent())) {
        lead(&mut changed, path, &tree);
        let kind = EntryKind::CharDevice(Device { major: 0, minor: 0 });
        changed.insert(Entry { kind, ..Entry::file(path.bytes(), 0) });
    }
    upper.walked.tree = changed;
    let mut differ = Differ { base, rules, linked: upper.linked(), upper: &upper, lay: Lay::new() };
    differ.compare()?;
    let lay = differ.lay;
    Ok((lay, Arc::new(Left { folder: upper.folder, walked: upper.walked })))
}

/// Puts the folders on the way to a path into a tree, where they are not there yet.
fn lead(changed: &mut Tree, path: &TreePath, tree: &Tree) {
    for above in path.ancestors() {
        if changed.get(&above).is_none()
            && let Some(folder) = tree.get(&above)
        {
            changed.insert(folder.clone());
        }
    }
}
