//! A registry of our own that is difficult in the ways in which registries are: see [`Mode`].
//!
//! Without any mode it is an honest one, in memory, and passes the contract like any other; with
//! one it differs in nothing else. It knows nothing of our client nor of our server. By hand:
//! `cargo run -p polyarch-testkit --example hostile -- lag=10000 mount=403`.

mod manifests;
mod mode;
mod reading;
mod reply;
mod shelf;
mod uploads;

pub use mode::{Immutable, Mode, Mount};

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use crate::tokens::{Challenge, TokenOptions, TokenServer};
use crate::wire::{self, Head};
use reply::Reply;
use shelf::Shelf;

/// A running registry; dropping it ends it and forgets what it holds.
pub struct HostileRegistry {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: Vec<AbortHandle>,
    /// Who asks for tokens in front of it.
    _guard: Option<TokenServer>,
}

impl HostileRegistry {
    /// Starts on a free port of loopback.
    pub async fn start(modes: &[Mode]) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), modes).await
    }

    /// Starts at an address that somebody chose.
    pub async fn start_at(listen: SocketAddr, modes: &[Mode]) -> Self {
        let guard = guard_of(modes);
        let inner = if guard.is_some() { (Ipv4Addr::LOCALHOST, 0).into() } else { listen };
        let door = TcpListener::bind(inner).await.unwrap();
        let storage = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let own = door.local_addr().unwrap();
        let shared = Arc::new(Shared::new(modes, storage.local_addr().unwrap()));
        let tasks = vec![listen_at(door, &shared, Role::Registry), listen_at(storage, &shared, Role::Storage)];
        let guard = match guard {
            Some(options) => Some(TokenServer::start_at(listen, own, options).await),
            None => None,
        };
        let address = guard.as_ref().map_or(own, TokenServer::address);
        Self { address, shared, tasks, _guard: guard }
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns `127.0.0.1:PORT`, as references name it.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Returns every request in order of the answers, those for tokens left out:
    /// `GET /v2/app/manifests/v1 200`; `cut` in place of the status where the connection was ended.
    pub fn requests(&self) -> Vec<String> {
        self.shared.log.lock().unwrap().clone()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        self.shared.log.lock().unwrap().clear();
    }

    /// Returns the bytes of uploads received so far, those of bodies that were cut off included.
    pub fn received(&self) -> u64 {
        self.shared.received.load(Ordering::SeqCst)
    }

    /// Tells whether credentials came to the host that [`Mode::Elsewhere`] leads to.
    pub fn leaked(&self) -> bool {
        self.shared.leaked.load(Ordering::SeqCst)
    }

    /// Turns another mode on, from the next request on. Those that need a guard for tokens
    /// ([`Mode::PlaceholderScope`], [`Mode::ShortTokens`]) can only be there from the start.
    pub fn turn(&self, modes: &[Mode]) {
        *self.shared.modes.lock().unwrap() = modes.to_vec();
    }
}

impl std::fmt::Debug for HostileRegistry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HostileRegistry").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for HostileRegistry {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Says how tokens are asked for, if any mode wants them.
fn guard_of(modes: &[Mode]) -> Option<TokenOptions> {
    let mut options = None;
    for mode in modes {
        match mode {
            Mode::PlaceholderScope => {
                options.get_or_insert_with(TokenOptions::default).challenge =
                    Challenge::Placeholder("repository:user/image:pull".to_owned());
            }
            Mode::ShortTokens(uses) => options.get_or_insert_with(TokenOptions::default).uses = Some(*uses),
            _ => {}
        }
    }
    options
}

/// Which of the two hosts is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Registry,
    /// Where blobs lie for [`Mode::Elsewhere`].
    Storage,
}

/// What all connections share.
struct Shared {
    modes: Mutex<Vec<Mode>>,
    storage: SocketAddr,
    shelf: Mutex<Shelf>,
    log: Mutex<Vec<String>>,
    requests: AtomicU32,
    received: AtomicU64,
    leaked: AtomicBool,
    cut_uploads: AtomicU32,
    cut_downloads: AtomicU32,
    /// The stretch of time that is counted, and the requests in it.
    stretch: Mutex<(Instant, u32)>,
}

impl Shared {
    fn new(modes: &[Mode], storage: SocketAddr) -> Self {
        Self {
            modes: Mutex::new(modes.to_vec()),
            storage,
            shelf: Mutex::default(),
            log: Mutex::default(),
            requests: AtomicU32::new(0),
            received: AtomicU64::new(0),
            leaked: AtomicBool::new(false),
            cut_uploads: AtomicU32::new(0),
            cut_downloads: AtomicU32::new(0),
            stretch: Mutex::new((Instant::now(), 0)),
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap()
    }

    fn is(&self, mode: Mode) -> bool {
        self.modes.lock().unwrap().contains(&mode)
    }

    /// Finds what the first fitting mode says.
    fn find<T>(&self, pick: impl Fn(&Mode) -> Option<T>) -> Option<T> {
        self.modes.lock().unwrap().iter().find_map(pick)
    }

    /// Tells whether something that came at this moment is seen by now.
    fn settled(&self, at: Instant) -> bool {
        let lag = self.find(|mode| if let Mode::Lag(time) = mode { Some(*time) } else { None });
        at.elapsed() >= lag.unwrap_or(Duration::ZERO)
    }

    fn log(&self, head: &Head, status: &str) {
        self.log.lock().unwrap().push(format!("{} {} {status}", head.method(), head.target()));
    }

    /// Refuses a request whatever it is for, where a mode wants that.
    fn refuse(&self, head: &Head) -> Option<Reply> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        if self.is(Mode::EveryThird) && number.is_multiple_of(3) {
            return Some(Reply::error(500, "UNKNOWN", "every third request fails"));
        }
        if let Some((most, seconds)) = self.find(|mode| match mode {
            Mode::RateLimit { requests, seconds } => Some((*requests, *seconds)),
            _ => None,
        }) {
            let mut stretch = self.stretch.lock().unwrap();
            if stretch.0.elapsed() >= Duration::from_secs(seconds) {
                *stretch = (Instant::now(), 0);
            }
            stretch.1 += 1;
            if stretch.1 > most {
                return Some(Reply::error(429, "TOOMANYREQUESTS", "too many requests").with("Retry-After", seconds));
            }
        }
        let cap = self.find(|mode| if let Mode::BodyCap { bytes, status } = mode { Some((*bytes, *status)) } else { None });
        if let (Some((most, status)), Some(length)) = (cap, head.body_length())
            && length > most
        {
            return Some(Reply::error(status, "SIZE_INVALID", &format!("the body exceeds the maximum permissible limit of {most} bytes")));
        }
        None
    }
}

fn listen_at(listener: TcpListener, shared: &Arc<Shared>, role: Role) -> AbortHandle {
    let shared = Arc::clone(shared);
    let task = tokio::spawn(async move {
        // The set lives in this task, so aborting the task ends every connection.
        let mut open = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            let _ = client.set_nodelay(true);
            open.spawn(serve(client, Arc::clone(&shared), role));
            while open.try_join_next().is_some() {}
        }
    });
    task.abort_handle()
}

/// Answers the requests of one connection until it ends; whoever breaks off is not an error here.
async fn serve(client: TcpStream, shared: Arc<Shared>, role: Role) {
    let (reader, mut writer) = client.into_split();
    let mut reader = BufReader::with_capacity(64 * 1024, reader);
    while let Ok(Some(head)) = Head::read(&mut reader).await {
        if !matches!(answer(&head, &mut reader, &mut writer, &shared, role).await, Ok(true)) {
            return;
        }
    }
}

/// Answers one request. True where the connection can be used again.
async fn answer(
    head: &Head,
    reader: &mut BufReader<OwnedReadHalf>,
    writer: &mut OwnedWriteHalf,
    shared: &Shared,
    role: Role,
) -> std::io::Result<bool> {
    if head.header("expect").is_some() {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let (reply, whole) = match shared.refuse(head) {
        Some(refusal) if role == Role::Registry => (Some(refusal), !head.has_body()),
        _ if role == Role::Storage => (Some(reading::stored(shared, head)), !head.has_body()),
        _ => route(head, reader, shared).await?,
    };
    let Some(mut reply) = reply else {
        shared.log(head, "cut");
        return Ok(false);
    };
    if shared.is(Mode::Warnings) {
        reply = reply.with("Warning", "299 - \"this registry moves on Friday\"");
    }
    shared.log(head, &reply.status.to_string());
    let open = head.header("connection").is_none_or(|wish| !wish.eq_ignore_ascii_case("close"));
    let keep = reply.send(writer, head.method() == "HEAD", whole && open).await?;
    if !whole {
        // Unread bytes would reset the connection and take the answer with them.
        writer.shutdown().await?;
        wire::discard(reader).await;
    }
    Ok(keep)
}

/// Finds who answers. The answer, or none where the connection is to end; and whether the body was
/// read to its end.
async fn route(head: &Head, reader: &mut BufReader<OwnedReadHalf>, shared: &Shared) -> std::io::Result<(Option<Reply>, bool)> {
    let parts: Vec<&str> = head.path().split('/').collect();
    let reply = match parts.as_slice() {
        ["", "v2", ""] | ["", "v2"] => Reply::new(200).body("{}"),
        ["", "v2", name @ .., "tags", "list"] => reading::tags(shared, &name.join("/"), head),
        ["", "v2", name @ .., "referrers", subject] => reading::referrers(shared, &name.join("/"), subject, head),
        ["", "v2", name @ .., "blobs", "uploads", session] => {
            return uploads::answer(shared, &name.join("/"), session, head, reader).await;
        }
        ["", "v2", name @ .., "blobs", digest] => reading::blob(shared, &name.join("/"), digest, head),
        ["", "v2", name @ .., "manifests", reference] if head.method() == "PUT" => {
            let mut body = Vec::new();
            let mut pieces = head.body();
            while let Some(piece) = pieces.next(reader).await? {
                body.extend_from_slice(&piece);
            }
            manifests::put(shared, &name.join("/"), reference, head, body.into())
        }
        ["", "v2", name @ .., "manifests", reference] if head.method() == "DELETE" => manifests::delete(shared, &name.join("/"), reference),
        ["", "v2", name @ .., "manifests", reference] => reading::manifest(shared, &name.join("/"), reference, head),
        _ => Reply::error(404, "UNSUPPORTED", "nothing is here"),
    };
    let read = head.method() == "PUT" || !head.has_body();
    Ok((Some(reply), read))
}
