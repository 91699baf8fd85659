//! What files are copied from: what is where, and the bytes.

use graph::Tree;

use super::{Folder, Walked};
use crate::files::Files;
use crate::pack::Contents;

/// A tree whose files can be read.
pub trait Origin: Contents {
    /// Returns what is where.
    fn tree(&self) -> &Tree;

    /// Keeps what was learned of the files, for the next build. May wait for a disk.
    fn save(&self) {}
}

impl Origin for (Folder, Walked) {
    fn tree(&self) -> &Tree {
        &self.1.tree
    }
}

impl Origin for Files {
    fn tree(&self) -> &Tree {
        self.tree()
    }
}
