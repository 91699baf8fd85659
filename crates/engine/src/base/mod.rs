//! A base: an image that a stage begins with, read as far as a build needs it.
//!
//! Its config is read at once; its layers only where something asks what is in them, each of them once, and no file of
//! them is kept.

mod blob;
mod error;
mod layers;
mod survey;

use std::io::Read;
use std::sync::Arc;

use content::Source;
use oci::{Descriptor, DiffId, Digest, ImageConfig, MAX_MANIFEST_SIZE, Platform, RawManifest};
use serde_json::Value;

pub use blob::blob_reader;
pub use error::BaseError;
pub use layers::Layers;
pub use survey::Survey;

/// An image that a stage begins with.
#[derive(Clone)]
pub struct Base {
    files: Layers,
    config: Value,
    platform: Platform,
    created: Option<String>,
    digest: Digest,
    /// What its name meant.
    pinned: Digest,
}

impl Base {
    /// Reads the config of an image; `label` is its name as the Dockerfile has it.
    ///
    /// # Errors
    /// Where it is no image, its config does not say for which platform it is, or does not fit its layers.
    pub async fn read(label: &str, source: Arc<dyn Source>, manifest: &RawManifest) -> Result<Self, BaseError> {
        let wrong = |problem: &'static str| BaseError::NoBase { label: label.to_owned(), problem };
        let image = manifest.as_image().filter(|image| image.is_image()).ok_or_else(|| wrong("it is no image"))?;
        let bytes = source.blob(&image.config).await?.read_all(MAX_MANIFEST_SIZE).await?;
        let parsed = ImageConfig::parse(&bytes).map_err(|problem| BaseError::Config { label: label.to_owned(), problem })?;
        let platform = parsed.platform().ok_or_else(|| wrong("its config does not say for which platform it is"))?;
        let diff_ids = parsed.rootfs.diff_ids;
        if diff_ids.len() != image.layers.len() {
            return Err(wrong("its config lists other layers than its manifest"));
        }
        if image.layers.iter().any(|layer| layer.media_type.is_foreign_layer()) {
            return Err(wrong("layers of it are in no registry"));
        }
        let layers = image.layers.iter().cloned().zip(diff_ids).collect();
        let config = serde_json::from_slice(&bytes).unwrap_or_default();
        let files = Layers::new(label, source, layers);
        Ok(Self { files, config, platform, created: parsed.created, digest: manifest.digest().clone(), pinned: manifest.digest().clone() })
    }

    /// Returns the same image as one of those in an index.
    #[must_use]
    pub fn of_index(self, index: &Digest) -> Self {
        Self { pinned: index.clone(), ..self }
    }

    /// Returns its name as the Dockerfile has it.
    pub fn label(&self) -> &str {
        self.files.label()
    }

    /// Returns where its content is.
    pub fn source(&self) -> &Arc<dyn Source> {
        self.files.source()
    }

    /// Returns its layers as what they hold.
    pub const fn files(&self) -> &Layers {
        &self.files
    }

    /// Returns the digest of its manifest.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns what its name meant: the digest of the index that it was chosen from, or its own.
    pub const fn pinned(&self) -> &Digest {
        &self.pinned
    }

    /// Returns what its config says it is for, whatever the index around it says.
    pub const fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Returns its config, fields that nobody here knows included.
    pub const fn config(&self) -> &Value {
        &self.config
    }

    /// Returns its layers from the lowest up, as its manifest names them, with their diff IDs.
    pub fn layers(&self) -> &[(Descriptor, DiffId)] {
        self.files.all()
    }

    /// Returns when it was made, RFC 3339, where it says so.
    pub fn created(&self) -> Option<&str> {
        self.created.as_deref()
    }

    /// Finds out what is in it. Every layer is read once, to its end.
    ///
    /// # Errors
    /// Names the layer that cannot be read, or that is another one than the config says.
    pub async fn survey(&self) -> Result<Survey, BaseError> {
        let mut survey = Survey::default();
        for layer in self.layers() {
            let add = move |tar: &mut dyn Read| survey.add_layer(tar).map(|()| survey);
            survey = self.files.read(layer, add).await?;
        }
        Ok(survey)
    }
}
