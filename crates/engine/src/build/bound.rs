//! Files that are bound into a command's root, and what a cache begins with: as if they were the only layer of an image.

use std::sync::Arc;

use dockerfile::ResolvedMount;
use graph::{From, Lay, Outlined, Placed, Times, TreePath, lay_bind};
use layer::index::PathIndex;
use layer::{Compression, Settings};
use oci::Digest;

use super::error::BuildError;
use super::evaluate::Evaluation;
use super::moment::{self, UNKNOWN};
use crate::cache::{Reuse, Wanted, identity_of};
use crate::pack::PackError;
use crate::roots::{Roots, Stack};

/// Files of a stage, an image or a context.
pub(super) struct Bound {
    wanted: Wanted,
    /// Where in their layer what is bound is.
    pub(super) inside: TreePath,
    /// What only files have in common that are the same, whenever they were changed.
    pub(super) identity: Digest,
}

impl Bound {
    /// Says what is in their layer.
    pub(super) fn lay(&self) -> Arc<Lay> {
        Arc::clone(&self.wanted.lay)
    }
}

impl Evaluation<'_> {
    /// Finds the files that a mount shows; none of one that shows nothing of anybody.
    pub(super) async fn bound(&self, stage: &Outlined, placed: &Placed, mount: &ResolvedMount) -> Result<Option<Bound>, BuildError> {
        let (from, source) = match mount {
            ResolvedMount::Bind { from, source, .. } => (from.as_deref(), source.clone()),
            ResolvedMount::Cache(cache) if cache.from.is_some() => (cache.from.as_deref(), cache.source.clone()),
            _ => return Ok(None),
        };
        let (origin, context) = self.origin(stage, from, placed).await?;
        let tree = Arc::clone(&origin);
        let epoch = self.request.epoch;
        let laid = tokio::task::spawn_blocking(move || {
            let hides = |path: &TreePath| context.as_ref().is_some_and(|context| context.hides(path));
            let from = From { tree: tree.tree(), keeps_owners: context.is_none(), hides: &hides };
            let (mut lay, inside) = lay_bind(&source, &from, Times { made: UNKNOWN })?;
            let settled = moment::settle(&mut lay, &mut PathIndex::new(), epoch, 0);
            settled.map_err(|problem| graph::CopyError::Target(Box::new(problem)))?;
            Ok((lay, inside))
        });
        let laid: Result<(Lay, TreePath), graph::CopyError> = laid.await.map_err(|problem| PackError::Stopped(problem.to_string()))?;
        let (lay, inside) = laid.map_err(|problem| self.wrong(placed, problem))?;
        let settings =
            Settings { compression: Compression::None, threads: self.request.threads, ..self.layering.settings(self.target, false) };
        let wanted = Wanted { lay: Arc::new(lay), contents: origin, settings, words: Vec::new(), reuse: Reuse::Allowed };
        let identity = self.identity(&wanted).await?;
        Ok(Some(Bound { wanted, inside, identity }))
    }

    /// Finds out what is in files. Those that nobody knows are read: into the layer that they become.
    async fn identity(&self, wanted: &Wanted) -> Result<Digest, BuildError> {
        if let Some(identity) = identity_of(&wanted.lay, |path| wanted.contents.identity(path)) {
            return Ok(identity);
        }
        let found = self.cache.layer(wanted.clone(), self.layering.workshop.library).await?;
        Ok(found.content.unwrap_or(found.packed.layer.diff_id.0))
    }

    /// Unpacks such files.
    pub(super) async fn unpacked(&self, roots: &Roots, bound: &Bound) -> Result<Stack, BuildError> {
        let found = self.cache.layer(bound.wanted.clone(), self.layering.workshop.library).await?;
        let layers = self.layering.read_again(&found.packed);
        let stack = roots.over(&Stack::default(), &PathIndex::new(), &layers).await;
        stack.map_err(|problem| BuildError::at(&self.target.file, None, None, problem))
    }
}
