//! A base: an image that a stage begins with, read as far as a build needs it.
//!
//! Its config is read at once; its layers only where something asks what is in them, each of them once, and no file of
//! them is kept.

mod blob;
mod error;
mod survey;

use std::io::{self, Read};
use std::sync::Arc;

use content::Source;
use layer::{Inflate, InflateLimits, LayerError};
use oci::{Algorithm, Descriptor, DiffId, Digest, Hasher, ImageConfig, MAX_MANIFEST_SIZE, Platform, RawManifest};
use serde_json::Value;

pub use error::BaseError;
pub use survey::Survey;

/// An image that a stage begins with.
#[derive(Clone)]
pub struct Base {
    label: String,
    source: Arc<dyn Source>,
    layers: Vec<(Descriptor, DiffId)>,
    config: Value,
    platform: Platform,
    created: Option<String>,
    digest: Digest,
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
        Ok(Self { label: label.to_owned(), source, layers, config, platform, created: parsed.created, digest: manifest.digest().clone() })
    }

    /// Returns its name as the Dockerfile has it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns where its content is.
    pub fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// Returns the digest of its manifest.
    pub const fn digest(&self) -> &Digest {
        &self.digest
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
        &self.layers
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
        for layer in &self.layers {
            let add = move |tar: &mut dyn Read| survey.add_layer(tar).map(|()| survey);
            survey = self.layer(layer, add).await?;
        }
        Ok(survey)
    }

    /// Reads one of its layers as the tar that it is, to its end, whatever `work` leaves of it. What `work` made counts
    /// only if the bytes are those that manifest and config say.
    pub(crate) async fn layer<T: Send + 'static>(
        &self,
        (layer, diff_id): &(Descriptor, DiffId),
        work: impl FnOnce(&mut dyn Read) -> Result<T, LayerError> + Send + 'static,
    ) -> Result<T, BaseError> {
        let (done, got) = blob::read(&*self.source, &self.label, layer, |blob| hashed(blob, work)).await?;
        if got == *diff_id {
            return Ok(done);
        }
        let (label, layer) = (self.label.clone(), layer.digest.clone());
        Err(BaseError::OtherLayer { label, layer, expected: Box::new(diff_id.clone()), got: Box::new(got) })
    }
}

/// Inflates a layer while it is worked on, and returns what its diff ID is, too.
fn hashed<T>(blob: &mut dyn Read, work: impl FnOnce(&mut dyn Read) -> Result<T, LayerError>) -> Result<(T, DiffId), LayerError> {
    let inner = Inflate::new(blob, InflateLimits::default()).map_err(LayerError::read)?;
    let mut tar = Hashed { inner, hasher: Hasher::new(Algorithm::Sha256) };
    let done = work(&mut tar)?;
    // What stands behind the end of a tar counts for its digest.
    io::copy(&mut tar, &mut io::sink()).map_err(LayerError::read)?;
    Ok((done, DiffId(tar.hasher.finish())))
}

struct Hashed<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}
