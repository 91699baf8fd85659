//! What was read before: small documents by digest, and what names pointed at.
//!
//! Content that is named by its digest never changes, so a place may answer from memory; what a
//! name points at does change, so a remembered digest only lets a registry answer "still that".

use std::sync::Arc;

use bytes::Bytes;
use oci::Digest;

/// A memory of documents, kept by somebody with a disk.
///
/// Answers are checked by whoever asks; losing everything costs requests, never correctness.
pub trait Recall: Send + Sync {
    /// Returns the bytes of a manifest or config seen before.
    fn document(&self, digest: &Digest) -> Option<Bytes>;

    /// Remembers the bytes of a manifest or config.
    fn keep_document(&self, digest: &Digest, bytes: &Bytes);

    /// Returns what a full reference pointed at when it was last seen.
    fn pointed_at(&self, reference: &str) -> Option<Digest>;

    /// Remembers what a full reference points at.
    fn keep_pointer(&self, reference: &str, digest: &Digest);

    /// Returns what was learned of a host, such as how it takes uploads. Only what every use checks
    /// is asked here: a host may change.
    fn fact(&self, _host: &str, _key: &str) -> Option<String> {
        None
    }

    /// Remembers something about a host in a few words; no words forget it.
    fn keep_fact(&self, _host: &str, _key: &str, _value: &str) {}
}

/// Remembers nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forgetful;

impl Forgetful {
    /// Returns it as the seam wants it.
    pub fn shared() -> Arc<dyn Recall> {
        Arc::new(Self)
    }
}

impl Recall for Forgetful {
    fn document(&self, _: &Digest) -> Option<Bytes> {
        None
    }

    fn keep_document(&self, _: &Digest, _: &Bytes) {}

    fn pointed_at(&self, _: &str) -> Option<Digest> {
        None
    }

    fn keep_pointer(&self, _: &str, _: &Digest) {}
}
