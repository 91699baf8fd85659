//! Blobs on their way here: streamed, and taken up again where a connection broke.

use bytes::Bytes;
use content::{BlobReader, Event, Item, Result, Source};
use futures_util::{Stream, stream};
use oci::{Descriptor, Digest, MAX_MANIFEST_SIZE};
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode};

use crate::RemoteError;
use crate::answer::next_chunk;
use crate::error::Cause;
use crate::pace::Pace;
use crate::registry::Registry;

impl Registry {
    /// Opens a blob. Configs of images are small and asked for often: they are remembered.
    pub(crate) async fn fetch_blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        if !blob.media_type.is_image_config() || blob.size > MAX_MANIFEST_SIZE {
            let first = self.open_blob(blob, 0).await?;
            return Ok(BlobReader::checked(blob, &self.name(), resumed(self.clone(), blob.clone(), first)));
        }
        let recall = &self.settings().recall;
        let known = recall
            .document(&blob.digest)
            .filter(|bytes| bytes.len() as u64 == blob.size && Digest::with(blob.digest.algorithm(), bytes) == blob.digest);
        let bytes = match known {
            Some(bytes) => bytes,
            None => {
                let first = self.open_blob(blob, 0).await?;
                let bytes =
                    BlobReader::checked(blob, &self.name(), resumed(self.clone(), blob.clone(), first)).read_all(MAX_MANIFEST_SIZE).await?;
                recall.keep_document(&blob.digest, &bytes);
                bytes
            }
        };
        Ok(BlobReader::of(blob, &self.name(), bytes))
    }

    /// Asks for a blob from an offset on. The answer may begin before it: see [`Opened`].
    async fn open_blob(&self, blob: &Descriptor, offset: u64) -> Result<Opened> {
        let mut ask = self.ask(Method::GET, &format!("blobs/{}", blob.digest)).streaming();
        if offset > 0 {
            ask = ask.with_header(RANGE, &format!("bytes={offset}-"));
        }
        let answer = self.settled(&blob.digest, &ask).await?;
        let skip = match answer.status {
            // Not every registry knows ranges: one that begins anew is read past what is here.
            StatusCode::OK => offset,
            StatusCode::PARTIAL_CONTENT if offset > 0 => {
                let range = answer.header(&CONTENT_RANGE).and_then(range_start);
                if range != Some(offset) {
                    return Err(answer.broken("the range that was asked for").into());
                }
                0
            }
            _ => return Err(self.refused(&answer, Item::Blob(blob.digest.clone()))),
        };
        match answer.into_stream() {
            Some(response) => Ok(Opened { response, skip, pace: Pace::new(self.settings().patience) }),
            None => Err(content::Error::missing(Item::Blob(blob.digest.clone()), self.name())),
        }
    }
}

/// A body, and how many of its first bytes were received before.
struct Opened {
    response: Response,
    skip: u64,
    pace: Pace,
}

struct Download {
    registry: Registry,
    blob: Descriptor,
    opened: Option<Opened>,
    offset: u64,
    /// Breaks since there was progress worth the name.
    breaks: u32,
    /// Bytes since then: a peer that breaks off after every byte would never be done.
    gained: u64,
}

/// Streams a blob and opens it again where the connection breaks, as long as there is progress.
fn resumed(registry: Registry, blob: Descriptor, first: Opened) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    let start = Download { registry, blob, opened: Some(first), offset: 0, breaks: 0, gained: 0 };
    stream::try_unfold(start, |mut download| async move { Ok(download.next().await?.map(|chunk| (chunk, download))) })
}

impl Download {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let opened = match &mut self.opened {
                Some(opened) => opened,
                None => self.opened.insert(self.registry.open_blob(&self.blob, self.offset).await?),
            };
            let problem = match next_chunk(&mut opened.response, &mut opened.pace).await {
                Ok(Some(mut chunk)) => {
                    let known = usize::try_from(opened.skip).unwrap_or(usize::MAX).min(chunk.len());
                    opened.skip -= known as u64;
                    let fresh = chunk.split_off(known);
                    if fresh.is_empty() {
                        continue;
                    }
                    self.offset = self.offset.saturating_add(fresh.len() as u64);
                    self.gained = self.gained.saturating_add(fresh.len() as u64);
                    if self.gained >= self.registry.settings().patience.least {
                        (self.breaks, self.gained) = (0, 0);
                    }
                    return Ok(Some(fresh));
                }
                _ if self.offset >= self.blob.size => return Ok(None),
                Ok(None) => {
                    let cause = format!("it ended after {} of {} bytes", self.offset, self.blob.size);
                    RemoteError::Dropped { host: self.registry.host().name.clone(), source: Cause::new(cause) }
                }
                Err(error) => error,
            };
            self.take_up(problem).await?;
        }
    }

    /// Waits before the next try, or gives up.
    async fn take_up(&mut self, problem: RemoteError) -> Result<()> {
        let settings = self.registry.settings();
        self.opened = None;
        self.breaks += 1;
        if self.breaks >= settings.patience.tries || !problem.is_passing() {
            return Err(problem.into());
        }
        let pause = settings.patience.pause(self.breaks, None);
        settings.events.tell(Event::Retry(format!("{problem}; taking up blob {} at byte {}", self.blob.digest.short(), self.offset)));
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// Reads where `bytes START-END/TOTAL` starts (RFC 9110, 14.4).
pub(crate) fn range_start(text: &str) -> Option<u64> {
    text.trim().strip_prefix("bytes")?.trim_start().split('-').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_where_a_range_starts() {
        for (text, expected) in [("bytes 5-9/10", Some(5)), ("bytes 0-0/*", Some(0)), ("bytes */10", None), ("5-9", None)] {
            assert_eq!(range_start(text), expected, "{text}");
        }
    }
}
