//! The contract of a place, kept by a layout folder.

use std::ops::{ControlFlow, Range};

use async_trait::async_trait;
use content::{Abilities, BlobReader, ByteStream, Error, Expected, Item, Place, Placed, Result, Sink, Source, Tagged, check_expected};
use oci::{Descriptor, Digest, RawManifest, Selector};

use super::entries::{self, Pointed};
use super::{Layout, edit};
use crate::StoreError;
use crate::tree::{self, Needs, Piece, Seen};
use crate::work::blocking;

impl Layout {
    pub(super) async fn off<T: Send + 'static>(&self, job: impl FnOnce(&Self) -> Result<T> + Send + 'static) -> Result<T> {
        let layout = self.clone();
        blocking(move || job(&layout)).await
    }

    fn find(&self, selector: &Selector) -> Result<(RawManifest, Pointed)> {
        let document = self.index()?;
        let pointed = entries::find(&document, selector, &self.text())?;
        Ok((document, pointed))
    }

    fn read(&self, selector: &Selector) -> Result<RawManifest> {
        let (document, pointed) = self.find(selector)?;
        match pointed {
            Pointed::Whole => Ok(document),
            Pointed::Inside(digest) => match self.blobs.manifest(&digest, None, &self.text()) {
                // What `Selector::Only` found can be asked for by its digest, too.
                Err(error) if error.is_missing() && digest == *document.digest() => Ok(document),
                other => other,
            },
            Pointed::Entry(entry) => {
                let manifest = self.blobs.manifest(&entry.digest, Some(&entry.media_type), &self.text())?;
                let got = manifest.bytes().len() as u64;
                if got != entry.size {
                    return Err(Error::WrongSize { item: Item::Manifest(entry.digest), place: self.text(), expected: entry.size, got });
                }
                Ok(manifest)
            }
        }
    }

    fn is_whole(&self, child: &Descriptor) -> Result<bool> {
        match tree::check_whole(&self.blobs, &self.text(), Piece::of(child.clone()), Needs::Everything, |_| true) {
            Ok(()) => Ok(true),
            Err(error) if tree::is_absence(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn put(&self, manifest: &RawManifest) -> Result<Placed> {
        self.make()?;
        tree::check_children(&self.blobs, &self.text(), manifest, Needs::Everything, |_| true)?;
        let placed = self.blobs.put_document(manifest)?;
        if manifest.subject().is_some() {
            // Nothing points at a referrer, so it stands in `index.json` without a name (as oras keeps it), until an index does.
            self.edit(|document, tree| {
                let known = entries::entries(document).iter().any(|entry| entry.digest == *manifest.digest());
                if !known {
                    edit::replace(tree, &[], edit::entry(&manifest.as_referrer(), None));
                }
                Ok((!known, ()))
            })?;
        }
        Ok(placed)
    }

    fn name_it(&self, name: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        let place = self.text();
        let descriptor = root.descriptor();
        self.edit(|document, tree| {
            tree::check_whole(&self.blobs, &place, Piece::entry(descriptor.clone()), Needs::Everything, |_| true)?;
            let list = entries::entries(document);
            let (label, positions) = match name {
                Selector::Digest(_) => return Ok((false, Tagged::Unchanged)),
                Selector::Name(name) => (Some(name.as_str()), entries::positions(list, name)),
                Selector::Only => (None, entries::nameless(list)),
            };
            if label.is_some() {
                entries::expect_one(list, &positions, &place)?;
            }
            let pointed: Vec<&Digest> = positions.iter().filter_map(|position| list.get(*position)).map(|entry| &entry.digest).collect();
            // Entries without a name that stand alone are the platforms of one image: `index.json`.
            let whole = label.is_none() && pointed.len() > 1 && entries::names(list).is_empty();
            let found = if whole { Some(document.digest()) } else { pointed.first().copied() };
            check_expected(&place, label.unwrap_or("the image"), expected, found)?;
            if found == Some(root.digest()) && pointed.len() == 1 || whole && found == Some(root.digest()) {
                return Ok((false, Tagged::Unchanged));
            }
            let mut entry = descriptor;
            if label.is_none() {
                // With an artifact type it would be taken for a referrer.
                entry.artifact_type = None;
            }
            edit::replace(tree, &positions, edit::entry(&entry, label));
            if let Some(index) = root.as_index() {
                edit::remove_below(tree, index);
            }
            Ok((true, Tagged::Moved))
        })
    }

    fn take_away(&self, selector: &Selector) -> Result<()> {
        let place = self.text();
        // Removing makes no layout.
        if !self.index_path().exists() {
            return Err(missing(selector, &place));
        }
        self.edit(|document, tree| {
            let list = entries::entries(document);
            let positions = match selector {
                Selector::Name(name) => {
                    let positions = entries::positions(list, name);
                    entries::expect_one(list, &positions, &place)?;
                    positions
                }
                Selector::Only => match entries::find(document, selector, &place)? {
                    Pointed::Entry(found) => {
                        (0..list.len()).filter(|position| list.get(*position).is_some_and(|entry| *entry == *found)).collect()
                    }
                    Pointed::Whole | Pointed::Inside(_) => entries::nameless(list),
                },
                Selector::Digest(digest) => {
                    (0..list.len()).filter(|position| list.get(*position).is_some_and(|entry| entry.digest == *digest)).collect()
                }
            };
            if let Selector::Digest(digest) = selector {
                self.remove_manifest(digest, list, &positions)?;
            } else if positions.is_empty() {
                return Err(missing(selector, &place));
            }
            edit::remove(tree, &positions);
            Ok((!positions.is_empty(), ()))
        })
    }

    /// Removes a manifest's bytes, unless another entry is made of it.
    fn remove_manifest(&self, digest: &Digest, list: &[Descriptor], own: &[usize]) -> Result<()> {
        self.blobs.expect_manifest(digest, &self.text())?;
        let mut seen = Seen::default();
        for (position, entry) in list.iter().enumerate() {
            if own.contains(&position) {
                continue;
            }
            let _ = tree::visit(&self.blobs, &self.text(), Piece::entry(entry.clone()), &mut seen, |_, _| ControlFlow::<()>::Continue(()));
            if seen.contains(digest) {
                return if own.is_empty() {
                    Err(StoreError::InUse { digest: digest.clone(), user: entry.digest.to_string() }.into())
                } else {
                    Ok(())
                };
            }
        }
        self.blobs.remove(digest)?;
        Ok(())
    }

    fn list_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let document = self.index()?;
        let (mut seen, mut found) = (Seen::default(), Vec::new());
        for entry in entries::entries(&document) {
            let _ = tree::visit(&self.blobs, &self.text(), Piece::entry(entry.clone()), &mut seen, |_, piece| {
                if let Ok(Some(manifest)) = piece
                    && manifest.subject().is_some_and(|own| own.digest == *subject)
                {
                    found.push(manifest.as_referrer());
                }
                ControlFlow::<()>::Continue(())
            });
        }
        Ok(found)
    }
}

fn missing(selector: &Selector, place: &str) -> Error {
    let item = match selector {
        Selector::Only => Item::Image,
        Selector::Name(name) => Item::Tag(name.clone()),
        Selector::Digest(digest) => Item::Manifest(digest.clone()),
    };
    Error::missing(item, place)
}

#[async_trait]
impl Source for Layout {
    fn name(&self) -> String {
        self.text()
    }

    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        let selector = selector.clone();
        self.off(move |layout| match layout.find(&selector)? {
            (_, Pointed::Entry(entry)) => Ok(*entry),
            _ => Ok(layout.read(&selector)?.descriptor()),
        })
        .await
    }

    async fn manifest(&self, selector: &Selector) -> Result<RawManifest> {
        let selector = selector.clone();
        self.off(move |layout| layout.read(&selector)).await
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        self.blobs.open(blob, &self.text()).await
    }

    async fn blob_range(&self, blob: &Descriptor, range: Range<u64>) -> Result<ByteStream> {
        self.blobs.open_range(blob, range, &self.text()).await
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>> {
        let digest = digest.clone();
        self.off(move |layout| Ok(layout.blobs.length(&digest)?)).await
    }

    async fn has(&self, child: &Descriptor) -> Result<bool> {
        let child = child.clone();
        self.off(move |layout| layout.is_whole(&child)).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let subject = subject.clone();
        self.off(move |layout| layout.list_referrers(&subject)).await
    }

    async fn tags(&self) -> Result<Vec<String>> {
        self.off(|layout| Ok(entries::names(entries::entries(&layout.index()?)))).await
    }
}

#[async_trait]
impl Sink for Layout {
    async fn put_blob(&self, blob: &Descriptor, from: &dyn Source) -> Result<Placed> {
        let digest = blob.digest.clone();
        let length = self.off(move |layout| Ok((layout.make()?, layout.blobs.length(&digest)?).1)).await?;
        if length == Some(blob.size) {
            return Ok(Placed::Present);
        }
        self.blobs.write(&blob.digest, from.blob(blob).await?).await?;
        Ok(Placed::Sent)
    }

    async fn put_manifest(&self, manifest: &RawManifest) -> Result<Placed> {
        let manifest = manifest.clone();
        self.off(move |layout| layout.put(&manifest)).await
    }

    async fn tag(&self, name: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        let (name, root, expected) = (name.clone(), root.clone(), expected.clone());
        self.off(move |layout| layout.name_it(&name, &root, &expected)).await
    }

    async fn remove(&self, selector: &Selector) -> Result<()> {
        let selector = selector.clone();
        self.off(move |layout| layout.take_away(&selector)).await
    }
}

impl Place for Layout {
    fn abilities(&self) -> Abilities {
        Abilities { exact: true, indexes: true, compare_and_swap: true, remove: true, referrers: true }
    }
}
