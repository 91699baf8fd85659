//! Finds one platform's image, also where the document does not say which of its entries that is.

use std::collections::HashSet;

use content::{Error, Limits, Source};
use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Digest, Platform, RawManifest, Selector};

use super::{Entry, Look, fitting, read_detail, sort_entries};
use crate::IndexError;

/// The most children that are read for one question.
const MOST_READS: usize = 64;
/// The most platforms that a message lists.
const MOST_NAMES: usize = 50;

/// Finds the image that is called by a platform's name.
///
/// Entries that say their platform are compared first, without reading anything. Only where none
/// fits, nested indexes and the configs of entries without a platform are read, down to
/// [`Limits::depth`] levels.
///
/// # Errors
/// [`IndexError::Absent`], and what a place says of a child that had to be read; a missing child is
/// an error only where no other one is the image.
pub async fn find_image(source: &dyn Source, label: &str, root: &RawManifest, wanted: &Platform) -> Result<Entry, IndexError> {
    let mut search = Search { source, label, wanted, asked: HashSet::new(), offered: Vec::new(), missing: None };
    let mut level = Level::default();
    let first = examine(source, Entry::new(&root.descriptor()), root.clone()).await?;
    search.sort(&mut level, first);
    for depth in 1.. {
        if let Some(found) = fitting(&level.named, wanted) {
            return Ok(found.clone());
        }
        if level.unread.is_empty() {
            break;
        }
        level = search.read(level.unread, depth).await?;
    }
    Err(search.nothing())
}

/// What the documents of one level offer.
#[derive(Default)]
struct Level {
    /// Images whose platforms are known.
    named: Vec<Entry>,
    /// What must be read to know more.
    unread: Vec<Entry>,
}

struct Search<'a> {
    source: &'a dyn Source,
    label: &'a str,
    wanted: &'a Platform,
    asked: HashSet<Digest>,
    offered: Vec<String>,
    missing: Option<IndexError>,
}

impl Search<'_> {
    /// Adds what a document offers to its level.
    fn sort(&mut self, level: &mut Level, child: Child) {
        match child {
            Child::Index(index) => {
                let (images, others) = sort_entries(index.as_index().map_or(&[][..], |index| &index.manifests));
                let (unsaid, named): (Vec<Entry>, _) =
                    images.into_iter().partition(|image| image.os.is_empty() || image.architecture.is_empty());
                self.offered.extend(named.iter().map(|entry| entry.platform.clone()));
                level.named.extend(named);
                level.unread.extend(unsaid);
                level.unread.extend(others.into_iter().filter(|entry| entry.media_type.is_index()));
            }
            Child::Image(entry) => {
                self.offered.push(entry.platform.clone());
                level.named.push(*entry);
            }
            Child::Other => {}
            Child::Missing(error) => self.missing = self.missing.take().or(Some(error)),
        }
    }

    /// Reads what a level left open and returns the next one.
    async fn read(&mut self, mut unread: Vec<Entry>, depth: u64) -> Result<Level, IndexError> {
        // The same thing may stand there a thousand times.
        unread.retain(|entry| self.asked.insert(entry.digest.clone()));
        let most = Limits::default().depth;
        if depth > most && unread.iter().any(|entry| entry.media_type.is_index()) {
            return Err(Error::Limit { what: format!("levels of indexes in {}", self.label), limit: most, got: depth }.into());
        }
        if self.asked.len() > MOST_READS {
            let what = format!("entries of {} to read for {}", self.label, self.wanted);
            return Err(Error::Limit { what, limit: MOST_READS as u64, got: self.asked.len() as u64 }.into());
        }
        let source = self.source;
        let children: Vec<Child> =
            stream::iter(unread).map(|entry| read_child(source, entry)).buffered(Limits::default().at_once).try_collect().await?;
        let mut level = Level::default();
        for child in children {
            self.sort(&mut level, child);
        }
        Ok(level)
    }

    /// Says that no image fits.
    fn nothing(mut self) -> IndexError {
        if let Some(missing) = self.missing {
            return missing;
        }
        let mut said = HashSet::new();
        self.offered.retain(|platform| said.insert(platform.clone()));
        if self.offered.len() > MOST_NAMES {
            self.offered.truncate(MOST_NAMES);
            self.offered.push("...".to_owned());
        }
        let offered = if self.offered.is_empty() { "none".to_owned() } else { self.offered.join(", ") };
        IndexError::Absent { platform: Box::new(self.wanted.clone()), label: self.label.to_owned(), offered }
    }
}

/// A document below the first, or the first.
enum Child {
    Index(Box<RawManifest>),
    Image(Box<Entry>),
    Other,
    Missing(IndexError),
}

async fn read_child(source: &dyn Source, entry: Entry) -> Result<Child, IndexError> {
    let selector = Selector::Digest(entry.digest.clone());
    let read = async { examine(source, entry, source.manifest(&selector).await?).await };
    match read.await {
        Err(IndexError::Content(error)) if error.is_missing() => Ok(Child::Missing(error.into())),
        other => other,
    }
}

async fn examine(source: &dyn Source, mut entry: Entry, manifest: RawManifest) -> Result<Child, IndexError> {
    if manifest.as_index().is_some() {
        return Ok(Child::Index(Box::new(manifest)));
    }
    Ok(match read_detail(source, &manifest).await? {
        Look::Image(detail) => {
            entry.fill(Look::Image(detail));
            Child::Image(Box::new(entry))
        }
        _ => Child::Other,
    })
}
