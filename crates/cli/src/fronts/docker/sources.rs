//! Images that a list is made of: from words to what was read of them.

use std::fmt;

use compat::docker::{DockerError, Entry, Location};
use content::Place;
use fault::Failure;
use futures_util::{StreamExt, TryStreamExt, stream};
use index::{Candidate, Gathered, IndexError, Manner, OfIndex, Part, Spelling, gather};
use oci::{Digest, Locator, RawManifest, Reference, Selector};

use crate::open::{Opened, Opener};

/// Children that are read at once.
const AT_ONCE: usize = 16;

/// An image that was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In a registry.
    Named(Reference),
    /// In another place, by its absolute path.
    Elsewhere(Locator),
}

/// Reads a name as docker does: `latest` where there is neither tag nor digest.
pub fn name(text: &str, context: &str) -> Result<Reference, DockerError> {
    let read: Result<Reference, _> = text.strip_prefix("docker://").unwrap_or(text).parse();
    match read.and_then(|reference: Reference| reference.to_string().parse()) {
        Ok(reference) => Ok(reference),
        Err(problem) => Err(DockerError::Name { context: context.to_owned(), problem }),
    }
}

/// Returns the name of a place in a registry.
pub const fn reference(locator: &Locator) -> Option<&Reference> {
    match locator {
        Locator::Name(name) | Locator::Registry(name) => Some(name),
        _ => None,
    }
}

/// Tells whether docker would take a word for a name: `oci:latest`, as long as there is no folder `latest`.
fn is_a_name_of_docker_s(locator: &Locator) -> bool {
    let Locator::Layout { path, .. } = locator else { return false };
    path.components().count() == 1 && !path.exists() && name(&locator.to_string(), "").is_ok()
}

/// Returns the same place by an absolute path, so that it is found from any folder.
pub fn absolute(locator: &Locator) -> Locator {
    let mut locator = locator.clone();
    if let Locator::Layout { path, .. }
    | Locator::LayoutArchive { path, .. }
    | Locator::DockerArchive { path, .. }
    | Locator::Path { path, .. } = &mut locator
        && let Ok(absolute) = std::path::absolute(&*path)
    {
        *path = absolute;
    }
    locator
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(reference) => reference.fmt(formatter),
            Self::Elsewhere(locator) => locator.fmt(formatter),
        }
    }
}

impl Source {
    /// Reads a word.
    ///
    /// # Errors
    /// In docker's words, where it is no name.
    pub fn parse(text: &str) -> Result<Self, DockerError> {
        match text.parse::<Locator>() {
            Ok(locator) if reference(&locator).is_none() && !is_a_name_of_docker_s(&locator) => Ok(Self::Elsewhere(absolute(&locator))),
            _ => Ok(Self::Named(name(text, "")?)),
        }
    }

    /// Returns the name under which its images are kept in a list: its own, or the list's.
    pub fn reference(&self, list: &Reference) -> Reference {
        match self {
            Self::Named(reference) => reference.clone(),
            Self::Elsewhere(_) => list.clone(),
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// Where its place cannot be opened.
    pub async fn open(&self, opener: &Opener) -> Result<Opened, Failure> {
        match self {
            Self::Named(reference) => {
                let opened = opener.far_source(&Locator::Name(reference.clone())).await?;
                Ok(Opened { label: reference.to_string(), ..opened })
            }
            Self::Elsewhere(locator) => opener.source(locator).await,
        }
    }
}

/// What was read of a source.
pub struct Read {
    /// The name under which its images are kept.
    pub name: Reference,
    /// Its own document.
    pub root: RawManifest,
    /// Its images.
    pub entries: Vec<Entry>,
}

/// Opens what a list has of an image.
///
/// # Errors
/// Where its place cannot be opened, or is not known any more.
pub async fn open_entry(entry: &Entry, opener: &Opener) -> Result<Opened, Failure> {
    let source = match &entry.location {
        Location::Named | Location::Child { .. } => Source::Named(entry.reference.clone()),
        Location::Elsewhere(locator) => Source::parse(locator)?,
    };
    source.open(opener).await
}

/// Reads images: each with its platform letter for letter, and its exact bytes.
///
/// # Errors
/// In docker's words, where one is not there.
pub async fn read(sources: &[Source], opener: &Opener, list: &Reference, manner: Manner) -> Result<Vec<Read>, Failure> {
    let manner = Manner { spelling: Spelling::AsStated, of_index: OfIndex::Whole, ..manner };
    let mut parts = Vec::new();
    for source in sources {
        let opened = source.open(opener).await?;
        parts.push(Part { label: opened.label.clone(), place: opened.place, selector: opened.selector, platform: None });
    }
    let limits = content::Limits::default();
    let checks = futures_util::future::try_join_all(sources.iter().zip(&parts).map(|(source, part)| check_tag(source, part)));
    let (checked, gathered) = futures_util::future::join(checks, gather(parts.clone(), manner, limits)).await;
    checked?;
    let gathered = gathered.map_err(|error| explain(error, sources, &parts))?.found;
    let entries = gathered.iter().zip(sources).map(|(gathered, source)| entries(gathered, source, list));
    futures_util::future::try_join_all(entries).await
}

/// A tag with a digest behind it must be that digest: docker reads by the tag and compares.
async fn check_tag(source: &Source, part: &Part) -> Result<(), Failure> {
    let Source::Named(reference) = source else { return Ok(()) };
    let (Some(tag), Some(digest)) = (reference.tag(), reference.digest()) else { return Ok(()) };
    match part.place.resolve(&Selector::Name(tag.as_str().to_owned())).await {
        Ok(found) if found.digest == *digest => Ok(()),
        Ok(_) => Err(DockerError::OtherDigest(digest.clone()).into()),
        Err(error) if error.is_missing() => Err(DockerError::NotInRegistry(reference.clone()).into()),
        Err(error) => Err(error.into()),
    }
}

/// Says it in docker's words, where an image itself is not there.
fn explain(error: IndexError, sources: &[Source], parts: &[Part]) -> Failure {
    let IndexError::Source { label, problem } = error else { return error.into() };
    let source = parts.iter().position(|part| part.label == label).and_then(|at| sources.get(at));
    match source {
        Some(Source::Named(reference)) => missing(reference, *problem),
        _ => (*problem).into(),
    }
}

/// Puts what a registry said of an image itself into docker's words.
pub fn missing(reference: &Reference, problem: content::Error) -> Failure {
    use content::{Error, Item};
    let is_absent = match &problem {
        Error::Missing { item: Item::Tag(_) | Item::Repository, .. } => true,
        Error::Missing { item: Item::Manifest(digest), .. } => reference.digest() == Some(digest),
        _ => false,
    };
    if is_absent { DockerError::NotInRegistry(reference.clone()).into() } else { problem.into() }
}

/// Makes the entries of one source.
async fn entries(gathered: &Gathered, source: &Source, list: &Reference) -> Result<Read, Failure> {
    let name = source.reference(list);
    let is_alone = gathered.root.as_index().is_none();
    let entries: Vec<Entry> = stream::iter(&gathered.candidates)
        .map(|candidate| entry(candidate, source, &name, gathered.root.digest(), is_alone))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(Read { name, root: gathered.root.clone(), entries })
}

async fn entry(candidate: &Candidate, source: &Source, name: &Reference, root: &Digest, is_alone: bool) -> Result<Entry, Failure> {
    let digest = &candidate.descriptor.digest;
    let manifest = match &candidate.manifest {
        Some(read) => read.clone(),
        None => candidate.place.manifest(&Selector::Digest(digest.clone())).await?,
    };
    let (reference, location) = match source {
        Source::Named(own) if is_alone => (own.clone(), Location::Named),
        Source::Named(own) => (with_digest(own, digest), Location::Child { index: own.clone(), digest: root.clone() }),
        Source::Elsewhere(locator) => (name.with(oci::Thing::Digest(digest.clone())), Location::Elsewhere(locator.to_string())),
    };
    let entry = Entry::new(reference, candidate.descriptor.clone(), &manifest);
    Ok(Entry { location, ..entry })
}

/// Returns a name with the digest of an image behind it; a tag stays (distribution/reference, `WithDigest`).
pub fn with_digest(name: &Reference, digest: &Digest) -> Reference {
    let tag = name.tag().map(|tag| format!(":{tag}")).unwrap_or_default();
    format!("{}{tag}@{digest}", name.name()).parse().unwrap_or_else(|_| name.with(oci::Thing::Digest(digest.clone())))
}

/// Tells whether two places are one repository of one registry.
pub fn is_same_repository(entry: &Entry, list: &Reference) -> bool {
    !matches!(entry.location, Location::Elsewhere(_)) && entry.reference.name() == list.name()
}

/// Asks a place for the document behind a selector; `None` where it has none.
///
/// # Errors
/// Where the place cannot answer.
pub async fn root(place: &dyn Place, selector: &Selector) -> Result<Option<RawManifest>, Failure> {
    match place.manifest(selector).await {
        Ok(root) => Ok(Some(root)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
