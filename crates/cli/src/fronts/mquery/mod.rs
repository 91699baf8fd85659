//! `mquery`: which platforms an image is for, asked of its registry.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use compat::mquery::{NO_NAME, failure, is_shown, text};
use content::{Limits, Place, child_manifest};
use fault::{Failure, Fault, Kind};
use futures_util::{StreamExt, TryStreamExt, stream};
use oci::{Descriptor, ImageConfig, Locator, MAX_MANIFEST_SIZE, Platform, RawManifest};

use crate::commands::{Done, Session};
use crate::console::{self, Console};
use crate::open::Opener;

/// Show which platforms an image is for.
#[derive(Debug, Parser)]
pub struct Mquery {
    /// The image
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// What stands behind it is not read.
    #[arg(hide = true)]
    pub rest: Vec<String>,
}

/// No name, or none that means anything.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct BadName(String);

impl Fault for BadName {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

/// Reads the words.
pub fn read(words: Vec<OsString>) -> Result<Mquery, ExitCode> {
    Mquery::try_parse_from(std::iter::once(OsString::from("mquery")).chain(words)).map_err(|error| console::usage(&error))
}

/// Says what went wrong: on stdout, where mquery says it.
pub fn fail(console: &Console, problem: &Failure) -> u8 {
    console.line(failure(&super::one_line(problem)));
    if let Some(hint) = problem.fault().hint() {
        console.complain(format!("hint: {hint}"));
    }
    1
}

/// Runs it.
pub async fn run(session: Session, words: Mquery) -> Result<Done, Failure> {
    let name = words.name.ok_or_else(|| BadName(NO_NAME.to_owned()))?;
    let locator: Locator = name.parse().map_err(|error: oci::LocatorError| BadName(error.to_string()))?;
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let opened = opener.far_source(&locator).await?;
    let root = opened.place.manifest(&opened.selector).await.map_err(|problem| opener.explain(&opened, problem))?;
    let of_config = of_config(&*opened.place, &root).await?;
    text(&name, &root, &of_config).iter().for_each(|line| session.console.line(line));
    Ok(Done::Well)
}

/// Asks configs for what the document does not say: of an image alone, and of each entry without a platform.
async fn of_config(place: &dyn Place, root: &RawManifest) -> Result<Vec<Option<Platform>>, content::Error> {
    let Some(index) = root.as_index() else { return Ok(vec![own(place, root).await?]) };
    let limits = Limits::default();
    let unsaid = |entry: &Descriptor| entry.platform.is_none() && entry.media_type.is_manifest() && is_shown(entry);
    let asked = index.manifests.iter().filter(|entry| unsaid(entry)).count() as u64;
    if asked > limits.manifests {
        return Err(content::Error::Limit { what: "entries without a platform".to_owned(), limit: limits.manifests, got: asked });
    }
    let read = index
        .manifests
        .iter()
        .map(|entry| async move { if unsaid(entry) { own(place, &child_manifest(place, entry).await?).await } else { Ok(None) } });
    stream::iter(read).buffered(limits.at_once.max(1)).try_collect().await
}

async fn own(place: &dyn Place, manifest: &RawManifest) -> Result<Option<Platform>, content::Error> {
    let Some(image) = manifest.as_image().filter(|image| image.is_image()) else { return Ok(None) };
    let bytes = place.blob(&image.config).await?.read_all(MAX_MANIFEST_SIZE).await?;
    Ok(ImageConfig::parse(&bytes).ok().and_then(|config| config.platform()))
}
