//! What this process has seen or put in a host's repositories.
//!
//! It is never an answer, only a reason to ask: where something is likely to be there already, one
//! HEAD can save a PUT, and where it is not, the HEAD would be wasted.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use oci::{Digest, Thing};

/// Digests by repository and tag, or repository and digest.
#[derive(Default)]
pub(crate) struct Known(Mutex<HashMap<(String, String), Digest>>);

impl Known {
    /// Notes what a tag points at, or that a manifest is there.
    pub(crate) fn note(&self, repository: &str, thing: &Thing, digest: &Digest) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((repository.to_owned(), thing.to_string()), digest.clone());
    }

    /// Forgets that something is there: it is not, or not as it should be.
    pub(crate) fn forget(&self, repository: &str, thing: &Thing) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(repository.to_owned(), thing.to_string()));
    }

    /// Tells whether a tag was seen to point at a manifest, or the manifest to be there.
    pub(crate) fn expects(&self, repository: &str, thing: &Thing, digest: &Digest) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(repository.to_owned(), thing.to_string())) == Some(digest)
    }
}
