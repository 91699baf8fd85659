//! One repository of the local store as a place.

use std::ops::{ControlFlow, Range};

use async_trait::async_trait;
use content::{Abilities, BlobReader, ByteStream, Error, Expected, Item, Place, Placed, Result, Sink, Source, Tagged};
use oci::{Descriptor, Digest, RawManifest, Reference, Selector, Tag, Thing};

use super::{Store, place_of};
use crate::StoreError;
use crate::names::{NameOrigin, Named};
use crate::tree::{self, Needs, Piece, Seen};

/// A repository. Names are its own; content is shared with all others of the store.
pub(super) struct Repository {
    store: Store,
    base: Reference,
    origin: NameOrigin,
    needs: Needs,
}

impl Repository {
    pub(super) fn new(store: Store, base: &Reference, origin: NameOrigin, needs: Needs) -> Self {
        Self { store, base: base.with(Thing::Tag(Tag::latest())), origin, needs }
    }

    /// Runs a job on a thread that may block.
    async fn off<T: Send + 'static>(&self, job: impl FnOnce(&Self) -> Result<T> + Send + 'static) -> Result<T> {
        let own = Self { store: self.store.clone(), base: self.base.clone(), ..*self };
        crate::work::blocking(move || job(&own)).await
    }

    fn named(&self, name: &str) -> Result<Named> {
        let missing = || Error::missing(Item::Tag(name.to_owned()), self.name());
        let tag: Tag = name.parse().map_err(|_| missing())?;
        self.store.0.names.read(&self.base, &tag)?.ok_or_else(missing)
    }

    fn find(&self, selector: &Selector) -> Result<Descriptor> {
        match selector {
            Selector::Name(name) => Ok(self.named(name)?.descriptor),
            Selector::Only => Ok(self.named(Tag::latest().as_str())?.descriptor),
            Selector::Digest(digest) => {
                let found = self.read(selector)?.descriptor();
                // As with `blob_size`: clients of `polyarch serve` ask before they push.
                let missing = || Error::missing(Item::Manifest(digest.clone()), self.name());
                self.store.touch(digest).then_some(found).ok_or_else(missing)
            }
        }
    }

    fn read(&self, selector: &Selector) -> Result<RawManifest> {
        let blobs = &self.store.0.blobs;
        if let Selector::Digest(digest) = selector {
            return blobs.manifest(digest, None, &self.name());
        }
        let descriptor = self.find(selector)?;
        blobs.manifest(&descriptor.digest, Some(&descriptor.media_type), &self.name())
    }

    fn is_whole(&self, child: &Descriptor) -> Result<bool> {
        let (blobs, name) = (&self.store.0.blobs, self.name());
        match tree::check_whole(blobs, &name, Piece::of(child.clone()), self.needs, |digest| self.store.touch(digest)) {
            Ok(()) => Ok(true),
            Err(error) if tree::is_absence(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn put(&self, manifest: &RawManifest) -> Result<Placed> {
        let inner = &self.store.0;
        self.store.make()?;
        tree::check_children(&inner.blobs, &self.name(), manifest, self.needs, |digest| self.store.touch(digest))?;
        if let Some(subject) = manifest.subject() {
            // Before the manifest: a note without a manifest says nothing, a manifest without its note is never found.
            inner.notes.add(inner.blobs.ingest(), &subject.digest, manifest.digest())?;
        }
        let placed = inner.blobs.put_document(manifest)?;
        if placed == Placed::Present && !self.store.touch(manifest.digest()) {
            return Ok(inner.blobs.put_document(manifest)?);
        }
        Ok(placed)
    }

    fn tag_it(&self, name: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        let tag = match name {
            Selector::Digest(_) => {
                self.store.check_whole(&self.name(), &root.descriptor(), self.needs)?;
                return Ok(Tagged::Unchanged);
            }
            Selector::Only => Tag::latest(),
            Selector::Name(name) => name.parse().map_err(|source| StoreError::BadTag { tag: name.clone(), source })?,
        };
        self.store.name_it(&self.base.with(Thing::Tag(tag)), &root.descriptor(), self.origin, self.needs, expected)
    }

    fn take_away(&self, selector: &Selector) -> Result<()> {
        let name = match selector {
            Selector::Name(name) => name.as_str(),
            Selector::Only => "latest",
            Selector::Digest(digest) => return self.remove_manifest(digest),
        };
        let missing = |_| Error::missing(Item::Tag(name.to_owned()), self.name());
        let tag: Tag = name.parse().map_err(missing)?;
        self.store.remove_name(&self.base, &tag).map(drop)
    }

    /// Removes the names of a manifest in this repository, and its bytes unless another image
    /// is made of it or another repository names it.
    fn remove_manifest(&self, digest: &Digest) -> Result<()> {
        let inner = &self.store.0;
        inner.blobs.expect_manifest(digest, &self.name())?;
        let _lock = self.store.lock()?;
        // All names are read before one is removed: a broken one stops this while nothing is done.
        let names = inner.names.all()?.into_iter().map(|(_, named)| named).collect::<Result<Vec<Named>, StoreError>>()?;
        let is_own = |named: &Named| named.reference.name() == self.base.name() && named.descriptor.digest == *digest;
        let (own, others): (Vec<Named>, Vec<Named>) = names.into_iter().partition(is_own);
        for tag in own.iter().filter_map(|named| named.reference.tag()) {
            inner.names.remove(&self.base, tag)?;
        }
        let mut seen = Seen::default();
        for named in others {
            let _ =
                tree::visit(&inner.blobs, super::PLACE, Piece::entry(named.descriptor), &mut seen, |_, _| ControlFlow::<()>::Continue(()));
            if seen.contains(digest) {
                let in_use = StoreError::InUse { digest: digest.clone(), user: named.reference.familiar() };
                return if own.is_empty() { Err(in_use.into()) } else { Ok(()) };
            }
        }
        inner.blobs.remove(digest)?;
        Ok(())
    }
}

#[async_trait]
impl Source for Repository {
    fn name(&self) -> String {
        place_of(&self.base)
    }

    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        let selector = selector.clone();
        self.off(move |own| own.find(&selector)).await
    }

    async fn manifest(&self, selector: &Selector) -> Result<RawManifest> {
        let selector = selector.clone();
        self.off(move |own| own.read(&selector)).await
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        self.store.0.blobs.open(blob, &self.name()).await
    }

    async fn blob_range(&self, blob: &Descriptor, range: Range<u64>) -> Result<ByteStream> {
        self.store.0.blobs.open_range(blob, range, &self.name()).await
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>> {
        let digest = digest.clone();
        // Whoever is told that a blob is here does not bring it, so tidying has to leave it alone.
        self.off(move |own| Ok(own.store.0.blobs.length(&digest)?.filter(|_| own.store.touch(&digest)))).await
    }

    async fn has(&self, child: &Descriptor) -> Result<bool> {
        let child = child.clone();
        self.off(move |own| own.is_whole(&child)).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let subject = subject.clone();
        self.off(move |own| own.store.0.notes.referrers(&own.store.0.blobs, &subject, &own.name())).await
    }

    async fn tags(&self) -> Result<Vec<String>> {
        self.off(|own| Ok(own.store.0.names.tags(&own.base)?)).await
    }
}

#[async_trait]
impl Sink for Repository {
    async fn put_blob(&self, blob: &Descriptor, from: &dyn Source) -> Result<Placed> {
        let (digest, size) = (blob.digest.clone(), blob.size);
        let here = self
            .off(move |own| {
                own.store.make()?;
                Ok(own.store.0.blobs.length(&digest)? == Some(size) && own.store.touch(&digest))
            })
            .await?;
        if here {
            return Ok(Placed::Present);
        }
        self.store.0.blobs.write(&blob.digest, from.blob(blob).await?).await?;
        Ok(Placed::Sent)
    }

    async fn put_manifest(&self, manifest: &RawManifest) -> Result<Placed> {
        let manifest = manifest.clone();
        self.off(move |own| own.put(&manifest)).await
    }

    async fn tag(&self, name: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        let (name, root, expected) = (name.clone(), root.clone(), expected.clone());
        self.off(move |own| own.tag_it(&name, &root, &expected)).await
    }

    async fn remove(&self, selector: &Selector) -> Result<()> {
        let selector = selector.clone();
        self.off(move |own| own.take_away(&selector)).await
    }
}

impl Place for Repository {
    fn abilities(&self) -> Abilities {
        Abilities { exact: true, indexes: true, compare_and_swap: true, remove: true, referrers: true }
    }
}
