//! The verbs. Each turns its words into values, lets the rooms below work, and prints.

mod build;
mod cache;
mod copy;
pub mod create;
mod digest;
mod doctor;
mod emulators;
mod help;
mod inspect;
mod load;
mod login;
mod logs;
mod ls;
pub mod platforms;
mod pull;
mod push;
mod registry;
mod rm;
mod run;
mod save;
mod serve;
mod shims;
mod store;
mod tag;
mod transfer;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::CommandFactory;
use fault::{Failure, Fault, Kind};
use serde_json::json;

use crate::args::{Polyarch, Verb};
use crate::console::Console;
use crate::context::Context;
use crate::fronts::Spoken;
use crate::interrupts::Interrupts;
use crate::standing::Stand;

/// What a verb ends with when nothing failed.
pub enum Done {
    /// Exit code 0.
    Well,
    /// Exit code 1: the answer is no.
    No,
    /// The exit code of a program that was run.
    Program(u8),
}

/// What every verb is handed.
#[derive(Clone)]
pub struct Session {
    /// The surroundings.
    pub context: Context,
    /// The two streams.
    pub console: Console,
    /// Who runs commands here.
    pub stand: Stand,
}

/// Somebody asked to end before the work was done.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

impl Fault for Interrupted {
    fn kind(&self) -> Kind {
        Kind::Interrupted
    }
}

/// The answer was found, and did not arrive.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct LostOutput(String);

impl Fault for LostOutput {
    fn kind(&self) -> Kind {
        Kind::Place
    }
}

/// Runs a command to its exit code; `spoken` are the words behind it, where they are another tool's.
pub async fn run(command: Polyarch, spoken: Option<Spoken>, stand: Stand) -> ExitCode {
    let context = Context::read(command.global);
    let console = Console::new(&context);
    let session = Session { context, console: console.clone(), stand };
    let front = spoken.as_ref().map(Spoken::front);
    // A server is ended by an interrupt, and a program gets it: they decide themselves what that means.
    let is_heard = matches!(command.verb, Verb::Serve(_) | Verb::Run(_));
    let mut interrupts = (!is_heard).then(Interrupts::listen);
    // Dropping the work removes what it had half written.
    let ended = tokio::select! {
        ended = carry_out(&session, command.verb, spoken) => ended,
        () = interrupted(&mut interrupts) => Err(Interrupted.into()),
    };
    console.end();
    let ended = match (ended, console.lost_output()) {
        (Ok(Done::Well | Done::No), Some(problem)) => Err(LostOutput(problem).into()),
        (ended, _) => ended,
    };
    let number = match ended {
        Ok(Done::Well) => 0,
        Ok(Done::No) => fault::ExitCode::of(Kind::Answer).number(),
        Ok(Done::Program(number)) => number,
        Err(failure) if failure.fault().kind() != Kind::Interrupted && front.is_some() => {
            front.map_or(1, |front| front.fail(&console, &failure))
        }
        Err(failure) => {
            console.fail(&failure);
            fault::ExitCode::of(failure.fault().kind()).number()
        }
    };
    ExitCode::from(number)
}

/// Waits for a request to end, where anybody listens for one.
async fn interrupted(interrupts: &mut Option<Interrupts>) {
    match interrupts {
        Some(interrupts) => drop(interrupts.next().await),
        None => std::future::pending().await,
    }
}

/// Returns the exit code of words that make no sense: that of a program which is not run, where they are of `run`.
pub fn usage_code(words: &[OsString]) -> u8 {
    let read = Polyarch::command().ignore_errors(true).try_get_matches_from(words);
    let is_of_run = read.is_ok_and(|matches| matches.subcommand_name() == Some("run"));
    if is_of_run { run::NOT_RUN } else { fault::ExitCode::of(Kind::Usage).number() }
}

async fn carry_out(session: &Session, verb: Verb, spoken: Option<Spoken>) -> Result<Done, Failure> {
    match verb {
        Verb::Manifest | Verb::ManifestTool | Verb::Buildx | Verb::Mquery => match spoken {
            Some(spoken) => spoken.carry_out(session.clone()).await,
            None => Ok(Done::Well),
        },
        Verb::Shims { command } => shims::run(session, command),
        Verb::Build(arguments) => build::run(session, *arguments).await,
        Verb::Plan(arguments) => build::run(session, crate::args::Build { dry_run: true, ..arguments.build }).await,
        Verb::Create(arguments) => create::run(session, *arguments).await,
        Verb::Inspect(arguments) => inspect::run(session, arguments).await,
        Verb::Digest(arguments) => digest::run(session, arguments).await,
        Verb::Run(arguments) => run::run(session, *arguments).await,
        Verb::Logs(arguments) => logs::run(session, &arguments).await,
        Verb::Push(arguments) => push::run(session, *arguments).await,
        Verb::Pull(arguments) => pull::run(session, arguments).await,
        Verb::Copy(arguments) => copy::run(session, *arguments).await,
        Verb::Load(arguments) => load::run(session, arguments).await,
        Verb::Save(arguments) => save::run(session, arguments).await,
        Verb::Serve(arguments) => serve::run(session, arguments).await,
        Verb::Login(arguments) => login::log_in(session, arguments).await,
        Verb::Logout(arguments) => login::log_out(session, arguments).await,
        Verb::Ls(arguments) => ls::run(session, &arguments).await,
        Verb::Rm(arguments) => rm::run(session, &arguments).await,
        Verb::Tag(arguments) => tag::run(session, &arguments).await,
        Verb::Store { command } => store::run(session, command).await,
        Verb::Cache { command } => cache::run(session, command).await,
        Verb::Emulators { command } => emulators::run(session, command).await,
        Verb::Platforms(words) => platforms::run(session, words).await,
        Verb::Doctor(arguments) => doctor::run(session, arguments).await,
        Verb::Registry { command } => registry::run(session, command).await,
        Verb::Help { words, markdown } => help::run(session, &words, markdown),
        Verb::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Polyarch::tree(), "polyarch", &mut script);
            session.console.raw(&script);
            Ok(Done::Well)
        }
        Verb::Version => {
            let version = env!("CARGO_PKG_VERSION");
            session.console.data(if session.context.global.json {
                json!({"polyarchVersion": 1, "version": version}).to_string()
            } else {
                format!("polyarch {version}")
            });
            Ok(Done::Well)
        }
    }
}
