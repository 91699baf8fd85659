//! What is remembered of an address: what it led to, and by what its server knows that. No login is part of it.

use content::{Keep, Shelf};
use oci::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What an address led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The blob.
    pub digest: Digest,
    /// Its length.
    pub size: u64,
    /// The server's `ETag`.
    pub etag: Option<String>,
    /// The server's `Last-Modified`, as it was sent.
    pub modified: Option<String>,
    /// Other checksums that it has, beside its digest.
    pub checked: Vec<Digest>,
}

impl Record {
    /// Tells whether it has a checksum.
    pub(crate) fn has(&self, checksum: &Digest) -> bool {
        self.digest == *checksum || self.checked.contains(checksum)
    }
}

/// The files of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckoutRecord {
    /// The blob: a tar of them.
    pub digest: Digest,
    /// Its length.
    pub size: u64,
    /// When the commit was made, in seconds since 1970.
    pub time: i64,
}

/// What is remembered, by what it is of. The number is that of the record's form: one of another form is never found.
pub(crate) struct Of(Digest);

impl Of {
    /// A [`Record`] of an address.
    pub(crate) fn download(url: &str) -> Self {
        Self(Digest::of(format!("download 1 {url}").as_bytes()))
    }

    /// A [`CheckoutRecord`] of a commit; `what` says where it is from, and what of it was wanted.
    pub(crate) fn checkout(what: &str, commit: &str) -> Self {
        Self(Digest::of(format!("commit 1 {commit} of {what}").as_bytes()))
    }

    /// Reads what is remembered.
    pub(crate) fn read<T: DeserializeOwned>(&self, keep: &dyn Keep) -> Option<T> {
        serde_json::from_slice(&keep.get(Shelf::Fetched, &self.0)?).ok()
    }

    /// Remembers it.
    pub(crate) fn write(&self, keep: &dyn Keep, record: &impl Serialize) {
        if let Ok(text) = serde_json::to_vec(record) {
            keep.put(Shelf::Fetched, &self.0, &text);
        }
    }
}
