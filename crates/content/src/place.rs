//! The contract of a place that holds content.
//!
//! Every kind of place passes the one suite in `testkit::contract`, so what is written here is
//! checked there.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use oci::{Descriptor, Digest, Platform, RawManifest, Selector};

use crate::{BlobReader, ByteStream, Error, Result};

/// A place seen by its readers. Reading never changes the place.
#[async_trait]
pub trait Source: Send + Sync {
    /// Returns the place as messages name it: `ghcr.io/acme/api`, `oci:dist`.
    fn name(&self) -> String;

    /// Finds what a selector points at, without its bytes (a registry answers a HEAD).
    ///
    /// # Errors
    /// [`Error::Missing`] where there is nothing, [`Error::Several`] where one must be named.
    async fn resolve(&self, selector: &Selector) -> Result<Descriptor>;

    /// Reads a manifest or index; the bytes are checked against the digest, if one is known.
    ///
    /// # Errors
    /// As [`Source::resolve`], and [`Error::Document`] for bytes that are no manifest.
    async fn manifest(&self, selector: &Selector) -> Result<RawManifest>;

    /// Opens a blob. The reader checks length and digest while it streams.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is none.
    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader>;

    /// Tells the size in bytes of a blob of which only the digest is known, or `None` where the blob
    /// is not here. A registry server asks this: its URLs name blobs by digest alone.
    ///
    /// The default knows no blob; a place that can be served overrides it (a file's length will do:
    /// the bytes themselves are checked when they are read).
    ///
    /// # Errors
    /// Only where the place cannot answer at all.
    async fn blob_size(&self, _digest: &Digest) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Opens a part of a blob: the bytes from `range.start` up to, without, `range.end`.
    ///
    /// The digest is checked only where the part reaches the blob's end, as the default reads all
    /// that comes before; a place that can seek may override it and check nothing. Whoever asks for
    /// parts checks the whole.
    ///
    /// # Errors
    /// As [`Source::blob`]; a blob that is shorter than its descriptor ends with an error.
    async fn blob_range(&self, blob: &Descriptor, range: Range<u64>) -> Result<ByteStream> {
        Ok(self.blob(blob).await?.into_range(range))
    }

    /// Tells whether a manifest or blob is here, whole.
    ///
    /// # Errors
    /// Only where the place cannot answer at all.
    async fn has(&self, child: &Descriptor) -> Result<bool>;

    /// Lists the manifests that name `subject` as theirs, in no order.
    ///
    /// # Errors
    /// Only where the place cannot answer at all; nobody referring is an empty list.
    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>>;

    /// Lists the names in the place, sorted.
    ///
    /// # Errors
    /// Only where the place cannot answer at all.
    async fn tags(&self) -> Result<Vec<String>>;

    /// Says where blobs can be mounted from, where that is possible.
    fn origin(&self) -> Option<Origin> {
        None
    }
}

/// A place seen by its writers.
///
/// Children are put before their parents. Nothing that was put is visible under a name until
/// [`Sink::tag`]; a writer that stops half-way, killed or refused, leaves every name as it was.
/// Putting what is there already is no error and moves no bytes.
#[async_trait]
pub trait Sink: Source {
    /// Brings a blob here from another place: by mounting, by copying, or not at all where it is
    /// here. The source may be asked for the bytes more than once (after a dropped connection).
    ///
    /// # Errors
    /// Wrong bytes are refused and leave nothing behind.
    async fn put_blob(&self, blob: &Descriptor, from: &dyn Source) -> Result<Placed>;

    /// Stores a manifest under its digest.
    ///
    /// # Errors
    /// A place may refuse one whose children are not here.
    async fn put_manifest(&self, manifest: &RawManifest) -> Result<Placed>;

    /// Points a name at a manifest that was put before. `Selector::Only` is the one nameless entry
    /// of a layout; `Selector::Digest` needs no name and does nothing more. Where
    /// [`Place::names_bring`] says so, a manifest without children comes with its name.
    ///
    /// # Errors
    /// [`Error::Moved`] where the name is not what was expected; nothing is changed then.
    async fn tag(&self, name: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged>;

    /// Refuses, where that can be known, a name that could not be pointed at other content than it
    /// is: asked before content is brought here in vain. It changes nothing and reserves nothing.
    ///
    /// # Errors
    /// The place's own, for a name that its rules keep where it is.
    async fn check_movable(&self, _name: &Selector, _digest: &Digest) -> Result<()> {
        Ok(())
    }

    /// Removes a name, or a manifest with every name it has. Content that nothing points at any
    /// more goes when the place is next tidied.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is nothing, [`Error::Unsupported`] where the place never forgets.
    async fn remove(&self, selector: &Selector) -> Result<()>;
}

/// A place, for reading and writing.
pub trait Place: Sink {
    /// Says what this kind of place can do.
    fn abilities(&self) -> Abilities;

    /// Where it keeps one image per name: the platform that it would choose of an index.
    fn keeps(&self) -> Option<Platform> {
        None
    }

    /// Tells whether [`Sink::tag`] brings the manifest along, so that one without children need not be
    /// put before: a registry gets it by the request that names it.
    fn names_bring(&self) -> bool {
        false
    }

    /// Says how many blobs should be on their way at once.
    fn width(&self) -> usize {
        4
    }
}

/// What a kind of place can do; where the answer is no, the contract suite asks for a clear refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Manifests and blobs come back with the bytes they were put with.
    pub exact: bool,
    /// It holds indexes; otherwise one platform per name.
    pub indexes: bool,
    /// Comparing a name and moving it are one step that nobody can come between.
    pub compare_and_swap: bool,
    /// Names and manifests can be removed.
    pub remove: bool,
    /// It answers who refers to a manifest.
    pub referrers: bool,
}

/// A repository of a registry, for mounting blobs across repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The registry's host, as in references.
    pub registry: String,
    /// The repository's path.
    pub repository: String,
}

/// What a writer counts on before it moves a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is there may be replaced.
    Any,
    /// There is no such name yet.
    Absent,
    /// The name points at this digest.
    Digest(Digest),
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("anything"),
            Self::Absent => formatter.write_str("no such tag"),
            Self::Digest(digest) => digest.fmt(formatter),
        }
    }
}

/// How content came to be in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Placed {
    /// It was there already.
    Present,
    /// The registry took it from another of its repositories.
    Mounted,
    /// Its bytes were sent.
    Sent,
}

/// What became of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tagged {
    /// It points at the new content now.
    Moved,
    /// It pointed there already, or there was no name to move; nothing was written.
    Unchanged,
}

/// Compares what a name points at with what was expected, for places that hold both in their hand.
///
/// # Errors
/// [`Error::Moved`] where they differ.
pub fn check_expected(place: &str, name: &str, expected: &Expected, found: Option<&Digest>) -> Result<()> {
    let fits = match expected {
        Expected::Any => true,
        Expected::Absent => found.is_none(),
        Expected::Digest(digest) => found == Some(digest),
    };
    if fits {
        return Ok(());
    }
    Err(Error::Moved { name: name.to_owned(), place: place.to_owned(), expected: expected.clone(), found: found.cloned() })
}
