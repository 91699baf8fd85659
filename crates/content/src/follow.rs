//! Copies what refers to an image, so that it is found at the target as it was at the source.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Digest, Selector};

use crate::{By, Copied, Copier, Error, Expected, Limits, Place, Placed, Referrer, Result, Source, Tagged};

/// What became of one referrer.
#[derive(Clone, Debug)]
pub struct Followed {
    /// Which.
    pub digest: Digest,
    /// What it refers to.
    pub subject: Digest,
    /// How it came to the target: [`Placed::Present`] where it was found there as at the source.
    pub placed: Placed,
    /// The old tags that point at it, and whether they had to be moved.
    pub tags: Vec<(String, Tagged)>,
}

/// Copies referrers with everything they need, those first that others refer to, and then their old
/// tags. What the target lists already, with its content, is neither read nor sent.
///
/// Best done before the image itself gets its name: an archive is whole only then, and nobody sees
/// an image without its signatures.
///
/// # Errors
/// [`Error::Unsupported`] where the target keeps no referrers; otherwise as [`Copier::copy`] and `tag`.
pub async fn copy_referrers(copier: &Copier<'_>, source: &dyn Source, referrers: &[Referrer]) -> Result<(Copied, Vec<Followed>)> {
    let mut copied = Copied::default();
    let mut followed = Vec::new();
    let target = copier.target();
    if !referrers.is_empty() && !target.abilities().referrers {
        let cannot = "keeps nothing that refers to an image".to_owned();
        return Err(Error::Unsupported { place: target.name(), cannot, hint: None });
    }
    let present = listed(target, referrers, copier.limits()).await?;
    for level in levels(referrers) {
        let travels: Vec<(&Referrer, bool)> =
            level.iter().map(|referrer| (referrer, present.contains(&(&referrer.subject, referrer.digest().clone())))).collect();
        let mut arriving = stream::iter(travels)
            .map(|(referrer, listed)| follow(copier, source, referrer, listed))
            .buffered(copier.limits().at_once.max(1));
        while let Some((count, arrived)) = arriving.try_next().await? {
            copied += count;
            followed.push(arrived);
        }
    }
    Ok((copied, followed))
}

async fn follow(copier: &Copier<'_>, source: &dyn Source, referrer: &Referrer, listed: bool) -> Result<(Copied, Followed)> {
    let (target, manifest) = (copier.target(), &referrer.manifest);
    let (mut tags, mut moving) = (Vec::new(), Vec::new());
    for tag in referrer.tags() {
        let name = Selector::Name(tag.to_owned());
        match target.resolve(&name).await {
            Ok(found) if found.digest == *manifest.digest() => tags.push((tag.to_owned(), Tagged::Unchanged)),
            Ok(_) => moving.push((tag, name)),
            Err(error) if error.is_missing() => moving.push((tag, name)),
            Err(error) => return Err(error),
        }
    }
    // Listed, or under a name: neither comes before all that the manifest needs. One that is not
    // listed and should be is put again, however many names it has.
    let here = listed || !tags.is_empty() && !referrer.by.contains(&By::Subject);
    let copied = if here { copier.was_there(manifest) } else { copier.copy(source, manifest).await? };
    for (tag, name) in moving {
        tags.push((tag.to_owned(), target.tag(&name, manifest, &Expected::Any).await?));
    }
    let placed = if here { Placed::Present } else { Placed::Sent };
    Ok((copied, Followed { digest: manifest.digest().clone(), subject: referrer.subject.clone(), placed, tags }))
}

/// Asks the target once for each subject who refers to it there.
async fn listed<'a>(target: &dyn Place, referrers: &'a [Referrer], limits: Limits) -> Result<HashSet<(&'a Digest, Digest)>> {
    let mut seen = HashSet::new();
    let by_subject = referrers.iter().filter(|referrer| referrer.by.contains(&By::Subject));
    let subjects: Vec<&Digest> = by_subject.map(|referrer| &referrer.subject).filter(|subject| seen.insert(*subject)).collect();
    let lists: Vec<Vec<(&Digest, Digest)>> = stream::iter(subjects)
        .map(|subject| async move {
            match target.referrers(subject).await {
                Ok(list) => Ok(list.into_iter().map(|entry| (subject, entry.digest)).collect()),
                // A repository that does not exist yet.
                Err(error) if error.is_missing() => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        })
        .buffered(limits.at_once.max(1))
        .try_collect()
        .await?;
    Ok(lists.into_iter().flatten().collect())
}

/// Splits referrers, subjects before those that refer to them, so that nobody in a part refers to
/// another in it.
fn levels(referrers: &[Referrer]) -> Vec<&[Referrer]> {
    let mut levels = Vec::new();
    let (mut rest, mut members) = (referrers, HashSet::new());
    let mut length = 0;
    while let Some(referrer) = rest.get(length) {
        if members.contains(&referrer.subject) {
            let (level, others) = rest.split_at(length);
            levels.push(level);
            (rest, length) = (others, 0);
            members.clear();
        } else {
            members.insert(referrer.digest().clone());
            length += 1;
        }
    }
    levels.push(rest);
    levels
}
