//! Blobs on their way there: mounted from a neighbour, or sent whole, or sent in pieces.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use content::{Event, Placed, Result, Source};
use futures_util::StreamExt;
use oci::Descriptor;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::RemoteError;
use crate::answer::Answer;
use crate::ask::{Ask, Repeat, Target};
use crate::auth::Scopes;
use crate::payload::Payload;
use crate::registry::Registry;
use crate::retry::retry_after;

/// The size of a piece, in bytes: GHCR takes no more than 4 MiB at once (wasmCloud/wash-archive#268).
const PIECE: usize = 4 * 1024 * 1024;
const BINARY: &str = "application/octet-stream";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Whole,
    Pieces,
}

/// Why an upload did not come to its end.
enum Halt {
    /// The registry takes no body of this size.
    TooLarge,
    /// Anything else; whether a new upload may do better, and when the registry wants it.
    Failed { error: RemoteError, again: bool, after: Option<Duration> },
}

impl From<RemoteError> for Halt {
    fn from(error: RemoteError) -> Self {
        let again = error.is_passing();
        Self::Failed { error, again, after: None }
    }
}

/// What a registry made of the wish to mount.
enum Mount {
    Done,
    /// It opened an upload instead.
    Upload(Url),
    No,
}

impl Registry {
    /// Brings a blob here with as few bytes as possible.
    pub(crate) async fn push_blob(&self, blob: &Descriptor, from: &dyn Source) -> Result<Placed> {
        let neighbour = from.origin().filter(|origin| origin.registry == self.host().name);
        let mut session = None;
        if let Some(origin) = neighbour {
            if origin.repository == self.repository() {
                return Ok(Placed::Present);
            }
            match self.mount(blob, &origin.repository).await {
                Mount::Done => return Ok(Placed::Mounted),
                Mount::Upload(location) => session = Some(location),
                Mount::No => {}
            }
        }
        if session.is_none() && self.has(blob).await? {
            return Ok(Placed::Present);
        }
        self.upload(blob, from, session).await?;
        Ok(Placed::Sent)
    }

    /// Asks for a blob of another repository. Every refusal means an upload, whatever its shape: Docker Hub
    /// says 401 or 403, Harbor 401 for an unknown project, others 405 (goharbor/harbor#17097).
    async fn mount(&self, blob: &Descriptor, source: &str) -> Mount {
        let path = format!("/v2/{}/blobs/uploads/?mount={}&from={source}", self.repository(), blob.digest);
        let scopes = Scopes::mount(self.repository(), source);
        let ask = Ask::new(Method::POST, Target::Path(path), self.repository(), scopes).repeating(Repeat::Refused);
        match self.call(&ask).await {
            Ok(answer) if answer.status == StatusCode::CREATED => Mount::Done,
            Ok(answer) if answer.status == StatusCode::ACCEPTED => answer.location().ok().flatten().map_or(Mount::No, Mount::Upload),
            _ => Mount::No,
        }
    }

    /// Sends a blob, anew from its first byte after every failure that may pass.
    async fn upload(&self, blob: &Descriptor, from: &dyn Source, mut session: Option<Url>) -> Result<()> {
        let patience = self.settings().patience;
        let large = blob.size > PIECE as u64;
        let mut manner = if large && self.host().takes_pieces_only() { Manner::Pieces } else { Manner::Whole };
        let mut failed = 0_u32;
        loop {
            let location = match session.take() {
                Some(location) => location,
                None => self.start().await?,
            };
            let sent = match manner {
                Manner::Whole => self.send_whole(blob, from, location).await,
                Manner::Pieces => self.send_pieces(blob, from, location).await,
            };
            let (error, again, after) = match sent {
                Ok(()) => return Ok(()),
                Err(Halt::TooLarge) => {
                    self.host().remember_pieces();
                    manner = Manner::Pieces;
                    continue;
                }
                Err(Halt::Failed { error, again, after }) => (error, again, after),
            };
            failed += 1;
            if !again || failed >= patience.tries {
                return Err(error.into());
            }
            // A proxy that cuts large bodies off may do so without a word.
            if large && failed >= 2 && matches!(error, RemoteError::Dropped { .. }) {
                manner = Manner::Pieces;
            }
            let pause = patience.pause(failed, after);
            self.settings().events.tell(Event::Retry(format!(
                "{error}; sending blob {} again in {:.1} s",
                blob.digest.short(),
                pause.as_secs_f64()
            )));
            tokio::time::sleep(pause).await;
        }
    }

    async fn start(&self) -> Result<Url, RemoteError> {
        let answer = self.call(&self.ask(Method::POST, "blobs/uploads/")).await?;
        if !answer.status.is_success() {
            return Err(self.refused(&answer, content::Item::Repository).into());
        }
        answer.location()?.ok_or_else(|| answer.broken("a Location header"))
    }

    /// POST, then one PUT with all bytes (distribution-spec 1.1, "POST then PUT").
    async fn send_whole(&self, blob: &Descriptor, from: &dyn Source, location: Url) -> Result<(), Halt> {
        let ask = self.put_to(finishing(location, blob)).with_payload(Payload::Blob { blob, from });
        let answer = self.call(&ask).await?;
        let large = blob.size > PIECE as u64;
        match answer.status {
            status if status.is_success() => Ok(()),
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::RANGE_NOT_SATISFIABLE => Err(Halt::TooLarge),
            // Docker Hub said 400 to a whole layer that it took in pieces (atlanhq/application-sdk#2020).
            StatusCode::BAD_REQUEST if large && !answer.has_code("DIGEST_INVALID") => Err(Halt::TooLarge),
            _ => Err(self.not_taken(&answer)),
        }
    }

    /// POST, PATCH for every piece, PUT without bytes. The offset is our own: ECR's `Range` stands
    /// still although the bytes are there (aws/containers-roadmap#2831).
    async fn send_pieces(&self, blob: &Descriptor, from: &dyn Source, mut location: Url) -> Result<(), Halt> {
        let mut stream = from.blob(blob).await.map_err(RemoteError::from)?.into_stream();
        let (mut piece, mut offset, mut ended) = (BytesMut::new(), 0_usize, false);
        while !ended {
            match stream.next().await {
                Some(chunk) => piece.extend_from_slice(&chunk.map_err(RemoteError::from)?),
                None => ended = true,
            }
            while piece.len() >= PIECE || (ended && !piece.is_empty()) {
                let next = piece.split_to(piece.len().min(PIECE)).freeze();
                let length = next.len();
                location = self.send_piece(location, offset, next).await?;
                offset += length;
            }
        }
        let answer = self.call(&self.put_to(finishing(location, blob))).await?;
        if answer.status.is_success() { Ok(()) } else { Err(self.not_taken(&answer)) }
    }

    async fn send_piece(&self, location: Url, offset: usize, piece: Bytes) -> Result<Url, Halt> {
        // ACR refuses a unit before the numbers (dotnet/sdk-container-builds#258).
        let range = format!("{offset}-{}", (offset + piece.len()).saturating_sub(1));
        let mut ask =
            self.put_to(location.clone()).with_header(CONTENT_RANGE, &range).with_payload(Payload::Bytes(piece)).repeating(Repeat::Refused);
        ask.method = Method::PATCH;
        let answer = self.call(&ask).await?;
        // 202 by the specification, 201 from ECR (jdx/mise#11376).
        if answer.status.is_success() { Ok(answer.location()?.unwrap_or(location)) } else { Err(self.not_taken(&answer)) }
    }

    fn not_taken(&self, answer: &Answer) -> Halt {
        let error = answer.unexpected();
        // 404: the registry knows nothing of the upload any more, as after its restart.
        let again = error.is_passing() || answer.status == StatusCode::NOT_FOUND;
        Halt::Failed { error, again, after: retry_after(&answer.headers, (self.settings().now)()) }
    }

    fn put_to(&self, location: Url) -> Ask<'_> {
        let mut ask = self.ask(Method::PUT, "").with_header(CONTENT_TYPE, BINARY).repeating(Repeat::Never);
        ask.target = Target::Url(location);
        ask
    }
}

/// Adds the digest that ends an upload; the rest of the query is the registry's own state.
fn finishing(mut location: Url, blob: &Descriptor) -> Url {
    location.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
    location
}
