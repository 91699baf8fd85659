//! `manifest create`: reads every image, then writes the list, or nothing.

use std::error::Error;

use compat::docker::{DockerError, Folder, List, Location};
use fault::Failure;
use index::{Checked, Manner};
use oci::{RawManifest, Reference, without_password};

use super::sources::{self, Read, Source};
use super::{Count, hints, words};
use crate::commands::{Done, Session};
use crate::open::Opener;

pub async fn run(session: &Session, folder: &Folder, words: &words::Create) -> Result<Done, Failure> {
    let [list, images @ ..] = words.names.as_slice() else { return Err(count().into()) };
    if images.is_empty() {
        return Err(count().into());
    }
    let name = sources::name(list, "").map_err(|error| match error {
        DockerError::Name { problem, .. } => DockerError::ListName { text: without_password(list).into_owned(), problem },
        other => other,
    })?;
    folder.check_free(&name)?;
    let here = folder.list(&name)?;
    if here.is_some() && !words.amend {
        return Err(DockerError::Exists.into());
    }
    let images: Vec<Source> = images.iter().map(|text| Source::parse(text)).collect::<Result<_, _>>()?;
    let opener = Opener::new(session.context.clone(), session.console.clone());
    // Hole 3: every image is read again. Hole 4: a list that is only in its registry is started from.
    let start = async {
        match here {
            // Where a docker that was killed has left a folder with nothing in it, there is no list yet.
            Some(here) if !here.entries().is_empty() => Ok(here),
            _ if words.amend => from_registry(session, &opener, &name).await,
            _ => Ok(List::new(name.clone(), Vec::new())),
        }
    };
    let (list, read) = futures_util::future::try_join(start, sources::read(&images, &opener, &name, Manner::default())).await?;
    let list = take(session, list, read)?;
    // Hole 5: nothing was written until here.
    folder.save(&list)?;
    session.console.data(format!("Created manifest list {name}"));
    Ok(Done::Well)
}

const fn count() -> Count {
    Count { command: "create", wanted: "at least 2 arguments" }
}

/// Takes in what was read, and says what of it loses its annotations.
pub fn take(session: &Session, mut list: List, read: Vec<Read>) -> Result<List, Failure> {
    for Read { name, entries, .. } in read {
        for forgotten in list.take(&name, entries)? {
            let (image, platform) = (forgotten.reference, forgotten.platform);
            session.console.warn(&format!("{image} is another image now: what it was annotated with ({platform}) is gone"));
        }
    }
    Ok(list)
}

/// Says what an index has that docker's files have no place for.
fn warn_of_losses(session: &Session, name: &Reference, root: &RawManifest) {
    let Some(index) = root.as_index() else { return };
    let keys: Vec<&str> = index.annotations.keys().map(String::as_str).collect();
    if !keys.is_empty() {
        session.console.warn(&format!("index annotations of {name} are left behind: {}", keys.join(", ")));
    }
    let left = |what: &str| session.console.warn(&format!("{what} of {name} are left behind: `polyarch create` keeps them"));
    if index.subject.is_some() {
        left("the subject");
    }
    if index.artifact_type.is_some() || index.manifests.iter().any(|entry| entry.artifact_type.is_some()) {
        left("artifact types");
    }
}

/// Reads what the registry has under the list's name.
async fn from_registry(session: &Session, opener: &Opener, name: &Reference) -> Result<List, Failure> {
    let empty = List::new(name.clone(), Vec::new());
    // What it says is believed, so that what is wrong with it can be mended.
    let manner = Manner { checked: Checked::Force, ..Manner::default() };
    let mut read = match sources::read(&[Source::Named(name.clone())], opener, name, manner).await {
        Ok(read) => read,
        Err(failure) if is_absent(&failure) => return Ok(empty),
        Err(failure) => match hints::from_registry(&failure) {
            // So some registries answer for a repository that does not exist yet. Who may not read may not push.
            Some(denial) if denial.is_denial() => {
                session.console.warn(&format!("cannot see whether {name} exists, so this begins with an empty list: {denial}"));
                return Ok(empty);
            }
            _ => return Err(failure),
        },
    };
    for Read { root, entries, .. } in &mut read {
        warn_of_losses(session, name, root);
        // A single image under that name becomes an image of the list, by its digest.
        for entry in &mut *entries {
            entry.reference = sources::with_digest(name, &entry.descriptor.digest);
            entry.location = Location::Child { index: name.clone(), digest: root.digest().clone() };
        }
        session.console.say(format!("starting from the {} entries that {name} has in its registry", entries.len()));
    }
    take(session, empty, read)
}

fn is_absent(failure: &Failure) -> bool {
    let error: &(dyn Error + 'static) = failure.fault();
    matches!(error.downcast_ref(), Some(DockerError::NotInRegistry(_)))
}
