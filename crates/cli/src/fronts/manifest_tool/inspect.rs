//! `inspect`: what is in an image of a registry.

use compat::manifest_tool::Problem;
use compat::manifest_tool::inspect::{Inspected, is_read, text};
use compat::manifest_tool::raw::{self, Config};
use content::{Limits, Place, child_manifest};
use fault::Failure;
use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Locator, MAX_MANIFEST_SIZE, RawManifest};
use serde_json::Value;

use crate::commands::Session;
use crate::open::Opener;

use super::words::Inspect;
use super::{Login, Stopped};

/// Runs it.
pub async fn run(mut session: Session, login: Login, words: Inspect) -> Result<(), Stopped> {
    let name = words.name.unwrap_or_default();
    let locator: Locator = name.parse().map_err(|error: oci::LocatorError| Problem::BadName(error.to_string()))?;
    if let Locator::Name(reference) | Locator::Registry(reference) = &locator {
        if reference.tag().is_none() && reference.digest().is_none() {
            return Err(Problem::NoTag.into());
        }
        login.give(&mut session, reference.registry());
    }
    if words.expand_config && !words.raw {
        return Err(Problem::ExpandWithoutRaw.into());
    }
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let opened = opener.far_source(&locator).await?;
    let fetching = |failure: Failure| Stopped { before: "error fetching image descriptor: ", failure };
    let root = match opened.place.manifest(&opened.selector).await {
        Ok(root) => root,
        Err(error) if error.is_missing() => return Err(Problem::NotFound(opened.label).into()),
        Err(error) => return Err(fetching(error.into())),
    };
    if words.raw {
        raw::check(&root)?;
    }
    let children = children(&*opened.place, &root, words.raw).await.map_err(|error| fetching(error.into()))?;
    let config = config(&*opened.place, &root).await.map_err(|error| fetching(error.into()))?;
    let inspected = Inspected { name: &name, root: &root, children: &children, config: &config };
    if words.raw {
        let config = if words.expand_config { Config::Expanded } else { Config::Referred };
        session.console.data(raw::raw(&inspected, config)?);
    } else {
        text(&inspected).iter().for_each(|line| session.console.line(line));
    }
    Ok(())
}

/// Reads the manifests of an index's entries: those that are shown, or all of them.
async fn children(place: &dyn Place, root: &RawManifest, all: bool) -> Result<Vec<Option<RawManifest>>, content::Error> {
    let entries = root.as_index().map(|index| index.manifests.as_slice()).unwrap_or_default();
    let limits = Limits::default();
    if entries.len() as u64 > limits.manifests {
        let (what, got) = ("entries of the index".to_owned(), entries.len() as u64);
        return Err(content::Error::Limit { what, limit: limits.manifests, got });
    }
    let read = entries
        .iter()
        .map(|entry| async move { if all || is_read(entry) { child_manifest(place, entry).await.map(Some) } else { Ok(None) } });
    stream::iter(read).buffered(limits.at_once.max(1)).try_collect().await
}

/// Reads an image's config as a tree; what is no JSON says nothing.
async fn config(place: &dyn Place, root: &RawManifest) -> Result<Value, content::Error> {
    let Some(image) = root.as_image() else { return Ok(Value::Null) };
    // The content of an artifact may be anything, and of any size.
    if image.config.size > MAX_MANIFEST_SIZE {
        return Ok(Value::Null);
    }
    let bytes = place.blob(&image.config).await?.read_all(MAX_MANIFEST_SIZE).await?;
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}
