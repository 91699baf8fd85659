//! What is sent along with a request, and how it is watched on its way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use content::{BlobReader, ByteStream, Source};
use futures_util::{Stream, StreamExt, stream};
use oci::Descriptor;

/// What a slow connection takes at once of bytes in memory; no more of them goes unwatched.
const PORTION: usize = 64 * 1024;

/// The body of a request; it can be opened again for every try.
#[derive(Clone)]
pub(crate) enum Payload<'a> {
    /// Nothing.
    Empty,
    /// Bytes in memory.
    Bytes(Bytes),
    /// A blob from an offset on, asked of its place again for every try.
    Blob {
        blob: &'a Descriptor,
        from: &'a dyn Source,
        offset: u64,
        /// The end of what was handed over in any try.
        reached: &'a Reached,
    },
}

impl Payload<'_> {
    /// Opens the body: its length, the body itself, and where a blob streams, the eyes on it.
    pub(crate) async fn open(&self) -> content::Result<Option<(u64, reqwest::Body, Option<Arc<Watch>>)>> {
        match self {
            Self::Empty => Ok(None),
            Self::Bytes(bytes) if bytes.len() <= PORTION => Ok(Some((bytes.len() as u64, bytes.clone().into(), None))),
            // A piece of a blob: on a slow line it takes longer than silence may last.
            Self::Bytes(bytes) => {
                let watch = Arc::new(Watch::default());
                let body = reqwest::Body::wrap_stream(portions(bytes.clone(), Arc::clone(&watch)));
                Ok(Some((bytes.len() as u64, body, Some(watch))))
            }
            Self::Blob { blob, from, offset, reached } => {
                // All of it is read, though a part is sent: nobody but the reader of the whole knows
                // whether the bytes are right.
                let reader = from.blob(blob).await?;
                let watch = Arc::new(Watch { reached: (*reached).clone(), offset: *offset, ..Watch::default() });
                let length = reader.size().saturating_sub(*offset);
                if length == 0 {
                    return Ok(Some((0, reader.read_all(0).await?.into(), None)));
                }
                Ok(Some((length, reqwest::Body::wrap_stream(watched(reader, Arc::clone(&watch))), Some(watch))))
            }
        }
    }
}

/// How far into a blob its upload has come, as far as we know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reached(Arc<AtomicU64>);

impl Reached {
    /// Returns the end of what was ever handed over.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes that the bytes up to here were handed over.
    pub(crate) fn note(&self, end: u64) {
        self.0.fetch_max(end, Ordering::Relaxed);
    }
}

/// What is known of a body while it is sent.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    reached: Reached,
    offset: u64,
    sent: AtomicU64,
    complete: AtomicBool,
    broken: Mutex<Option<content::Error>>,
}

impl Watch {
    /// Returns the bytes handed over so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn hand_over(&self, bytes: u64) {
        let before = self.sent.fetch_add(bytes, Ordering::Relaxed);
        self.reached.note(self.offset.saturating_add(before).saturating_add(bytes));
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

/// Hands bytes over portion by portion, so that it is seen how they go.
fn portions(bytes: Bytes, watch: Arc<Watch>) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    stream::iter(std::iter::successors(Some(bytes), |rest| (rest.len() > PORTION).then(|| rest.slice(PORTION..)))).map(move |rest| {
        let portion = rest.slice(..rest.len().min(PORTION));
        watch.hand_over(portion.len() as u64);
        watch.complete.store(portion.len() == rest.len(), Ordering::Relaxed);
        Ok(portion)
    })
}

struct Sending {
    stream: ByteStream,
    held: Option<Bytes>,
    /// How many bytes come before those that are sent.
    before: u64,
    watch: Arc<Watch>,
}

/// Streams a blob one chunk behind: the last chunk goes out only after the digest of the whole was
/// found right. Otherwise wrong bytes would be complete at the registry before we know of it, as
/// nobody reads a body further than its announced length.
fn watched(reader: BlobReader, watch: Arc<Watch>) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    let state = Sending { stream: reader.into_stream(), held: None, before: watch.offset, watch };
    stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        loop {
            match state.stream.next().await {
                Some(Ok(mut chunk)) => {
                    let known = usize::try_from(state.before).unwrap_or(usize::MAX).min(chunk.len());
                    state.before -= known as u64;
                    chunk.advance(known);
                    if chunk.is_empty() {
                        continue;
                    }
                    if let Some(ready) = state.held.replace(chunk) {
                        state.watch.hand_over(ready.len() as u64);
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
                    state.watch.hand_over(last.len() as u64);
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

        let watch = Arc::new(Watch { offset: 4, ..Watch::default() });
        let rest: Vec<_> = watched(BlobReader::checked(&blob, "here", chunks(&["abc", "def"])), Arc::clone(&watch)).collect().await;
        assert_eq!(rest.into_iter().map(Result::unwrap).collect::<Vec<_>>().concat(), b"ef");
        assert_eq!((watch.sent(), watch.reached.get()), (2, 6));

        // Wrong bytes before those that are sent count as well.
        let watch = Arc::new(Watch { offset: 4, ..Watch::default() });
        let rest: Vec<_> = watched(BlobReader::checked(&blob, "here", chunks(&["abX", "def"])), Arc::clone(&watch)).collect().await;
        assert_eq!(rest.iter().map(Result::is_ok).collect::<Vec<_>>(), [false]);

        let watch = Arc::new(Watch::default());
        let wrong: Vec<_> = watched(BlobReader::checked(&blob, "here", chunks(&["abc", "deX"])), Arc::clone(&watch)).collect().await;
        assert_eq!(wrong.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
        assert!(!watch.is_complete());
        assert!(matches!(watch.take_broken(), Some(content::Error::WrongDigest { .. })));
    }
}
