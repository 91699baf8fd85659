//! Other tools' words: who is meant, what they say, and how they say that something is wrong.
//!
//! A front reads its own words, since a flag of docker's need not mean what ours of that name means. It
//! turns them into the values that our own verbs work with, and lets `compat` put what comes of it
//! into the other tool's words. Flags of polyarch itself stand before the front's name.

mod cobra;
mod docker;
mod imagetools;
mod manifest_tool;
mod mquery;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Command, CommandFactory};
use fault::Failure;

use crate::args::{Polyarch, Verb};
use crate::commands::{Done, Session};
use crate::console::Console;

/// A tool whose words are spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// `docker manifest`.
    Manifest,
    /// manifest-tool.
    ManifestTool,
    /// `docker buildx`, of which `imagetools` is here.
    Buildx,
    /// mquery.
    Mquery,
}

/// The names of fronts on our command line.
const NAMES: [(&str, Front); 4] =
    [("manifest", Front::Manifest), ("manifest-tool", Front::ManifestTool), ("buildx", Front::Buildx), ("mquery", Front::Mquery)];

/// Words in another tool's language, understood.
#[derive(Debug)]
pub enum Spoken {
    /// `docker manifest`.
    Manifest(docker::Manifest),
    /// manifest-tool.
    ManifestTool(Box<manifest_tool::ManifestTool>),
    /// `docker buildx imagetools`.
    Buildx(Box<imagetools::Buildx>),
    /// mquery.
    Mquery(mquery::Mquery),
}

/// Splits a command line behind the name of a front: what is ours, and what the front reads.
pub fn split(words: &[OsString]) -> Option<(Vec<OsString>, Front, Vec<OsString>)> {
    let named = |word: &OsString| NAMES.iter().find(|(name, _)| word.as_os_str() == *name).map(|(_, front)| *front);
    words.iter().enumerate().skip(1).find_map(|(at, word)| {
        let front = named(word)?;
        let (head, rest) = words.split_at(at + 1);
        // A word of that name may also be what another verb is given.
        let verb = Polyarch::verb_of(head)?;
        (front_of(&verb) == Some(front)).then(|| (head.to_vec(), front, rest.to_vec()))
    })
}

const fn front_of(verb: &Verb) -> Option<Front> {
    match verb {
        Verb::Manifest => Some(Front::Manifest),
        Verb::ManifestTool => Some(Front::ManifestTool),
        Verb::Buildx => Some(Front::Buildx),
        Verb::Mquery => Some(Front::Mquery),
        _ => None,
    }
}

impl Front {
    /// Reads the front's words.
    ///
    /// # Errors
    /// With the exit code of the other tool, after its words were printed.
    pub fn read(self, words: Vec<OsString>) -> Result<Spoken, ExitCode> {
        match self {
            Self::Manifest => docker::read(words).map(Spoken::Manifest),
            Self::ManifestTool => manifest_tool::read(words).map(|read| Spoken::ManifestTool(Box::new(read))),
            Self::Buildx => imagetools::read(words).map(|read| Spoken::Buildx(Box::new(read))),
            Self::Mquery => mquery::read(words).map(Spoken::Mquery),
        }
    }

    /// Says what went wrong as the other tool says it, and returns its exit code.
    pub fn fail(self, console: &Console, failure: &Failure) -> u8 {
        match self {
            Self::Manifest => docker::fail(console, failure),
            Self::ManifestTool => manifest_tool::fail(console, failure),
            Self::Buildx => imagetools::fail(console, failure),
            Self::Mquery => mquery::fail(console, failure),
        }
    }
}

impl Spoken {
    /// Returns whose words they are.
    pub const fn front(&self) -> Front {
        match self {
            Self::Manifest(_) => Front::Manifest,
            Self::ManifestTool(_) => Front::ManifestTool,
            Self::Buildx(_) => Front::Buildx,
            Self::Mquery(_) => Front::Mquery,
        }
    }

    /// Does what they say.
    ///
    /// # Errors
    /// What [`Front::fail`] puts into words.
    pub async fn carry_out(self, session: Session) -> Result<Done, Failure> {
        match self {
            Self::Manifest(words) => docker::run(session, words).await,
            Self::ManifestTool(words) => manifest_tool::run(session, *words).await,
            Self::Buildx(words) => imagetools::run(session, *words).await,
            Self::Mquery(words) => mquery::run(session, words).await,
        }
    }
}

/// Puts the fronts' own words into the tree of ours, for completion.
pub fn graft(command: Command) -> Command {
    NAMES.into_iter().fold(command, |command, (name, _)| command.mut_subcommand(name, |own| own_words(name).unwrap_or(own)))
}

/// Returns the words of a front by the name that it has on our command line, without ours: they stand
/// before that name, and mean nothing behind it.
pub fn own_words(name: &str) -> Option<Command> {
    let (name, front) = NAMES.into_iter().find(|(other, _)| *other == name)?;
    let words = match front {
        Front::Manifest => docker::Manifest::command(),
        Front::ManifestTool => manifest_tool::ManifestTool::command(),
        Front::Buildx => imagetools::Buildx::command(),
        Front::Mquery => mquery::Mquery::command(),
    };
    Some(words.name(name).bin_name(format!("polyarch {name}")))
}

/// Puts a failure into one line, as Go's tools do: what went wrong, then what is behind it.
fn one_line(failure: &Failure) -> String {
    let causes = failure.causes();
    std::iter::once(failure.to_string()).chain(causes).collect::<Vec<_>>().join(": ")
}

/// Reads a path that may be empty, as it may for Go; clap's own reader refuses that.
fn go_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Reads a value of a Go flag that is true or false (strconv, `ParseBool`).
fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
    }
}
