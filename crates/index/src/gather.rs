//! Reads everything that a decision needs: every source's manifests and configs, all at once.

use std::sync::Arc;

use content::{Error, Event, Events, Limits, Place, Source};
use futures_util::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use oci::{Descriptor, Digest, ImageConfig, MAX_MANIFEST_SIZE, Platform, RawManifest, Selector};

use crate::IndexError;

/// One source of a create, already opened.
#[derive(Clone)]
pub struct Part {
    /// As the person wrote it.
    pub label: String,
    /// Where it is.
    pub place: Arc<dyn Place>,
    /// Which image there.
    pub selector: Selector,
    /// The platform it is said to be for.
    pub platform: Option<Platform>,
}

/// What happens to attestations of the images taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attestations {
    /// They follow their image.
    #[default]
    Keep,
    /// They are left out.
    Drop,
}

/// What happens where a stated platform and a config disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checked {
    /// It is an error.
    #[default]
    Compare,
    /// What was stated is believed.
    Force,
}

/// What happens to sources that do not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// It is an error.
    #[default]
    Refuse,
    /// They are left out, with a warning.
    Ignore,
}

/// What an entry of an index is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// An image for a platform.
    Image(Platform),
    /// An attestation of the image with this digest.
    Attestation(Digest),
    /// Anything else; carried along, never counted.
    Other,
}

/// A manifest that may become an entry of the index.
#[derive(Clone)]
pub struct Candidate {
    /// The entry as it would stand in the index.
    pub descriptor: Descriptor,
    /// What it is.
    pub role: Role,
    /// The source it came from, as the person wrote it.
    pub label: String,
    /// Where its content is.
    pub place: Arc<dyn Place>,
}

/// One source, read.
#[derive(Clone)]
pub struct Gathered {
    /// The source.
    pub part: Part,
    /// Its document.
    pub root: RawManifest,
    /// What it offers, in its own order, already narrowed to the platform asked for.
    pub candidates: Vec<Candidate>,
    /// True where the source's own bytes say all that the candidates say.
    pub whole: bool,
}

/// Reads all parts at once.
///
/// # Errors
/// The first source that is missing, broken, or not what it is said to be.
pub async fn gather(
    parts: Vec<Part>,
    checked: Checked,
    missing: Missing,
    limits: Limits,
    events: &Events,
) -> Result<Vec<Gathered>, IndexError> {
    let count = parts.len();
    let at_once = limits.at_once.max(1);
    let read: Vec<Option<Gathered>> = stream::iter(parts)
        .map(|part| async move {
            match gather_one(part.clone(), checked, limits).await {
                Err(IndexError::Content(error)) if missing == Missing::Ignore && error.is_missing() => {
                    events.tell(Event::Warning(format!("left out {}: {error}", part.label)));
                    Ok(None)
                }
                Err(IndexError::Content(problem)) => Err(IndexError::Source { label: part.label, problem: Box::new(problem) }),
                other => other.map(Some),
            }
        })
        .buffered(at_once)
        .try_collect()
        .await?;
    let gathered: Vec<Gathered> = read.into_iter().flatten().collect();
    if gathered.is_empty() && count > 0 {
        return Err(IndexError::AllMissing(count));
    }
    let entries = gathered.iter().map(|source| source.candidates.len() as u64).sum();
    if entries > limits.manifests {
        return Err(Error::Limit { what: "entries of the index".to_owned(), limit: limits.manifests, got: entries }.into());
    }
    Ok(gathered)
}

async fn gather_one(part: Part, checked: Checked, limits: Limits) -> Result<Gathered, IndexError> {
    let root = part.place.manifest(&part.selector).await?;
    if root.as_index().is_none() {
        let image = read_image(&part, root.descriptor(), &root, part.platform.as_ref(), checked).await?;
        // A lone manifest has no entry that could carry another platform than its config's.
        let whole = part.platform.is_none() || image.called_as_its_config;
        let candidate = Candidate { descriptor: image.descriptor, role: image.role, label: part.label.clone(), place: part.place.clone() };
        return Ok(Gathered { part, root, candidates: vec![candidate], whole });
    }
    let mut candidates = flatten(&part, root.clone(), checked, limits, 0).await?;
    let mut whole = true;
    if let Some(wanted) = &part.platform {
        let all = candidates.len();
        candidates = narrow(&part.label, candidates, wanted)?;
        whole = candidates.len() == all;
    }
    Ok(Gathered { part, root, candidates, whole })
}

/// Lists the images of an index, those of nested indexes in their place.
fn flatten<'a>(
    part: &'a Part,
    index: RawManifest,
    checked: Checked,
    limits: Limits,
    depth: u64,
) -> BoxFuture<'a, Result<Vec<Candidate>, IndexError>> {
    Box::pin(async move {
        if depth > limits.depth {
            let what = format!("levels of indexes in {}", part.label);
            return Err(Error::Limit { what, limit: limits.depth, got: depth }.into());
        }
        let entries = index.as_index().map(|index| index.manifests.clone()).unwrap_or_default();
        if entries.len() as u64 > limits.manifests {
            let what = format!("entries of {}", part.label);
            return Err(Error::Limit { what, limit: limits.manifests, got: entries.len() as u64 }.into());
        }
        let nested: Vec<Vec<Candidate>> = stream::iter(entries)
            .map(|entry| read_entry(part, entry, checked, limits, depth))
            .buffered(limits.at_once.max(1))
            .try_collect()
            .await?;
        Ok(nested.into_iter().flatten().collect())
    })
}

async fn read_entry(part: &Part, entry: Descriptor, checked: Checked, limits: Limits, depth: u64) -> Result<Vec<Candidate>, IndexError> {
    let candidate = |descriptor, role| Candidate { descriptor, role, label: part.label.clone(), place: part.place.clone() };
    if entry.is_attestation() {
        let role = entry.attests().map_or(Role::Other, Role::Attestation);
        return Ok(vec![candidate(entry, role)]);
    }
    if !entry.media_type.is_index() && !entry.media_type.is_manifest() {
        return Ok(vec![candidate(entry, Role::Other)]);
    }
    let manifest = part.place.manifest(&Selector::Digest(entry.digest.clone())).await?;
    let got = manifest.bytes().len() as u64;
    if got != entry.size {
        let item = content::Item::Manifest(entry.digest);
        return Err(Error::WrongSize { item, place: part.place.name(), expected: entry.size, got }.into());
    }
    if manifest.as_index().is_some() {
        return flatten(part, manifest, checked, limits, depth + 1).await;
    }
    let stated = entry.platform.clone().filter(|platform| !platform.is_unknown());
    if manifest.as_image().is_some_and(|image| !image.is_image()) {
        return Ok(vec![candidate(entry, Role::Other)]);
    }
    let image = read_image(part, entry, &manifest, stated.as_ref(), checked).await?;
    Ok(vec![candidate(image.descriptor, image.role)])
}

/// An image whose platform is settled.
struct Settled {
    descriptor: Descriptor,
    role: Role,
    /// False where the config says less than, or something else than, the entry.
    called_as_its_config: bool,
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
}

/// Reads an image's config and settles the platform of its entry.
async fn read_image(
    part: &Part,
    entry: Descriptor,
    manifest: &RawManifest,
    stated: Option<&Platform>,
    checked: Checked,
) -> Result<Settled, IndexError> {
    let config = manifest.as_image().map(|image| image.config.clone());
    let Some(config) = config.filter(|config| config.media_type.is_image_config()) else {
        return match stated {
            Some(platform) if checked == Checked::Force => Ok(Settled::new(entry, platform, None)),
            _ => {
                let config = manifest.as_image().map_or(String::new(), |image| image.config.media_type.to_string());
                Err(IndexError::NotAnImage { label: part.label.clone(), config })
            }
        };
    };
    let own = read_config(&*part.place, &config).await?.platform();
    let platform = settle(&part.label, stated, own.as_ref(), checked)?;
    Ok(Settled::new(entry, &platform, own.as_ref()))
}

/// Reads and parses a config blob.
async fn read_config(source: &dyn Source, config: &Descriptor) -> Result<ImageConfig, IndexError> {
    let bytes = source.blob(config).await?.read_all(MAX_MANIFEST_SIZE).await?;
    let broken = |problem| Error::Config { digest: config.digest.clone(), place: source.name(), problem };
    Ok(ImageConfig::parse(&bytes).map_err(broken)?)
}

/// Compares what an image is called with what its config says, and returns the more precise of both.
///
/// A config without a variant or a version does not contradict one that was stated: builders of old
/// wrote none. One that states another does.
fn settle(label: &str, stated: Option<&Platform>, config: Option<&Platform>, checked: Checked) -> Result<Platform, IndexError> {
    match (stated, config) {
        (None, None) => Err(IndexError::NoPlatform(label.to_owned())),
        (None, Some(config)) => Ok(config.normalized()),
        (Some(stated), None) => Ok(stated.normalized()),
        (Some(stated), Some(_)) if checked == Checked::Force => Ok(stated.normalized()),
        (Some(stated), Some(config)) => {
            let (wanted, found) = (stated.normalized(), config.normalized());
            let silent = config.variant.is_none() && found.architecture == config.architecture;
            let variant = if silent || wanted.variant == found.variant { Some(wanted.variant.clone()) } else { None };
            let version = match (&wanted.os_version, &found.os_version) {
                (Some(one), Some(other)) if !one.starts_with(other) && !other.starts_with(one) => None,
                (_, Some(found)) => Some(Some(found.clone())),
                (wanted, None) => Some(wanted.clone()),
            };
            match (variant, version) {
                (Some(variant), Some(os_version)) if wanted.os == found.os && wanted.architecture == found.architecture => {
                    let os_features = if wanted.os_features.is_empty() { found.os_features } else { wanted.os_features };
                    Ok(Platform { variant, os_version, os_features, ..Platform::new(&wanted.os, &wanted.architecture, None) })
                }
                _ => Err(IndexError::Disagrees { source_label: label.to_owned(), stated: Box::new(wanted), config: Box::new(found) }),
            }
        }
    }
}

/// Keeps one platform's image and its attestations.
fn narrow(label: &str, candidates: Vec<Candidate>, wanted: &Platform) -> Result<Vec<Candidate>, IndexError> {
    let fits = |platform: &Platform| match &wanted.os_version {
        Some(_) => platform.same_as(wanted),
        // Without a version every version of that system is meant.
        None => Platform { os_version: None, ..platform.clone() }.same_as(wanted),
    };
    let digests: Vec<Digest> = candidates
        .iter()
        .filter(|candidate| matches!(&candidate.role, Role::Image(platform) if fits(platform)))
        .map(|candidate| candidate.descriptor.digest.clone())
        .collect();
    if digests.is_empty() {
        return Err(IndexError::Absent { platform: Box::new(wanted.clone()), label: label.to_owned(), offered: offered(&candidates) });
    }
    let belongs = |candidate: &Candidate| match &candidate.role {
        Role::Image(_) => digests.contains(&candidate.descriptor.digest),
        Role::Attestation(subject) => digests.contains(subject),
        Role::Other => false,
    };
    Ok(candidates.into_iter().filter(belongs).collect())
}

/// Lists the platforms of some candidates for a message.
pub(crate) fn offered(candidates: &[Candidate]) -> String {
    let names: Vec<String> = candidates
        .iter()
        .filter_map(|candidate| match &candidate.role {
            Role::Image(platform) => Some(platform.to_string()),
            _ => None,
        })
        .collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
