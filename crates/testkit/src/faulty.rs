//! A source that serves some blobs wrongly, to see what whoever reads them does.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use content::{BlobReader, Error, Memory, Result, Source};
use fault::{Fault, Kind};
use futures_util::{Stream, StreamExt, stream};
use oci::{Descriptor, Digest, RawManifest, Selector};

/// The bytes of one chunk of every blob that comes from here.
const CHUNK: usize = 64 * 1024;

/// What is wrong with a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// As many bytes as promised, the last one another.
    OtherBytes,
    /// One byte less than promised.
    TooFew,
    /// One byte more than promised.
    TooMany,
    /// An error after half of the bytes.
    Breaks,
    /// Nothing more after half of the bytes, and no end either.
    Hangs,
}

/// A source over [`Memory`] that streams in chunks, counts who asks, and lies where it is told to.
pub struct Faulty {
    inner: Memory,
    lies: HashMap<Digest, Lie>,
    asked: Mutex<Vec<Digest>>,
}

impl Faulty {
    /// Serves what the memory holds; honest until [`Faulty::lie`].
    pub fn new(inner: Memory) -> Self {
        Self { inner, lies: HashMap::new(), asked: Mutex::new(Vec::new()) }
    }

    /// Lies about one blob, every time it is asked for.
    #[must_use]
    pub fn lie(mut self, blob: &Digest, lie: Lie) -> Self {
        self.lies.insert(blob.clone(), lie);
        self
    }

    /// Returns the blobs that were asked for so far, in order, repetitions included.
    pub fn asked(&self) -> Vec<Digest> {
        self.asked.lock().unwrap().clone()
    }
}

/// The error in the middle of a blob that [`Lie::Breaks`].
#[derive(Debug)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the source broke off, as the test wants it")
    }
}

impl std::error::Error for Broken {}

impl Fault for Broken {
    fn kind(&self) -> Kind {
        Kind::Place
    }
}

#[async_trait]
impl Source for Faulty {
    fn name(&self) -> String {
        "faulty".to_owned()
    }

    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        self.inner.resolve(selector).await
    }

    async fn manifest(&self, selector: &Selector) -> Result<RawManifest> {
        self.inner.manifest(selector).await
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        self.asked.lock().unwrap().push(blob.digest.clone());
        let whole = self.inner.blob(blob).await?.read_all(u64::MAX).await?;
        let lie = self.lies.get(&blob.digest).copied();
        Ok(BlobReader::checked(blob, "faulty", told(&whole, lie)))
    }

    async fn has(&self, child: &Descriptor) -> Result<bool> {
        self.inner.has(child).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.inner.referrers(subject).await
    }

    async fn tags(&self) -> Result<Vec<String>> {
        self.inner.tags().await
    }
}

fn told(whole: &Bytes, lie: Option<Lie>) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    let mut bytes = BytesMut::from(whole.as_ref());
    match lie {
        None => {}
        Some(Lie::OtherBytes) => *bytes.last_mut().expect("an empty blob has no other bytes of its length") ^= 1,
        Some(Lie::TooFew) => bytes.truncate(whole.len() - 1),
        Some(Lie::TooMany) => bytes.extend_from_slice(b"x"),
        Some(Lie::Breaks | Lie::Hangs) => bytes.truncate(whole.len() / 2),
    }
    let bytes = bytes.freeze();
    let chunks: Vec<Result<Bytes>> =
        (0..bytes.len()).step_by(CHUNK).map(|start| Ok(bytes.slice(start..bytes.len().min(start + CHUNK)))).collect();
    let end = match lie {
        Some(Lie::Breaks) => stream::iter([Err(Error::place(Broken))]).boxed(),
        Some(Lie::Hangs) => stream::pending().boxed(),
        _ => stream::empty().boxed(),
    };
    stream::iter(chunks).chain(end)
}
