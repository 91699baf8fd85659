//! Visits everything below a manifest, each piece once, never deeper or wider than the limits.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Descriptor, Digest, Platform, RawManifest, Selector};

use crate::{Error, Item, Result, Share, Sink, Source};

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
    pub blobs: Vec<Share>,
    /// Manifests that the target had already, with all below them.
    pub present: Vec<Descriptor>,
}

/// Reads every manifest below `root`. What `target` holds already is not read.
///
/// # Errors
/// A missing or broken child names itself; nothing was written.
pub async fn walk(source: &dyn Source, root: &RawManifest, target: Option<&dyn Sink>, limits: Limits) -> Result<Tree> {
    let mut seen: HashMap<Digest, u64> = HashMap::from([(root.digest().clone(), root.bytes().len() as u64)]);
    let mut levels = vec![vec![Node { manifest: root.clone(), platform: None }]];
    // Apart from manifests: who lists one as bytes elsewhere does not make it less of a manifest.
    let mut bytes_seen: HashMap<Digest, u64> = HashMap::new();
    let (mut present, mut opaque) = (Vec::new(), Vec::new());
    let mut count = 1_u64;
    loop {
        let depth = levels.len() as u64;
        let mut children: Vec<Descriptor> = Vec::new();
        for child in levels.last().into_iter().flatten().filter_map(|node| node.manifest.as_index()).flat_map(|index| &index.manifests) {
            let seen = if is_document(child) { &mut seen } else { &mut bytes_seen };
            if is_new(source, seen, child)? {
                children.push(child.clone());
            }
        }
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
        let (children, others): (Vec<_>, Vec<_>) = children.into_iter().partition(is_document);
        // An entry of a kind that nobody here knows is bytes (image-spec, image-index.md: unknown media
        // types must not be an error).
        opaque.extend(others.into_iter().map(|blob| Share { blob, platforms: Vec::new() }));
        let found: Vec<Fetched> =
            stream::iter(children).map(|child| fetch(source, child, target)).buffered(limits.at_once.max(1)).try_collect().await?;
        let mut level = Vec::new();
        for child in found {
            match child {
                Fetched::Present(descriptor) => present.push(*descriptor),
                Fetched::Read(node) => level.push(*node),
            }
        }
        levels.push(level);
    }
    let blobs = shares(source, opaque, levels.iter().flatten())?;
    let manifests = levels
        .into_iter()
        .enumerate()
        .rev()
        .flat_map(|(depth, level)| level.into_iter().map(move |node| (depth as u64, node.manifest)))
        .collect();
    Ok(Tree { manifests, blobs, present })
}

/// Tells whether a child is met for the first time. One that is listed with two sizes is listed wrongly.
fn is_new(source: &dyn Source, seen: &mut HashMap<Digest, u64>, child: &Descriptor) -> Result<bool> {
    match seen.insert(child.digest.clone(), child.size) {
        None => Ok(true),
        Some(size) if size == child.size => Ok(false),
        Some(got) => {
            let item = if is_document(child) { Item::Manifest(child.digest.clone()) } else { Item::Blob(child.digest.clone()) };
            Err(Error::WrongSize { item, place: source.name(), expected: child.size, got })
        }
    }
}

fn is_document(child: &Descriptor) -> bool {
    child.media_type.is_index() || child.media_type.is_manifest()
}

/// A manifest, and the platform that the index above it says it is for.
struct Node {
    manifest: RawManifest,
    platform: Option<Platform>,
}

/// Lists the blobs of all manifests behind those listed so far, each once, with the platforms that
/// need it.
fn shares<'a>(source: &dyn Source, mut blobs: Vec<Share>, nodes: impl Iterator<Item = &'a Node>) -> Result<Vec<Share>> {
    let mut places: HashMap<Digest, usize> = blobs.iter().enumerate().map(|(place, share)| (share.blob.digest.clone(), place)).collect();
    for node in nodes {
        for blob in node.manifest.as_image().into_iter().flat_map(oci::ImageManifest::blobs) {
            let place = *places.entry(blob.digest.clone()).or_insert(blobs.len());
            if place == blobs.len() {
                blobs.push(Share { blob: blob.clone(), platforms: Vec::new() });
            }
            let Some(share) = blobs.get_mut(place) else { continue };
            if share.blob.size != blob.size {
                let item = Item::Blob(blob.digest.clone());
                return Err(Error::WrongSize { item, place: source.name(), expected: blob.size, got: share.blob.size });
            }
            if let Some(platform) = node.platform.as_ref().filter(|platform| !share.platforms.contains(platform)) {
                share.platforms.push(platform.clone());
            }
        }
    }
    Ok(blobs)
}

enum Fetched {
    Present(Box<Descriptor>),
    Read(Box<Node>),
}

async fn fetch(source: &dyn Source, child: Descriptor, target: Option<&dyn Sink>) -> Result<Fetched> {
    if let Some(target) = target
        && target.has(&child).await?
    {
        return Ok(Fetched::Present(Box::new(child)));
    }
    let manifest = child_manifest(source, &child).await?;
    // The platform of an attestation is `unknown/unknown`: it is nobody's.
    let platform = child.platform.clone().filter(|_| !child.is_attestation());
    Ok(Fetched::Read(Box::new(Node { manifest, platform })))
}

/// Reads a manifest that another one lists, and compares its size with the one listed: a digest says
/// nothing of it, and registries and engines go by it.
///
/// # Errors
/// As [`Source::manifest`], and [`Error::WrongSize`].
pub async fn child_manifest(source: &dyn Source, child: &Descriptor) -> Result<RawManifest> {
    let manifest = source.manifest(&Selector::Digest(child.digest.clone())).await?;
    let got = manifest.bytes().len() as u64;
    if got == child.size {
        return Ok(manifest);
    }
    Err(Error::WrongSize { item: Item::Manifest(child.digest.clone()), place: source.name(), expected: child.size, got })
}
