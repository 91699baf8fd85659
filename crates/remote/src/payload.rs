//! What is sent along with a request, and how it is watched on its way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use content::{BlobReader, ByteStream, Source};
use futures_util::{Stream, StreamExt, stream};
use oci::Descriptor;

/// The body of a request; it can be opened again for every try.
#[derive(Clone)]
pub(crate) enum Payload<'a> {
    /// Nothing.
    Empty,
    /// Bytes in memory.
    Bytes(Bytes),
    /// A blob, asked of its place again for every try.
    Blob { blob: &'a Descriptor, from: &'a dyn Source },
}

impl Payload<'_> {
    /// Opens the body: its length, the body itself, and where a blob streams, the eyes on it.
    pub(crate) async fn open(&self) -> content::Result<Option<(u64, reqwest::Body, Option<Arc<Watch>>)>> {
        match self {
            Self::Empty => Ok(None),
            Self::Bytes(bytes) => Ok(Some((bytes.len() as u64, bytes.clone().into(), None))),
            Self::Blob { blob, from } => {
                let reader = from.blob(blob).await?;
                let watch = Arc::new(Watch::default());
                let length = reader.size();
                if length == 0 {
                    return Ok(Some((0, reader.read_all(0).await?.into(), None)));
                }
                Ok(Some((length, reqwest::Body::wrap_stream(watched(reader, Arc::clone(&watch))), Some(watch))))
            }
        }
    }
}

/// What is known of a body while it is sent.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    sent: AtomicU64,
    complete: AtomicBool,
    broken: Mutex<Option<content::Error>>,
}

impl Watch {
    /// Returns the bytes handed over so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Tells whether all bytes were handed over.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Relaxed)
    }

    /// Takes the error of the place that the bytes came from, if it was that which broke.
    pub(crate) fn take_broken(&self) -> Option<content::Error> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

struct Sending {
    stream: ByteStream,
    held: Option<Bytes>,
    watch: Arc<Watch>,
}

/// Streams a blob one chunk behind: the last chunk goes out only after the digest of the whole was
/// found right. Otherwise wrong bytes would be complete at the registry before we know of it, as
/// nobody reads a body further than its announced length.
fn watched(reader: BlobReader, watch: Arc<Watch>) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    let state = Sending { stream: reader.into_stream(), held: None, watch };
    stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        loop {
            match state.stream.next().await {
                Some(Ok(chunk)) if chunk.is_empty() => {}
                Some(Ok(chunk)) => {
                    if let Some(ready) = state.held.replace(chunk) {
                        state.watch.sent.fetch_add(ready.len() as u64, Ordering::Relaxed);
                        return Some((Ok(ready), Some(state)));
                    }
                }
                Some(Err(error)) => {
                    *state.watch.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    return Some((Err(std::io::Error::other("the source of the blob failed")), None));
                }
                None => {
                    state.watch.complete.store(true, Ordering::Relaxed);
                    let last = state.held.take()?;
                    state.watch.sent.fetch_add(last.len() as u64, Ordering::Relaxed);
                    return Some((Ok(last), None));
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use oci::MediaType;

    #[tokio::test]
    async fn wrong_bytes_never_leave_whole() {
        let blob = Descriptor::of(MediaType::OciLayer, b"abcdef");
        let chunks =
            |texts: &[&'static str]| stream::iter(texts.iter().map(|text| Ok(Bytes::from_static(text.as_bytes()))).collect::<Vec<_>>());
        let watch = Arc::new(Watch::default());
        let right: Vec<_> = watched(BlobReader::checked(&blob, "here", chunks(&["abc", "", "def"])), Arc::clone(&watch)).collect().await;
        assert_eq!(right.into_iter().map(Result::unwrap).collect::<Vec<_>>().concat(), b"abcdef");
        assert!(watch.is_complete() && watch.sent() == 6 && watch.take_broken().is_none());

        let watch = Arc::new(Watch::default());
        let wrong: Vec<_> = watched(BlobReader::checked(&blob, "here", chunks(&["abc", "deX"])), Arc::clone(&watch)).collect().await;
        assert_eq!(wrong.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
        assert!(!watch.is_complete());
        assert!(matches!(watch.take_broken(), Some(content::Error::WrongDigest { .. })));
    }
}
