//! What an `ADD` takes from elsewhere: asked for by its address, when the step is done.

use std::sync::Arc;

use async_trait::async_trait;
use content::Source;
use dockerfile::Address;
use fault::AnyFault;
use graph::TreePath;
use oci::Descriptor;

use crate::files::Files;

/// What an `ADD` says of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteSource {
    /// The address.
    pub address: Address,
    /// `--checksum`.
    pub checksum: Option<String>,
    /// `--keep-git-dir`.
    pub keep_git_dir: bool,
}

/// What an address led to.
#[derive(Clone)]
pub enum Fetched {
    /// A file.
    File {
        /// What it is called.
        name: Vec<u8>,
        /// When it was last changed, in seconds since 1970.
        modified: i64,
        /// Its bytes.
        blob: Box<Descriptor>,
        /// Where they are.
        source: Arc<dyn Source>,
    },
    /// Files.
    Tree {
        /// All of them.
        files: Arc<Files>,
        /// What of them is meant.
        named: TreePath,
    },
}

/// Fetches what addresses name. Several steps and platforms may ask for one thing at once.
#[async_trait]
pub trait Remotes: Send + Sync {
    /// Fetches it, or finds that it is here.
    ///
    /// # Errors
    /// Where it cannot be had, or is not what its checksum says.
    async fn fetch(&self, wanted: &RemoteSource) -> Result<Fetched, AnyFault>;
}
