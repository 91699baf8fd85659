//! Layers over each other, and where their blobs are.

use std::io::{self, Read};
use std::sync::Arc;

use content::Source;
use layer::{Inflate, InflateLimits, LayerError};
use oci::{Algorithm, Descriptor, DiffId, Hasher};

use super::{BaseError, blob};

/// Layers over each other: those of an image, or one that a build has made.
#[derive(Clone)]
pub struct Layers {
    label: String,
    source: Arc<dyn Source>,
    layers: Vec<(Descriptor, DiffId)>,
}

impl Layers {
    /// Takes layers from the lowest up; `label` says in errors whose they are.
    pub fn new(label: &str, source: Arc<dyn Source>, layers: Vec<(Descriptor, DiffId)>) -> Self {
        Self { label: label.to_owned(), source, layers }
    }

    /// Returns whose they are.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns where their blobs are.
    pub fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// Returns them from the lowest up, with their diff IDs.
    pub fn all(&self) -> &[(Descriptor, DiffId)] {
        &self.layers
    }

    /// Reads one of them as the tar that it is, to its end, whatever `work` leaves of it. What `work` made counts only if the
    /// bytes are those that its descriptor and its diff ID say.
    ///
    /// # Errors
    /// Names the layer that cannot be read, or is another one.
    pub(crate) async fn read<T: Send + 'static>(
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
