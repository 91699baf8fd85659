//! A folder whose files are known by what they hashed to before.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use content::Keep;
use graph::{Tree, TreePath};
use oci::Digest;

use super::stats::StatCache;
use crate::context::{Folder, Origin, Walked};
use crate::pack::{Contents, PackError, Reading};

/// A folder, what was seen of it, and what its files hash to.
pub struct KnownFiles {
    context: (Folder, Walked),
    stats: StatCache,
    keep: Arc<dyn Keep>,
}

impl KnownFiles {
    /// Reads what is kept of a folder. Blocks for the time of reading one file.
    pub fn load(context: (Folder, Walked), keep: Arc<dyn Keep>) -> Self {
        let stats = StatCache::load(keep.as_ref(), context.0.path());
        Self { context, stats, keep }
    }
}

#[async_trait]
impl Contents for KnownFiles {
    async fn prepare(&self, paths: &[TreePath]) -> Result<(), PackError> {
        self.context.prepare(paths).await
    }

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

impl Origin for KnownFiles {
    fn tree(&self) -> &Tree {
        &self.context.1.tree
    }

    fn save(&self) {
        self.stats.save(self.keep.as_ref(), self.context.1.stamps.values());
    }
}
