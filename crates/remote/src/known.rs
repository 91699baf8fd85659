//! What this process has seen or put in a host's repositories.
//!
//! It is never an answer, only a reason to ask: where something is likely to be there already, one
//! HEAD can save a PUT, and where it is not, the HEAD would be wasted. And where a registry does not
//! show yet what was just put (GHCR needs seconds), it is a reason to ask again.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use oci::Digest;

/// What is known of one name: a tag, or the digest of a manifest or blob.
#[derive(Clone, Default)]
struct Entry {
    /// What it points at; itself, where it is a digest.
    digest: Option<Digest>,
    /// What it pointed at before this process put it, as far as that was seen.
    before: Option<Digest>,
    /// When this process put it.
    put: Option<Instant>,
}

#[derive(Default)]
struct State {
    /// By repository and name.
    entries: HashMap<(String, String), Entry>,
    /// Repositories of which tags were seen to move, and tags that were refused to move.
    moving: HashSet<String>,
    fixed: HashSet<(String, String)>,
    /// Repositories that did not exist when they were asked for.
    absent: HashSet<String>,
}

/// What is known of the names in a host's repositories.
#[derive(Default)]
pub(crate) struct Known(Mutex<State>);

impl Known {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a read has shown; nothing, where there is no such name.
    pub(crate) fn note_seen(&self, repository: &str, name: &str, digest: Option<&Digest>) {
        let mut state = self.state();
        let entry = state.entries.entry((repository.to_owned(), name.to_owned())).or_default();
        if entry.digest.as_ref() != digest {
            *entry = Entry { digest: digest.cloned(), before: None, put: None };
        }
    }

    /// Notes that a repository does not exist yet.
    pub(crate) fn note_absent(&self, repository: &str) {
        self.state().absent.insert(repository.to_owned());
    }

    /// Tells whether nothing but what this process has put can be expected in a repository.
    pub(crate) fn is_new(&self, repository: &str) -> bool {
        self.state().absent.contains(repository)
    }

    /// Notes what this process has put under a name.
    pub(crate) fn note_put(&self, repository: &str, name: &str, digest: &Digest) {
        let mut state = self.state();
        let entry = state.entries.entry((repository.to_owned(), name.to_owned())).or_default();
        let before = if entry.digest.as_ref() == Some(digest) { entry.before.take() } else { entry.digest.take() };
        if before.as_ref().is_some_and(|before| before != digest) {
            state.moving.insert(repository.to_owned());
        }
        state
            .entries
            .insert((repository.to_owned(), name.to_owned()), Entry { digest: Some(digest.clone()), before, put: Some(Instant::now()) });
    }

    /// Forgets that something is there: it is not, or not as it should be.
    pub(crate) fn forget(&self, repository: &str, name: &str) {
        self.state().entries.remove(&(repository.to_owned(), name.to_owned()));
    }

    /// Forgets all names of a repository: something in it was removed, and what is gone is not late.
    pub(crate) fn forget_all(&self, repository: &str) {
        self.state().entries.retain(|(own, _), _| own != repository);
    }

    /// Tells whether this process pointed a tag at a manifest, or put the manifest.
    pub(crate) fn expects(&self, repository: &str, name: &str, digest: &Digest) -> bool {
        self.state()
            .entries
            .get(&(repository.to_owned(), name.to_owned()))
            .is_some_and(|entry| entry.put.is_some() && entry.digest.as_ref() == Some(digest))
    }

    /// Returns what a name pointed at when it was last seen or put; `None` where it never was.
    pub(crate) fn shown(&self, repository: &str, name: &str) -> Option<Option<Digest>> {
        self.state().entries.get(&(repository.to_owned(), name.to_owned())).map(|entry| entry.digest.clone())
    }

    /// Tells whether what a read shows may be older than what this process put: that is not there,
    /// or still what was there before, and the time that a registry may lag is not over.
    pub(crate) fn is_old(&self, repository: &str, name: &str, seen: Option<&Digest>, lag: Duration) -> bool {
        self.state().entries.get(&(repository.to_owned(), name.to_owned())).is_some_and(|entry| {
            entry.put.is_some_and(|put| put.elapsed() < lag)
                && entry.digest.as_ref() != seen
                && (seen.is_none() || seen == entry.before.as_ref())
        })
    }

    /// Tells whether this process has moved a tag of a repository to other content.
    pub(crate) fn moves(&self, repository: &str) -> bool {
        self.state().moving.contains(repository)
    }

    /// Notes that a tag was refused to move.
    pub(crate) fn note_fixed(&self, repository: &str, tag: &str) {
        self.state().fixed.insert((repository.to_owned(), tag.to_owned()));
    }

    /// Tells whether a tag was refused to move.
    pub(crate) fn is_fixed(&self, repository: &str, tag: &str) -> bool {
        self.state().fixed.contains(&(repository.to_owned(), tag.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_there_before_counts_as_old() {
        let (known, lag) = (Known::default(), Duration::from_secs(60));
        let [old, new, theirs] = ["old", "new", "theirs"].map(|text| Digest::of(text.as_bytes()));
        known.note_seen("app", "v1", Some(&old));
        assert!(!known.is_old("app", "v1", Some(&old), lag) && !known.moves("app"));
        known.note_put("app", "v1", &new);
        assert!(known.is_old("app", "v1", Some(&old), lag) && known.is_old("app", "v1", None, lag) && known.moves("app"));
        assert!(!known.is_old("app", "v1", Some(&new), lag));
        assert!(!known.is_old("app", "v1", Some(&theirs), lag), "somebody else moved it since");
        assert!(!known.is_old("app", "v1", Some(&old), Duration::ZERO));
        // Put a second time, it has been there before as well.
        known.note_put("app", "v1", &new);
        assert!(known.is_old("app", "v1", Some(&old), lag));
        known.note_seen("app", "v1", Some(&theirs));
        assert!(!known.is_old("app", "v1", Some(&old), lag) && known.shown("app", "v1") == Some(Some(theirs)));
    }
}
