//! Bytes of a blob on their way, checked as they pass.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use oci::{Descriptor, Digest, Hasher};

use crate::{Error, Item, Result};

/// A stream of chunks; an error item ends it.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// The bytes of one blob. Length and digest are checked while they stream: whoever saw the end of
/// the stream without an error item has seen the right bytes.
pub struct BlobReader {
    size: u64,
    stream: ByteStream,
}

impl BlobReader {
    /// Wraps a stream of bytes from `place` that claims to be `blob`.
    pub fn checked(blob: &Descriptor, place: &str, stream: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        let check = Check {
            inner: Box::pin(stream),
            hasher: Some(Hasher::new(blob.digest.algorithm())),
            expected: blob.digest.clone(),
            size: blob.size,
            seen: 0,
            place: place.to_owned(),
        };
        Self { size: blob.size, stream: Box::pin(check) }
    }

    /// Wraps bytes in memory.
    pub fn of(blob: &Descriptor, place: &str, bytes: Bytes) -> Self {
        Self::checked(blob, place, futures_util::stream::iter([Ok(bytes)]))
    }

    /// Returns the number of bytes that will come.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Puts something around the checked stream, such as eyes on it.
    pub(crate) fn through(self, wrap: impl FnOnce(ByteStream) -> ByteStream) -> Self {
        Self { size: self.size, stream: wrap(self.stream) }
    }

    /// Returns the stream itself.
    pub fn into_stream(self) -> ByteStream {
        self.stream
    }

    /// Returns only the bytes of `range`, by reading and dropping what comes before. A range up to the
    /// blob's end reads to the end, so that length and digest are checked.
    pub fn into_range(self, range: Range<u64>) -> ByteStream {
        let whole = range.end >= self.size;
        let start = (self.stream, range.start, range.end.saturating_sub(range.start));
        Box::pin(stream::try_unfold(start, move |(mut stream, mut before, mut left)| async move {
            while whole || left > 0 {
                let Some(chunk) = stream.next().await else { break };
                let mut chunk = chunk?;
                // Both numbers are cut to the chunk's length, so that they fit a `usize`.
                let dropped = before.min(chunk.len() as u64);
                chunk.advance(dropped as usize);
                chunk.truncate(left.min(chunk.len() as u64) as usize);
                before -= dropped;
                left -= chunk.len() as u64;
                if !chunk.is_empty() {
                    return Ok(Some((chunk, (stream, before, left))));
                }
            }
            Ok(None)
        }))
    }

    /// Reads everything into memory; for documents such as configs.
    ///
    /// # Errors
    /// Refuses more than `limit` bytes before reading any, and reports wrong length or digest.
    pub async fn read_all(mut self, limit: u64) -> Result<Bytes> {
        if self.size > limit {
            return Err(Error::Limit { what: "a document's size in bytes".to_owned(), limit, got: self.size });
        }
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.stream.next().await {
            whole.extend_from_slice(&chunk?);
        }
        Ok(whole.freeze())
    }
}

struct Check {
    inner: ByteStream,
    /// `None` once the end was checked or an error was given: the stream is over.
    hasher: Option<Hasher>,
    expected: Digest,
    size: u64,
    seen: u64,
    place: String,
}

impl Check {
    fn wrong_size(&self) -> Error {
        Error::WrongSize { item: Item::Blob(self.expected.clone()), place: self.place.clone(), expected: self.size, got: self.seen }
    }

    fn end(&mut self) -> Option<Result<Bytes>> {
        let hasher = self.hasher.take()?;
        if self.seen != self.size {
            return Some(Err(self.wrong_size()));
        }
        let got = hasher.finish();
        if got == self.expected {
            return None;
        }
        Some(Err(Error::WrongDigest { item: Item::Blob(self.expected.clone()), place: self.place.clone(), got }))
    }
}

impl Stream for Check {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.hasher.is_none() {
            return Poll::Ready(None);
        }
        match self.inner.as_mut().poll_next(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(self.end()),
            Poll::Ready(Some(Err(error))) => {
                self.hasher = None;
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(Some(Ok(chunk))) => {
                self.seen = self.seen.saturating_add(chunk.len() as u64);
                if self.seen > self.size {
                    self.hasher = None;
                    return Poll::Ready(Some(Err(self.wrong_size())));
                }
                if let Some(hasher) = &mut self.hasher {
                    hasher.update(&chunk);
                }
                Poll::Ready(Some(Ok(chunk)))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;
    use oci::MediaType;

    async fn part(range: Range<u64>, sent: &'static [u8]) -> Result<Vec<u8>> {
        let blob = Descriptor::of(MediaType::OciLayer, b"0123456789");
        let chunks = stream::iter(sent.chunks(3).map(|chunk| Ok(Bytes::from_static(chunk))));
        let chunks: Vec<Bytes> = BlobReader::checked(&blob, "test", chunks).into_range(range).try_collect().await?;
        Ok(chunks.concat())
    }

    #[tokio::test]
    async fn a_range_is_cut_out_of_its_chunks() {
        for start in 0..=10_usize {
            for end in start..=12 {
                let got = part(start as u64..end as u64, b"0123456789").await.unwrap();
                assert_eq!(got, b"0123456789"[start..end.min(10)], "{start}..{end}");
            }
        }
    }

    #[tokio::test]
    async fn a_range_up_to_the_end_is_checked() {
        assert!(matches!(part(8..10, b"0123456780").await, Err(Error::WrongDigest { .. })));
        assert!(matches!(part(8..10, b"012345678").await, Err(Error::WrongSize { .. })));
        assert_eq!(part(0..3, b"0123456780").await.unwrap(), b"012");
    }
}
