//! Libraries and images to serve.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use content::{Abilities, BlobReader, Draft, Error, Expected, Item, Library, Memory, Place, Placed, Result, Sink, Source, Tagged};
use oci::{Descriptor, Digest, ManifestError, MediaType, RawManifest, Selector};
use serde_json::{Value, json};

/// Repositories that share nothing; drafts land in one of them.
pub struct Shelf {
    pub places: BTreeMap<String, Arc<dyn Place>>,
    pub drafts: Memory,
}

impl Shelf {
    pub fn of<const N: usize>(places: [(&str, Arc<dyn Place>); N]) -> Self {
        Self { places: places.into_iter().map(|(name, place)| (name.to_owned(), place)).collect(), drafts: Memory::new() }
    }
}

#[async_trait]
impl Library for Shelf {
    async fn open(&self, repository: &str) -> Result<Arc<dyn Place>> {
        Ok(self.places.get(repository).cloned().unwrap_or_else(|| Arc::new(Memory::new())))
    }

    async fn repositories(&self) -> Result<Vec<String>> {
        Ok(self.places.keys().cloned().collect())
    }

    async fn draft(&self) -> Result<Box<dyn Draft>> {
        self.drafts.draft().await
    }
}

/// A place whose blobs come in chunks, the last byte of them changed on its disk.
pub struct Damaged {
    pub inner: Memory,
    pub chunk: usize,
}

#[async_trait]
impl Source for Damaged {
    fn name(&self) -> String {
        "/home/someone/store".to_owned()
    }

    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        self.inner.resolve(selector).await
    }

    async fn manifest(&self, selector: &Selector) -> Result<RawManifest> {
        // As folders do, which keep manifests and layers side by side.
        if let Selector::Digest(digest) = selector
            && let Some(size) = self.inner.blob_size(digest).await?
        {
            return Err(Error::Document {
                item: Item::Manifest(digest.clone()),
                place: self.name(),
                problem: ManifestError::TooLarge(size),
            });
        }
        self.inner.manifest(selector).await
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        let mut bytes = self.inner.blob(blob).await?.read_all(u64::MAX).await?.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        let chunks: Vec<Result<Bytes>> = bytes.chunks(self.chunk).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        Ok(BlobReader::checked(blob, &self.name(), futures_util::stream::iter(chunks)))
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>> {
        self.inner.blob_size(digest).await
    }

    async fn has(&self, child: &Descriptor) -> Result<bool> {
        self.inner.has(child).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.inner.referrers(subject).await
    }

    async fn tags(&self) -> Result<Vec<String>> {
        Err(Error::missing(Item::Repository, self.name()))
    }
}

#[async_trait]
impl Sink for Damaged {
    async fn put_blob(&self, blob: &Descriptor, from: &dyn Source) -> Result<Placed> {
        self.inner.put_blob(blob, from).await
    }

    async fn put_manifest(&self, manifest: &RawManifest) -> Result<Placed> {
        self.inner.put_manifest(manifest).await
    }

    async fn tag(&self, name: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        self.inner.tag(name, root, expected).await
    }

    async fn remove(&self, _: &Selector) -> Result<()> {
        Err(Error::Unsupported { place: self.name(), cannot: "never forgets".to_owned(), hint: None })
    }
}

impl Place for Damaged {
    fn abilities(&self) -> Abilities {
        Abilities { referrers: false, ..self.inner.abilities() }
    }
}

/// Makes a document of JSON, with its exact bytes.
pub fn document(value: &Value) -> RawManifest {
    RawManifest::parse(Bytes::from(value.to_string()), None).unwrap()
}

/// Describes an image of one config and one layer, whose blobs nobody has stored yet.
pub fn image_of(config: &[u8], layer: &[u8]) -> RawManifest {
    document(&json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OciManifest.as_str(),
        "config": Descriptor::of(MediaType::OciConfig, config),
        "layers": [Descriptor::of(MediaType::OciLayer, layer)],
        "x-unknown": { "stays": true },
    }))
}

/// Stores an image's blobs; the manifest itself is the test's business.
pub fn image(memory: &Memory, name: &str) -> RawManifest {
    let (config, layer) = (format!("{{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"{name}\"}}"), format!("layer of {name}"));
    memory.insert_blob(Bytes::from(config.clone()));
    memory.insert_blob(Bytes::from(layer.clone()));
    image_of(config.as_bytes(), layer.as_bytes())
}

/// Stores an image whole, under a tag.
pub async fn tagged(memory: &Memory, tag: &str) -> RawManifest {
    let manifest = image(memory, tag);
    memory.put_manifest(&manifest).await.unwrap();
    memory.tag(&Selector::Name(tag.to_owned()), &manifest, &Expected::Any).await.unwrap();
    manifest
}
