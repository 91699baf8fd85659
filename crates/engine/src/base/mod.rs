//! A base: an image that a stage begins with, read as far as a build needs it.
//!
//! Its config is read at once; its layers only where something asks what is in them, each of them once, and no file of
//! them is kept.

mod blob;
mod error;

use std::io::{self, Read};
use std::sync::Arc;

use content::Source;
use layer::index::PathIndex;
use layer::{Inflate, InflateLimits, LayerError};
use oci::{Algorithm, Descriptor, DiffId, Hasher, ImageConfig, MAX_MANIFEST_SIZE, Platform, RawManifest};
use serde_json::Value;

pub use error::BaseError;

/// An image that a stage begins with.
#[derive(Clone)]
pub struct Base {
    label: String,
    source: Arc<dyn Source>,
    layers: Vec<(Descriptor, DiffId)>,
    config: Value,
    platform: Platform,
    created: Option<String>,
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
        Ok(Self { label: label.to_owned(), source, layers, config, platform, created: parsed.created })
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

    /// Finds out what is where in it. Every layer is read once, to its end.
    ///
    /// # Errors
    /// Names the layer that cannot be read, or that is another one than the config says.
    pub async fn index(&self) -> Result<PathIndex, BaseError> {
        let mut index = PathIndex::new();
        for (layer, diff_id) in &self.layers {
            let work = move |blob: &mut dyn Read| add(index, blob);
            let (grown, got) = blob::read(&*self.source, &self.label, layer, work).await?;
            if got != *diff_id {
                let (expected, got) = (diff_id.clone(), Box::new(got));
                return Err(BaseError::OtherLayer {
                    label: self.label.clone(),
                    layer: layer.digest.clone(),
                    expected: Box::new(expected),
                    got,
                });
            }
            index = grown;
        }
        Ok(index)
    }
}

/// Puts a layer on top, and returns what its diff ID is.
fn add(mut index: PathIndex, blob: &mut dyn Read) -> Result<(PathIndex, DiffId), LayerError> {
    let mut tar =
        Hashed { inner: Inflate::new(blob, InflateLimits::default()).map_err(LayerError::read)?, hasher: Hasher::new(Algorithm::Sha256) };
    index.add_layer(&mut tar)?;
    // What stands behind the end of a tar counts for its digest.
    io::copy(&mut tar, &mut io::sink()).map_err(LayerError::read)?;
    Ok((index, DiffId(tar.hasher.finish())))
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
