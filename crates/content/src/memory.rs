//! A place in memory: the smallest honest implementation of the contract, for tests and for values
//! that never need a disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use oci::{Algorithm, Descriptor, Digest, RawManifest, Selector};

use crate::keep::{Keep, MAX_KEPT_SIZE, Shelf};
use crate::library::{Draft, Library};
use crate::place::check_expected;
use crate::{Abilities, BlobReader, Error, Expected, Item, Place, Placed, Result, Sink, Source, Tagged};

/// A place, a library of one repository, and what builds remember, in memory. Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    blobs: HashMap<Digest, Bytes>,
    manifests: HashMap<Digest, RawManifest>,
    names: BTreeMap<String, Digest>,
    kept: HashMap<(Shelf, Digest), Bytes>,
}

impl Memory {
    /// Makes an empty place.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores a blob of any bytes and returns its digest.
    pub fn insert_blob(&self, bytes: Bytes) -> Digest {
        let digest = Digest::of(&bytes);
        self.state().blobs.insert(digest.clone(), bytes);
        digest
    }

    /// Forgets one piece of content, names left alone: a broken place for tests.
    pub fn forget(&self, digest: &Digest) {
        let mut state = self.state();
        state.blobs.remove(digest);
        state.manifests.remove(digest);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Source for Memory {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        Ok(self.manifest(selector).await?.descriptor())
    }

    async fn manifest(&self, selector: &Selector) -> Result<RawManifest> {
        let state = self.state();
        let digest = match selector {
            Selector::Digest(digest) => digest.clone(),
            Selector::Name(name) => state.names.get(name).cloned().ok_or_else(|| Error::missing(Item::Tag(name.clone()), self.name()))?,
            Selector::Only => match state.names.len() {
                1 => state.names.values().next().cloned().ok_or_else(|| Error::missing(Item::Image, self.name()))?,
                0 => return Err(Error::missing(Item::Image, self.name())),
                count => {
                    let names = state.names.keys().cloned().collect::<Vec<_>>().join(", ");
                    return Err(Error::Several { place: self.name(), count, names });
                }
            },
        };
        state.manifests.get(&digest).cloned().ok_or_else(|| Error::missing(Item::Manifest(digest), self.name()))
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        let bytes = self.state().blobs.get(&blob.digest).cloned();
        let bytes = bytes.ok_or_else(|| Error::missing(Item::Blob(blob.digest.clone()), self.name()))?;
        Ok(BlobReader::of(blob, &self.name(), bytes))
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>> {
        Ok(self.state().blobs.get(digest).map(|bytes| bytes.len() as u64))
    }

    async fn has(&self, child: &Descriptor) -> Result<bool> {
        let state = self.state();
        // What was brought as bytes, under a type that nobody knew, is no manifest for that.
        let is_manifest = child.media_type.is_index() || child.media_type.is_manifest();
        Ok(!is_manifest && state.blobs.contains_key(&child.digest) || state.manifests.contains_key(&child.digest))
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let state = self.state();
        let refers = |manifest: &&RawManifest| manifest.subject().is_some_and(|own| own.digest == *subject);
        Ok(state.manifests.values().filter(refers).map(RawManifest::as_referrer).collect())
    }

    async fn tags(&self) -> Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }
}

#[async_trait]
impl Sink for Memory {
    async fn put_blob(&self, blob: &Descriptor, from: &dyn Source) -> Result<Placed> {
        if self.has(blob).await? {
            return Ok(Placed::Present);
        }
        let bytes = from.blob(blob).await?.read_all(u64::MAX).await?;
        self.state().blobs.insert(blob.digest.clone(), bytes);
        Ok(Placed::Sent)
    }

    async fn put_manifest(&self, manifest: &RawManifest) -> Result<Placed> {
        let old = self.state().manifests.insert(manifest.digest().clone(), manifest.clone());
        Ok(if old.is_some() { Placed::Present } else { Placed::Sent })
    }

    async fn tag(&self, name: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        let place = self.name();
        let mut state = self.state();
        if !state.manifests.contains_key(root.digest()) {
            return Err(Error::missing(Item::Manifest(root.digest().clone()), place));
        }
        let name = match name {
            Selector::Digest(_) => return Ok(Tagged::Unchanged),
            Selector::Only => "",
            Selector::Name(name) => name,
        };
        check_expected(&place, name, expected, state.names.get(name))?;
        let old = state.names.insert(name.to_owned(), root.digest().clone());
        Ok(if old.as_ref() == Some(root.digest()) { Tagged::Unchanged } else { Tagged::Moved })
    }

    async fn remove(&self, selector: &Selector) -> Result<()> {
        let place = self.name();
        let mut state = self.state();
        match selector {
            Selector::Digest(digest) => {
                state.manifests.remove(digest).ok_or_else(|| Error::missing(Item::Manifest(digest.clone()), place))?;
                state.names.retain(|_, pointed| pointed != digest);
            }
            Selector::Name(name) => {
                state.names.remove(name).ok_or_else(|| Error::missing(Item::Tag(name.clone()), place))?;
            }
            Selector::Only => return Err(Error::missing(Item::Image, place)),
        }
        Ok(())
    }
}

impl Place for Memory {
    fn abilities(&self) -> Abilities {
        Abilities { exact: true, indexes: true, compare_and_swap: true, remove: true, referrers: true }
    }
}

#[async_trait]
impl Library for Memory {
    async fn open(&self, _repository: &str) -> Result<Arc<dyn Place>> {
        Ok(Arc::new(self.clone()))
    }

    async fn repositories(&self) -> Result<Vec<String>> {
        Ok(vec!["memory".to_owned()])
    }

    async fn draft(&self) -> Result<Box<dyn Draft>> {
        Ok(Box::new(MemoryDraft { place: self.clone(), bytes: BytesMut::new() }))
    }
}

impl Keep for Memory {
    fn get(&self, shelf: Shelf, key: &Digest) -> Option<Bytes> {
        self.state().kept.get(&(shelf, key.clone())).cloned()
    }

    fn put(&self, shelf: Shelf, key: &Digest, bytes: &[u8]) {
        if bytes.len() as u64 <= MAX_KEPT_SIZE {
            self.state().kept.insert((shelf, key.clone()), Bytes::copy_from_slice(bytes));
        }
    }
}

struct MemoryDraft {
    place: Memory,
    bytes: BytesMut,
}

#[async_trait]
impl Draft for MemoryDraft {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    async fn commit(self: Box<Self>, expected: &Digest) -> Result<Descriptor> {
        let bytes = self.bytes.freeze();
        let got = Digest::with(expected.algorithm(), &bytes);
        if got != *expected {
            return Err(Error::WrongDigest { item: Item::Blob(expected.clone()), place: self.place.name(), got });
        }
        let mut descriptor = Descriptor::of(oci::MediaType::Other("application/octet-stream".to_owned()), &bytes);
        descriptor.digest = got.clone();
        debug_assert!(matches!(got.algorithm(), Algorithm::Sha256 | Algorithm::Sha512));
        self.place.state().blobs.insert(got, bytes);
        Ok(descriptor)
    }
}
