//! Reads what a template may ask for: every image's config, and what is attested of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use content::{Error, Limits, Source, child_manifest};
use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Descriptor, Digest, ImageConfig, MAX_MANIFEST_SIZE, Platform, RawManifest};
use serde_json::Value;

use super::attested::{Statements, statements};
use super::view::format;

/// The most bytes of all configs, however often one is listed: a template sees it that often. Real ones have some
/// kilobytes, and as a tree each takes many times its size.
const LONGEST_ALTOGETHER: u64 = 8 * 1024 * 1024;

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
    pub config: Arc<Value>,
}

/// Reads the images below a document and, where asked for, what is attested of them.
///
/// # Errors
/// What is missing or broken, and more than the limits allow.
pub async fn look(source: &dyn Source, root: &RawManifest, evidence: Evidence, limits: Limits) -> Result<Look, Error> {
    let entries = leaves(source, root, limits).await?;
    let (attestations, images): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(entry, _)| entry.is_attestation());
    let images = stream::iter(images)
        .map(|(entry, manifest)| described(source, entry, manifest))
        .buffered(limits.at_once.max(1))
        .try_collect::<Vec<_>>()
        .await?;
    let images: Vec<(Descriptor, Descriptor)> = images.into_iter().flatten().collect();
    let mut look = Look { images: with_configs(source, images, limits).await?, statements: BTreeMap::new() };
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

/// Finds the config of an entry. What is no image has none.
async fn described(
    source: &dyn Source,
    entry: Descriptor,
    manifest: Option<RawManifest>,
) -> Result<Option<(Descriptor, Descriptor)>, Error> {
    let manifest = match manifest {
        Some(manifest) => manifest,
        None => child_manifest(source, &entry).await?,
    };
    let config = manifest.as_image().map(|image| image.config.clone()).filter(|config| config.media_type.is_image_config());
    Ok(config.map(|config| (entry, config)))
}

/// Reads the configs of entries, each once.
async fn with_configs(source: &dyn Source, images: Vec<(Descriptor, Descriptor)>, limits: Limits) -> Result<Vec<LookedAt>, Error> {
    let got = images.iter().fold(0_u64, |sum, (_, config)| sum.saturating_add(config.size));
    if got > LONGEST_ALTOGETHER {
        return Err(Error::Limit { what: "bytes of configs of an image".to_owned(), limit: LONGEST_ALTOGETHER, got });
    }
    // By the size too: a descriptor that lies about it is found out, whichever comes first.
    let key = |config: &Descriptor| (config.digest.clone(), config.size);
    let once: HashMap<_, _> = images.iter().map(|(_, config)| (key(config), config)).collect();
    let read: HashMap<_, _> = stream::iter(once)
        .map(|(key, descriptor)| async move { Ok::<_, Error>((key, config(source, descriptor).await?)) })
        .buffer_unordered(limits.at_once.max(1))
        .try_collect()
        .await?;
    let looked_at = |(entry, config): (Descriptor, Descriptor)| {
        let (own, tree) = read.get(&key(&config))?;
        let platform = entry.platform.or_else(|| own.clone()).unwrap_or_default();
        Some(LookedAt { digest: entry.digest, platform: platform.normalized(), config: Arc::clone(tree) })
    };
    Ok(images.into_iter().filter_map(looked_at).collect())
}

/// Reads a config, and the platform that it states.
async fn config(source: &dyn Source, config: &Descriptor) -> Result<(Option<Platform>, Arc<Value>), Error> {
    let bytes = source.blob(config).await?.read_all(MAX_MANIFEST_SIZE).await?;
    let broken = |problem| Error::Config { digest: config.digest.clone(), place: source.name(), problem };
    let own = ImageConfig::parse(&bytes).map_err(broken)?;
    let tree = serde_json::from_slice(&bytes).map_err(broken)?;
    Ok((own.platform(), Arc::new(tree)))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use testkit::fixtures::{Image, Index, in_memory};

    #[tokio::test]
    async fn one_config_of_many_entries_is_held_once() {
        let image = Image::new("linux/amd64").build();
        let platform = |number: usize| Platform::new("linux", &format!("cpu{number}"), None);
        let entries = (0..60).map(|number| Descriptor { platform: Some(platform(number)), ..image.descriptor() });
        let index = entries.fold(Index::new(), Index::add).build();
        let look = look(&in_memory(&[&image], &[]).await, &index, Evidence::Unread, Limits::default()).await.unwrap();
        assert_eq!(look.named().len(), 60);
        let first = look.images.first().unwrap();
        assert!(look.images.iter().all(|image| Arc::ptr_eq(&image.config, &first.config)));
    }

    #[tokio::test]
    async fn more_configs_than_memory_should_hold_are_not_read() {
        let image = Image::new("linux/amd64").build();
        let config = Descriptor { size: LONGEST_ALTOGETHER / 60 + 1, ..image.manifest.as_image().unwrap().config.clone() };
        let many = vec![(image.descriptor(), config); 60];
        let read = with_configs(&in_memory(&[], &[]).await, many, Limits::default()).await;
        assert!(matches!(read, Err(Error::Limit { limit: LONGEST_ALTOGETHER, .. })), "{read:?}");
    }
}
