//! One clause in one place: what it needs, and how it says that something does not hold.

use std::fmt::{Debug, Display};
use std::sync::Arc;

use bytes::Bytes;
use content::{Abilities, BlobReader, Error, Expected, Item, Place, Result, Tagged};
use futures_util::TryStreamExt;
use oci::{Descriptor, Digest, RawManifest, Selector};

use super::Clause;
use crate::fixtures::{self, BuiltImage};

/// A clause under test.
pub(super) struct Case {
    clause: Clause,
    pub(super) place: Arc<dyn Place>,
}

/// The selector of a tag.
pub(super) fn named(tag: &str) -> Selector {
    Selector::Name(tag.to_owned())
}

/// The selector of a digest.
pub(super) fn by_digest(digest: &Digest) -> Selector {
    Selector::Digest(digest.clone())
}

impl Case {
    pub(super) fn new(clause: Clause, place: Arc<dyn Place>) -> Self {
        Self { clause, place }
    }

    pub(super) fn abilities(&self) -> Abilities {
        self.place.abilities()
    }

    /// Ends the test.
    #[track_caller]
    pub(super) fn fail(&self, what: impl Display) -> ! {
        panic!("{} breaks the contract's clause {:?}: {what}\nthe contract: {}", self.place.name(), self.clause, self.clause.sentence());
    }

    #[track_caller]
    pub(super) fn claim(&self, holds: bool, what: impl Display) {
        if !holds {
            self.fail(what);
        }
    }

    #[track_caller]
    pub(super) fn equal<T: Debug + PartialEq>(&self, what: impl Display, expected: T, got: T) {
        self.claim(expected == got, format_args!("{what}: expected {expected:?}, got {got:?}"));
    }

    /// Compares bytes without printing megabytes.
    #[track_caller]
    pub(super) fn same_bytes(&self, what: impl Display, expected: &[u8], got: &[u8]) {
        let shown = |bytes: &[u8]| format!("{} bytes, {}", bytes.len(), Digest::of(bytes));
        self.claim(expected == got, format_args!("{what}: expected {}, got {}", shown(expected), shown(got)));
    }

    #[track_caller]
    pub(super) fn ok<T>(&self, what: impl Display, result: Result<T>) -> T {
        match result {
            Ok(value) => value,
            Err(error) => self.fail(format_args!("{what}: expected success, got {}", chain(&error))),
        }
    }

    #[track_caller]
    pub(super) fn error<T>(&self, what: impl Display, result: Result<T>) -> Error {
        match result {
            Ok(_) => self.fail(format_args!("{what}: expected an error, got success")),
            Err(error) => error,
        }
    }

    #[track_caller]
    pub(super) fn missing<T>(&self, what: impl Display, result: Result<T>) {
        let error = self.error(&what, result);
        self.claim(error.is_missing(), format_args!("{what}: expected Error::Missing, got {}", chain(&error)));
    }

    #[track_caller]
    pub(super) fn unsupported<T>(&self, what: impl Display, result: Result<T>) {
        let error = self.error(&what, result);
        self.claim(matches!(error, Error::Unsupported { .. }), format_args!("{what}: expected Error::Unsupported, got {}", chain(&error)));
    }

    /// Wants the error for a name that moved, with both digests right.
    #[track_caller]
    pub(super) fn moved<T>(&self, what: impl Display, result: Result<T>, wanted: &Expected, there: Option<&Digest>) {
        match self.error(&what, result) {
            Error::Moved { expected, found, .. } => {
                self.equal(format_args!("{what}: the expectation in Error::Moved"), wanted, &expected);
                self.equal(format_args!("{what}: the digest found in Error::Moved"), there, found.as_ref());
            }
            other => self.fail(format_args!("{what}: expected Error::Moved, got {}", chain(&other))),
        }
    }

    /// Puts an image, blobs first, without a name.
    pub(super) async fn put(&self, image: &BuiltImage) {
        let source = fixtures::in_memory(&[image], &[]).await;
        for (blob, _) in image.blobs() {
            self.ok(format_args!("putting the blob {}", blob.digest), self.place.put_blob(blob, &source).await);
        }
        self.ok("putting the manifest", self.place.put_manifest(&image.manifest).await);
    }

    /// Points a name at a manifest, whatever is there.
    pub(super) async fn tag(&self, tag: &str, root: &RawManifest) -> Tagged {
        self.ok(format_args!("tagging {tag}"), self.place.tag(&named(tag), root, &Expected::Any).await)
    }

    /// Reads what a name points at.
    pub(super) async fn at(&self, tag: &str) -> RawManifest {
        self.ok(format_args!("reading {tag}"), self.place.manifest(&named(tag)).await)
    }

    /// Lists the names. A repository that does not exist yet may say so: that is no name either.
    pub(super) async fn tags(&self) -> Vec<String> {
        match self.place.tags().await {
            Err(Error::Missing { item: Item::Repository, .. }) => Vec::new(),
            other => self.ok("listing the tags", other),
        }
    }

    /// Wants that a tag is not there, neither listed nor read.
    pub(super) async fn no_tag(&self, when: &str, tag: &str) {
        self.claim(!self.tags().await.iter().any(|listed| listed == tag), format_args!("{when}: {tag} is listed"));
        self.missing(format_args!("{when}: resolving {tag}"), self.place.resolve(&named(tag)).await);
    }

    pub(super) async fn has(&self, what: &str, child: &Descriptor) -> bool {
        self.ok(format_args!("asking for {what} {}", child.digest), self.place.has(child).await)
    }

    /// Reads a whole blob; the reader has checked it.
    pub(super) async fn read(&self, blob: &Descriptor) -> Bytes {
        let reader: BlobReader = self.ok(format_args!("opening the blob {}", blob.digest), self.place.blob(blob).await);
        self.equal("the length that the reader promises", blob.size, reader.size());
        let chunks: Vec<Bytes> = self.ok(format_args!("reading the blob {}", blob.digest), reader.into_stream().try_collect().await);
        chunks.concat().into()
    }
}

/// Says an error with everything behind it.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = format!("{error:?} ({error}");
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text + ")"
}
