//! Copies an image from one place to another: blobs, then manifests, children before parents.
//!
//! It never names anything: moving a tag is the caller's last step, when all of this has succeeded.

use std::ops::AddAssign;

use futures_util::{StreamExt, TryStreamExt, stream};
use oci::RawManifest;

use crate::{Event, Events, Limits, Place, Placed, Result, Source, walk};

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
/// Stops at the first piece that cannot be read or written. What was written by then is content
/// without a name, and is found again by the next try.
pub async fn copy(source: &dyn Source, target: &dyn Place, root: &RawManifest, limits: Limits, events: &Events) -> Result<Copied> {
    let tree = walk(source, root, Some(target), limits).await?;
    let mut copied = Copied { present: tree.present.len() as u64, ..Copied::default() };
    let mut arriving = stream::iter(&tree.blobs)
        .map(|blob| async move { target.put_blob(blob, source).await.map(|placed| (blob, placed)) })
        .buffer_unordered(target.width().max(1));
    while let Some((blob, placed)) = arriving.try_next().await? {
        copied.add(placed, blob.size);
        events.tell(Event::Blob { blob: blob.clone(), placed, place: target.name() });
    }
    drop(arriving);
    // One depth at a time: a parent is put only when all its children are there.
    let mut rest = tree.manifests.as_slice();
    while let Some((depth, _)) = rest.first() {
        let length = rest.iter().take_while(|(other, _)| other == depth).count();
        let (level, above) = rest.split_at(length);
        rest = above;
        let placed: Vec<Placed> =
            stream::iter(level).map(|(_, manifest)| target.put_manifest(manifest)).buffered(target.width().max(1)).try_collect().await?;
        for ((_, manifest), placed) in level.iter().zip(placed) {
            copied.add(placed, manifest.bytes().len() as u64);
            events.tell(Event::Manifest { manifest: manifest.descriptor(), placed, place: target.name() });
        }
    }
    Ok(copied)
}
