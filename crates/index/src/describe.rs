//! What an image is, as data: the one shape behind the table, `--format` and `--json` of `inspect`.

mod find;

pub use find::find_image;

use content::{Error, Limits, Source};
use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Annotations, Descriptor, Digest, ImageConfig, MAX_MANIFEST_SIZE, MediaType, Platform, RawManifest, Selector};
use serde::Serialize;
use serde_json::Value;

use crate::{Evidence, IndexError};

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The one document; of a lone image its config too, if it is there.
    Document,
    /// One manifest and one config per platform more, where they are there: a place may hold some of
    /// an index's images.
    Best,
    /// One manifest and one config per platform more, which all must be there.
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
    /// What speaks for it, where that was looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrers: Option<Evidence>,
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
    /// The kind of artifact, where it is one and no image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Annotations of the entry in the index.
    pub annotations: Annotations,
    /// The attestations that belong to it.
    pub attestations: Vec<Attestation>,
    /// True where its manifest or config was looked for and is not there.
    #[serde(skip_serializing_if = "is_false")]
    pub missing: bool,
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
    /// Returns the image that is called by a platform's name, if the document says of one that it
    /// is; [`find_image`] looks further.
    pub fn platform(&self, wanted: &Platform) -> Option<&Entry> {
        fitting(&self.platforms, wanted)
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
            artifact_type: artifact_type(descriptor),
            annotations: descriptor.annotations.clone(),
            attestations: Vec::new(),
            missing: false,
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

/// Describes a document that was read already. [`Depth::Best`], [`Depth::Full`], and a lone image whose
/// platform stands in its config, read more, all at once.
///
/// # Errors
/// Only for what is read: a broken child, and a missing one with [`Depth::Full`].
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
        referrers: None,
    };
    match root.body() {
        oci::Body::Index(index) => {
            description.annotations.clone_from(&index.annotations);
            description.subject = index.subject.as_ref().map(|subject| subject.digest.clone());
            (description.platforms, description.others) = sort_entries(&index.manifests);
            if depth != Depth::Document {
                read_details(source, &mut description, depth).await?;
            }
        }
        oci::Body::Image(image) => {
            description.annotations.clone_from(&image.annotations);
            description.subject = image.subject.as_ref().map(|subject| subject.digest.clone());
            if image.is_image() {
                description.kind = "image";
                let mut entry = Entry::new(&root.descriptor());
                entry.fill(tolerate(read_detail(source, root).await, depth)?);
                entry.detail = entry.detail.filter(|_| depth != Depth::Document);
                description.platforms.push(entry);
            } else {
                description.kind = "artifact";
                description.artifact_type = description.artifact_type.or_else(|| Some(image.config.media_type.to_string()));
            }
        }
    }
    Ok(description)
}

/// What a look at a child told.
enum Look {
    Image(Box<Detail>),
    /// It is no image but an artifact of this kind.
    Artifact(String),
    Missing,
}

impl Entry {
    /// Takes over what a look told.
    fn fill(&mut self, look: Look) {
        match look {
            Look::Image(detail) => {
                if (self.os.is_empty() || self.architecture.is_empty())
                    && let Some(platform) = platform_of(&detail)
                {
                    self.set_platform(platform);
                }
                self.detail = Some(*detail);
            }
            Look::Artifact(kind) => self.artifact_type = Some(kind),
            Look::Missing => self.missing = true,
        }
    }
}

/// Sorts an index's entries into images with their attestations, and the rest.
fn sort_entries(entries: &[Descriptor]) -> (Vec<Entry>, Vec<Entry>) {
    let (mut images, mut others) = (Vec::new(), Vec::new());
    for descriptor in entries.iter().filter(|entry| !entry.is_attestation()) {
        let unknown = descriptor.platform.as_ref().is_some_and(Platform::is_unknown);
        let image = descriptor.media_type.is_manifest() && !unknown && artifact_type(descriptor).is_none();
        let list = if image { &mut images } else { &mut others };
        list.push(Entry::new(descriptor));
    }
    for descriptor in entries.iter().filter(|entry| entry.is_attestation()) {
        let subject = descriptor.attests();
        match images.iter_mut().find(|entry: &&mut Entry| Some(&entry.digest) == subject.as_ref()) {
            Some(image) => image.attestations.push(Attestation {
                digest: descriptor.digest.clone(),
                media_type: descriptor.media_type.clone(),
                size: descriptor.size,
            }),
            None => others.push(Entry::new(descriptor)),
        }
    }
    (images, others)
}

/// Returns the kind of artifact that an entry says it is. Writers may repeat the media type of the
/// config there, and with an image's config it is an image (image-spec 1.1, manifest.md).
fn artifact_type(descriptor: &Descriptor) -> Option<String> {
    let kind = descriptor.artifact_type.as_deref().filter(|kind| !kind.is_empty())?;
    (!MediaType::from(kind).is_image_config()).then(|| kind.to_owned())
}

/// Returns the entry that a platform's name means: that very platform first.
fn fitting<'a>(entries: impl IntoIterator<Item = &'a Entry>, wanted: &Platform) -> Option<&'a Entry> {
    let mut covered = None;
    for entry in entries {
        let platform = entry.as_platform();
        if platform.same_as(wanted) {
            return Some(entry);
        }
        if covered.is_none() && wanted.covers(&platform) {
            covered = Some(entry);
        }
    }
    covered
}

async fn read_details(source: &dyn Source, description: &mut Description, depth: Depth) -> Result<(), IndexError> {
    let looks: Vec<Look> = stream::iter(description.platforms.iter())
        .map(|entry| async { tolerate(look(source, &entry.digest).await, depth) })
        .buffered(Limits::default().at_once)
        .try_collect()
        .await?;
    for (mut entry, look) in std::mem::take(&mut description.platforms).into_iter().zip(looks) {
        entry.fill(look);
        let list = if entry.artifact_type.is_none() { &mut description.platforms } else { &mut description.others };
        list.push(entry);
    }
    Ok(())
}

/// Lets a child be missing, unless everything was asked for.
fn tolerate(look: Result<Look, IndexError>, depth: Depth) -> Result<Look, IndexError> {
    match look {
        Err(IndexError::Content(error)) if depth != Depth::Full && error.is_missing() => Ok(Look::Missing),
        other => other,
    }
}

async fn look(source: &dyn Source, digest: &Digest) -> Result<Look, IndexError> {
    let manifest = source.manifest(&Selector::Digest(digest.clone())).await?;
    read_detail(source, &manifest).await
}

async fn read_detail(source: &dyn Source, manifest: &RawManifest) -> Result<Look, IndexError> {
    let Some(image) = manifest.as_image() else { return Ok(Look::Artifact(manifest.media_type().to_string())) };
    if !image.is_image() {
        return Ok(Look::Artifact(image.artifact_type.clone().unwrap_or_else(|| image.config.media_type.to_string())));
    }
    let bytes = source.blob(&image.config).await?.read_all(MAX_MANIFEST_SIZE).await?;
    let broken = |problem| Error::Config { digest: image.config.digest.clone(), place: source.name(), problem };
    let config: Value = serde_json::from_slice(&bytes).map_err(broken)?;
    let layer = |layer: &Descriptor| Layer { media_type: layer.media_type.clone(), digest: layer.digest.clone(), size: layer.size };
    Ok(Look::Image(Box::new(Detail {
        compressed_size: image.content_size(),
        created: config.get("created").and_then(Value::as_str).map(ToOwned::to_owned),
        layers: image.layers.iter().map(layer).collect(),
        config,
    })))
}

fn platform_of(detail: &Detail) -> Option<Platform> {
    serde_json::from_value::<ImageConfig>(detail.config.clone()).ok()?.platform()
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference in")]
fn is_false(value: &bool) -> bool {
    !value
}
