//! `manifest-tool`: its words, and ours for what they mean.

mod inspect;
mod push;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::CommandFactory;
use compat::manifest_tool::Problem;
use compat::manifest_tool::log::{self, Grade};
use compat::manifest_tool::usage::Topic;
use fault::{Failure, Kind};
use remote::{GivenLogin, HostRule, Secret};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::args::HostFlag;
use crate::commands::{Done, Session};
use crate::console::Console;
use words::{Global, PushSource, Unread, Verb, Words};

/// What urfave/cli ends with where there is no such command.
const NO_COMMAND: u8 = 3;

/// The words, or what is wrong with them: that is said with the time, which only a session knows.
#[derive(Debug)]
pub struct ManifestTool(Result<Words, Unread>);

impl ManifestTool {
    /// Returns the tree of its words, for help and completion.
    pub fn command() -> clap::Command {
        Words::command()
    }
}

/// Reads the words.
pub fn read(words: Vec<OsString>) -> Result<ManifestTool, ExitCode> {
    Ok(ManifestTool(words::read(words)))
}

/// Says what went wrong around a run; what goes wrong in one was said already.
pub fn fail(console: &Console, failure: &Failure) -> u8 {
    console.fail(failure);
    1
}

/// What ended a run, and what manifest-tool says before it.
struct Stopped {
    before: &'static str,
    failure: Failure,
}

impl<E: Into<Failure>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self { before: "", failure: error.into() }
    }
}

/// Runs it.
pub async fn run(session: Session, words: ManifestTool) -> Result<Done, Failure> {
    let words = match words.0 {
        Ok(words) => words,
        Err(Unread::Help(topic)) => return Ok(help(&session, topic)),
        Err(Unread::Version) => {
            session.console.data(concat!("manifest-tool version ", env!("CARGO_PKG_VERSION"), " (polyarch)"));
            return Ok(Done::Well);
        }
        Err(Unread::Flag(topic, problem)) => {
            session.console.raw(format!("Incorrect Usage: {problem}\n\n").as_bytes());
            help(&session, topic);
            say(&session, Grade::Error, &log::failure(&problem));
            return Ok(Done::Program(1));
        }
        Err(Unread::Command(word)) => {
            session.console.complain(format!("No help topic for '{word}'"));
            return Ok(Done::Program(NO_COMMAND));
        }
    };
    let mut session = session;
    if words.global.debug {
        session.console = session.console.telling_all();
    }
    match carry_out(&session, words).await {
        Ok(()) => Ok(Done::Well),
        Err(Stopped { failure, .. }) if failure.fault().kind() == Kind::Interrupted => Err(failure),
        Err(Stopped { before, failure }) => {
            say(&session, Grade::Error, &log::failure(&format!("{before}{}", super::one_line(&failure))));
            if let Some(hint) = failure.fault().hint() {
                session.console.complain(format!("hint: {hint}"));
            }
            Ok(Done::Program(1))
        }
    }
}

async fn carry_out(session: &Session, words: Words) -> Result<(), Stopped> {
    let topic = match &words.verb {
        None => Topic::Program,
        Some(Verb::Push(push)) if push.source.is_none() => Topic::Push,
        Some(Verb::Inspect(_)) => Topic::Inspect,
        Some(Verb::Push(_)) => Topic::FromArguments,
    };
    let mut session = session.clone();
    surround(&mut session, &words.global)?;
    let login = Login::of(words.global.username, words.global.password);
    match words.verb {
        Some(Verb::Inspect(words)) => inspect::run(session, login, words).await,
        Some(Verb::Push(words::Push { list, source: Some(source) })) => match source {
            PushSource::FromSpec(words) => push::from_spec(session, login, &list, words).await,
            PushSource::FromArgs(words) => {
                if let Some(problem) = push::missing(&words) {
                    help(&session, topic);
                    return Err(problem.into());
                }
                push::from_arguments(session, login, &list, words).await
            }
        },
        _ => {
            help(&session, topic);
            Ok(())
        }
    }
}

/// Who the person is for one registry.
struct Login {
    user: Option<String>,
    secret: Option<Secret>,
}

impl Login {
    /// Empty words are those of variables that are not set: nothing was given.
    fn of(user: Option<String>, secret: Option<Secret>) -> Self {
        Self { user: user.filter(|user| !user.is_empty()), secret: secret.filter(|secret| *secret != Secret::new("")) }
    }

    /// Lets one host see it, and no other.
    fn give(self, session: &mut Session, host: &str) {
        if self.user.is_some() || self.secret.is_some() {
            let (user, secret) = (self.user.unwrap_or_default(), self.secret.unwrap_or_else(|| Secret::new("")));
            session.context.given.push(GivenLogin { host: host.to_owned(), user, secret });
        }
    }
}

/// Changes the surroundings as the flags say.
fn surround(session: &mut Session, global: &Global) -> Result<(), Problem> {
    let context = &mut session.context;
    if global.plain_http {
        context.global.plain_http = vec![HostFlag::All];
    }
    if global.insecure {
        context.global.insecure = vec![HostFlag::All];
        context.fallback = HostRule::All;
    }
    if let Some(path) = global.docker_cfg.as_ref().filter(|path| !path.as_os_str().is_empty()) {
        // What is named is meant, and nothing beside it.
        let found = std::fs::metadata(path);
        let found =
            found.map_err(|error| Problem::Config { file: path.display().to_string(), cause: push::without_number(&error.to_string()) })?;
        if found.is_dir() {
            context.docker_config = Some(path.clone());
            context.auth_files.clear();
        } else {
            context.docker_config = None;
            context.auth_files = vec![path.clone()];
        }
    }
    Ok(())
}

fn help(session: &Session, topic: Topic) -> Done {
    session.console.raw(topic.help().as_bytes());
    Done::Well
}

/// Says something with the time.
fn say(session: &Session, grade: Grade, message: &str) {
    let now = OffsetDateTime::from((session.context.now)());
    let whole = now.replace_nanosecond(0).unwrap_or(now);
    session.console.complain(log::line(&whole.format(&Rfc3339).unwrap_or_default(), grade, message));
}
