//! Copies images from one place to another: blobs, then manifests, children before parents.
//!
//! It never names anything: moving a tag is the caller's last step, when all of this has succeeded.

use std::collections::HashMap;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Descriptor, Digest, RawManifest};
use tokio::sync::{OnceCell, Semaphore};

use crate::watched::Watched;
use crate::{Event, Events, Limits, Place, Placed, Result, Source, walk};

/// The size in bytes up to which a blob is a matter of round trips, not of bandwidth: configs and
/// attestations, for the most part.
const SMALL: u64 = 1024 * 1024;
/// Small blobs on their way at once.
const SMALL_WIDTH: usize = 16;
/// Blobs of one image that wait for their turn at once.
const QUEUE: usize = 64;

/// What a copy did, in pieces of content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Pieces whose bytes were sent.
    pub sent: u64,
    /// Blobs that the registry took from another of its repositories.
    pub mounted: u64,
    /// Pieces that were there already.
    pub present: u64,
    /// Bytes sent.
    pub bytes: u64,
}

impl AddAssign for Copied {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.mounted += other.mounted;
        self.present += other.present;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl Copied {
    /// Counts one piece.
    pub fn of(placed: Placed, size: u64) -> Self {
        let mut copied = Self::default();
        copied.add(placed, size);
        copied
    }

    fn add(&mut self, placed: Placed, size: u64) {
        match placed {
            Placed::Present => self.present += 1,
            Placed::Mounted => self.mounted += 1,
            Placed::Sent => {
                self.sent += 1;
                self.bytes = self.bytes.saturating_add(size);
            }
        }
    }
}

/// Copies `root` and everything below it, byte for byte.
///
/// # Errors
/// As [`Copier::copy`].
pub async fn copy(source: &dyn Source, target: &dyn Place, root: &RawManifest, limits: Limits, events: &Events) -> Result<Copied> {
    Copier::new(target, limits, events).copy(source, root).await
}

/// What is brought under a digest: the bytes of a manifest may be listed as a blob, too, and are no
/// manifest at the target for that.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Piece {
    Blob,
    Manifest,
}

/// A piece that is here, or on its way.
type Arrival = Arc<OnceCell<()>>;

/// Brings images to one place. Any number of them may be copied at once: what they have in common
/// is brought once, and no more blobs are on their way than the place likes.
pub struct Copier<'a> {
    target: &'a dyn Place,
    limits: Limits,
    events: &'a Events,
    /// The place, as events name it.
    name: String,
    /// What was brought, or is on its way.
    pieces: Mutex<HashMap<(Piece, Digest), Arrival>>,
    large: Semaphore,
    small: Semaphore,
}

impl<'a> Copier<'a> {
    /// Prepares; nothing is asked of the place yet.
    pub fn new(target: &'a dyn Place, limits: Limits, events: &'a Events) -> Self {
        let width = target.width().max(1);
        Self {
            target,
            limits,
            events,
            name: target.name(),
            pieces: Mutex::default(),
            large: Semaphore::new(width),
            // A place that takes one thing at a time takes one small thing at a time.
            small: Semaphore::new(if width == 1 { 1 } else { SMALL_WIDTH }),
        }
    }

    /// Returns the place that is copied to.
    pub const fn target(&self) -> &'a dyn Place {
        self.target
    }

    /// Returns how far it follows an image.
    pub(crate) const fn limits(&self) -> Limits {
        self.limits
    }

    /// Tells that a manifest is at the place already, with all that it needs.
    pub(crate) fn was_there(&self, manifest: &RawManifest) -> Copied {
        let placed = Placed::Present;
        self.events.tell(Event::Manifest { manifest: manifest.descriptor(), placed, place: self.name.clone() });
        Copied::of(placed, manifest.bytes().len() as u64)
    }

    /// Copies `root` and everything below it, byte for byte.
    ///
    /// # Errors
    /// Stops at the first piece that cannot be read or written. What was written by then is content
    /// without a name, and is found again by the next try.
    pub async fn copy(&self, source: &dyn Source, root: &RawManifest) -> Result<Copied> {
        let mut copied = self.copy_below(source, root).await?;
        copied.add(self.manifest(root).await?, root.bytes().len() as u64);
        Ok(copied)
    }

    /// Copies everything below `root`, and not `root` itself: it comes with its name, where
    /// [`Place::names_bring`] says so.
    ///
    /// # Errors
    /// As [`Copier::copy`].
    pub async fn copy_below(&self, source: &dyn Source, root: &RawManifest) -> Result<Copied> {
        let tree = walk(source, root, Some(self.target), self.limits).await?;
        let mut copied = Copied { present: tree.present.len() as u64, ..Copied::default() };
        self.events.tell(Event::Planned { blobs: tree.blobs.clone(), place: self.name.clone() });
        let mut arriving = stream::iter(&tree.blobs)
            .map(|share| async move { self.blob(source, &share.blob).await.map(|placed| (&share.blob, placed)) })
            .buffer_unordered(QUEUE);
        while let Some((blob, placed)) = arriving.try_next().await? {
            copied.add(placed, blob.size);
        }
        drop(arriving);
        // One depth at a time: a parent is put only when all its children are there.
        let below = tree.manifests.iter().take_while(|(depth, _)| *depth > 0).count();
        let mut rest = tree.manifests.get(..below).unwrap_or_default();
        while let Some((depth, _)) = rest.first() {
            let length = rest.iter().take_while(|(other, _)| other == depth).count();
            let (level, above) = rest.split_at(length);
            rest = above;
            let placed: Vec<Placed> =
                stream::iter(level).map(|(_, manifest)| self.manifest(manifest)).buffered(SMALL_WIDTH).try_collect().await?;
            for ((_, manifest), placed) in level.iter().zip(placed) {
                copied.add(placed, manifest.bytes().len() as u64);
            }
        }
        Ok(copied)
    }

    /// Brings one blob.
    ///
    /// # Errors
    /// As [`crate::Sink::put_blob`].
    pub async fn blob(&self, source: &dyn Source, blob: &Descriptor) -> Result<Placed> {
        let bring = || async {
            let lane = if blob.size > SMALL { &self.large } else { &self.small };
            // It is never closed; if it were, going without a turn would be right.
            let _turn = lane.acquire().await;
            let watched = Watched { source, target: &self.name, events: self.events };
            let placed = self.target.put_blob(blob, &watched).await?;
            self.events.tell(Event::Blob { blob: blob.clone(), placed, place: self.name.clone() });
            Ok(placed)
        };
        self.once(Piece::Blob, &blob.digest, bring).await
    }

    async fn manifest(&self, manifest: &RawManifest) -> Result<Placed> {
        let bring = || async {
            let _turn = self.small.acquire().await;
            let placed = self.target.put_manifest(manifest).await?;
            self.events.tell(Event::Manifest { manifest: manifest.descriptor(), placed, place: self.name.clone() });
            Ok(placed)
        };
        self.once(Piece::Manifest, manifest.digest(), bring).await
    }

    /// Brings a piece unless it was brought before; where it is on its way, waits for it.
    async fn once<F: Future<Output = Result<Placed>>>(&self, piece: Piece, digest: &Digest, bring: impl FnOnce() -> F) -> Result<Placed> {
        let cell = Arc::clone(self.pieces.lock().unwrap_or_else(PoisonError::into_inner).entry((piece, digest.clone())).or_default());
        let mut placed = Placed::Present;
        let slot = &mut placed;
        cell.get_or_try_init(|| async move {
            *slot = bring().await?;
            Ok::<_, crate::Error>(())
        })
        .await?;
        Ok(placed)
    }
}

impl std::fmt::Debug for Copier<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Copier").field("target", &self.name).finish_non_exhaustive()
    }
}
