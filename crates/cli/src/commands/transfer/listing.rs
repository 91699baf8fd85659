//! All images of one place, each with its name in another.

use std::collections::{HashMap, HashSet};

use fault::{Failure, Fault, Hint, Kind};
use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Digest, Locator, Reference, Selector, Tag};

use super::{AT_ONCE, Job};
use crate::open::{Answer, Opened, Opener};

/// Which names of the source are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// The tags of a repository.
    Tags,
    /// Whatever a layout or an archive calls its images.
    Images,
}

/// The names in a place do not fit where they are to go.
#[derive(Debug, thiserror::Error)]
enum ListingError {
    #[error("no named images in {0}")]
    None(String),
    #[error("image {name:?} of {place}: expected a name with a tag")]
    NoTag { name: String, place: String },
    #[error("image {name:?} of {place}: expected a full name for a docker archive, NAME:TAG")]
    NoName { name: String, place: String, to: String },
    #[error("{first:?} and {second:?} of {place} would both be {tag}")]
    SameTag { first: String, second: String, place: String, tag: Tag },
}

impl Fault for ListingError {
    fn kind(&self) -> Kind {
        match self {
            Self::None(_) => Kind::Place,
            Self::NoTag { .. } | Self::NoName { .. } | Self::SameTag { .. } => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::None(place) => Hint::new(format!("copy its only image by itself: polyarch copy {place} DST:TAG")),
            Self::NoName { name, place, to } => Hint::new(format!("copy it by itself: polyarch copy {place}:{name} {to}:NAME:TAG")),
            Self::NoTag { name, place } | Self::SameTag { second: name, place, .. } => {
                Hint::new(format!("copy it by itself: polyarch copy {place}:{name} DST:TAG"))
            }
        })
    }
}

/// Pairs every image of `from` with its name in `to`; both are opened without a name.
///
/// # Errors
/// Where the names cannot be listed, where there are none, and where they do not fit `to`.
pub async fn pairs(opener: &Opener, from: &Opened, to: &Opened, names: Names) -> Result<Vec<Job>, Failure> {
    let (found, there) = futures_util::future::join(from.place.tags(), there(to)).await;
    let found = found.map_err(|problem| opener.explain(from, problem))?;
    let (found, subjects) = if to.place.abilities().referrers { lists_apart(opener, from, found).await? } else { (found, Vec::new()) };
    if found.is_empty() {
        return Err(ListingError::None(from.label.clone()).into());
    }
    let repository = matches!(to.answer, Answer::Registry(_) | Answer::Store) || to.place.origin().is_some();
    let mut jobs = Vec::with_capacity(found.len());
    let mut taken: HashMap<Tag, String> = HashMap::new();
    for name in found {
        let target = match names {
            Names::Images if repository => {
                let tag = tag_of(&name).ok_or_else(|| ListingError::NoTag { name: name.clone(), place: from.label.clone() })?;
                if let Some(first) = taken.insert(tag.clone(), name.clone()) {
                    return Err(ListingError::SameTag { first, second: name, place: from.label.clone(), tag }.into());
                }
                tag.into()
            }
            Names::Images | Names::Tags => name.clone(),
        };
        let is_new = there.as_ref().is_some_and(|there| !there.contains(&target));
        jobs.push(Job { is_new, ..Job::new(named(from, name), named(to, target)) });
    }
    if let Some(last) = jobs.last_mut() {
        last.subjects = subjects;
    }
    Ok(jobs)
}

/// Parts names from the lists of referrers that a registry without their API keeps under tags
/// (distribution-spec 1.1, "Unavailable Referrers API"). Such a list is no image: what it lists goes
/// along, into the target's own list, which the tag would write over.
async fn lists_apart(opener: &Opener, from: &Opened, names: Vec<String>) -> Result<(Vec<String>, Vec<Digest>), Failure> {
    let look = |name: String| async move {
        let Ok(subject) = name.replacen('-', ":", 1).parse::<Digest>() else { return Ok((name, None)) };
        let document = from.place.manifest(&Selector::Name(name.clone())).await?;
        let is_list = document.as_index().is_some_and(|index| index.manifests.iter().all(|entry| entry.platform.is_none()));
        Ok::<_, content::Error>((name, is_list.then_some(subject)))
    };
    let looked: Vec<(String, Option<Digest>)> =
        stream::iter(names).map(look).buffered(AT_ONCE).try_collect().await.map_err(|problem| opener.explain(from, problem))?;
    let (mut images, mut subjects) = (Vec::new(), Vec::new());
    for (name, subject) in looked {
        match subject {
            Some(subject) => subjects.push(subject),
            None => images.push(name),
        }
    }
    Ok((images, subjects))
}

/// Gives images whose names are tags the full names that a docker archive has, after the repository they
/// come from: a tag alone would be the name of another repository there, `1.4` of `1.4:latest`.
///
/// # Errors
/// Where the source is no repository.
pub fn name_in_full(jobs: &mut [Job], source: &Locator, to: &Opened) -> Result<(), Failure> {
    let repository = match source {
        Locator::Name(name) | Locator::Registry(name) | Locator::Store(name) => Some(name.familiar_name()),
        Locator::Daemon(name) => name.parse::<Reference>().ok().map(|name| name.familiar_name()),
        _ => None,
    };
    for job in jobs {
        let Selector::Name(name) = &job.to.selector else { continue };
        if name.contains(['/', ':']) || content::is_old_tag(name) {
            continue;
        }
        let Some(repository) = &repository else {
            return Err(ListingError::NoName { name: name.clone(), place: source.to_string(), to: to.label.clone() }.into());
        };
        job.to = named(to, format!("{repository}:{name}"));
        // What the target's list was asked for was the tag alone.
        job.is_new = false;
    }
    Ok(())
}

/// Lists the names that the target has, where it can be told: each of them need not be asked for.
async fn there(to: &Opened) -> Option<HashSet<String>> {
    match to.place.tags().await {
        Ok(names) => Some(names.into_iter().collect()),
        Err(error) if error.is_missing() => Some(HashSet::new()),
        // Whoever may not list them may write them all the same.
        Err(_) => None,
    }
}

/// Returns one image of a place that was opened without a name.
fn named(place: &Opened, name: String) -> Opened {
    Opened {
        label: format!("{}:{name}", place.label),
        place: place.place.clone(),
        selector: Selector::Name(name),
        answer: place.answer.clone(),
    }
}

/// Reads a tag, or the tag of a full name, as containerd and docker write them into layouts.
fn tag_of(name: &str) -> Option<Tag> {
    name.parse().ok().or_else(|| name.parse::<Reference>().ok().filter(|_| name.contains(['/', ':'])).and_then(|name| name.tag().cloned()))
}
