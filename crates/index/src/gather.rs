//! Reads everything that a decision needs: every source's manifests and configs, all at once.

use std::sync::Arc;

use content::{Error, Limits, Place};
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
    /// They are left out, and named in [`Sources::absent`].
    Ignore,
}

/// How the platforms of entries are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// By the one normaliser, and an image must have one.
    #[default]
    Normalized,
    /// Letter for letter as stated, with what the config adds; what says no platform is carried along
    /// as [`Role::Other`]. So do docker and manifest-tool.
    AsStated,
}

/// What a platform that was stated for a source means where the source is an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OfIndex {
    /// The one image for it.
    #[default]
    Narrowed,
    /// Nothing: all images are taken.
    Whole,
}

/// How sources are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Whether stated platforms are compared with configs.
    pub checked: Checked,
    /// Whether a source may be missing.
    pub missing: Missing,
    /// How platforms are written.
    pub spelling: Spelling,
    /// What becomes of an index with a stated platform.
    pub of_index: OfIndex,
}

impl Manner {
    /// Believes what is stated, and reads nothing to check it.
    pub const fn believing() -> Self {
        Self { checked: Checked::Force, missing: Missing::Refuse, spelling: Spelling::Normalized, of_index: OfIndex::Narrowed }
    }
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
    /// Its document, where it was read.
    pub manifest: Option<RawManifest>,
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

/// All sources, read.
#[derive(Default)]
pub struct Sources {
    /// Those that exist, in their order.
    pub found: Vec<Gathered>,
    /// Those that do not, where that is allowed.
    pub absent: Vec<Absent>,
}

impl Sources {
    /// Returns those that exist.
    ///
    /// # Errors
    /// Where none does.
    pub fn existing(self) -> Result<Vec<Gathered>, IndexError> {
        if self.found.is_empty() && !self.absent.is_empty() { Err(IndexError::AllMissing(self.absent.len())) } else { Ok(self.found) }
    }
}

/// A source that does not exist.
#[derive(Debug)]
pub struct Absent {
    /// As the person wrote it.
    pub label: String,
    /// What its place said.
    pub problem: Error,
}

/// Reads all parts at once.
///
/// # Errors
/// The first source that is missing, broken, or not what it is said to be.
pub async fn gather(parts: Vec<Part>, manner: Manner, limits: Limits) -> Result<Sources, IndexError> {
    let read: Vec<Result<Gathered, Absent>> = stream::iter(parts)
        .map(|part| async move {
            let root = match part.place.manifest(&part.selector).await {
                Ok(root) => root,
                // Only the source itself may be missing; a piece missing below it is damage.
                Err(problem) if manner.missing == Missing::Ignore && problem.is_missing() => {
                    return Ok(Err(Absent { label: part.label, problem }));
                }
                Err(problem) => return Err(IndexError::Source { label: part.label, problem: Box::new(problem) }),
            };
            let label = part.label.clone();
            match gather_one(part, root, manner, limits).await {
                Err(IndexError::Content(problem)) => Err(IndexError::Source { label, problem: Box::new(problem) }),
                other => other.map(Ok),
            }
        })
        .buffered(limits.at_once.max(1))
        .try_collect()
        .await?;
    let mut sources = Sources::default();
    for one in read {
        match one {
            Ok(found) => sources.found.push(found),
            Err(absent) => sources.absent.push(absent),
        }
    }
    let entries = sources.found.iter().map(|source| source.candidates.len() as u64).sum();
    if entries > limits.manifests {
        return Err(Error::Limit { what: "entries of the index".to_owned(), limit: limits.manifests, got: entries }.into());
    }
    Ok(sources)
}

async fn gather_one(part: Part, root: RawManifest, manner: Manner, limits: Limits) -> Result<Gathered, IndexError> {
    let reading = Reading::new(&part, manner, limits);
    if root.as_index().is_none() {
        let image = reading.image(root.descriptor(), &root, part.platform.as_ref()).await?;
        // A lone manifest has no entry that could carry another platform than its config's.
        let whole = part.platform.is_none() || image.called_as_its_config;
        let candidates = vec![reading.candidate(image.descriptor, image.role, Some(root.clone()))];
        return Ok(Gathered { part, root, candidates, whole });
    }
    let mut candidates = reading.index(root.clone()).await?;
    let mut whole = !reading.found_nested();
    if let Some(wanted) = part.platform.as_ref().filter(|_| manner.of_index == OfIndex::Narrowed) {
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
