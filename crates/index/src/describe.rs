//! What an image is, as data: the one shape behind the table, `--format` and `--json` of `inspect`.

use content::{Error, Limits, Source};
use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Annotations, Descriptor, Digest, ImageConfig, MAX_MANIFEST_SIZE, MediaType, Platform, RawManifest, Selector};
use serde::Serialize;
use serde_json::Value;

use crate::IndexError;

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The one document.
    Document,
    /// One manifest and one config per platform more.
    Full,
}

/// An image of any shape. `polyarchInspect` is the version of this shape; fields are only added
/// within a version.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// The version of this shape: 1.
    pub polyarch_inspect: u32,
    /// The name as it was asked for.
    pub name: String,
    /// The digest of the document.
    pub digest: Digest,
    /// What the document is.
    pub media_type: MediaType,
    /// The document's own length in bytes.
    pub size: u64,
    /// `index`, `image` or `artifact`.
    pub kind: &'static str,
    /// The kind of artifact, where the document names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What the document refers to, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Digest>,
    /// Annotations of the document.
    pub annotations: Annotations,
    /// The images, in the document's order.
    pub platforms: Vec<Entry>,
    /// Entries that are neither images nor attestations of one.
    pub others: Vec<Entry>,
}

/// One image, or one other entry.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The platform as text, such as `linux/arm/v7`; `unknown` where nothing says it.
    pub platform: String,
    /// The operating system.
    pub os: String,
    /// The architecture.
    pub architecture: String,
    /// The variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The version of the operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// What the operating system must offer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// The digest of its manifest.
    pub digest: Digest,
    /// What the manifest is.
    pub media_type: MediaType,
    /// The manifest's own length in bytes.
    pub size: u64,
    /// Annotations of the entry in the index.
    pub annotations: Annotations,
    /// The attestations that belong to it.
    pub attestations: Vec<Attestation>,
    /// What one more look at its manifest and config told.
    #[serde(flatten)]
    pub detail: Option<Detail>,
}

/// An attestation of an image.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attestation {
    /// The digest of its manifest.
    pub digest: Digest,
    /// What the manifest is.
    pub media_type: MediaType,
    /// The manifest's own length in bytes.
    pub size: u64,
}

/// What an image's manifest and config say.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// Bytes that a pull moves: config and layers, compressed.
    pub compressed_size: u64,
    /// When it was made, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The layers, base first.
    pub layers: Vec<Layer>,
    /// The config, as it stands.
    pub config: Value,
}

/// One layer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// What it is.
    pub media_type: MediaType,
    /// The digest of the blob.
    pub digest: Digest,
    /// The blob's length in bytes.
    pub size: u64,
}

impl Description {
    /// Returns the image for a platform, if the document has one.
    pub fn platform(&self, wanted: &Platform) -> Option<&Entry> {
        let all: Vec<Platform> = self.platforms.iter().map(Entry::as_platform).collect();
        let at = oci::Matcher::strict(wanted).best(all.iter())?;
        self.platforms.get(at)
    }

    /// Returns the number of attestations.
    pub fn attestation_count(&self) -> usize {
        self.platforms.iter().map(|entry| entry.attestations.len()).sum()
    }
}

impl Entry {
    fn new(descriptor: &Descriptor) -> Self {
        let platform = descriptor.platform.clone().unwrap_or_default();
        Self {
            platform: platform.to_string(),
            os: platform.os,
            architecture: platform.architecture,
            variant: platform.variant,
            os_version: platform.os_version,
            os_features: platform.os_features,
            digest: descriptor.digest.clone(),
            media_type: descriptor.media_type.clone(),
            size: descriptor.size,
            annotations: descriptor.annotations.clone(),
            attestations: Vec::new(),
            detail: None,
        }
    }

    /// Returns the platform as a value.
    pub fn as_platform(&self) -> Platform {
        let mut platform = Platform::new(&self.os, &self.architecture, self.variant.as_deref());
        platform.os_version.clone_from(&self.os_version);
        platform.os_features.clone_from(&self.os_features);
        platform
    }

    fn set_platform(&mut self, platform: Platform) {
        self.platform = platform.to_string();
        self.os = platform.os;
        self.architecture = platform.architecture;
        self.variant = platform.variant;
        self.os_version = platform.os_version;
        self.os_features = platform.os_features;
    }
}

/// Describes a document that was read already. Only [`Depth::Full`], and a lone image whose
/// platform stands in its config, read more, all at once.
///
/// # Errors
/// Only for what [`Depth::Full`] reads: a missing or broken child.
pub async fn describe(source: &dyn Source, name: &str, root: &RawManifest, depth: Depth) -> Result<Description, IndexError> {
    let mut description = Description {
        polyarch_inspect: 1,
        name: name.to_owned(),
        digest: root.digest().clone(),
        media_type: root.media_type().clone(),
        size: root.bytes().len() as u64,
        kind: "index",
        artifact_type: root.descriptor().artifact_type,
        subject: None,
        annotations: Annotations::new(),
        platforms: Vec::new(),
        others: Vec::new(),
    };
    match root.body() {
        oci::Body::Index(index) => {
            description.annotations.clone_from(&index.annotations);
            description.subject = index.subject.as_ref().map(|subject| subject.digest.clone());
            sort_entries(&index.manifests, &mut description);
            if depth == Depth::Full {
                read_details(source, &mut description.platforms).await?;
            }
        }
        oci::Body::Image(image) => {
            description.annotations.clone_from(&image.annotations);
            description.subject = image.subject.as_ref().map(|subject| subject.digest.clone());
            let mut entry = Entry::new(&root.descriptor());
            if image.is_image() {
                description.kind = "image";
                let detail = read_detail(source, root).await?;
                if let Some(platform) = platform_of(&detail) {
                    entry.set_platform(platform);
                }
                entry.detail = (depth == Depth::Full).then_some(detail);
                description.platforms.push(entry);
            } else {
                description.kind = "artifact";
                description.artifact_type = description.artifact_type.or_else(|| Some(image.config.media_type.to_string()));
            }
        }
    }
    Ok(description)
}

/// Sorts an index's entries into images, their attestations, and the rest.
fn sort_entries(entries: &[Descriptor], description: &mut Description) {
    for descriptor in entries.iter().filter(|entry| !entry.is_attestation()) {
        let image = descriptor.media_type.is_manifest() && !descriptor.platform.as_ref().is_some_and(Platform::is_unknown);
        let list = if image { &mut description.platforms } else { &mut description.others };
        list.push(Entry::new(descriptor));
    }
    for descriptor in entries.iter().filter(|entry| entry.is_attestation()) {
        let subject = descriptor.attests();
        match description.platforms.iter_mut().find(|entry| Some(&entry.digest) == subject.as_ref()) {
            Some(image) => image.attestations.push(Attestation {
                digest: descriptor.digest.clone(),
                media_type: descriptor.media_type.clone(),
                size: descriptor.size,
            }),
            None => description.others.push(Entry::new(descriptor)),
        }
    }
}

async fn read_details(source: &dyn Source, platforms: &mut [Entry]) -> Result<(), IndexError> {
    let details: Vec<Option<Detail>> = stream::iter(platforms.iter())
        .map(|entry| async {
            let manifest = source.manifest(&Selector::Digest(entry.digest.clone())).await?;
            match manifest.as_image() {
                Some(image) if image.config.media_type.is_image_config() => read_detail(source, &manifest).await.map(Some),
                _ => Ok::<_, IndexError>(None),
            }
        })
        .buffered(Limits::default().at_once)
        .try_collect()
        .await?;
    for (entry, detail) in platforms.iter_mut().zip(details) {
        if entry.os.is_empty()
            && let Some(platform) = detail.as_ref().and_then(platform_of)
        {
            entry.set_platform(platform);
        }
        entry.detail = detail;
    }
    Ok(())
}

async fn read_detail(source: &dyn Source, manifest: &RawManifest) -> Result<Detail, IndexError> {
    let Some(image) = manifest.as_image() else { return Err(IndexError::Empty) };
    let bytes = source.blob(&image.config).await?.read_all(MAX_MANIFEST_SIZE).await?;
    let broken = |problem| Error::Config { digest: image.config.digest.clone(), place: source.name(), problem };
    let config: Value = serde_json::from_slice(&bytes).map_err(broken)?;
    let layer = |layer: &Descriptor| Layer { media_type: layer.media_type.clone(), digest: layer.digest.clone(), size: layer.size };
    Ok(Detail {
        compressed_size: image.content_size(),
        created: config.get("created").and_then(Value::as_str).map(ToOwned::to_owned),
        layers: image.layers.iter().map(layer).collect(),
        config,
    })
}

fn platform_of(detail: &Detail) -> Option<Platform> {
    serde_json::from_value::<ImageConfig>(detail.config.clone()).ok()?.platform()
}
