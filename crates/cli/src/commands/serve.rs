//! `serve`: the local store, or a folder, as a registry on this machine.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;

use content::Library;
use fault::{Failure, Fault, Hint, Kind, Wishing};
use oci::Reference;
use serve::{Bound, Options, Server};
use store::{Layout, LayoutLibrary, Store};
use tokio::sync::oneshot;

use crate::args::Serve;
use crate::commands::{Done, Session, interrupted};
use crate::open::Opener;

#[derive(Debug, thiserror::Error)]
#[error("{program} cannot be started")]
struct NotStarted {
    program: String,
    #[source]
    problem: std::io::Error,
}

impl Fault for NotStarted {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        None
    }
}

/// Runs the verb.
pub async fn run(session: &Session, arguments: Serve) -> Result<Done, Failure> {
    let wish = format!("serve on {}", arguments.listen);
    let (library, what) = library(session, &arguments)?;
    let console = session.console.clone();
    let log = Arc::new(move |line: serve::AccessLine| console.say(line.to_string()));
    let bound = Server::bind(arguments.listen, library, Options { log, ..Options::default() }).wishing(|| wish.clone())?;
    let address = bound.address();
    let reach = if address.ip().is_loopback() { "this machine only" } else { "without a password, for every machine that reaches it" };
    session.console.say(format!("serving {what} on http://{address} ({reach})"));
    if !address.ip().is_loopback() {
        session.console.warn(&format!("anybody who reaches {address} can read and write here"));
    }
    match arguments.command.split_first() {
        None => {
            bound.run(interrupted()).await.wishing(|| wish)?;
            Ok(Done::Well)
        }
        Some((program, words)) => while_running(bound, address, program, words).await.wishing(|| wish),
    }
}

/// Finds what is to be served, and its name for people.
fn library(session: &Session, arguments: &Serve) -> Result<(Arc<dyn Library>, String), Failure> {
    match &arguments.folder {
        None => {
            let opener = Opener::new(session.context.clone(), session.console.clone());
            Ok((Arc::new(opener.store()?.clone()), "the local store".to_owned()))
        }
        Some(folder) if folder.join("oci-layout").is_file() => {
            let repository = repository_of(folder);
            let what = format!("{} as {repository}", folder.display());
            Ok((Arc::new(LayoutLibrary::new(Layout::open(folder)?, repository)), what))
        }
        Some(folder) => Ok((Arc::new(Store::open(folder.clone(), session.context.now.clone())?), folder.display().to_string())),
    }
}

/// A layout has no name of its own; its folder's will do, where it can be one.
fn repository_of(folder: &Path) -> String {
    let path = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let valid = name.parse::<Reference>().is_ok_and(|reference| reference.tag().is_none() && reference.digest().is_none());
    if valid { name } else { "layout".to_owned() }
}

/// Serves as long as a program runs.
async fn while_running(bound: Bound, address: SocketAddr, program: &OsString, words: &[OsString]) -> Result<Done, Failure> {
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(bound.run(async {
        let _ = stopped.await;
    }));
    let mut child = tokio::process::Command::new(program);
    child.args(words).env("POLYARCH_REGISTRY", address.to_string()).kill_on_drop(true);
    let ended = match child.spawn() {
        Ok(mut child) => child.wait().await,
        Err(problem) => Err(problem),
    };
    let _ = stop.send(());
    // Its only failure is the address, which was taken before the program began.
    let _ = server.await;
    match ended {
        Ok(status) => Ok(Done::Program(code(status))),
        Err(problem) => Err(NotStarted { program: program.to_string_lossy().into_owned(), problem }.into()),
    }
}

/// Returns the exit code as a shell tells it: 128 and the number of a signal.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
