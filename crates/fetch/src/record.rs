//! What is remembered of an address: what it led to, and by what its server knows that. No login is part of it.

use content::{Keep, Shelf};
use oci::Digest;
use serde::{Deserialize, Serialize};

/// The form of records; one of another form is none.
const FORM: u32 = 1;

/// What an address led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    form: u32,
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
    pub(crate) const fn new(digest: Digest, size: u64) -> Self {
        Self { form: FORM, digest, size, etag: None, modified: None, checked: Vec::new() }
    }

    /// Reads what is remembered of an address.
    pub(crate) fn read(keep: &dyn Keep, url: &str) -> Option<Self> {
        let record: Self = serde_json::from_slice(&keep.get(Shelf::Fetched, &key(url))?).ok()?;
        (record.form == FORM).then_some(record)
    }

    /// Remembers it.
    pub(crate) fn write(&self, keep: &dyn Keep, url: &str) {
        if let Ok(text) = serde_json::to_vec(self) {
            keep.put(Shelf::Fetched, &key(url), &text);
        }
    }

    /// Tells whether it has a checksum.
    pub(crate) fn has(&self, checksum: &Digest) -> bool {
        self.digest == *checksum || self.checked.contains(checksum)
    }
}

/// The files of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckoutRecord {
    form: u32,
    /// The blob: a tar of them.
    pub digest: Digest,
    /// Its length.
    pub size: u64,
    /// When the commit was made, in seconds since 1970.
    pub time: i64,
}

impl CheckoutRecord {
    pub(crate) const fn new(digest: Digest, size: u64, time: i64) -> Self {
        Self { form: FORM, digest, size, time }
    }

    /// Reads what is remembered of a commit; `what` says where it is from, and what of it was wanted.
    pub(crate) fn read(keep: &dyn Keep, what: &str, commit: &str) -> Option<Self> {
        let record: Self = serde_json::from_slice(&keep.get(Shelf::Fetched, &commit_key(what, commit))?).ok()?;
        (record.form == FORM).then_some(record)
    }

    /// Remembers it.
    pub(crate) fn write(&self, keep: &dyn Keep, what: &str, commit: &str) {
        if let Ok(text) = serde_json::to_vec(self) {
            keep.put(Shelf::Fetched, &commit_key(what, commit), &text);
        }
    }
}

fn commit_key(what: &str, commit: &str) -> Digest {
    Digest::of(format!("commit {commit} of {what}").as_bytes())
}

fn key(url: &str) -> Digest {
    Digest::of(format!("download {url}").as_bytes())
}
