//! A repository with mirrors, as a place: they are asked first, and what they cannot give comes from
//! where it is kept. Nothing is ever written to them.

use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use content::{Abilities, BlobReader, ByteStream, Event, Events, Expected, Origin, Place, Placed, Result, Sink, Source, Tagged};
use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Descriptor, Digest, RawManifest, Selector};

use crate::Registry;
use crate::registries::Pull;

/// A blob of no more bytes is held and checked before the first of them is passed on, so that a
/// mirror with wrong ones is passed over, too. Of a longer one the end shows it.
const SMALL: u64 = 4 * 1024 * 1024;

/// One mirror of the repository.
struct Mirror {
    place: Arc<Registry>,
    pull: Pull,
    /// It has given a manifest by tag, so what belongs to that is asked of it, too.
    answered: AtomicBool,
    /// It could not be asked, or gave wrong bytes: it is asked no more.
    given_up: AtomicBool,
}

/// A repository, its mirrors, and the name that both go by.
pub(crate) struct Mirrored {
    name: String,
    mirrors: Arc<[Mirror]>,
    home: Arc<Registry>,
    events: Events,
}

impl Mirrored {
    pub(crate) fn new(name: String, mirrors: Vec<(Arc<Registry>, Pull)>, home: Arc<Registry>, events: Events) -> Self {
        let mirrors = mirrors.into_iter().map(|(place, pull)| Mirror {
            place,
            pull,
            answered: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
        });
        Self { name, mirrors: mirrors.collect(), home, events }
    }

    /// Lists the mirrors to ask for a tag, or for what has a digest.
    fn mirrors(&self, by_digest: bool) -> impl Iterator<Item = &Mirror> {
        self.mirrors.iter().filter(move |mirror| {
            let fits = match mirror.pull {
                Pull::All => true,
                Pull::Digests => by_digest,
                Pull::Tags => !by_digest || mirror.answered.load(Ordering::Relaxed),
            };
            fits && !mirror.given_up.load(Ordering::Relaxed)
        })
    }

    /// Asks the mirrors in their order, and the home last.
    async fn first<T, F: Future<Output = Result<T>>>(&self, by_digest: bool, ask: impl Fn(Arc<Registry>) -> F) -> Result<T> {
        for mirror in self.mirrors(by_digest) {
            match ask(Arc::clone(&mirror.place)).await {
                Ok(found) => {
                    mirror.answered.store(true, Ordering::Relaxed);
                    return Ok(found);
                }
                Err(error) => mirror.pass_over(&self.name, &self.events, &error),
            }
        }
        ask(Arc::clone(&self.home)).await
    }

    /// Asks the home, which alone knows everything, and the mirrors only where it does not answer.
    async fn whole<T, F: Future<Output = Result<T>>>(&self, ask: impl Fn(Arc<Registry>) -> F) -> Result<T> {
        let problem = match ask(Arc::clone(&self.home)).await {
            Err(problem @ content::Error::Place(_)) => problem,
            answer => return answer,
        };
        for mirror in self.mirrors.iter().filter(|mirror| mirror.pull == Pull::All) {
            if let Ok(found) = ask(Arc::clone(&mirror.place)).await {
                tell(&self.events, &self.name, &self.home.name(), &problem);
                return Ok(found);
            }
        }
        Err(problem)
    }

    /// Opens a blob at each place in turn.
    async fn open(&self, blob: &Descriptor) -> Result<BlobReader> {
        let mut next = 0;
        loop {
            let Some((at, mirror)) = usable_from(&self.mirrors, next) else { return self.home.blob(blob).await };
            next = at + 1;
            let opened = match mirror.place.blob(blob).await {
                Ok(reader) if blob.size <= SMALL => {
                    reader.read_all(SMALL).await.map(|bytes| BlobReader::of(blob, &mirror.place.name(), bytes))
                }
                Ok(reader) => Ok(self.followed(blob, at, reader)),
                Err(error) => Err(error),
            };
            match opened {
                Ok(reader) => return Ok(reader),
                Err(error) => mirror.pass_over(&self.name, &self.events, &error),
            }
        }
    }

    /// Takes up a long blob elsewhere where its mirror breaks off.
    fn followed(&self, blob: &Descriptor, at: usize, reader: BlobReader) -> BlobReader {
        let rest = Rest {
            blob: blob.clone(),
            name: self.name.clone(),
            mirrors: Arc::clone(&self.mirrors),
            home: Arc::clone(&self.home),
            events: self.events.clone(),
            at,
            passed: 0,
            stream: reader.into_stream(),
        };
        let place = self.mirrors.get(at).map_or_else(|| self.name.clone(), |mirror| mirror.place.name());
        BlobReader::checked(blob, &place, stream::try_unfold(rest, Rest::next))
    }
}

impl Mirror {
    /// Says once why the next is asked, and remembers a mirror that cannot be asked at all.
    fn pass_over(&self, name: &str, events: &Events, error: &content::Error) {
        if !error.is_missing() && !self.given_up.swap(true, Ordering::Relaxed) {
            tell(events, name, &self.place.name(), error);
        }
    }
}

fn tell(events: &Events, name: &str, place: &str, error: &dyn Display) {
    events.tell(Event::Detail(format!("{place} was passed over for {name}: {error}")));
}

fn usable_from(mirrors: &[Mirror], from: usize) -> Option<(usize, &Mirror)> {
    let usable = |mirror: &Mirror| {
        !mirror.given_up.load(Ordering::Relaxed) && (mirror.pull != Pull::Tags || mirror.answered.load(Ordering::Relaxed))
    };
    mirrors.iter().enumerate().skip(from).find(|(_, mirror)| usable(mirror))
}

/// A blob on its way, and who may have the rest of it.
struct Rest {
    blob: Descriptor,
    name: String,
    mirrors: Arc<[Mirror]>,
    home: Arc<Registry>,
    events: Events,
    /// Whose bytes these are; one more than the last mirror is the home.
    at: usize,
    passed: u64,
    stream: ByteStream,
}

impl Rest {
    async fn next(mut self) -> Result<Option<(bytes::Bytes, Self)>> {
        loop {
            let error = match self.stream.try_next().await {
                Ok(Some(bytes)) => {
                    self.passed += bytes.len() as u64;
                    return Ok(Some((bytes, self)));
                }
                Ok(None) => return Ok(None),
                Err(error) => error,
            };
            let Some(mirror) = self.mirrors.get(self.at) else { return Err(error) };
            mirror.pass_over(&self.name, &self.events, &error);
            // What was passed on may be wrong already, and cannot be taken back.
            if matches!(error, content::Error::WrongDigest { .. } | content::Error::WrongSize { .. }) {
                return Err(error);
            }
            self.stream = self.continued().await?;
        }
    }

    async fn continued(&mut self) -> Result<ByteStream> {
        let range = self.passed..self.blob.size;
        while let Some((at, mirror)) = usable_from(&self.mirrors, self.at + 1) {
            self.at = at;
            match mirror.place.blob_range(&self.blob, range.clone()).await {
                Ok(stream) => return Ok(stream.boxed()),
                Err(error) => mirror.pass_over(&self.name, &self.events, &error),
            }
        }
        self.at = self.mirrors.len();
        self.home.blob_range(&self.blob, range).await
    }
}

#[async_trait]
impl Source for Mirrored {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        self.first(matches!(selector, Selector::Digest(_)), |place| async move { place.resolve(selector).await }).await
    }

    async fn manifest(&self, selector: &Selector) -> Result<RawManifest> {
        self.first(matches!(selector, Selector::Digest(_)), |place| async move { place.manifest(selector).await }).await
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        self.open(blob).await
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>> {
        self.home.blob_size(digest).await
    }

    async fn blob_range(&self, blob: &Descriptor, range: Range<u64>) -> Result<ByteStream> {
        self.first(true, |place| {
            let range = range.clone();
            async move { place.blob_range(blob, range).await }
        })
        .await
    }

    async fn has(&self, child: &Descriptor) -> Result<bool> {
        for mirror in self.mirrors(true) {
            match mirror.place.has(child).await {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => mirror.pass_over(&self.name, &self.events, &error),
            }
        }
        self.home.has(child).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.whole(|place| async move { place.referrers(subject).await }).await
    }

    async fn tags(&self) -> Result<Vec<String>> {
        self.whole(|place| async move { place.tags().await }).await
    }

    fn origin(&self) -> Option<Origin> {
        self.home.origin()
    }
}

#[async_trait]
impl Sink for Mirrored {
    async fn put_blob(&self, blob: &Descriptor, from: &dyn Source) -> Result<Placed> {
        self.home.put_blob(blob, from).await
    }

    async fn put_manifest(&self, manifest: &RawManifest) -> Result<Placed> {
        self.home.put_manifest(manifest).await
    }

    async fn tag(&self, name: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        self.home.tag(name, root, expected).await
    }

    async fn check_movable(&self, name: &Selector, digest: &Digest) -> Result<()> {
        self.home.check_movable(name, digest).await
    }

    async fn remove(&self, selector: &Selector) -> Result<()> {
        self.home.remove(selector).await
    }
}

impl Place for Mirrored {
    fn abilities(&self) -> Abilities {
        self.home.abilities()
    }

    fn width(&self) -> usize {
        self.home.width()
    }
}
