//! `docker manifest`: makes a list on this machine, image by image, and pushes it.

mod create;
mod hints;
mod inspect;
mod push;
mod sources;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use compat::docker::{Annotate, DockerError, Folder};
use fault::{Failure, Fault, Kind};
use oci::Reference;
use remote::HostRule;

use super::{cobra, one_line};
use crate::args::HostFlag;
use crate::commands::{Done, Session};
use crate::console::Console;

pub use words::Manifest;
use words::ManifestCommand;

/// The command's name, for what it says of its words.
const NAME: &str = "docker manifest";

/// The number of names is wrong.
#[derive(Debug, thiserror::Error)]
#[error("docker: '{NAME} {command}' requires {wanted}")]
struct Count {
    command: &'static str,
    wanted: &'static str,
}

impl Fault for Count {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

/// Several names went wrong, each in its own way.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Several(String);

impl Fault for Several {
    fn kind(&self) -> Kind {
        Kind::Place
    }
}

/// There is no folder for docker's configuration.
#[derive(Debug, thiserror::Error)]
#[error("there is no folder for docker's manifests: neither DOCKER_CONFIG nor HOME is set")]
struct NoHome;

impl Fault for NoHome {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

/// Reads the words.
///
/// # Errors
/// With docker's exit code, after its words were printed.
pub fn read(words: Vec<OsString>) -> Result<Manifest, ExitCode> {
    let first = words.iter().filter_map(|word| word.to_str()).find(|word| !word.starts_with('-'));
    let command = Manifest::command();
    let name = match first.filter(|first| command.find_subcommand(first).is_some()) {
        Some(verb) => format!("{NAME} {verb}"),
        None => NAME.to_owned(),
    };
    Manifest::try_parse_from(std::iter::once(OsString::from(NAME)).chain(words)).map_err(|error| cobra::usage(&error, &name))
}

/// Says what went wrong as docker does, and then what can be done.
pub fn fail(console: &Console, failure: &Failure) -> u8 {
    one_line(failure).lines().for_each(|line| console.complain(line));
    if let Some(hint) = hints::of(failure) {
        console.complain(format!("hint: {hint}"));
    }
    1
}

/// Runs the command.
///
/// # Errors
/// In docker's words, where it has any.
pub async fn run(mut session: Session, words: Manifest) -> Result<Done, Failure> {
    let Some(command) = words.command else {
        // Docker says it on stderr, and is content.
        session.console.complain(Manifest::command().bin_name(NAME).render_help().to_string().trim_end());
        return Ok(Done::Well);
    };
    if command.is_insecure() {
        // Docker's flag means both: HTTP where there is no TLS, and any certificate where there is.
        session.context.global.insecure = vec![HostFlag::All];
        session.context.fallback = HostRule::All;
    }
    let folder = Folder::new(session.context.docker_config.as_deref().ok_or(NoHome)?);
    match command {
        ManifestCommand::Create(words) => create::run(&session, &folder, &words).await,
        ManifestCommand::Annotate(words) => annotate(&folder, &words),
        ManifestCommand::Inspect(words) => inspect::run(&session, &folder, &words).await,
        ManifestCommand::Push(words) => push::run(&session, &folder, &words).await,
        ManifestCommand::Rm(words) => remove(&folder, &words.names),
    }
}

fn annotate(folder: &Folder, words: &words::Annotate) -> Result<Done, Failure> {
    let [list, image] = words.names.as_slice() else {
        return Err(Count { command: "annotate", wanted: "2 arguments" }.into());
    };
    let context = |what: &str, text: &str| format!("annotate: error parsing name for {what} {text}: ");
    let name = sources::name(list, &context("manifest list", list))?;
    // What came from a layout is called by its place.
    let image = match image.parse::<oci::Locator>() {
        Ok(place) if sources::reference(&place).is_none() => sources::absolute(&place).to_string(),
        _ => sources::name(image, &context("manifest", image))?.to_string(),
    };
    let annotate = Annotate {
        os: words.os.clone(),
        architecture: words.arch.clone(),
        variant: words.variant.clone(),
        os_version: words.os_version.clone(),
        os_features: words.os_features.iter().flat_map(|text| words::values(text)).collect(),
    };
    let absent = || DockerError::NotInList { image: words.names[1].clone(), list: list.clone(), has: Vec::new() };
    let mut found = folder.list(&name)?.ok_or_else(absent)?;
    found.annotate(&image, &annotate).map_err(|error| match error {
        DockerError::NotInList { has, .. } => DockerError::NotInList { image: words.names[1].clone(), list: list.clone(), has },
        other => other,
    })?;
    folder.save(&found)?;
    Ok(Done::Well)
}

fn remove(folder: &Folder, names: &[String]) -> Result<Done, Failure> {
    if names.is_empty() {
        return Err(Count { command: "rm", wanted: "at least 1 argument" }.into());
    }
    let remove = |text: &String| -> Result<(), Failure> {
        let list: Reference = sources::name(text, "")?;
        Ok(folder.remove(&list)?)
    };
    // Every name has its turn, whatever became of the one before it.
    let problems: Vec<String> = names.iter().filter_map(|text| remove(text).err()).map(|failure| one_line(&failure)).collect();
    if problems.is_empty() { Ok(Done::Well) } else { Err(Several(problems.join("\n")).into()) }
}
