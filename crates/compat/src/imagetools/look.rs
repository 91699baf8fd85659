//! Reads what a template may ask for: every image's config, and what is attested of it.

use std::collections::{BTreeMap, HashSet};

use content::{Error, Limits, Source, child_manifest};
use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Descriptor, Digest, ImageConfig, MAX_MANIFEST_SIZE, Platform, RawManifest};
use serde_json::Value;

use super::attested::{Statements, statements};
use super::view::format;

/// Whether attestations are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// They cost a request each, and nobody asked.
    Unread,
    /// They are read.
    Read,
}

/// What was read below a document.
#[derive(Debug, Default)]
pub struct Look {
    /// The images, in the order of the document, each under its platform.
    pub(crate) images: Vec<LookedAt>,
    /// What is attested of them.
    pub(crate) statements: BTreeMap<Digest, Statements>,
}

#[derive(Debug)]
pub(crate) struct LookedAt {
    pub digest: Digest,
    pub platform: Platform,
    pub config: Value,
}

/// Reads the images below a document and, where asked for, what is attested of them.
///
/// # Errors
/// What is missing or broken, and more than the limits allow.
pub async fn look(source: &dyn Source, root: &RawManifest, evidence: Evidence, limits: Limits) -> Result<Look, Error> {
    let entries = leaves(source, root, limits).await?;
    let (attestations, images): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(entry, _)| entry.is_attestation());
    let images = stream::iter(images)
        .map(|(entry, manifest)| image(source, entry, manifest))
        .buffered(limits.at_once.max(1))
        .try_collect::<Vec<_>>()
        .await?;
    let mut look = Look { images: images.into_iter().flatten().collect(), statements: BTreeMap::new() };
    if evidence == Evidence::Unread {
        return Ok(look);
    }
    // One after the other: documents of that size are held whole.
    for (entry, _) in attestations {
        let Some(subject) = entry.attests().filter(|subject| look.images.iter().any(|image| image.digest == *subject)) else { continue };
        let manifest = child_manifest(source, &entry).await?;
        statements(source, &manifest, look.statements.entry(subject).or_default()).await?;
    }
    Ok(look)
}

/// Lists the manifests below a document; of a lone one, itself.
async fn leaves(source: &dyn Source, root: &RawManifest, limits: Limits) -> Result<Vec<(Descriptor, Option<RawManifest>)>, Error> {
    if root.as_index().is_none() {
        return Ok(vec![(root.descriptor(), Some(root.clone()))]);
    }
    let (mut leaves, mut level, mut depth) = (Vec::new(), vec![root.clone()], 0);
    let mut seen = HashSet::new();
    while !level.is_empty() {
        if depth > limits.depth {
            return Err(Error::Limit { what: "levels of indexes".to_owned(), limit: limits.depth, got: depth });
        }
        let entries = level.iter().filter_map(RawManifest::as_index).flat_map(|index| index.manifests.clone());
        let (indexes, manifests): (Vec<_>, Vec<_>) = entries.partition(|entry| entry.media_type.is_index());
        leaves.extend(manifests.into_iter().filter(|entry| entry.media_type.is_manifest()).map(|entry| (entry, None)));
        let indexes: Vec<Descriptor> = indexes.into_iter().filter(|entry| seen.insert(entry.digest.clone())).collect();
        let got = (leaves.len() + seen.len()) as u64;
        if got > limits.manifests {
            return Err(Error::Limit { what: "manifests of an image".to_owned(), limit: limits.manifests, got });
        }
        level = stream::iter(indexes)
            .map(|entry| async move { child_manifest(source, &entry).await })
            .buffered(limits.at_once.max(1))
            .try_collect()
            .await?;
        depth += 1;
    }
    Ok(leaves)
}

/// Reads an image's config. What is no image has none.
async fn image(source: &dyn Source, entry: Descriptor, manifest: Option<RawManifest>) -> Result<Option<LookedAt>, Error> {
    let manifest = match manifest {
        Some(manifest) => manifest,
        None => child_manifest(source, &entry).await?,
    };
    let Some(config) = manifest.as_image().map(|image| image.config.clone()).filter(|config| config.media_type.is_image_config()) else {
        return Ok(None);
    };
    let bytes = source.blob(&config).await?.read_all(MAX_MANIFEST_SIZE).await?;
    let broken = |problem| Error::Config { digest: config.digest.clone(), place: source.name(), problem };
    let own = ImageConfig::parse(&bytes).map_err(broken)?;
    let tree = serde_json::from_slice(&bytes).map_err(broken)?;
    let platform = entry.platform.or_else(|| own.platform()).unwrap_or_default();
    Ok(Some(LookedAt { digest: entry.digest, platform: platform.normalized(), config: tree }))
}

impl Look {
    /// Tells whether a template sees images by their platforms, rather than one.
    pub fn is_of_several(&self) -> bool {
        self.named().len() > 1
    }

    /// Names each image by its platform. Two of one name hide each other, as in buildx, but Windows' versions do not:
    /// such a name has the version in it, as containerd writes it.
    pub(crate) fn named(&self) -> BTreeMap<String, &LookedAt> {
        let mut versions: BTreeMap<String, HashSet<&str>> = BTreeMap::new();
        for image in &self.images {
            versions.entry(format(&image.platform)).or_default().insert(image.platform.os_version.as_deref().unwrap_or_default());
        }
        let name = |image: &LookedAt| {
            let short = format(&image.platform);
            let several = versions.get(&short).is_some_and(|versions| versions.len() > 1);
            match image.platform.os_version.as_deref().filter(|_| several) {
                Some(version) => short.replacen(&image.platform.os, &format!("{}({version})", image.platform.os), 1),
                None => short,
            }
        };
        self.images.iter().map(|image| (name(image), image)).collect()
    }
}
