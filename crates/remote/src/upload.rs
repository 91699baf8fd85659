//! Blobs on their way there: mounted from a neighbour, or sent whole, or sent in pieces; taken up
//! again where a connection broke.

use std::time::Duration;

use content::{Event, Placed, Result, Source};
use oci::Descriptor;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, RANGE};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::RemoteError;
use crate::answer::Answer;
use crate::ask::{Ask, Repeat, Target};
use crate::auth::Scopes;
use crate::payload::{Payload, Reached};
use crate::quirks::{self, PIECE};
use crate::registry::Registry;
use crate::retry::retry_after;

const BINARY: &str = "application/octet-stream";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Whole,
    Pieces,
}

/// Where an upload goes on: an address, and the bytes that are there already.
pub(crate) struct Point {
    pub location: Url,
    pub offset: u64,
}

/// Why an upload did not come to its end.
pub(crate) enum Halt {
    /// The registry takes no body of this size.
    TooLarge,
    /// Anything else; whether a new try may do better, and when the registry wants it.
    Failed { error: RemoteError, again: bool, after: Option<Duration> },
}

impl From<RemoteError> for Halt {
    fn from(error: RemoteError) -> Self {
        let again = error.is_passing();
        Self::Failed { error, again, after: None }
    }
}

impl Halt {
    /// Tells whether the connection broke, so that a part of the bytes may be there.
    pub(crate) const fn is_break(&self) -> bool {
        matches!(self, Self::Failed { error: RemoteError::Dropped { .. } | RemoteError::Silent { .. }, .. })
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
                Mount::Done => {
                    self.note_put(&blob.digest.to_string(), &blob.digest);
                    return Ok(Placed::Mounted);
                }
                Mount::Upload(location) => session = Some(location),
                Mount::No => {}
            }
        }
        // In a repository that did not exist there is what was put by us; else it is not asked for.
        let known = &self.host().known;
        let new = known.is_new(self.repository()) && known.shown(self.repository(), &blob.digest.to_string()).flatten().is_none();
        if session.is_none() && !new && self.has(blob).await? {
            return Ok(Placed::Present);
        }
        self.upload(blob, from, session).await?;
        self.note_put(&blob.digest.to_string(), &blob.digest);
        Ok(Placed::Sent)
    }

    /// Asks for a blob of another repository. Every refusal means an upload, whatever its shape; one
    /// that every blob of that repository would meet is not asked for again.
    async fn mount(&self, blob: &Descriptor, source: &str) -> Mount {
        if self.host().facts.mounts_nothing(source, self.repository()) {
            return Mount::No;
        }
        let path = format!("/v2/{}/blobs/uploads/?mount={}&from={source}", self.repository(), blob.digest);
        let scopes = Scopes::mount(self.repository(), source);
        let ask = Ask::new(Method::POST, Target::Path(path), self.repository(), scopes).repeating(Repeat::Refused);
        let status = match self.call(&ask).await {
            Ok(answer) if answer.status == StatusCode::CREATED => return Mount::Done,
            Ok(answer) if answer.status == StatusCode::ACCEPTED => {
                return answer.location().ok().flatten().map_or(Mount::No, Mount::Upload);
            }
            Ok(answer) => answer.status.as_u16(),
            Err(RemoteError::Denied { .. }) => StatusCode::FORBIDDEN.as_u16(),
            Err(_) => return Mount::No,
        };
        if quirks::never_mounts(status) {
            self.host().facts.learn_no_mounts(source, self.repository());
        }
        Mount::No
    }

    /// Sends a blob; after every failure that may pass it is taken up where the registry has it, or
    /// begun anew.
    async fn upload(&self, blob: &Descriptor, from: &dyn Source, session: Option<Url>) -> Result<()> {
        let patience = self.settings().patience;
        let large = blob.size > PIECE as u64;
        let reached = Reached::default();
        let mut manner = if large && self.host().facts.takes_pieces_only() { Manner::Pieces } else { Manner::Whole };
        let mut point = session.map(|location| Point { location, offset: 0 });
        // The furthest that an upload was taken up at, and whether that may be done (again).
        let (mut best, mut resumable) = (0, true);
        let mut refused_whole = false;
        let mut failed = 0_u32;
        loop {
            let here = match point.take() {
                Some(point) => point,
                None => Point { location: self.start().await?, offset: 0 },
            };
            let (location, offset) = (here.location.clone(), here.offset);
            let sent = match manner {
                Manner::Whole => self.send_whole(blob, from, here, &reached).await,
                Manner::Pieces => self.send_pieces(blob, from, here, &reached).await,
            };
            let halt = match sent {
                Ok(()) => return Ok(()),
                Err(halt) => halt,
            };
            let broke = halt.is_break();
            let Halt::Failed { error, again, after } = halt else {
                self.host().facts.learn_pieces();
                (manner, refused_whole) = (Manner::Pieces, true);
                continue;
            };
            failed += 1;
            if !again && manner == Manner::Pieces && !refused_whole && self.host().facts.forget_pieces() {
                // Somebody said so long ago; whoever answers there now takes no pieces.
                (manner, failed) = (Manner::Whole, 0);
                continue;
            }
            // What was taken up somewhere and is refused was not what the registry said it was.
            let misled = offset > 0 && !again && !matches!(error, RemoteError::Source(_));
            if (!again && !misled) || failed >= patience.tries {
                return Err(error.into());
            }
            resumable &= !misled;
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
            // Whoever answers has stored nothing, as a rule: it is asked every second time only. Rounds
            // of always the same requests would also always end at the third, where every third fails.
            if !broke && failed % 2 == 1 {
                continue;
            }
            // Only the answer may have been lost.
            if broke && reached.get() >= blob.size && self.has(blob).await.unwrap_or(false) {
                return Ok(());
            }
            if resumable {
                point = self.taken(&location, reached.get()).await.filter(|point| point.offset > offset.max(1));
            }
            if let Some(point) = &point
                && point.offset >= best + patience.least
            {
                (best, failed) = (point.offset, 0);
            }
        }
    }

    /// Asks how much of an upload is there. More than was ever sent is not believed, nor is less
    /// than would be worth going on from.
    pub(crate) async fn taken(&self, location: &Url, reached: u64) -> Option<Point> {
        let mut ask = self.ask(Method::GET, "");
        ask.target = Target::Url(location.clone());
        let answer = self.call(&ask).await.ok().filter(|answer| answer.status.is_success())?;
        let offset = answer.header(&RANGE).and_then(quirks::bytes_there).filter(|there| *there <= reached)?;
        let location = answer.location().ok()?.unwrap_or_else(|| location.clone());
        Some(Point { location, offset })
    }

    async fn start(&self) -> Result<Url, RemoteError> {
        let answer = self.call(&self.ask(Method::POST, "blobs/uploads/")).await?;
        if !answer.status.is_success() {
            return Err(self.refused(&answer, content::Item::Repository).into());
        }
        answer.location()?.ok_or_else(|| answer.broken("a Location header"))
    }

    /// POST, then one PUT with all bytes (distribution-spec 1.1, "POST then PUT"); what was taken up
    /// goes on by one PATCH, and ends with a PUT without bytes.
    async fn send_whole(&self, blob: &Descriptor, from: &dyn Source, point: Point, reached: &Reached) -> Result<(), Halt> {
        let Point { location, offset } = point;
        if offset == 0 {
            let ask = self.put_to(finishing(location, blob)).with_payload(Payload::Blob { blob, from, offset, reached });
            return self.judge_whole(blob, &self.call(&ask).await?);
        }
        let mut last = location.clone();
        if offset < blob.size {
            let range = quirks::content_range(offset, blob.size - offset);
            let mut ask = self.put_to(location.clone()).with_header(CONTENT_RANGE, &range).with_payload(Payload::Blob {
                blob,
                from,
                offset,
                reached,
            });
            ask.method = Method::PATCH;
            let answer = self.call(&ask).await?;
            // 416 is about the offset here: what came of the question how much is there.
            if !quirks::took_piece(answer.status) {
                return Err(self.not_taken(&answer));
            }
            last = answer.location()?.unwrap_or(location);
        }
        self.finish(last, blob).await
    }

    fn judge_whole(&self, blob: &Descriptor, answer: &Answer) -> Result<(), Halt> {
        match answer.status {
            status if status.is_success() => Ok(()),
            _ if quirks::wants_pieces(answer, blob.size > PIECE as u64) => Err(Halt::TooLarge),
            _ => Err(self.not_taken(answer)),
        }
    }

    /// Ends an upload whose bytes are all there.
    pub(crate) async fn finish(&self, location: Url, blob: &Descriptor) -> Result<(), Halt> {
        let answer = self.call(&self.put_to(finishing(location, blob))).await?;
        if answer.status.is_success() { Ok(()) } else { Err(self.not_taken(&answer)) }
    }

    pub(crate) fn not_taken(&self, answer: &Answer) -> Halt {
        let error = answer.unexpected();
        // 404: the registry knows nothing of the upload any more, as after its restart.
        let again = error.is_passing() || answer.status == StatusCode::NOT_FOUND;
        Halt::Failed { error, again, after: retry_after(&answer.headers, (self.settings().now)()) }
    }

    pub(crate) fn put_to(&self, location: Url) -> Ask<'_> {
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
