//! What files are copied from: what is where, and the bytes.

use graph::{Tree, TreePath};
use layer::tar::EntryKind;

use super::{Folder, Walked};
use crate::cache::KnownFiles;
use crate::files::Files;
use crate::pack::Contents;

/// A tree whose files can be read.
pub trait Origin: Contents {
    /// Returns what is where.
    fn tree(&self) -> &Tree;

    /// Returns the length of a regular file, whichever of its names is asked for.
    fn size(&self, path: &TreePath) -> Option<u64> {
        match &self.tree().get(path)?.kind {
            EntryKind::File { size } => Some(*size),
            EntryKind::Hardlink { target } => self.tree().get(&TreePath::clean(target)).map(layer::tar::Entry::size),
            _ => None,
        }
    }
}

impl Origin for (Folder, Walked) {
    fn tree(&self) -> &Tree {
        &self.1.tree
    }
}

impl Origin for KnownFiles {
    fn tree(&self) -> &Tree {
        self.tree()
    }
}

impl Origin for Files {
    fn tree(&self) -> &Tree {
        self.tree()
    }
}
