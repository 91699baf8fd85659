//! `load`: from any place, or an archive, into the Docker of this machine.

use std::path::Path;

use fault::{Failure, Fault, Hint, Kind, Wishing};
use oci::{Locator, Reference, Selector};

use crate::args::Load;
use crate::commands::transfer::{self, Job, Word};
use crate::commands::{Done, Session};
use crate::open::{Answer, Opened, Opener};

const WORD: Word = Word { does: "load", did: "loaded", json: "polyarchLoad" };

/// An image without a name that an engine could keep it under.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("{0} has no name that Docker could know it by")]
    Nameless(String),
    #[error("expected a name that Docker is to know the image by, got {0}")]
    NoName(Locator),
    #[error("{place}: expected one image for the name {name}, got {count}")]
    Several { place: String, name: String, count: usize },
}

impl Fault for LoadError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::NoName(_) => Hint::new("NAME:TAG"),
            Self::Nameless(place) => Hint::new(format!("polyarch copy {place} docker-daemon:NAME:TAG")),
            Self::Several { place, .. } => Hint::new(format!("leave the name out: polyarch load -i {place}")),
        })
    }
}

/// Runs the verb.
pub async fn run(session: &Session, arguments: Load) -> Result<Done, Failure> {
    let wish = match (&arguments.input, &arguments.name) {
        (Some(file), _) => format!("load {}", file.display()),
        (None, Some(name)) => format!("load {name}"),
        (None, None) => "load an image".to_owned(),
    };
    let (opener, jobs) = prepare(session, &arguments).await.wishing(|| wish)?;
    transfer::run(session, &opener, WORD, &jobs, &(&arguments.moving).into()).await
}

async fn prepare(session: &Session, arguments: &Load) -> Result<(Opener, Vec<Job>), Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let jobs = match (&arguments.input, &arguments.name) {
        (Some(file), name) => from_archive(&opener, file, name.as_ref()).await?,
        (None, Some(name)) => {
            let from = opener.source(name).await?;
            opener.announce(&[&from]);
            let called = match name {
                Locator::Name(name) | Locator::Registry(name) | Locator::Store(name) => Some(name.clone()),
                _ => None,
            };
            let called = called.or_else(|| full_name(&from.selector));
            // A digest alone is no name either, and `latest` is somebody else's.
            let called = called.filter(|called| called.target_tag().is_some()).ok_or_else(|| nameless(name, &from))?;
            vec![Job::new(from, into_docker(&opener, &called).await?)]
        }
        (None, None) => Vec::new(),
    };
    Ok((opener, jobs))
}

async fn from_archive(opener: &Opener, file: &Path, name: Option<&Locator>) -> Result<Vec<Job>, Failure> {
    let archive = opener.any_archive(file)?;
    let label = file.display().to_string();
    let one = |selector: Selector| Opened { label: format!("{label}{selector}"), place: archive.clone(), selector, answer: Answer::Named };
    let found = archive.tags().await?;
    if let Some(name) = name {
        let name = &as_docker_says(name)?;
        if found.len() > 1 {
            return Err(LoadError::Several { place: label, name: name.familiar(), count: found.len() }.into());
        }
        return Ok(vec![Job::new(one(Selector::Only), into_docker(opener, name).await?)]);
    }
    let mut jobs = Vec::new();
    for name in found {
        let selector = Selector::Name(name);
        let called = full_name(&selector).ok_or_else(|| LoadError::Nameless(format!("{}{selector}", archive.name())))?;
        jobs.push(Job::new(one(selector), into_docker(opener, &called).await?));
    }
    if jobs.is_empty() {
        return Err(LoadError::Nameless(archive.name()).into());
    }
    Ok(jobs)
}

/// Reads what the one image of an archive is to be called.
fn as_docker_says(name: &Locator) -> Result<Reference, LoadError> {
    let called = match name {
        Locator::Name(name) => Some(name.clone()),
        Locator::Daemon(name) => name.parse::<Reference>().ok(),
        _ => None,
    };
    called.filter(|name| name.target_tag().is_some()).ok_or_else(|| LoadError::NoName(name.clone()))
}

/// Says the image in words that `copy` finds it by.
fn nameless(name: &Locator, from: &Opened) -> LoadError {
    LoadError::Nameless(match name {
        Locator::Name(name) if from.answer == Answer::Store => Locator::Store(name.clone()).to_string(),
        name => name.to_string(),
    })
}

/// Reads what an archive calls an image; a tag alone is no name to an engine.
fn full_name(selector: &Selector) -> Option<Reference> {
    match selector {
        Selector::Name(name) if name.contains(['/', ':']) => name.parse().ok(),
        _ => None,
    }
}

async fn into_docker(opener: &Opener, name: &Reference) -> Result<Opened, Failure> {
    let tag = name.target_tag().unwrap_or_else(oci::Tag::latest);
    let familiar = name.with(oci::Thing::Tag(tag)).familiar();
    opener.target(&Locator::Daemon(familiar), false).await
}
