//! From what a program changed to the entries of a layer: the upper folder of an overlay, compared with what is below it.
//!
//! The rules are BuildKit's, measured: whiteouts are explicit and only of what the base has, a folder comes before what is in it,
//! and what is as it was is left out, as far as [`DiffRules`] lets that be known. Folders that are only on the way to a change
//! come along as they are now.

mod capability;
mod copied;
mod error;
mod rules;
mod same;
mod upper;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use graph::{Content, Laid, Lay, TreePath};
use layer::index::PathIndex;
use layer::tar::{Entry, EntryKind};

pub use copied::{Snapshot, diff_copy};
pub use error::DiffError;
pub use rules::{AsOnDisk, DiffRules, Marks, Owners};
pub use same::Lower;

use crate::context::{Folder, Walked};
use crate::pack::{Contents, PackError, Reading};
use upper::{Seen, Upper};

/// Finds what a program changed: `upper` is the upper folder of an overlay that nobody has mounted any more, `base` what was below.
/// Nothing in the upper folder is changed, no link in it is followed, and no file is read, but where [`DiffRules::lower`] has
/// one to compare it with. The bytes of the files are in the contents that come along, as long as the folder stays as it is.
///
/// # Errors
/// Names what cannot be looked at, whose owner has no number in the image, and what is not whole.
pub fn diff(upper: &Path, base: &PathIndex, rules: &DiffRules<'_>) -> Result<(Lay, Arc<dyn Contents>), DiffError> {
    let upper = Upper::look(upper, rules)?;
    let mut differ = Differ { base, rules, upper: &upper, linked: upper.linked(), lay: Lay::new() };
    differ.compare()?;
    let lay = differ.lay;
    Ok((lay, Arc::new(Left { folder: upper.folder, walked: upper.walked })))
}

/// A comparison under way.
struct Differ<'a> {
    base: &'a PathIndex,
    rules: &'a DiffRules<'a>,
    upper: &'a Upper,
    /// Files that others are hard links to: they have to be in the layer.
    linked: BTreeSet<TreePath>,
    lay: Lay,
}

impl Differ<'_> {
    fn compare(&mut self) -> Result<(), DiffError> {
        // Folders that are as they were, above the path that is looked at now.
        let mut waiting: Vec<(TreePath, Entry)> = Vec::new();
        // The uppermost folder above it that hides what the base has there.
        let mut opaque: Option<TreePath> = None;
        for (path, entry) in self.upper.walked.tree.below(&TreePath::default()) {
            waiting.retain(|(above, _)| path.below(above).is_some());
            opaque = opaque.filter(|above| path.below(above).is_some());
            let seen = self.upper.meaning(path, entry, self.rules)?;
            let entry = match seen {
                Seen::Gone if self.base.at(path.bytes()).is_none() => continue,
                Seen::Gone => {
                    self.pass(&mut waiting);
                    self.hide(path.clone());
                    continue;
                }
                Seen::There { entry, is_opaque } => {
                    if is_opaque && opaque.is_none() {
                        opaque = Some(path.clone());
                    }
                    entry
                }
            };
            let is_folder = entry.kind == EntryKind::Directory;
            if self.is_as_it_was(path, &entry) {
                if is_folder {
                    waiting.push((path.clone(), entry));
                }
            } else {
                self.pass(&mut waiting);
                let content = if matches!(entry.kind, EntryKind::File { .. }) { Content::Source(path.clone()) } else { Content::Nothing };
                self.lay.insert(path.clone(), Laid { entry, content });
            }
            if is_folder && opaque.is_some() {
                let hidden = self.hidden(path);
                if !hidden.is_empty() {
                    self.pass(&mut waiting);
                }
                hidden.into_iter().for_each(|path| self.hide(path));
            }
        }
        Ok(())
    }

    /// Lays the folders on the way to a change.
    fn pass(&mut self, waiting: &mut Vec<(TreePath, Entry)>) {
        let laid = |(path, entry)| (path, Laid { entry, content: Content::Root });
        self.lay.extend(waiting.drain(..).map(laid));
    }

    fn hide(&mut self, path: TreePath) {
        let entry = Entry::whiteout(path.bytes());
        self.lay.insert(path, Laid { entry, content: Content::Whiteout });
    }

    /// Lists what the base has in a folder and the upper one has not, neither as itself nor as gone.
    fn hidden(&self, folder: &TreePath) -> Vec<TreePath> {
        if !self.base.at(folder.bytes()).is_some_and(layer::index::Node::is_directory) {
            return Vec::new();
        }
        let below = self.base.below(folder.bytes()).map(|(path, _)| TreePath::clean(path));
        below.filter(|path| path.parent() == *folder && self.upper.walked.tree.get(path).is_none()).collect()
    }

    fn is_as_it_was(&self, path: &TreePath, entry: &Entry) -> bool {
        let Some(node) = self.base.at(path.bytes()) else { return false };
        if self.linked.contains(path) || !same::looks_the_same(entry, node) {
            return false;
        }
        if !matches!(entry.kind, EntryKind::File { .. }) {
            return true;
        }
        let open = || self.upper.folder.file(path, self.upper.walked.stamps.get(path)?).ok();
        !self.rules.lower.is_empty() && open().is_some_and(|mut file| same::is_the_same(&mut file, entry, self.rules))
    }
}

/// What a program left: the bytes of the files in the upper folder.
struct Left {
    folder: Folder,
    walked: Walked,
}

#[async_trait]
impl Contents for Left {
    fn read(&self, path: &TreePath, reading: Reading<'_>) -> Result<(), PackError> {
        let stamp = self.walked.stamps.get(path).ok_or_else(|| PackError::Missing(path.clone()))?;
        let mut file = self.folder.file(path, stamp).map_err(DiffError::Unreadable)?;
        let read = reading(&mut file);
        // That it changed is the better message where it could not be read for that.
        self.folder.check(path, stamp, &file).map_err(DiffError::Unreadable)?;
        read
    }
}
