//! What the registry holds, in memory.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use oci::{Digest, RawManifest};

/// Something, and since when it is there.
pub(super) struct Since<T> {
    pub what: T,
    pub at: Instant,
}

impl<T> Since<T> {
    fn now(what: T) -> Self {
        Self { what, at: Instant::now() }
    }
}

/// A tag.
pub(super) struct Named {
    pub digest: Digest,
    /// What it pointed at before.
    pub before: Option<Digest>,
}

/// An upload under way.
#[derive(Default)]
pub(super) struct Upload {
    pub bytes: BytesMut,
    /// Counts its answers: each names an address of its own, and only the last one is good.
    pub turn: u32,
}

/// One repository.
#[derive(Default)]
pub(super) struct Repository {
    pub blobs: HashMap<Digest, Since<Bytes>>,
    pub manifests: HashMap<Digest, Since<RawManifest>>,
    pub tags: BTreeMap<String, Since<Named>>,
    pub uploads: HashMap<String, Upload>,
}

impl Repository {
    pub(super) fn keep_blob(&mut self, digest: Digest, bytes: Bytes) {
        self.blobs.entry(digest).or_insert_with(|| Since::now(bytes));
    }

    pub(super) fn keep_manifest(&mut self, manifest: RawManifest) {
        self.manifests.entry(manifest.digest().clone()).or_insert_with(|| Since::now(manifest));
    }

    /// Points a tag at a digest; what it shows while that is news is what it showed before.
    pub(super) fn move_tag(&mut self, tag: &str, digest: &Digest) {
        let before = self.tags.get(tag).map(|named| named.what.digest.clone());
        if before.as_ref() != Some(digest) {
            self.tags.insert(tag.to_owned(), Since::now(Named { digest: digest.clone(), before }));
        }
    }
}

/// Everything, by the names of repositories.
#[derive(Default)]
pub(super) struct Shelf {
    pub repositories: HashMap<String, Repository>,
    pub uploads_begun: u64,
}

impl Shelf {
    pub(super) fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }
}
