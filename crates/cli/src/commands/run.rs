//! `run`: a program of an image, on this machine's own platform or another that it runs.

mod error;
mod everywhere;
mod image;
mod order;
mod signals;
mod streams;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use engine::cache::Cache;
use engine::program::{ProgramError, Programs, Running, Wish};
use fault::{Failure, Kind, Wishing};
use oci::Locator;
use sandbox::{Exit, SandboxError};
use tokio::signal::unix::SignalKind;
use tokio::time::timeout;

use crate::args::Run;
use crate::commands::build::ROOTS;
use crate::commands::{Done, Interrupted, Session};
use crate::machines::{machines, unfollowed};
use crate::open::Opener;

use self::image::Finder;
use self::signals::Signals;
use self::streams::Passing;

/// Docker's exit codes, which scripts know: something went wrong before the program was there; it cannot be run; it is not found.
pub const NOT_RUN: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// How long a signal waits for a program that is about to run, which may do so already. What takes longer is not waited for.
const GRACE: Duration = Duration::from_millis(300);

/// A program that was not run, and the exit code for that.
struct NotRun {
    failure: Failure,
    code: u8,
}

impl<F: Into<Failure>> From<F> for NotRun {
    fn from(failure: F) -> Self {
        Self { failure: failure.into(), code: NOT_RUN }
    }
}

/// Runs the verb.
pub async fn run(session: &Session, arguments: Run) -> Result<Done, Failure> {
    let image = arguments.words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
    let wish = format!("run {}", arguments.name.as_deref().unwrap_or(&image));
    let ran =
        if arguments.all_platforms { everywhere(session, &arguments).await } else { program(session, &arguments).await.map(Done::Program) };
    match ran {
        Ok(done) => Ok(done),
        Err(NotRun { failure, .. }) if failure.fault().kind() == Kind::Interrupted => Err(failure).wishing(|| wish),
        Err(NotRun { failure, code }) => {
            session.console.end();
            session.console.fail(&failure.wishing(wish));
            Ok(Done::Program(code))
        }
    }
}

async fn everywhere(session: &Session, arguments: &Run) -> Result<Done, NotRun> {
    arguments.check()?;
    everywhere::run(session, arguments).await
}

async fn program(session: &Session, arguments: &Run) -> Result<u8, NotRun> {
    arguments.check()?;
    let locator = order::image(arguments)?;
    let streams = streams::decide(&session.context, arguments)?;
    let wish = order::wish(session, arguments, streams)?;
    let mut signals = Signals::listen();
    let mut starting = pin!(start(session, arguments, &locator, wish));
    // What comes before the program runs, or before that is known, is passed on then.
    let running = tokio::select! {
        running = &mut starting => running?,
        () = signals.end() => timeout(GRACE, starting).await.map_err(|_| Interrupted)??,
    };
    session.console.end();
    let exit = finish(running, arguments.interactive, signals).await?;
    if matches!(exit, Exit::OutOfMemory(_)) {
        session.console.warn("it was ended since there was not enough memory");
    }
    Ok(u8::try_from(exit.status() & 0xff).unwrap_or(u8::MAX))
}

async fn start(session: &Session, arguments: &Run, locator: &Locator, wish: Wish) -> Result<Running, NotRun> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    opener.store()?.make()?;
    let machines = machines(session, &arguments.emulation);
    let programs = Programs::open(&session.context.store.join(ROOTS), session.stand.standing.clone(), Arc::clone(&machines)).await?;
    let base = Finder::new(session, &opener, &machines, arguments.platform.as_ref()).find(locator, arguments.pull).await?;
    if let Some(emulator) = machines.emulator(base.platform()) {
        session.console.say(format!("running {}, by {emulator}", base.platform()));
    }
    let cache = Cache::new(Arc::new(opener.store()?.clone()), session.context.now.clone());
    let started = programs.start(&base, &cache, wish).await;
    let mut running = started.map_err(|problem| NotRun { code: code_of(&problem), failure: problem.into() })?;
    if let Some(reason) = running.process().unfollowed.take() {
        session.console.warn(&unfollowed(reason));
    }
    Ok(running)
}

const fn code_of(problem: &ProgramError) -> u8 {
    match problem {
        ProgramError::Sandbox(SandboxError::NotFound { .. } | SandboxError::NoInterpreter { .. }) => NOT_FOUND,
        ProgramError::Sandbox(SandboxError::NotExecutable { .. } | SandboxError::Format { .. } | SandboxError::Execute { .. }) => {
            NOT_EXECUTABLE
        }
        _ => NOT_RUN,
    }
}

/// Passes on streams and signals until the program has ended.
async fn finish(mut running: Running, interactive: bool, mut signals: Signals) -> Result<Exit, NotRun> {
    let mut passing = Passing::begin(running.process(), interactive)?;
    let handle = running.process().handle();
    let mut waiting = tokio::task::spawn_blocking(move || running.wait());
    let exit = loop {
        tokio::select! {
            ended = &mut waiting => break ended.unwrap_or_else(|_| Err(SandboxError::Lost.into())),
            signal = signals.next() => {
                // A terminal tells of its size itself.
                if signal != SignalKind::window_change() || !passing.resize() {
                    handle.signal(signal.as_raw_value());
                }
            }
        }
    };
    // Whoever reads what it has written may have stopped to.
    tokio::select! {
        _ = passing.done.recv() => (),
        () = signals.end() => (),
    }
    Ok(exit?)
}
