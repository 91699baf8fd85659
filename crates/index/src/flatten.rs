//! Lists what a source offers: the images of an index, those of nested indexes in their place, and
//! for each the platform that is settled between its entry and its config.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use content::{Error, Item, Limits, Source, child_manifest};
use futures_util::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use oci::{Descriptor, Digest, ImageConfig, MAX_MANIFEST_SIZE, Platform, RawManifest};

use crate::IndexError;
use crate::gather::{Candidate, Checked, Manner, OfIndex, Part, Role, Spelling, offered};
use crate::settle::{as_stated, settle};

/// The reading of one source. All of its nested indexes share one count of entries, so that a few
/// small documents that name each other a thousand times cost no more than the limit.
pub(crate) struct Reading<'a> {
    part: &'a Part,
    manner: Manner,
    limits: Limits,
    entries: AtomicU64,
    nested: AtomicBool,
    indexes: Mutex<HashSet<Digest>>,
}

/// An image whose platform is settled.
pub(crate) struct Settled {
    pub descriptor: Descriptor,
    pub role: Role,
    /// False where the config says less than, or something else than, the entry.
    pub called_as_its_config: bool,
}

impl Settled {
    fn new(mut entry: Descriptor, platform: &Platform, config: Option<&Platform>) -> Self {
        entry.platform = Some(match entry.platform {
            // What stood there stays as it was written, unknown fields included, where it says the same.
            Some(old) if old.same_as(platform) => old,
            _ => platform.clone(),
        });
        let called_as_its_config = config.is_some_and(|config| config.same_as(platform));
        Self { descriptor: entry, role: Role::Image(platform.clone()), called_as_its_config }
    }

    /// Keeps a platform letter for letter.
    fn spelt(mut entry: Descriptor, platform: Platform) -> Self {
        let role = Role::Image(platform.normalized());
        entry.platform = Some(platform);
        Self { descriptor: entry, role, called_as_its_config: false }
    }

    /// Carries along what says no platform itself.
    fn unsaid(entry: Descriptor, stated: Option<&Platform>) -> Self {
        match stated {
            Some(stated) => Self::spelt(entry, stated.clone()),
            None => Self { descriptor: entry, role: Role::Other, called_as_its_config: false },
        }
    }
}

impl<'a> Reading<'a> {
    pub fn new(part: &'a Part, manner: Manner, limits: Limits) -> Self {
        let indexes = Mutex::default();
        Self { part, manner, limits, entries: AtomicU64::new(0), nested: AtomicBool::new(false), indexes }
    }

    /// Tells whether an index stood inside the index that was read.
    pub fn found_nested(&self) -> bool {
        self.nested.load(Ordering::Relaxed)
    }

    /// Lists the candidates of an index.
    pub async fn index(&self, index: RawManifest) -> Result<Vec<Candidate>, IndexError> {
        self.level(index, 0).await
    }

    fn level(&self, index: RawManifest, depth: u64) -> BoxFuture<'_, Result<Vec<Candidate>, IndexError>> {
        Box::pin(async move {
            let label = &self.part.label;
            if depth > self.limits.depth {
                return Err(Error::Limit { what: format!("levels of indexes in {label}"), limit: self.limits.depth, got: depth }.into());
            }
            let mut entries = index.as_index().map(|index| index.manifests.clone()).unwrap_or_default();
            check_sizes(&entries, &self.part.place.name())?;
            let mut seen = HashSet::new();
            // The very same entry twice is one entry; a digest under two platforms or types is two, and so is one that speaks of
            // two images.
            let key = |entry: &Descriptor| (entry.digest.clone(), entry.platform.clone(), entry.media_type.clone(), entry.attests());
            entries.retain(|entry| seen.insert(key(entry)));
            let got = self.entries.fetch_add(entries.len() as u64, Ordering::Relaxed).saturating_add(entries.len() as u64);
            if got > self.limits.manifests {
                return Err(Error::Limit { what: format!("entries of {label}"), limit: self.limits.manifests, got }.into());
            }
            let read: Vec<Vec<Candidate>> =
                stream::iter(entries).map(|entry| self.entry(entry, depth)).buffered(self.limits.at_once.max(1)).try_collect().await?;
            Ok(read.into_iter().flatten().collect())
        })
    }

    async fn entry(&self, entry: Descriptor, depth: u64) -> Result<Vec<Candidate>, IndexError> {
        if entry.is_attestation() {
            let role = entry.attests().map_or(Role::Other, Role::Attestation);
            return Ok(vec![self.candidate(entry, role, None)]);
        }
        if !entry.media_type.is_index() && !entry.media_type.is_manifest() {
            return Ok(vec![self.candidate(entry, Role::Other, None)]);
        }
        let stated = entry
            .platform
            .clone()
            .filter(|platform| !platform.is_unknown() && !platform.os.is_empty() && !platform.architecture.is_empty());
        if let Some(stated) = stated.as_ref().filter(|stated| entry.media_type.is_manifest() && self.need_not_read(stated)) {
            let settled = Settled::new(entry, &stated.normalized(), None);
            return Ok(vec![self.candidate(settled.descriptor, settled.role, None)]);
        }
        let manifest = child_manifest(&*self.part.place, &entry).await?;
        if manifest.as_index().is_some() {
            self.nested.store(true, Ordering::Relaxed);
            let new = self.indexes.lock().unwrap_or_else(PoisonError::into_inner).insert(manifest.digest().clone());
            return if new { self.level(manifest, depth + 1).await } else { Ok(Vec::new()) };
        }
        if manifest.as_image().is_some_and(|image| !image.is_image()) {
            return Ok(vec![self.candidate(entry, Role::Other, Some(manifest))]);
        }
        let image = self.image(entry, &manifest, stated.as_ref()).await?;
        Ok(vec![self.candidate(image.descriptor, image.role, Some(manifest))])
    }

    /// What is believed is not looked up, and neither is what was not asked for.
    fn need_not_read(&self, stated: &Platform) -> bool {
        let unwanted = |wanted: &Platform| self.manner.of_index == OfIndex::Narrowed && !wanted.covers(stated);
        self.manner.checked == Checked::Force || self.part.platform.as_ref().is_some_and(unwanted)
    }

    /// Reads an image's config and settles the platform of its entry.
    pub async fn image(&self, entry: Descriptor, manifest: &RawManifest, stated: Option<&Platform>) -> Result<Settled, IndexError> {
        let as_stated_only = self.manner.spelling == Spelling::AsStated;
        let believed = stated.filter(|_| self.manner.checked == Checked::Force);
        if let Some(platform) = believed.filter(|_| !as_stated_only) {
            return Ok(Settled::new(entry, &platform.normalized(), None));
        }
        let label = &self.part.label;
        let config = manifest.as_image().map(|image| image.config.clone());
        let Some(config) = config.filter(|config| config.media_type.is_image_config()) else {
            // Something else than an image is carried along as it is, and called an image only by force.
            if as_stated_only && (stated.is_none() || believed.is_some()) {
                return Ok(Settled::unsaid(entry, stated));
            }
            let config = manifest.as_image().map_or(String::new(), |image| image.config.media_type.to_string());
            return Err(IndexError::NotAnImage { label: label.clone(), config });
        };
        let own = self.config(&config).await?.platform();
        if as_stated_only {
            if own.is_none() && stated.is_none() {
                return Ok(Settled::unsaid(entry, None));
            }
            let joined = as_stated(stated, own.as_ref());
            if believed.is_none() {
                settle(label, Some(&joined), own.as_ref())?;
            }
            // An index's own words stay as they are: what its config adds, the tools do not look up.
            let said = entry.platform.clone().filter(|said| !said.os.is_empty() && !said.architecture.is_empty());
            return Ok(match said {
                Some(said) => Settled { role: Role::Image(joined.normalized()), ..Settled::spelt(entry, said) },
                None => Settled::spelt(entry, joined),
            });
        }
        let platform = settle(label, stated, own.as_ref())?;
        Ok(Settled::new(entry, &platform, own.as_ref()))
    }

    async fn config(&self, config: &Descriptor) -> Result<ImageConfig, IndexError> {
        let source: &dyn Source = &*self.part.place;
        let bytes = source.blob(config).await?.read_all(MAX_MANIFEST_SIZE).await?;
        let broken = |problem| Error::Config { digest: config.digest.clone(), place: source.name(), problem };
        Ok(ImageConfig::parse(&bytes).map_err(broken)?)
    }

    /// Makes a candidate of this source.
    pub fn candidate(&self, descriptor: Descriptor, role: Role, manifest: Option<RawManifest>) -> Candidate {
        Candidate { descriptor, role, label: self.part.label.clone(), place: self.part.place.clone(), manifest }
    }
}

/// One of two sizes of the same bytes is wrong, and no place would take them both.
fn check_sizes(entries: &[Descriptor], place: &str) -> Result<(), Error> {
    let mut sizes = HashMap::new();
    for entry in entries {
        let first = *sizes.entry(&entry.digest).or_insert(entry.size);
        if first != entry.size {
            let item = Item::Manifest(entry.digest.clone());
            return Err(Error::WrongSize { item, place: place.to_owned(), expected: entry.size, got: first });
        }
    }
    Ok(())
}

/// Keeps the images that the names of platforms mean, with their attestations.
pub(crate) fn narrow(label: &str, candidates: Vec<Candidate>, wanted: &[Platform]) -> Result<Vec<Candidate>, IndexError> {
    let means = |candidate: &Candidate, name: &Platform| matches!(&candidate.role, Role::Image(own) if name.covers(own));
    if let Some(absent) = wanted.iter().find(|name| !candidates.iter().any(|candidate| means(candidate, name))) {
        let platform = Box::new(absent.clone());
        return Err(IndexError::Absent { platform, label: label.to_owned(), offered: offered(&candidates) });
    }
    let is_wanted = |candidate: &Candidate| wanted.iter().any(|name| means(candidate, name));
    let digests: Vec<Digest> =
        candidates.iter().filter(|candidate| is_wanted(candidate)).map(|candidate| candidate.descriptor.digest.clone()).collect();
    let belongs = |candidate: &Candidate| match &candidate.role {
        Role::Image(_) => is_wanted(candidate),
        Role::Attestation(subject) => digests.contains(subject),
        Role::Other => false,
    };
    Ok(candidates.into_iter().filter(belongs).collect())
}
