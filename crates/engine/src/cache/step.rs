//! One step that is sought: what it is known by, and how what is kept of it is found and kept.
//!
//! A record is kept under the step's key and the times of its entries. Files that were touched find it by a pointer under
//! the key alone. Such a pointer counts only for builds to come: of two platforms whose files differ in nothing but times,
//! each has its own layer, whichever is made first.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use content::{Keep, Shelf};
use graph::TreePath;
use oci::Digest;

use super::key::{Shape, StepKey, origins, times};
use super::learning::hash_all;
use super::record::{decode, encode};
use super::{Found, Wanted, identity_of};
use crate::pack::{PackError, Packed, each_once, sources};

/// The steps whose layers this build made, each with the times that its pointer leads to.
pub(super) type Made = Mutex<HashMap<StepKey, Digest>>;

/// A step, and what it is known by.
pub(super) struct Sought {
    pub(super) wanted: Wanted,
    shape: Shape,
    times: Digest,
    /// What is in its layer, once that is known.
    content: OnceLock<Digest>,
}

impl Sought {
    /// Works out what a step is known by; its key, where it is known what is in its files.
    pub(super) fn new(wanted: Wanted) -> (Self, Option<StepKey>) {
        let shape = Shape::of(&wanted.lay, &wanted.settings, &wanted.words);
        let times = times(&wanted.lay);
        let key = StepKey::of(&shape, &wanted.lay, |path| wanted.contents.identity(path));
        let sought = Self { wanted, shape, times, content: OnceLock::new() };
        if key.is_some() {
            sought.note(|path| sought.wanted.contents.identity(path));
        }
        (sought, key)
    }

    /// Notes what is in its layer.
    fn note(&self, identity: impl Fn(&TreePath) -> Option<Digest>) {
        if let Some(content) = identity_of(&self.wanted.lay, identity) {
            // Who was first found the same.
            let _ = self.content.set(content);
        }
    }

    /// Returns its layer, with what is known of that.
    pub(super) fn found(&self, packed: Packed, is_cached: bool) -> Found {
        Found { packed, is_cached, content: self.content.get().cloned() }
    }

    /// Returns what steps have in common that are worked on once: everything, times included. Where it is not known what
    /// is in the files, they are the same only where these are the same ones.
    pub(super) fn same(&self, key: Option<&StepKey>) -> Digest {
        let files = match key {
            Some(key) => key.digest().to_string(),
            None => {
                let contents = Arc::as_ptr(&self.wanted.contents).cast::<()>().addr();
                format!("{} {contents} {}", self.shape.digest(), origins(&self.wanted.lay))
            }
        };
        Digest::of(format!("{files} {} {:?}", self.times, self.wanted.reuse).as_bytes())
    }

    /// Lists the files that have to be read for the key; `None` where no step like it was ever met, so that its layer
    /// cannot be there.
    pub(super) fn unknown(&self, keep: &dyn Keep) -> Option<Vec<TreePath>> {
        keep.get(Shelf::Shapes, self.shape.digest())?;
        Some(each_once(sources(&self.wanted.lay).filter(|path| self.wanted.contents.identity(path).is_none())))
    }

    /// Reads these files, and returns the key.
    pub(super) fn read(&self, unknown: &[TreePath], begun: SystemTime) -> Result<Option<StepKey>, PackError> {
        let contents = self.wanted.contents.as_ref();
        let hashes = hash_all(contents, unknown, self.wanted.settings.threads)?;
        hashes.iter().for_each(|(path, hash)| contents.learn(path, hash, begun));
        let identity = |path: &TreePath| hashes.get(path).cloned().or_else(|| contents.identity(path));
        self.note(identity);
        Ok(StepKey::of(&self.shape, &self.wanted.lay, identity))
    }

    /// Returns what is kept of a layer.
    pub(super) fn recall(&self, keep: &dyn Keep, made: &Made, key: &StepKey) -> Option<Packed> {
        let exact = keep.get(Shelf::Steps, &self.exact(key));
        let record = exact.or_else(|| {
            let pointer = keep.get(Shelf::Shapes, key.digest())?;
            // Looked at after the pointer: whoever writes one enters it there first.
            let is_own = made.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key);
            let pointer: Digest = std::str::from_utf8(&pointer).ok().filter(|_| !is_own)?.parse().ok()?;
            keep.get(Shelf::Steps, &pointer)
        });
        decode(&record?)
    }

    /// Keeps what was made. `passed` is what files hashed to on their way into the layer; nothing where one was not the
    /// same each time, whose step is then known by nothing. Returns what the record is kept under.
    pub(super) fn keep(
        &self,
        keep: &dyn Keep,
        made: &Made,
        passed: &BTreeMap<TreePath, Option<Digest>>,
        packed: &Packed,
    ) -> Option<Digest> {
        let identity = |path: &TreePath| match passed.get(path) {
            Some(hash) => hash.clone(),
            None => self.wanted.contents.identity(path),
        };
        self.note(identity);
        let key = StepKey::of(&self.shape, &self.wanted.lay, identity)?;
        let exact = self.exact(&key);
        keep.put(Shelf::Steps, &exact, &encode(packed));
        let leads = {
            let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
            // Not the last one, which may be another one each time.
            let leads = made.get(&key).is_none_or(|times| self.times < *times);
            if leads {
                made.insert(key.clone(), self.times.clone());
            }
            leads
        };
        if leads {
            keep.put(Shelf::Shapes, key.digest(), exact.to_string().as_bytes());
        }
        keep.put(Shelf::Shapes, self.shape.digest(), &[]);
        Some(exact)
    }

    /// Returns what the record of a step with these very times is kept under.
    pub(super) fn exact(&self, key: &StepKey) -> Digest {
        Digest::of(format!("{} at {}", key.digest(), self.times).as_bytes())
    }
}
