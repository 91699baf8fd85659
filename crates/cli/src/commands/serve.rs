//! `serve`: the local store, or a folder, as a registry on this machine.

mod entry;

use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use content::Library;
use fault::{Failure, Fault, Hint, Kind, Wishing};
use oci::Reference;
use serde_json::json;
use serve::{Bound, Limits, Options, Rules, Server};
use store::{Layout, LayoutLibrary, Store, StoreError};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use crate::args::Serve;
use crate::commands::{Done, Interrupted, Session};
use crate::interrupts::{Interrupts, Request};
use crate::open::Opener;

use self::entry::Entry;

/// How long a program may take to end after the first interrupt.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
#[error("{program} cannot be started")]
struct NotStarted {
    program: String,
    #[source]
    problem: io::Error,
}

impl Fault for NotStarted {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

/// A folder that was named on the command line and cannot be served.
#[derive(Debug, thiserror::Error)]
enum FolderError {
    #[error("{} is neither a store nor an OCI layout: expected one of them, an empty or a new folder, got {got}", path.display())]
    Strange { path: PathBuf, got: String },
    #[error("{problem}")]
    Newer { problem: StoreError },
    #[error("--allow-sparse is for stores: {} is an OCI layout, where every index is whole", path.display())]
    Whole { path: PathBuf },
}

impl FolderError {
    /// Puts the store's words, which are those of `--store`, into those of a folder.
    fn of(problem: StoreError) -> Failure {
        match problem {
            StoreError::NotAStore { path, got, .. } => Self::Strange { path, got }.into(),
            problem @ StoreError::NewerStore { .. } => Self::Newer { problem }.into(),
            problem => problem.into(),
        }
    }
}

impl Fault for FolderError {
    fn kind(&self) -> Kind {
        match self {
            Self::Strange { .. } | Self::Newer { .. } => Kind::Place,
            Self::Whole { .. } => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::Whole { .. } => "leave --allow-sparse out, or name an empty folder",
            Self::Strange { .. } => "name another folder, or none to serve the local store",
            Self::Newer { .. } => "use the newer polyarch that wrote it, or name another folder",
        }))
    }
}

/// Runs the verb.
pub async fn run(session: &Session, arguments: Serve) -> Result<Done, Failure> {
    let interrupts = Interrupts::listen();
    let wish = format!("serve on {}", arguments.listen);
    let entry = Entry::decide(session, &arguments).wishing(|| wish.clone())?;
    let (library, what) = library(session, &arguments).wishing(|| match &arguments.folder {
        Some(folder) => format!("serve {}", folder.display()),
        None => "serve the local store".to_owned(),
    })?;
    let console = session.console.clone();
    let log = Arc::new(move |line: serve::AccessLine| console.say(line.to_string()));
    let rules = Rules { read_only: arguments.read_only, sparse: arguments.allow_sparse };
    let Entry { guard, tls, words } = entry;
    let options = Options { log, limits: limits(&arguments), rules, guard, tls };
    let bound = Server::bind(arguments.listen.0, library, options).wishing(|| wish.clone())?;
    let (scheme, address) = (bound.scheme(), bound.address());
    session.console.say(format!("serving {what} on {scheme}://{address} ({words})"));
    if session.context.global.json {
        session.console.data(json!({"polyarchServe": 1, "scheme": scheme, "address": reachable(address).to_string()}).to_string());
    }
    match arguments.command.split_first() {
        None => until_interrupted(session, bound, interrupts).await.wishing(|| wish),
        Some((program, words)) => while_running(bound, program, words, interrupts).await.wishing(|| wish),
    }
}

fn limits(arguments: &Serve) -> Limits {
    let usual = Limits::default();
    let uploads = usize::try_from(arguments.max_uploads).unwrap_or(usize::MAX);
    Limits { uploads, blob: arguments.max_upload.map_or(usual.blob, |size| size.0), ..usual }
}

/// Finds what is to be served, and its name for people.
fn library(session: &Session, arguments: &Serve) -> Result<(Arc<dyn Library>, String), Failure> {
    match &arguments.folder {
        None => {
            let opener = Opener::new(session.context.clone(), session.console.clone());
            Ok((shelf(opener.store()?, arguments), "the local store".to_owned()))
        }
        Some(folder) if folder.join("oci-layout").is_file() => {
            if arguments.allow_sparse {
                return Err(FolderError::Whole { path: folder.clone() }.into());
            }
            let repository = repository_of(folder);
            let what = format!("{} as {repository}", folder.display());
            Ok((Arc::new(LayoutLibrary::new(Layout::open(folder)?, repository)), what))
        }
        Some(folder) => {
            let store = Store::open(folder.clone(), session.context.now.clone()).map_err(FolderError::of)?;
            Ok((shelf(&store, arguments), folder.display().to_string()))
        }
    }
}

fn shelf(store: &Store, arguments: &Serve) -> Arc<dyn Library> {
    if arguments.allow_sparse { Arc::new(store.sparse()) } else { Arc::new(store.clone()) }
}

/// A layout has no name of its own; its folder's will do, where it can be one.
fn repository_of(folder: &Path) -> String {
    let path = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let valid = name.parse::<Reference>().is_ok_and(|reference| reference.tag().is_none() && reference.digest().is_none());
    if valid { name } else { "layout".to_owned() }
}

/// Returns the address under which this machine's own programs reach a server: nobody can connect
/// to "every address".
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Serves until the first interrupt; running requests then may finish, until the second.
async fn until_interrupted(session: &Session, bound: Bound, mut interrupts: Interrupts) -> Result<Done, Failure> {
    let (stop, stopped) = oneshot::channel::<()>();
    let mut server = pin!(bound.run(async {
        let _ = stopped.await;
    }));
    tokio::select! {
        ended = &mut server => {
            ended?;
            return Ok(Done::Well);
        }
        _ = interrupts.next() => session.console.say("stopping: what runs may finish; a second interrupt stops at once"),
    }
    let _ = stop.send(());
    tokio::select! {
        ended = &mut server => {
            ended?;
            Ok(Done::Well)
        }
        _ = interrupts.next() => Err(Interrupted.into()),
    }
}

/// Serves as long as a program runs.
async fn while_running(bound: Bound, program: &OsString, words: &[OsString], mut interrupts: Interrupts) -> Result<Done, Failure> {
    let mut command = Command::new(program);
    command.args(words).env("POLYARCH_REGISTRY", reachable(bound.address()).to_string()).kill_on_drop(true);
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(bound.run(async {
        let _ = stopped.await;
    }));
    let ended = match command.spawn() {
        Ok(child) => wait_for(child, &mut interrupts).await,
        Err(problem) => Err(problem),
    };
    let _ = stop.send(());
    // The server's only failure is the address, which was taken before the program began.
    tokio::select! {
        _ = server => (),
        _ = interrupts.next() => (),
    }
    match ended {
        Ok(status) => Ok(Done::Program(code(status))),
        Err(problem) => Err(NotStarted { program: program.to_string_lossy().into_owned(), problem }.into()),
    }
}

/// Waits for a program, which is interrupted when we are: it has [`GRACE`] to end by itself.
async fn wait_for(mut child: Child, interrupts: &mut Interrupts) -> io::Result<ExitStatus> {
    let request = tokio::select! {
        ended = child.wait() => return ended,
        request = interrupts.next() => request,
    };
    // The terminal has told the program already, as it is in the same group of processes.
    if request == Request::Terminate {
        terminate(&child);
    }
    tokio::select! {
        ended = child.wait() => return ended,
        _ = interrupts.next() => (),
        () = tokio::time::sleep(GRACE) => (),
    }
    // It refuses only for a program that has ended, and then the wait tells how.
    let _ = child.start_kill();
    child.wait().await
}

/// Asks a program to end.
#[cfg(unix)]
fn terminate(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process};
    // A program that was waited for has no id any more, so that no stranger can be met.
    if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
        let _ = kill_process(id, Signal::TERM);
    }
}

#[cfg(not(unix))]
fn terminate(_: &Child) {}

/// Returns the exit code as a shell tells it: 128 and the number of a signal.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_reached_by_the_loopback_of_its_family() {
        for (bound, reached) in [("0.0.0.0:5000", "127.0.0.1:5000"), ("[::]:80", "[::1]:80"), ("192.0.2.1:1", "192.0.2.1:1")] {
            assert_eq!(bound.parse().map(reachable), reached.parse(), "{bound}");
        }
    }
}
