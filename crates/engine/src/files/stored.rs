//! A file whose bytes are a blob of a place.

use std::sync::Arc;

use async_trait::async_trait;
use content::Source;
use graph::{Tree, TreePath};
use layer::LayerError;
use layer::tar::Entry;
use oci::{Algorithm, Descriptor, Digest};
use tokio::runtime::Handle;

use crate::base::blob_reader;
use crate::context::Origin;
use crate::pack::{Contents, PackError, Reading};

/// The mode of what was downloaded, as with BuildKit.
const MODE: u32 = 0o600;

/// One file of root's, in a tree of its own.
pub(crate) struct Stored {
    tree: Tree,
    blob: Descriptor,
    source: Arc<dyn Source>,
    runtime: Handle,
}

impl Stored {
    /// Takes a blob for a file; called where the runtime is.
    pub(crate) fn new(name: &[u8], modified: i64, blob: Descriptor, source: Arc<dyn Source>) -> Self {
        let mut tree = Tree::default();
        tree.insert(Entry::file(name, blob.size).mode(MODE).mtime(modified));
        Self { tree, blob, source, runtime: Handle::current() }
    }
}

#[async_trait]
impl Contents for Stored {
    fn read(&self, path: &TreePath, reading: Reading<'_>) -> Result<(), PackError> {
        if self.tree.get(path).is_none() {
            return Err(PackError::Missing(path.clone()));
        }
        let mut reader = blob_reader(&self.runtime, Arc::clone(&self.source), self.blob.clone());
        reading(&mut reader)?;
        // Only its end tells that it is the blob that was meant.
        std::io::copy(&mut reader, &mut std::io::sink()).map(drop).map_err(|problem| PackError::Layer(LayerError::read(problem)))
    }

    fn identity(&self, _: &TreePath) -> Option<Digest> {
        // Files are known by their SHA-256.
        Some(self.blob.digest.clone()).filter(|digest| digest.algorithm() == Algorithm::Sha256)
    }
}

impl Origin for Stored {
    fn tree(&self) -> &Tree {
        &self.tree
    }
}
