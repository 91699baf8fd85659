//! The names that a result gets: what they point at now, which of them move, and by whom they are held.

use content::Expected;
use fault::Failure;
use index::{IndexError, Target};
use oci::{Digest, Selector};

use crate::open::Opened;

/// A name to be moved, with the digest it must have if one was written.
pub struct Tag {
    /// The name, opened.
    pub opened: Opened,
    /// What it must become, where that was written.
    pub digest: Option<Digest>,
    /// What it points at now.
    pub current: Option<Digest>,
}

/// Asks what every tag points at now. The first one is read whole where it is to be changed.
///
/// # Errors
/// Where a place cannot answer.
pub async fn current(tags: &[Tag], needs_base: bool) -> Result<Vec<Option<Digest>>, Failure> {
    let ask = tags.iter().enumerate().map(|(number, tag)| async move {
        if needs_base && number == 0 {
            return Ok(None);
        }
        match tag.opened.place.resolve(&tag.opened.selector).await {
            Ok(descriptor) => Ok(Some(descriptor.digest)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(Failure::from(error)),
        }
    });
    futures_util::future::try_join_all(ask).await
}

/// A digest behind a target's name says what the result must be.
///
/// # Errors
/// Where it is another.
pub fn check_digests(tags: &[Tag], got: &Digest) -> Result<(), Failure> {
    match tags.iter().filter_map(|tag| tag.digest.as_ref()).find(|expected| *expected != got) {
        Some(expected) => Err(IndexError::OtherDigest { expected: expected.clone(), got: got.clone() }.into()),
        None => Ok(()),
    }
}

/// Lists the tags that do not point at the result yet, each once: one tag may be written in two ways.
pub fn stale<'a>(tags: &'a [Tag], expected: Vec<Expected>, result: &Digest) -> Vec<(&'a Tag, Expected)> {
    let mut stale: Vec<(&Tag, Expected)> = Vec::new();
    for (tag, expected) in tags.iter().zip(expected) {
        let same = |(other, _): &&(&Tag, Expected)| {
            other.opened.selector == tag.opened.selector && other.opened.place.name() == tag.opened.place.name()
        };
        if tag.current.as_ref() != Some(result) && stale.iter().find(same).is_none() {
            stale.push((tag, expected));
        }
    }
    stale
}

/// Groups names by their place, so that content is brought to each place once.
pub fn targets(tags: &[(&Tag, Expected)]) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for (tag, expected) in tags {
        let place = tag.opened.place.name();
        let name: (Selector, Expected) = (tag.opened.selector.clone(), expected.clone());
        match targets.iter_mut().find(|target| target.place.name() == place) {
            Some(target) => target.names.push(name),
            None => targets.push(Target { place: tag.opened.place.clone(), names: vec![name] }),
        }
    }
    targets
}
