//! Blobs, whole and in parts.

use std::pin::Pin;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use content::ByteStream;
use futures_util::{Stream, StreamExt, stream};
use oci::{Descriptor, Digest, MediaType};

use crate::condition::{self, entity_tag};
use crate::range::{Wanted, wanted};
use crate::refusal::{Code, Refusal};
use crate::registry::{Asked, Registry};
use crate::respond::{CONTENT_DIGEST, with};
use crate::routes::Repository;

const OCTETS: &str = "application/octet-stream";

/// Answers GET and HEAD. Damaged content never ends as if it were whole: the connection breaks.
pub(crate) async fn read(registry: &Registry, asked: &Asked, repository: &Repository, digest: &Digest) -> Result<Response, Refusal> {
    let refused = |error| Refusal::of(repository, error);
    let place = registry.open(repository).await?;
    let size = place.blob_size(digest).await.map_err(refused)?.ok_or_else(|| Refusal::blob_unknown(repository, digest))?;
    let mut response = Response::new(Body::empty());
    for (name, value) in [
        (CONTENT_DIGEST, digest.to_string().as_str()),
        (header::ETAG, &entity_tag(digest)),
        (header::CACHE_CONTROL, "max-age=31536000, immutable"),
        (header::ACCEPT_RANGES, "bytes"),
    ] {
        response = with(response, name, value);
    }
    if condition::is_known(&asked.headers, digest) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    response = with(response, header::CONTENT_TYPE, OCTETS);
    let range = asked.header(header::RANGE).filter(|_| !asked.is_head() && condition::may_cut(&asked.headers, digest));
    let range = match wanted(range, size) {
        Wanted::Whole => 0..size,
        Wanted::Part(range) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            response = with(response, header::CONTENT_RANGE, &format!("bytes {}-{}/{size}", range.start, range.end - 1));
            range
        }
        Wanted::Nothing => {
            let refusal = Refusal::new(Code::RangeInvalid, format!("blob {digest} ends before that range: it has {size} bytes"));
            return Err(refusal.header(header::CONTENT_RANGE, &format!("bytes */{size}")));
        }
    };
    response = with(response, header::CONTENT_LENGTH, &(range.end - range.start).to_string());
    if asked.is_head() {
        return Ok(response);
    }
    let blob = Descriptor::new(MediaType::from(OCTETS), digest.clone(), size);
    let whole = range == (0..size);
    let stream = if whole {
        place.blob(&blob).await.map_err(refused)?.into_stream()
    } else {
        place.blob_range(&blob, range).await.map_err(refused)?
    };
    let mut stream = proven(stream);
    // A small blob is checked in full before its first byte leaves, and then there is still time to say so.
    match stream.next().await {
        Some(Err(error)) => return Err(refused(error)),
        Some(first) => *response.body_mut() = Body::from_stream(stream::iter([first]).chain(stream)),
        None => (),
    }
    Ok(response)
}

/// Keeps every chunk back until the next one, or the checked end, has come.
///
/// An answer is over for HTTP when Content-Length bytes have been written. Without this, the last of
/// them would leave before the digest of all of them is known.
fn proven(stream: ByteStream) -> Pin<Box<dyn Stream<Item = content::Result<Bytes>> + Send>> {
    Box::pin(stream::try_unfold((stream.fuse(), None), |(mut stream, mut held): (_, Option<Bytes>)| async move {
        loop {
            match stream.next().await {
                Some(next) => {
                    if let Some(chunk) = held.replace(next?) {
                        return Ok(Some((chunk, (stream, held))));
                    }
                }
                None => return Ok(held.take().map(|chunk| (chunk, (stream, None)))),
            }
        }
    }))
}
