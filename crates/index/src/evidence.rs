//! What speaks for an image, as data: the matrix behind `inspect --referrers`.

mod kind;

pub use kind::EvidenceKind;

use std::collections::BTreeMap;

use content::{By, Error, LeftOut, Limits, Referrer, Referrers, Source, referring, subjects};
use futures_util::{StreamExt, TryFutureExt, TryStreamExt, future, stream};
use oci::{Digest, MediaType, RawManifest, Selector};
use serde::Serialize;

use crate::{Description, IndexError};
use kind::kinds_of;

/// What speaks for an image and its platforms.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The document itself, then each platform of an index.
    pub rows: Vec<EvidenceRow>,
    /// Each piece once, also what speaks of another piece and stands in no row.
    pub found: Vec<Piece>,
    /// What the place lists without having it, or wrongly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Omission>,
}

/// What speaks for one manifest.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceRow {
    /// The platform, or what the document is: `index`, `artifact`.
    pub name: String,
    /// The digest of the manifest.
    pub digest: Digest,
    /// How many pieces of each kind; all kinds are there.
    #[serde(flatten)]
    pub counts: BTreeMap<EvidenceKind, u64>,
}

/// One manifest that speaks for another.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Piece {
    /// The digest of its manifest.
    pub digest: Digest,
    /// What the manifest is.
    pub media_type: MediaType,
    /// The manifest's own length in bytes.
    pub size: u64,
    /// The kind of artifact, in its own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What it speaks of.
    pub subject: Digest,
    /// What it is evidence of, once for each statement in it.
    pub kinds: Vec<EvidenceKind>,
    /// How it is tied to its subject.
    pub ties: Vec<Tie>,
}

/// How evidence is tied to what it speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Tie {
    /// It stands in the same index (BuildKit).
    Embedded,
    /// It names its subject.
    Subject,
    /// An old tag of cosign's.
    Tag {
        /// The tag.
        tag: String,
    },
}

/// Something that was listed and does not count.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Omission {
    /// Which.
    pub digest: Digest,
    /// What it is listed for.
    pub subject: Digest,
    /// Why it does not count, as a sentence.
    pub why: String,
}

impl EvidenceRow {
    fn new(name: &str, digest: &Digest, pieces: &[Piece]) -> Self {
        let mut counts: BTreeMap<EvidenceKind, u64> = EvidenceKind::ALL.into_iter().map(|kind| (kind, 0)).collect();
        for kind in pieces.iter().filter(|piece| piece.subject == *digest).flat_map(|piece| &piece.kinds) {
            *counts.entry(*kind).or_default() += 1;
        }
        Self { name: name.to_owned(), digest: digest.clone(), counts }
    }

    /// Returns how many pieces of a kind there are.
    pub fn count(&self, kind: EvidenceKind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or_default()
    }
}

/// Finds all evidence for an image that was described already. Embedded attestations and whatever
/// refers to the document, its entries and its evidence are read, all at once.
///
/// # Errors
/// Where the place cannot answer, and where there is more than the limits allow.
pub async fn evidence(source: &dyn Source, root: &RawManifest, description: &Description, limits: Limits) -> Result<Evidence, IndexError> {
    let asked = subjects(source, root, limits)
        .and_then(|subjects| async move { referring(source, &with_embedded(subjects, description), limits).await });
    let (Referrers { found, left_out }, mut pieces) = future::try_join(asked, embedded(source, description, limits)).await?;
    found.iter().map(piece_of).for_each(|piece| join(&mut pieces, piece));
    let mut rows = Vec::new();
    if description.platforms.first().is_none_or(|first| first.digest != description.digest) {
        rows.push(EvidenceRow::new(description.kind, &description.digest, &pieces));
    }
    rows.extend(description.platforms.iter().map(|entry| EvidenceRow::new(&entry.platform, &entry.digest, &pieces)));
    Ok(Evidence { rows, found: pieces, left_out: left_out.iter().map(omission_of).collect() })
}

/// One platform of an index is asked for with the attestations that its index has for it.
fn with_embedded(mut subjects: Vec<Digest>, description: &Description) -> Vec<Digest> {
    let attestations = description.platforms.iter().flat_map(|entry| &entry.attestations);
    let more: Vec<Digest> =
        attestations.map(|attestation| &attestation.digest).filter(|digest| !subjects.contains(digest)).cloned().collect();
    subjects.extend(more);
    subjects
}

/// Reads the attestations that stand in the index itself; one that is not there is of no known kind.
async fn embedded(source: &dyn Source, description: &Description, limits: Limits) -> Result<Vec<Piece>, Error> {
    let listed = description.platforms.iter().flat_map(|entry| {
        entry.attestations.iter().map(|attestation| Piece {
            digest: attestation.digest.clone(),
            media_type: attestation.media_type.clone(),
            size: attestation.size,
            artifact_type: None,
            subject: entry.digest.clone(),
            kinds: vec![EvidenceKind::Other],
            ties: vec![Tie::Embedded],
        })
    });
    let listed: Vec<Piece> = listed.collect();
    stream::iter(listed).map(|piece| classify(source, piece)).buffered(limits.at_once.max(1)).try_collect().await
}

async fn classify(source: &dyn Source, mut piece: Piece) -> Result<Piece, Error> {
    match source.manifest(&Selector::Digest(piece.digest.clone())).await {
        Ok(manifest) => {
            piece.kinds = kinds_of(&manifest, std::iter::empty());
            piece.artifact_type = manifest.descriptor().artifact_type;
            Ok(piece)
        }
        Err(error) if error.is_missing() => Ok(piece),
        Err(error) => Err(error),
    }
}

fn piece_of(referrer: &Referrer) -> Piece {
    let descriptor = referrer.descriptor();
    let tie = |by: &By| match by {
        By::Subject => Tie::Subject,
        By::Tag(tag) => Tie::Tag { tag: tag.clone() },
    };
    Piece {
        kinds: kinds_of(&referrer.manifest, referrer.tags()),
        digest: descriptor.digest,
        media_type: descriptor.media_type,
        size: descriptor.size,
        // Old signatures have an image's config, which says nothing of them.
        artifact_type: descriptor.artifact_type.filter(|kind| !MediaType::from(kind.as_str()).is_image_config()),
        subject: referrer.subject.clone(),
        ties: referrer.by.iter().map(tie).collect(),
    }
}

/// Adds a piece. BuildKit's attestations since its version 0.30 stand in the index and name their subject, too: they are one piece.
fn join(pieces: &mut Vec<Piece>, piece: Piece) {
    match pieces.iter_mut().find(|other| other.digest == piece.digest && other.subject == piece.subject) {
        Some(other) => other.ties.extend(piece.ties),
        None => pieces.push(piece),
    }
}

fn omission_of(left_out: &LeftOut) -> Omission {
    Omission { digest: left_out.digest.clone(), subject: left_out.subject.clone(), why: left_out.to_string() }
}
