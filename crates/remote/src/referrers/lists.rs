//! What this process entered into lists of referrers, where a registry keeps none itself.
//!
//! Such a list is a tag that is read, changed and written (distribution-spec 1.1, "Referrers Tag
//! Schema"). Whoever has the turn writes for all who wait, so that many referrers of one image cost
//! one write, and always with all that this process has entered before: a registry that shows an
//! old list for a while makes none of them forgotten.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use oci::{Descriptor, Digest};

/// The lists of one host.
#[derive(Default)]
pub(crate) struct Lists {
    lists: Mutex<HashMap<(String, Digest), Arc<List>>>,
    /// Which repositories have the referrers API, where that was seen.
    api: Mutex<HashMap<String, bool>>,
}

/// What one list must hold.
#[derive(Default)]
pub(crate) struct List {
    entries: Mutex<BTreeMap<Digest, Entered>>,
    /// Held while the list is read and written.
    pub turn: tokio::sync::Mutex<()>,
}

struct Entered {
    descriptor: Descriptor,
    written: bool,
}

impl Lists {
    /// Returns the list about a subject.
    pub(crate) fn about(&self, repository: &str, subject: &Digest) -> Arc<List> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.entry((repository.to_owned(), subject.clone())).or_default().clone()
    }

    /// Drops a referrer that was removed from its repository.
    pub(crate) fn forget(&self, repository: &str, digest: &Digest) {
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, list) in lists.iter().filter(|((own, _), _)| own == repository) {
            list.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(digest);
        }
    }

    /// Tells whether a repository has the API, if that was seen.
    pub(crate) fn has_api(&self, repository: &str) -> Option<bool> {
        self.api.lock().unwrap_or_else(PoisonError::into_inner).get(repository).copied()
    }

    /// Notes whether a repository has the API.
    pub(crate) fn note_api(&self, repository: &str, has: bool) {
        self.api.lock().unwrap_or_else(PoisonError::into_inner).insert(repository.to_owned(), has);
    }
}

impl List {
    /// Enters a referrer, to be written.
    pub(crate) fn enter(&self, descriptor: Descriptor) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.insert(descriptor.digest.clone(), Entered { descriptor, written: false });
    }

    /// Tells whether somebody else has written it meanwhile.
    pub(crate) fn is_written(&self, digest: &Digest) -> bool {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).get(digest).is_none_or(|entered| entered.written)
    }

    /// Returns all that the list must hold, in the order of the digests.
    pub(crate) fn all(&self) -> Vec<Descriptor> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).values().map(|entered| entered.descriptor.clone()).collect()
    }

    /// Notes what is in the list now.
    pub(crate) fn written(&self, descriptors: &[Descriptor]) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        for descriptor in descriptors {
            if let Some(entered) = entries.get_mut(&descriptor.digest) {
                entered.written = true;
            }
        }
    }
}
