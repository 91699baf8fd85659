//! A source whose bytes are told of while they pass.

use std::ops::Range;

use async_trait::async_trait;
use futures_util::StreamExt;
use oci::{Descriptor, Digest, RawManifest, Selector};

use crate::{BlobReader, ByteStream, Event, Events, Origin, Result, Source};

/// Another source, with [`Event::Passed`] told for every chunk of its blobs.
pub(crate) struct Watched<'a> {
    pub source: &'a dyn Source,
    /// The place that the bytes are for.
    pub target: &'a str,
    pub events: &'a Events,
}

impl Watched<'_> {
    /// Tells of each chunk, counting from `before`.
    fn tell(&self, stream: ByteStream, blob: &Digest, before: u64) -> ByteStream {
        let (events, blob, place, mut bytes) = (self.events.clone(), blob.clone(), self.target.to_owned(), before);
        Box::pin(stream.inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                bytes = bytes.saturating_add(chunk.len() as u64);
                events.tell(Event::Passed { blob: blob.clone(), bytes, place: place.clone() });
            }
        }))
    }
}

#[async_trait]
impl Source for Watched<'_> {
    fn name(&self) -> String {
        self.source.name()
    }

    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        self.source.resolve(selector).await
    }

    async fn manifest(&self, selector: &Selector) -> Result<RawManifest> {
        self.source.manifest(selector).await
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        let reader = self.source.blob(blob).await?;
        Ok(reader.through(|stream| self.tell(stream, &blob.digest, 0)))
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>> {
        self.source.blob_size(digest).await
    }

    async fn blob_range(&self, blob: &Descriptor, range: Range<u64>) -> Result<ByteStream> {
        let before = range.start;
        Ok(self.tell(self.source.blob_range(blob, range).await?, &blob.digest, before))
    }

    async fn has(&self, child: &Descriptor) -> Result<bool> {
        self.source.has(child).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.source.referrers(subject).await
    }

    async fn tags(&self) -> Result<Vec<String>> {
        self.source.tags().await
    }

    fn origin(&self) -> Option<Origin> {
        self.source.origin()
    }
}
