//! Visits everything below a manifest, each piece once, never deeper or wider than the limits.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Descriptor, Digest, RawManifest, Selector};

use crate::{Error, Item, Result, Sink, Source};

/// How far a walk goes before it calls an image hostile.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Levels of indexes below the first.
    pub depth: u64,
    /// Manifests in all.
    pub manifests: u64,
    /// Manifests fetched at once.
    pub at_once: usize,
}

impl Default for Limits {
    /// Three levels and 2,000 manifests: the largest public images have two levels and some 60.
    fn default() -> Self {
        Self { depth: 3, manifests: 2_000, at_once: 16 }
    }
}

/// Everything below a manifest, and the manifest itself.
#[derive(Debug)]
pub struct Tree {
    /// Manifests with their depth below the root; children stand before their parents.
    pub manifests: Vec<(u64, RawManifest)>,
    /// Blobs that the manifests need, each once.
    pub blobs: Vec<Descriptor>,
    /// Manifests that the target had already, with all below them.
    pub present: Vec<Descriptor>,
}

/// Reads every manifest below `root`. What `target` holds already is not read.
///
/// # Errors
/// A missing or broken child names itself; nothing was written.
pub async fn walk(source: &dyn Source, root: &RawManifest, target: Option<&dyn Sink>, limits: Limits) -> Result<Tree> {
    let mut seen: HashSet<Digest> = HashSet::from([root.digest().clone()]);
    let mut levels = vec![vec![root.clone()]];
    let mut present = Vec::new();
    let mut count = 1_u64;
    loop {
        let depth = levels.len() as u64;
        let children: Vec<Descriptor> = levels
            .last()
            .into_iter()
            .flatten()
            .filter_map(RawManifest::as_index)
            .flat_map(|index| index.manifests.iter())
            .filter(|child| seen.insert(child.digest.clone()))
            .cloned()
            .collect();
        if children.is_empty() {
            break;
        }
        count = count.saturating_add(children.len() as u64);
        if count > limits.manifests {
            return Err(Error::Limit { what: format!("manifests in {}", root.digest()), limit: limits.manifests, got: count });
        }
        if depth > limits.depth {
            return Err(Error::Limit { what: format!("levels of indexes in {}", root.digest()), limit: limits.depth, got: depth });
        }
        let found: Vec<Fetched> =
            stream::iter(children).map(|child| fetch(source, child, target)).buffered(limits.at_once.max(1)).try_collect().await?;
        let mut level = Vec::new();
        for child in found {
            match child {
                Fetched::Present(descriptor) => present.push(*descriptor),
                Fetched::Read(manifest) => level.push(*manifest),
            }
        }
        levels.push(level);
    }
    let mut blobs = Vec::new();
    let mut known = HashSet::new();
    for manifest in levels.iter().flatten() {
        let own = manifest.as_image().into_iter().flat_map(oci::ImageManifest::blobs);
        blobs.extend(own.filter(|blob| known.insert(blob.digest.clone())).cloned());
    }
    let manifests = levels
        .into_iter()
        .enumerate()
        .rev()
        .flat_map(|(depth, level)| level.into_iter().map(move |manifest| (depth as u64, manifest)))
        .collect();
    Ok(Tree { manifests, blobs, present })
}

enum Fetched {
    Present(Box<Descriptor>),
    Read(Box<RawManifest>),
}

async fn fetch(source: &dyn Source, child: Descriptor, target: Option<&dyn Sink>) -> Result<Fetched> {
    if let Some(target) = target
        && target.has(&child).await?
    {
        return Ok(Fetched::Present(Box::new(child)));
    }
    let manifest = source.manifest(&Selector::Digest(child.digest.clone())).await?;
    let got = manifest.bytes().len() as u64;
    if got != child.size {
        return Err(Error::WrongSize { item: Item::Manifest(child.digest), place: source.name(), expected: child.size, got });
    }
    Ok(Fetched::Read(Box::new(manifest)))
}
