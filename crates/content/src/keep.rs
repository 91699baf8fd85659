//! What builds remember: small documents by shelf and key.
//!
//! A key is the digest of all that a document depends on, so what is kept under one never changes its
//! meaning; it may only be gone.

use bytes::Bytes;
use oci::Digest;

use crate::Forgetful;

/// The length in bytes of the longest document that is kept.
pub const MAX_KEPT_SIZE: u64 = 64 << 20;

/// What a document tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shelf {
    /// The layers that steps became.
    Steps,
    /// Which steps were met before, whatever was in their files.
    Shapes,
    /// What the files of a context hash to.
    Files,
    /// What is where in a base.
    Paths,
    /// What addresses led to.
    Fetched,
}

impl Shelf {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Steps, Self::Shapes, Self::Files, Self::Paths, Self::Fetched];

    /// Returns its one word, as it stands in paths and in what other programs read.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::Shapes => "shapes",
            Self::Files => "files",
            Self::Paths => "paths",
            Self::Fetched => "fetched",
        }
    }
}

/// A memory of documents, kept by somebody with a disk.
///
/// A document comes back as it was put, or not at all; losing everything costs time, never correctness.
/// Both calls may wait for a disk.
pub trait Keep: Send + Sync {
    /// Returns a document, where it is still there and whole. Whoever asks for it uses it: that counts for how long it stays.
    fn get(&self, shelf: Shelf, key: &Digest) -> Option<Bytes>;

    /// Keeps a document of at most [`MAX_KEPT_SIZE`] bytes, in the place of one that was there. Where that
    /// cannot be, nothing is kept.
    fn put(&self, shelf: Shelf, key: &Digest, bytes: &[u8]);
}

impl Keep for Forgetful {
    fn get(&self, _: Shelf, _: &Digest) -> Option<Bytes> {
        None
    }

    fn put(&self, _: Shelf, _: &Digest, _: &[u8]) {}
}
