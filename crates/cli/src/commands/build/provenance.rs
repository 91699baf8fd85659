//! How images came to be, told beside them: when that is, under which names, and where it cannot be.

use std::time::SystemTime;

use engine::build::{Built, Request};
use engine::provenance::{Moments, Statement};
use fault::{Failure, Fault, Hint, Kind};
use oci::{Digest, Locator, Reference};
use serde_json::Value;

use crate::args::{Build, Output};
use crate::commands::Session;

/// What begins the key of a provenance in a metadata file; a platform follows where there are several.
const KEY: &str = "buildx.build.provenance";
/// How many letters tell one build from every other one, as in BuildKit.
const LETTERS: usize = 25;

/// Something that takes an image without what is told of it.
#[derive(Debug, thiserror::Error)]
#[error("{0} holds one image, and no provenance beside it")]
pub struct NoRoom(&'static str);

impl Fault for NoRoom {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(if self.0 == DOCKER {
            "keep it with --tag NAME, then `polyarch load NAME`: Docker gets the image alone"
        } else {
            "type=oci has room for it, and `docker load` of Docker 25 and later reads that"
        }))
    }
}

const DOCKER: &str = "what Docker loads";

/// Passes where every output that is an image has room for a provenance.
///
/// # Errors
/// [`NoRoom`]
pub fn check(arguments: &Build) -> Result<(), Failure> {
    if arguments.provenance()?.is_none() {
        return Ok(());
    }
    arguments.outputs().iter().try_for_each(|output| match output {
        Output::Docker { target: None, .. } => Err(NoRoom(DOCKER).into()),
        Output::Docker { .. } => Err(NoRoom("a Docker archive").into()),
        _ => Ok(()),
    })
}

/// Tells when a build took place: at `SOURCE_DATE_EPOCH` where that is set, so that the same input is the same digest.
pub fn moments(session: &Session, request: &Request, begun: SystemTime) -> Moments {
    match request.epoch {
        Some(epoch) => Moments::of_epoch(epoch),
        None => Moments::of_clock(begun, (session.context.now)(), invocation(begun)),
    }
}

/// Makes what tells this build from every other one, of the moment and of the process.
fn invocation(begun: SystemTime) -> String {
    let since = begun.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let digest = Digest::of(format!("{} {}", since.as_nanos(), std::process::id()).as_bytes());
    digest.hex().chars().take(LETTERS).collect()
}

/// Returns the names that images will have, each once.
pub fn names(arguments: &Build) -> Vec<Reference> {
    let mut names: Vec<Reference> = Vec::new();
    for locator in arguments.outputs().iter().filter(|output| output.image_options().is_some()).flat_map(|output| arguments.names(output)) {
        if let Locator::Name(name) | Locator::Registry(name) | Locator::Store(name) = locator
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// Adds to a metadata file what is told, under buildx's keys.
pub fn describe(built: &Built, moments: &Moments, value: &mut Value) {
    for image in &built.images {
        let Some(account) = &image.provenance else { continue };
        let key = if built.images.len() == 1 { KEY.to_owned() } else { format!("{KEY}/{}", image.platform) };
        value[key] = Statement::new(account, moments).predicate().clone();
    }
}
