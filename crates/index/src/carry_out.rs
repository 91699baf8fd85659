//! Does what was planned: blobs, children, the index by its digest, a look back, and the names last.

use std::sync::Arc;

use content::{Copied, Copier, Events, Expected, Limits, Place, Tagged, child_manifest};
use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Digest, RawManifest, Selector};

use crate::gather::Candidate;
use crate::{IndexError, Plan};

/// Entries that are copied at once; their blobs wait for each other in the copier.
const AT_ONCE: usize = 16;

/// A place and the names there that will point at the result.
#[derive(Clone)]
pub struct Target {
    /// The place.
    pub place: Arc<dyn Place>,
    /// The names in it, and what each must be before it moves.
    pub names: Vec<(Selector, Expected)>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The digest of the result.
    pub digest: Digest,
    /// What became of each name, in the order of the targets and their names.
    pub names: Vec<Tagged>,
    /// What was copied, in all targets together.
    pub copied: Copied,
}

/// Carries a plan out in every target. Names move last, after everything else succeeded everywhere.
///
/// # Errors
/// Stops at the first piece that fails; no name was moved then. A name that cannot be moved leaves
/// the ones before it moved.
pub async fn carry_out(plan: &Plan, targets: &[Target], limits: Limits, events: &Events) -> Result<Outcome, IndexError> {
    let mut copied = Copied::default();
    check_movable(plan, targets).await?;
    for target in targets {
        copied += place_content(plan, &Copier::new(&*target.place, limits, events)).await?;
    }
    let mut names = Vec::new();
    for target in targets {
        for (name, expected) in &target.names {
            match target.place.tag(name, &plan.document, expected).await {
                Ok(tagged) => names.push(tagged),
                Err(problem) => return Err(half_moved(targets, names.len(), problem)),
            }
        }
    }
    Ok(Outcome { digest: plan.document.digest().clone(), names, copied })
}

/// Asks every target whether its names may be moved, where that can be known before anything is brought there.
///
/// # Errors
/// The place's own, for a name that its rules keep where it is.
pub async fn check_movable(plan: &Plan, targets: &[Target]) -> Result<(), IndexError> {
    for target in targets {
        for (name, _) in &target.names {
            target.place.check_movable(name, plan.document.digest()).await?;
        }
    }
    Ok(())
}

/// Says which names were moved before the one that was not.
fn half_moved(targets: &[Target], count: usize, problem: content::Error) -> IndexError {
    let names = targets.iter().flat_map(|target| target.names.iter().map(|(name, _)| shown(&*target.place, name)));
    let mut moved: Vec<String> = names.take(count + 1).collect();
    match moved.pop() {
        Some(name) if !moved.is_empty() => IndexError::HalfMoved { moved, name, problem: Box::new(problem) },
        _ => problem.into(),
    }
}

fn shown(place: &dyn Place, name: &Selector) -> String {
    match name {
        Selector::Name(name) => format!("{}:{name}", place.name()),
        Selector::Digest(digest) => format!("{}@{digest}", place.name()),
        Selector::Only => place.name(),
    }
}

/// Brings everything below the document, and the document itself, into a place without a name.
pub(crate) async fn place_content(plan: &Plan, copier: &Copier<'_>) -> Result<Copied, IndexError> {
    let place = copier.target();
    if plan.document.as_index().is_none() {
        // A lone manifest is its own only entry.
        let Some(only) = plan.entries.first() else { return Err(IndexError::Empty) };
        return if at_home(only, place) { Ok(Copied::default()) } else { Ok(copier.copy(&*only.place, &plan.document).await?) };
    }
    let away = plan.entries.iter().filter(|entry| !at_home(entry, place));
    let copies: Vec<Copied> = stream::iter(away).map(|entry| copy_entry(entry, copier)).buffered(AT_ONCE).try_collect().await?;
    let mut copied = Copied::default();
    for one in copies {
        copied += one;
    }
    place.put_manifest(&plan.document).await?;
    look_back(&plan.document, place).await?;
    Ok(copied)
}

/// Tells whether an entry was read from the very repository it goes to: then its content is there.
pub(crate) fn at_home(entry: &Candidate, place: &dyn Place) -> bool {
    place.origin().is_some_and(|target| entry.place.origin().as_ref() == Some(&target))
}

async fn copy_entry(entry: &Candidate, copier: &Copier<'_>) -> Result<Copied, IndexError> {
    let descriptor = &entry.descriptor;
    if copier.target().has(descriptor).await? {
        return Ok(Copied { present: 1, ..Copied::default() });
    }
    if !descriptor.media_type.is_index() && !descriptor.media_type.is_manifest() {
        // An entry of a kind that nobody here knows is bytes (image-spec, image-index.md: unknown
        // media types must not be an error).
        let placed = copier.blob(&*entry.place, descriptor).await?;
        return Ok(Copied::of(placed, descriptor.size));
    }
    let manifest = match &entry.manifest {
        Some(read) if *read.digest() == descriptor.digest => read.clone(),
        // Whoever believed an index unread meets a wrong size here at the latest.
        _ => child_manifest(&*entry.place, descriptor).await?,
    };
    Ok(copier.copy(&*entry.place, &manifest).await?)
}

/// Asks for what was just put, so that no name ever points at something that cannot be read.
pub(crate) async fn look_back(document: &RawManifest, place: &dyn Place) -> Result<(), IndexError> {
    let seen = place.resolve(&Selector::Digest(document.digest().clone())).await?;
    if seen.digest == *document.digest() {
        return Ok(());
    }
    Err(IndexError::ReadBack { place: place.name(), expected: document.digest().clone(), got: seen.digest })
}
