//! What an `ADD` takes from elsewhere: asked for by its address, when the step is done.

use std::sync::Arc;

use async_trait::async_trait;
use content::Source;
use dockerfile::Address;
use fault::AnyFault;
use futures_util::future::try_join_all;
use graph::{Step, TreePath};
use oci::Descriptor;

use super::error::BuildError;
use super::plan::Ready;
use super::request::Target;
use super::step::addresses;
use crate::files::Files;
use crate::provenance::Material;

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
pub struct Fetched {
    /// What is there.
    pub files: FetchedFiles,
    /// How it is told of.
    pub material: Material,
}

/// What is at an address.
#[derive(Clone)]
pub enum FetchedFiles {
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

/// Lists what the steps of an image have added from elsewhere: whoever has fetched it knows it.
///
/// # Errors
/// Where it cannot be had any more.
pub(super) async fn added(remotes: &dyn Remotes, target: &Target, ready: &Ready) -> Result<Vec<Material>, BuildError> {
    let wanted = ready.needed().flat_map(|recipe| &recipe.steps).filter_map(|placed| match &placed.step {
        Step::Copy(step) => Some((placed.span, addresses(step).ok()?)),
        _ => None,
    });
    let each = wanted.flat_map(|(span, addresses)| addresses.into_iter().map(move |(_, wanted)| (span, wanted)));
    let ask = each.map(|(span, wanted)| async move {
        let fetched = remotes.fetch(&wanted).await;
        fetched.map(|fetched| fetched.material).map_err(|problem| BuildError::at_any(&target.file, span, problem))
    });
    try_join_all(ask).await
}
