//! `docker buildx`, of which `imagetools` is here.

mod create;
mod inspect;
mod types;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand};
use compat::imagetools::{Shown, shown};
use fault::Failure;
use oci::Locator;

use super::{cobra, go_bool, go_path, one_line};
use crate::commands::{Done, Session};
use crate::console::Console;
use crate::open::{Answer, Opened};

/// The verbs of buildx that a script may mean (buildx 0.30, `docker buildx --help`).
const ELSEWHERE: [&str; 20] = [
    "bake",
    "build",
    "create",
    "dap",
    "debug",
    "dial-stdio",
    "diskusage",
    "du",
    "f",
    "history",
    "inspect",
    "install",
    "ls",
    "policy",
    "prune",
    "rm",
    "stop",
    "uninstall",
    "use",
    "version",
];

/// docker buildx: the commands of imagetools, in its words
#[derive(Debug, Parser)]
#[command(name = "buildx", disable_help_subcommand = true, args_override_self = true)]
pub struct Buildx {
    /// Builder instance; here it builds nothing, and only its name is looked at
    #[arg(long, global = true, value_name = "NAME")]
    builder: Option<String>,
    /// Tell every request, without secrets
    #[arg(short = 'D', long, global = true, num_args = 0..=1, require_equals = true, value_name = "BOOL", default_missing_value = "true", default_value = "false", value_parser = go_bool, hide_default_value = true)]
    debug: bool,
    #[command(subcommand)]
    room: Option<Room>,
}

#[derive(Debug, Subcommand)]
enum Room {
    /// Commands to work on images in registries
    #[command(disable_help_subcommand = true)]
    Imagetools {
        #[command(subcommand)]
        verb: Option<Verb>,
    },
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Create a new image based on source images
    Create(Create),
    /// Show details of an image in the registry
    Inspect(Inspect),
}

/// The words of `create`.
#[derive(Args, Debug)]
pub(super) struct Create {
    /// References, digests, descriptors as JSON, or places such as oci-layout://DIR[:TAG]
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
    /// Add annotation to the image: index:KEY=VALUE or manifest-descriptor[PLATFORM]:KEY=VALUE
    #[arg(long, value_name = "TYPE:KEY=VALUE", allow_hyphen_values = true)]
    annotation: Vec<String>,
    /// Append to existing manifest
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL", default_missing_value = "true", default_value = "false", value_parser = go_bool, hide_default_value = true)]
    append: bool,
    /// Show final image instead of pushing
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL", default_missing_value = "true", default_value = "false", value_parser = go_bool, hide_default_value = true)]
    dry_run: bool,
    /// Read source descriptor from file
    #[arg(short, long, value_name = "FILE", value_parser = go_path())]
    file: Vec<PathBuf>,
    /// Write create result metadata to a file
    #[arg(long, value_name = "FILE", value_parser = go_path())]
    metadata_file: Option<PathBuf>,
    /// Filter specified platforms of target image
    #[arg(short, long, value_name = "PLATFORM,...")]
    platform: Vec<String>,
    /// When only a single source is specified, prefer an index instead of a carbon copy
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL", default_missing_value = "true", default_value = "true", value_parser = go_bool)]
    prefer_index: bool,
    /// Set type of progress output: auto, none, plain, tty
    #[arg(long, value_name = "HOW", default_value = "auto")]
    progress: String,
    /// Set reference for new image
    #[arg(short, long, value_name = "NAME")]
    tag: Vec<String>,
}

impl Create {
    /// Leaves out files of no name: they are none.
    fn without_empty_files(mut self) -> Self {
        let is_named = |path: &PathBuf| !path.as_os_str().is_empty();
        self.file.retain(is_named);
        self.metadata_file = self.metadata_file.filter(is_named);
        self
    }
}

/// The words of `inspect`.
#[derive(Args, Debug)]
pub(super) struct Inspect {
    /// The image
    name: String,
    /// Format the output using the given Go template
    #[arg(long, value_name = "TEMPLATE", allow_hyphen_values = true, default_value = "", hide_default_value = true)]
    format: String,
    /// Show original, unformatted JSON manifest
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL", default_missing_value = "true", default_value = "false", value_parser = go_bool, hide_default_value = true)]
    raw: bool,
}

/// Reads the words.
///
/// # Errors
/// After saying what is wrong with them, with docker's exit codes; 0 where help was asked for.
pub fn read(words: Vec<OsString>) -> Result<Buildx, ExitCode> {
    let read = Buildx::try_parse_from(std::iter::once(OsString::from("docker buildx")).chain(words.clone()));
    let buildx = read.map_err(|error| refuse(&error, &words))?;
    match &buildx.room {
        Some(Room::Imagetools { verb: Some(_) }) => Ok(buildx),
        // As in cobra, a command that only has commands shows its help.
        Some(Room::Imagetools { verb: None }) => Err(help(&["imagetools"])),
        None => Err(help(&[])),
    }
}

fn help(path: &[&str]) -> ExitCode {
    let words = std::iter::once("docker buildx").chain(path.iter().copied()).chain(["--help"]);
    match Buildx::try_parse_from(words) {
        Err(error) => crate::console::usage(&error),
        Ok(_) => ExitCode::SUCCESS,
    }
}

/// Says which of our own verbs does what one of buildx's does.
fn instead(verb: &str) -> &'static str {
    match verb {
        "build" => "`polyarch build` reads the same words, as long as no RUN is needed",
        "du" | "diskusage" => "polyarch cache du",
        "prune" => "polyarch cache prune",
        _ => "polyarch buildx imagetools create|inspect",
    }
}

fn refuse(error: &clap::Error, words: &[OsString]) -> ExitCode {
    let command = spoken(words);
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(verb)) = error.get(ContextKind::InvalidSubcommand)
        && command == "docker buildx"
        && ELSEWHERE.contains(&verb.as_str())
    {
        let _ = writeln!(
            std::io::stderr().lock(),
            "ERROR: buildx {verb} is not here: of docker buildx, polyarch has imagetools only\nhint: {}",
            instead(verb)
        );
        return ExitCode::FAILURE;
    }
    let surplus = error.kind() == ErrorKind::UnknownArgument
        && matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::String(word)) if !word.starts_with('-'));
    if surplus || error.kind() == ErrorKind::MissingRequiredArgument {
        let _ = writeln!(
            std::io::stderr().lock(),
            "ERROR: docker: '{command}' requires 1 argument\n\nUsage:  {command} [OPTIONS] NAME\n\nRun '{command} --help' for more information"
        );
        return ExitCode::FAILURE;
    }
    cobra::usage(error, &command)
}

/// Names the command that the words were for.
fn spoken(words: &[OsString]) -> String {
    let mut command = "docker buildx".to_owned();
    for wanted in [&["imagetools"][..], &["create", "inspect"]] {
        let Some(word) = words.iter().filter_map(|word| word.to_str()).find(|word| wanted.contains(word)) else { break };
        command = format!("{command} {word}");
    }
    command
}

/// Names what was opened as buildx does; a name without a host may mean another one here (registries.conf).
fn names_of(opened: &Opened, locator: &Locator) -> Shown {
    match &opened.answer {
        Answer::Registry(name) => shown(&Locator::Registry(name.clone())),
        _ => shown(locator),
    }
}

/// Says what went wrong.
pub fn fail(console: &Console, failure: &Failure) -> u8 {
    console.complain(format!("ERROR: {}", one_line(failure)));
    if let Some(hint) = failure.fault().hint() {
        console.complain(format!("hint: {hint}"));
    }
    1
}

/// Does what the words say.
///
/// # Errors
/// What [`fail`] puts into words.
pub async fn run(mut session: Session, words: Buildx) -> Result<Done, Failure> {
    if words.debug {
        session.console = session.console.telling_all();
    }
    if let Some(name) = words.builder.as_deref().filter(|name| !name.is_empty() && *name != "default") {
        session.console.warn(&format!("there is no builder {name:?} here: its mirrors and certificates are not used"));
    }
    match words.room {
        Some(Room::Imagetools { verb: Some(Verb::Create(words)) }) => create::run(&session, words.without_empty_files()).await,
        Some(Room::Imagetools { verb: Some(Verb::Inspect(words)) }) => inspect::run(&session, &words).await,
        _ => Ok(Done::Well),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_words_hold_together() {
        Buildx::command().debug_assert();
    }

    #[test]
    fn flags_of_buildx_stand_before_and_behind_the_verb() {
        for line in
            ["-D --builder b imagetools inspect a", "imagetools --builder=b -D inspect a", "imagetools inspect a --debug --builder b"]
        {
            let words = std::iter::once("docker buildx").chain(line.split(' '));
            let buildx = Buildx::try_parse_from(words).unwrap();
            assert!(buildx.debug && buildx.builder.as_deref() == Some("b"), "{line}");
        }
    }
}
