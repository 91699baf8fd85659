//! Uploads that are under way: each is a draft of the library, held for one client's next request.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{StatusCode, header};
use content::{Draft, Library};
use oci::{Descriptor, Digest};

use crate::intake::Intake;
use crate::refusal::{Code, Refusal};
use crate::respond::UPLOAD_ID;
use crate::routes::Repository;
use crate::server::Limits;

/// Seconds after which there may be room for one more upload.
const RETRY_AFTER: &str = "10";

/// All uploads of a registry.
pub(crate) struct Uploads {
    sessions: Mutex<HashMap<String, Arc<Session>>>,
    idle: Duration,
    most: usize,
    largest: u64,
}

/// One upload.
pub(crate) struct Session {
    id: String,
    repository: Repository,
    /// The bytes so far. Requests to one session wait for each other; `None` once it is over.
    draft: tokio::sync::Mutex<Option<Box<dyn Draft>>>,
    /// Seen by those who only ask, while another request writes.
    progress: Mutex<Progress>,
}

#[derive(Clone, Copy)]
struct Progress {
    size: u64,
    touched: Instant,
}

impl Session {
    /// Returns where the client goes on.
    pub(crate) fn location(&self) -> String {
        format!("/v2/{}/blobs/uploads/{}", self.repository, self.id)
    }

    /// Returns the session's id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Returns what is there, as the `Range` header says it. Of nothing it says `0-0`, as
    /// distribution does: the grammar has no empty range.
    pub(crate) fn range(&self) -> String {
        format!("0-{}", self.progress().size.saturating_sub(1))
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self, size: u64) {
        *self.progress() = Progress { size, touched: Instant::now() };
    }

    /// Writes what the client sends behind what is there.
    async fn write(
        &self,
        draft: &mut Option<Box<dyn Draft>>,
        intake: &mut Intake,
        part: Option<Range<u64>>,
        largest: u64,
    ) -> Result<(), Refusal> {
        let open = draft.as_mut().ok_or_else(|| Refusal::upload_unknown(&self.repository))?;
        if let Some(part) = &part
            && part.start != open.size()
        {
            let message = format!("the chunk is out of order: expected it to start at {}, got {}", open.size(), part.start);
            return Err(self.stays(Refusal::new(Code::RangeInvalid, message)));
        }
        if open.size().saturating_add(intake.announced().unwrap_or(0)) > largest {
            *draft = None;
            return Err(too_large(largest));
        }
        while let Some(bytes) = intake.next().await? {
            if open.size().saturating_add(bytes.len() as u64) > largest {
                *draft = None;
                return Err(too_large(largest));
            }
            if let Some(part) = &part
                && open.size().saturating_add(bytes.len() as u64) > part.end
            {
                return Err(self.stays(wrong_length(part)));
            }
            if let Err(error) = open.write(bytes).await {
                *draft = None;
                return Err(Refusal::failed(error));
            }
            self.touch(open.size());
        }
        match part {
            Some(part) if part.end != open.size() => Err(self.stays(wrong_length(&part))),
            _ => Ok(()),
        }
    }

    /// Says where the upload stands, so that the client can go on.
    fn stays(&self, refusal: Refusal) -> Refusal {
        refusal.header(header::RANGE, &self.range()).header(header::LOCATION, &self.location()).header(UPLOAD_ID, &self.id)
    }
}

fn wrong_length(part: &Range<u64>) -> Refusal {
    Refusal::new(Code::SizeInvalid, format!("the chunk's length is wrong: expected {} bytes, as Content-Range says", part.end - part.start))
}

impl Uploads {
    /// Begins with none; at most so many at once, each forgotten when nobody touched it for so long.
    pub(crate) fn new(limits: Limits) -> Self {
        Self { sessions: Mutex::default(), idle: limits.upload_idle, most: limits.uploads, largest: limits.blob }
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// Refuses one too many.
    pub(crate) async fn start(&self, repository: &Repository, library: &dyn Library) -> Result<Arc<Session>, Refusal> {
        self.sweep();
        // Before there is a file, and again with it, as others may have come in between.
        self.check_room(self.sessions().len())?;
        let mut draft = library.draft().await.map_err(Refusal::failed)?;
        draft.rest().await.map_err(Refusal::failed)?;
        let mut sessions = self.sessions();
        self.check_room(sessions.len())?;
        let progress = Progress { size: draft.size(), touched: Instant::now() };
        let id = random_id();
        let session = Session {
            id: id.clone(),
            repository: repository.clone(),
            draft: tokio::sync::Mutex::new(Some(draft)),
            progress: Mutex::new(progress),
        };
        let session = Arc::new(session);
        sessions.insert(id, Arc::clone(&session));
        Ok(session)
    }

    fn check_room(&self, now: usize) -> Result<(), Refusal> {
        if now < self.most {
            return Ok(());
        }
        let message = format!("too many uploads at once: expected at most {}; finish one, or give one up", self.most);
        Err(Refusal::new(Code::TooManyRequests, message).header(header::RETRY_AFTER, RETRY_AFTER))
    }

    /// Finds an upload of a repository.
    ///
    /// # Errors
    /// Refuses an id that is not known there.
    pub(crate) fn find(&self, repository: &Repository, id: &str) -> Result<Arc<Session>, Refusal> {
        let found = self.sessions().get(id).filter(|session| session.repository == *repository).cloned();
        found.ok_or_else(|| Refusal::upload_unknown(repository))
    }

    /// Adds what the client sends. What arrived before a connection broke stays, for a client that
    /// asks how far it came and goes on.
    ///
    /// # Errors
    /// Refuses a chunk out of order, one of another length than it says, and everything after the
    /// library failed.
    pub(crate) async fn append(&self, session: &Session, intake: &mut Intake, part: Option<Range<u64>>) -> Result<(), Refusal> {
        let mut draft = session.draft.lock().await;
        let written = session.write(&mut draft, intake, part, self.largest).await;
        if let Some(open) = draft.as_mut() {
            // The next chunk may be long in coming, and there may be a thousand such uploads.
            if let Err(error) = open.rest().await {
                *draft = None;
                self.forget(session);
                return Err(Refusal::failed(error));
            }
        } else {
            self.forget(session);
        }
        written
    }

    /// Adds the last bytes, checks the digest, and ends the upload, well or not.
    ///
    /// # Errors
    /// As [`Uploads::append`], where the upload goes on; and refuses bytes of another digest.
    pub(crate) async fn finish(
        &self,
        session: &Session,
        intake: &mut Intake,
        part: Option<Range<u64>>,
        digest: &Digest,
    ) -> Result<Descriptor, Refusal> {
        let mut draft = session.draft.lock().await;
        let written = session.write(&mut draft, intake, part, self.largest).await;
        if draft.is_none() {
            self.forget(session);
        }
        written?;
        self.forget(session);
        let draft = draft.take().ok_or_else(|| Refusal::upload_unknown(&session.repository))?;
        draft.commit(digest).await.map_err(uncommitted)
    }

    /// Gives an upload up. A request that is writing to it is not waited for: it may take for ever,
    /// and the draft goes with it.
    pub(crate) fn cancel(&self, session: &Session) {
        self.forget(session);
        if let Ok(mut draft) = session.draft.try_lock() {
            *draft = None;
        }
    }

    /// Forgets uploads that nobody goes on with.
    pub(crate) fn sweep(&self) {
        // One that is locked is being written to, however slowly.
        let stale = |session: &Session| session.progress().touched.elapsed() > self.idle && session.draft.try_lock().is_ok();
        self.sessions().retain(|_, session| !stale(session));
    }

    fn forget(&self, session: &Session) {
        self.sessions().remove(&session.id);
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes all bytes of a blob at once.
///
/// # Errors
/// Refuses bytes of another digest, and more of them than are allowed.
pub(crate) async fn take_whole(
    mut draft: Box<dyn Draft>,
    intake: &mut Intake,
    digest: &Digest,
    largest: u64,
) -> Result<Descriptor, Refusal> {
    if intake.announced().is_some_and(|length| length > largest) {
        return Err(too_large(largest));
    }
    while let Some(bytes) = intake.next().await? {
        if draft.size().saturating_add(bytes.len() as u64) > largest {
            return Err(too_large(largest));
        }
        draft.write(bytes).await.map_err(Refusal::failed)?;
    }
    draft.commit(digest).await.map_err(uncommitted)
}

/// The specification has no code for it; SIZE_INVALID says what is wrong, the status what to do.
fn too_large(largest: u64) -> Refusal {
    Refusal::new(Code::SizeInvalid, format!("the blob is too large: this registry takes at most {largest} bytes"))
        .status(StatusCode::PAYLOAD_TOO_LARGE)
}

/// Refuses because a draft did not become a blob.
fn uncommitted(error: content::Error) -> Refusal {
    match error {
        content::Error::WrongDigest { item, got, .. } => {
            Refusal::new(Code::DigestInvalid, format!("{item}: expected these bytes to have its digest, got {got}"))
        }
        error => Refusal::failed(error),
    }
}

/// Makes an id that nobody guesses: 128 bits of the standard library's keyed hash, whose keys come
/// from the system's random source. It has the shape of a UUID, which its header is named after.
fn random_id() -> String {
    let [high, low] = [(); 2].map(|()| RandomState::new().hash_one("upload"));
    format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff, high & 0xffff, low >> 48, low & 0xffff_ffff_ffff)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use content::Memory;

    #[tokio::test]
    async fn idle_uploads_go_and_make_room() {
        let library = Memory::new();
        let repository: Repository = "hello".parse().unwrap();
        let uploads = Uploads::new(Limits { uploads: 1, upload_idle: Duration::from_millis(20), ..Limits::default() });
        let first = uploads.start(&repository, &library).await.unwrap();
        assert!(uploads.start(&repository, &library).await.is_err());
        tokio::time::sleep(Duration::from_millis(40)).await;
        let writing = first.draft.lock().await;
        assert!(uploads.start(&repository, &library).await.is_err(), "one in use is not idle");
        drop(writing);
        let second = uploads.start(&repository, &library).await.unwrap();
        assert!(uploads.find(&repository, first.id()).is_err());
        assert!(uploads.find(&repository, second.id()).is_ok());
        assert!(uploads.find(&"other".parse().unwrap(), second.id()).is_err(), "an upload belongs to its repository");
    }

    #[tokio::test]
    async fn giving_up_waits_for_nobody_who_writes() {
        let library = Memory::new();
        let uploads = Uploads::new(Limits { uploads: 1, ..Limits::default() });
        let repository: Repository = "hello".parse().unwrap();
        let session = uploads.start(&repository, &library).await.unwrap();
        let writing = session.draft.lock().await;
        uploads.cancel(&session);
        assert!(uploads.find(&repository, session.id()).is_err());
        assert!(writing.is_some(), "who writes has the draft to himself");
    }

    #[test]
    fn ids_are_long_and_all_different() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| random_id()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 36));
    }
}
