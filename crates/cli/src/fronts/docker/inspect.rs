//! `manifest inspect`: the list on this machine, else what the registry has.

use compat::docker::{DockerError, Entry, Folder, show_entries, show_entry, show_index, show_manifest};
use fault::Failure;
use futures_util::{StreamExt, TryStreamExt, stream};
use index::Manner;
use oci::{Annotations, Descriptor, RawManifest, Reference, Selector};

use super::sources::{self, Source};
use super::{Count, words};
use crate::commands::{Done, Session};
use crate::open::{Opened, Opener};

/// Children that are read at once.
const AT_ONCE: usize = 16;

pub async fn run(session: &Session, folder: &Folder, words: &words::Inspect) -> Result<Done, Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let text = match words.names.as_slice() {
        [image] => {
            let name = sources::name(image, "")?;
            whole(session, &opener, folder, &name, words.verbose).await?
        }
        [list, image] => {
            let (list, name) = (sources::name(list, "")?, sources::name(image, "")?);
            let found = folder.list(&list)?;
            let entry = found.as_ref().and_then(|found| found.find(&name.to_string()));
            let entry = entry.ok_or(DockerError::NotInFolder(name))?;
            one(&opener, entry.clone(), words.verbose).await?
        }
        _ => return Err(Count { command: "inspect", wanted: "at least 1 and at most 2 arguments" }.into()),
    };
    session.console.data(text);
    Ok(Done::Well)
}

/// Shows a list on this machine, else the image or the index in the registry.
async fn whole(session: &Session, opener: &Opener, folder: &Folder, name: &Reference, verbose: bool) -> Result<String, Failure> {
    match folder.list(name) {
        Ok(Some(list)) if verbose => return Ok(show_entries(list.entries())),
        Ok(Some(list)) => {
            let entries: Vec<Descriptor> = list.entries().iter().map(|entry| entry.descriptor.clone()).collect();
            return Ok(show_index(&entries));
        }
        Ok(None) => {}
        // Docker looks in the registry without a word.
        Err(error) => session.console.warn(&error.to_string()),
    }
    let source = Source::Named(name.clone());
    let opened = source.open(opener).await?;
    let root = root_of(name, &opened).await?;
    match root.as_index() {
        Some(index) if verbose => {
            let entries: Vec<Entry> =
                stream::iter(&index.manifests).map(|child| child_of(name, &opened, child)).buffered(AT_ONCE).try_collect().await?;
            Ok(show_entries(&entries))
        }
        Some(index) => Ok(show_index(&index.manifests)),
        None if verbose => {
            let read = sources::read(&[source], opener, name, Manner::default()).await?;
            let entry = read.into_iter().flat_map(|read| read.entries).next();
            Ok(entry.map(|entry| show_entry(&entry)).unwrap_or_default())
        }
        None => Ok(show_manifest(&root)),
    }
}

/// Reads the document; a tag with a digest behind it must be that digest.
async fn root_of(name: &Reference, opened: &Opened) -> Result<RawManifest, Failure> {
    let by_tag = name.tag().map(|tag| Selector::Name(tag.as_str().to_owned()));
    let selector = by_tag.unwrap_or_else(|| opened.selector.clone());
    let root = opened.place.manifest(&selector).await.map_err(|problem| sources::missing(name, problem))?;
    match name.digest() {
        Some(digest) if digest != root.digest() => Err(DockerError::OtherDigest(digest.clone()).into()),
        _ => Ok(root),
    }
}

async fn child_of(name: &Reference, opened: &Opened, child: &Descriptor) -> Result<Entry, Failure> {
    let manifest = opened.place.manifest(&Selector::Digest(child.digest.clone())).await?;
    let descriptor = Descriptor { annotations: Annotations::new(), extra: serde_json::Map::new(), ..child.clone() };
    Ok(Entry::new(sources::with_digest(name, &child.digest), descriptor, &manifest))
}

/// Shows one image of a list on this machine. Docker before 23 did not keep its bytes.
async fn one(opener: &Opener, entry: Entry, verbose: bool) -> Result<String, Failure> {
    if verbose {
        return Ok(show_entry(&entry));
    }
    if let Some(manifest) = entry.manifest() {
        return Ok(show_manifest(&manifest));
    }
    let opened = sources::open_entry(&entry, opener).await?;
    let manifest = opened.place.manifest(&Selector::Digest(entry.descriptor.digest.clone())).await;
    Ok(show_manifest(&manifest.map_err(|problem| sources::missing(&entry.reference, problem))?))
}
