//! The contract of a place, kept by an archive.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::BytesMut;
use content::{Abilities, BlobReader, ByteStream, Error, Expected, Item, Place, Placed, Result, Sink, Source, Tagged};
use fault::Hint;
use futures_util::StreamExt;
use oci::{Descriptor, Digest, RawManifest, Selector};
use tokio::sync::OwnedMutexGuard;

use super::section::Span;
use super::state::State;
use super::{Archive, Setup};
use crate::work::joined;

/// Bytes gathered before a thread is asked to write them.
const BATCH: usize = 256 * 1024;

type Guard = OwnedMutexGuard<State>;

/// Does one step on a thread that may wait. The lock goes along, so that a caller who stops waiting
/// never leaves a write behind that would come between the next one's.
async fn step<T: Send + 'static>(
    mut guard: Guard,
    work: impl FnOnce(&mut State) -> Result<T> + Send + 'static,
) -> Result<(Guard, Result<T>)> {
    let job = move || {
        let done = work(&mut guard);
        Ok((guard, done))
    };
    joined(tokio::task::spawn_blocking(job).await)
}

impl Archive {
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut State, &Setup) -> Result<T> + Send + 'static) -> Result<T> {
        let setup = Arc::clone(&self.setup);
        let (_, done) = step(self.lock().await, move |state| work(state, &setup)).await?;
        done
    }

    async fn lock(&self) -> Guard {
        Arc::clone(&self.state).lock_owned().await
    }

    /// Writes a blob whose room was made.
    async fn receive(mut guard: Guard, mut stream: ByteStream) -> Result<()> {
        let mut batch = BytesMut::new();
        loop {
            let chunk = stream.next().await;
            let ended = chunk.is_none();
            let broken = match chunk {
                Some(Ok(chunk)) => {
                    batch.extend_from_slice(&chunk);
                    None
                }
                Some(Err(error)) => Some(error),
                None => None,
            };
            if broken.is_none() && !ended && batch.len() < BATCH {
                continue;
            }
            let bytes = batch.split().freeze();
            let (back, done) = step(guard, move |state| {
                let done = match broken {
                    Some(error) => Err(error),
                    None => state.append(&bytes).and_then(|()| if ended { state.finish() } else { Ok(()) }),
                };
                if done.is_err() {
                    state.abandon();
                }
                done
            })
            .await?;
            done?;
            guard = back;
            if ended {
                return Ok(());
            }
        }
    }
}

#[async_trait]
impl Source for Archive {
    fn name(&self) -> String {
        self.setup.name()
    }

    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        Ok(self.manifest(selector).await?.descriptor())
    }

    async fn manifest(&self, selector: &Selector) -> Result<RawManifest> {
        let selector = selector.clone();
        self.run(move |state, setup| state.manifest(setup, &selector)).await
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        let digest = blob.digest.clone();
        let section = self.run(move |state, setup| state.blob(setup, &digest)).await?;
        Ok(BlobReader::checked(blob, &self.name(), section.stream(&self.setup.path)))
    }

    async fn blob_range(&self, blob: &Descriptor, range: Range<u64>) -> Result<ByteStream> {
        let digest = blob.digest.clone();
        let mut section = self.run(move |state, setup| state.blob(setup, &digest)).await?;
        let (expected, got) = (blob.size, section.span.size);
        if got != expected {
            return Err(Error::WrongSize { item: Item::Blob(blob.digest.clone()), place: self.name(), expected, got });
        }
        let start = range.start.min(got);
        section.span = Span { offset: section.span.offset + start, size: range.end.min(got).saturating_sub(start) };
        Ok(Box::pin(section.stream(&self.setup.path)))
    }

    async fn has(&self, child: &Descriptor) -> Result<bool> {
        let child = child.clone();
        self.run(move |state, setup| state.has(setup, &child)).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let subject = subject.clone();
        self.run(move |state, setup| state.referrers(setup, &subject)).await
    }

    async fn tags(&self) -> Result<Vec<String>> {
        self.run(State::tags).await
    }
}

#[async_trait]
impl Sink for Archive {
    async fn put_blob(&self, blob: &Descriptor, from: &dyn Source) -> Result<Placed> {
        let (digest, size) = (blob.digest.clone(), blob.size);
        if self.run(move |state, setup| state.is_here(setup, &digest, size)).await? {
            return Ok(Placed::Present);
        }
        // Asked for without the lock: the source may be this very archive.
        let stream = from.blob(blob).await?.into_stream();
        let (blob, setup) = (blob.clone(), Arc::clone(&self.setup));
        let (guard, started) = step(self.lock().await, move |state| state.start(&setup, &blob)).await?;
        // Somebody else may have brought it in the meantime.
        if !started? {
            return Ok(Placed::Present);
        }
        Self::receive(guard, stream).await?;
        Ok(Placed::Sent)
    }

    async fn put_manifest(&self, manifest: &RawManifest) -> Result<Placed> {
        let manifest = manifest.clone();
        self.run(move |state, setup| state.put_manifest(setup, &manifest)).await
    }

    async fn tag(&self, name: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        let (name, root, expected) = (name.clone(), root.clone(), expected.clone());
        self.run(move |state, setup| state.tag(setup, &name, &root, &expected)).await
    }

    async fn remove(&self, _: &Selector) -> Result<()> {
        let hint = Hint::new("copy the images that you want to keep to another file");
        Err(Error::Unsupported { place: self.name(), cannot: "is an archive, and archives forget nothing".to_owned(), hint: Some(hint) })
    }
}

impl Place for Archive {
    fn abilities(&self) -> Abilities {
        Abilities { exact: true, indexes: true, compare_and_swap: true, remove: false, referrers: true }
    }

    /// One: the blobs of a tar follow each other.
    fn width(&self) -> usize {
        1
    }
}
