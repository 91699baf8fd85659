//! A folder whose files are known by what they hashed to before.

use std::sync::Arc;
use std::time::SystemTime;

use content::Keep;
use graph::{Tree, TreePath};
use oci::Digest;

use super::stats::StatCache;
use crate::context::{Folder, Walked};
use crate::pack::{Contents, PackError, Reading};

/// A folder, what was seen of it, and what its files hash to.
pub struct KnownFiles {
    context: Arc<(Folder, Walked)>,
    stats: StatCache,
    keep: Arc<dyn Keep>,
}

impl KnownFiles {
    /// Reads what is kept of a folder. Blocks for the time of reading one file.
    pub fn load(context: Arc<(Folder, Walked)>, keep: Arc<dyn Keep>) -> Self {
        let stats = StatCache::load(keep.as_ref(), context.0.path());
        Self { context, stats, keep }
    }

    /// Returns what is where.
    pub fn tree(&self) -> &Tree {
        &self.context.1.tree
    }

    /// Keeps what was learned, for the next build. Blocks for the time of writing one file.
    pub fn save(&self) {
        self.stats.save(self.keep.as_ref(), self.context.1.stamps.values());
    }
}

impl Contents for KnownFiles {
    fn read(&self, path: &TreePath, reading: Reading<'_>) -> Result<(), PackError> {
        self.context.read(path, reading)
    }

    fn identity(&self, path: &TreePath) -> Option<Digest> {
        self.stats.hash(self.context.1.stamps.get(path)?)
    }

    fn learn(&self, path: &TreePath, hash: &Digest, begun: SystemTime) {
        if let Some(stamp) = self.context.1.stamps.get(path) {
            self.stats.learn(stamp, hash, begun);
        }
    }
}
