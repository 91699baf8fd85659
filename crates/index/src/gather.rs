//! Reads everything that a decision needs: every source's manifests and configs, all at once.

use std::sync::Arc;

use content::{Error, Event, Events, Limits, Place};
use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Descriptor, Digest, Platform, RawManifest, Selector};

use crate::IndexError;
use crate::flatten::{Reading, narrow};

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
    /// What was stated is believed, and nothing is read to check it.
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
    let read: Vec<Option<Gathered>> = stream::iter(parts)
        .map(|part| async move {
            let root = match part.place.manifest(&part.selector).await {
                Ok(root) => root,
                // Only the source itself may be missing; a piece missing below it is damage.
                Err(error) if missing == Missing::Ignore && error.is_missing() => {
                    events.tell(Event::Warning(format!("left out {}: {error}", part.label)));
                    return Ok(None);
                }
                Err(problem) => return Err(IndexError::Source { label: part.label, problem: Box::new(problem) }),
            };
            let label = part.label.clone();
            match gather_one(part, root, checked, limits).await {
                Err(IndexError::Content(problem)) => Err(IndexError::Source { label, problem: Box::new(problem) }),
                other => other.map(Some),
            }
        })
        .buffered(limits.at_once.max(1))
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

async fn gather_one(part: Part, root: RawManifest, checked: Checked, limits: Limits) -> Result<Gathered, IndexError> {
    let reading = Reading::new(&part, checked, limits);
    if root.as_index().is_none() {
        let image = reading.image(root.descriptor(), &root, part.platform.as_ref()).await?;
        // A lone manifest has no entry that could carry another platform than its config's.
        let whole = part.platform.is_none() || image.called_as_its_config;
        let candidate = Candidate { descriptor: image.descriptor, role: image.role, label: part.label.clone(), place: part.place.clone() };
        return Ok(Gathered { part, root, candidates: vec![candidate], whole });
    }
    let mut candidates = reading.index(root.clone()).await?;
    let mut whole = !reading.found_nested();
    if let Some(wanted) = &part.platform {
        let all = candidates.len();
        candidates = narrow(&part.label, candidates, std::slice::from_ref(wanted))?;
        whole = whole && candidates.len() == all;
    }
    Ok(Gathered { part, root, candidates, whole })
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
