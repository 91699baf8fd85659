//! The server: an address, its connections, and a stop that lets running requests finish.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::middleware::from_fn_with_state;
use content::Library;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::access::{self, Log, Remote};
use crate::guard::{self, Gate};
use crate::patience::Patience;
use crate::registry::{self, Registry};
use crate::uploads::Uploads;
use crate::{AccessLine, Guard, ServeError, Tls};

/// How long a client may take to agree on TLS.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// How long the server waits and how much it holds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long the next bytes of a request's body may take.
    pub body_idle: Duration,
    /// How long a client may take nothing of its answer.
    pub write_idle: Duration,
    /// How long the head of a request may take, and how long a connection may rest between two.
    pub head_idle: Duration,
    /// How long an upload may rest between two requests.
    pub upload_idle: Duration,
    /// How many uploads may be under way at once.
    pub uploads: usize,
    /// How many bytes a blob may have.
    pub blob: u64,
    /// How many connections may be open at once; whoever comes then waits until one ends.
    pub connections: usize,
    /// How long requests may still run after the stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_idle: Duration::from_secs(60),
            // The system tells of room only when much of its buffer, megabytes perhaps, has gone: a
            // slow client takes its time for that.
            write_idle: Duration::from_secs(5 * 60),
            // Longer than the 90 s after which Go's clients close resting connections themselves: a
            // server that closes first can meet a request on its way and lose it.
            head_idle: Duration::from_secs(120),
            upload_idle: Duration::from_secs(60 * 60),
            uploads: 1_000,
            blob: u64::MAX,
            // Each may have one more file open while it reads or writes a blob: together below the
            // 1,024 that a process usually may open.
            connections: 480,
            grace: Duration::from_secs(10),
        }
    }
}

/// What a server takes from its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Nothing: it only gives.
    pub read_only: bool,
    /// Also indexes of which not every image is here. The library has to take them, too.
    pub sparse: bool,
}

/// What a server does besides serving.
pub struct Options {
    /// Hears of every request when its answer has been sent. It is called between two network
    /// operations and must not block.
    pub log: Arc<dyn Fn(AccessLine) + Send + Sync>,
    /// Times and sizes.
    pub limits: Limits,
    /// What is taken from clients.
    pub rules: Rules,
    /// Who asks for passwords; nobody does where there is none.
    pub guard: Option<Guard>,
    /// Who we are, for clients that speak TLS; HTTP is spoken where there is none.
    pub tls: Option<Tls>,
}

impl Default for Options {
    /// Tells nobody; the usual limits; takes everything that is whole, from everybody, by HTTP.
    fn default() -> Self {
        Self { log: Arc::new(|_| ()), limits: Limits::default(), rules: Rules::default(), guard: None, tls: None }
    }
}

/// A registry server.
#[derive(Clone, Copy, Debug)]
pub struct Server;

impl Server {
    /// Takes an address for a library; port 0 takes a free one. From now on clients can connect, and
    /// wait for [`Bound::run`].
    ///
    /// # Errors
    /// Says why the address cannot be had.
    pub fn bind(address: SocketAddr, library: Arc<dyn Library>, options: Options) -> Result<Bound, ServeError> {
        let listening = |source| ServeError::listening(address, source);
        let listener = std::net::TcpListener::bind(address).map_err(listening)?;
        listener.set_nonblocking(true).map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        let Options { log, limits, rules, guard, tls } = options;
        let registry = Arc::new(Registry { library, uploads: Uploads::new(limits), limits, rules });
        Ok(Bound { listener, address, registry, log, guard: guard.map(Arc::new), tls })
    }
}

/// A server that has its address.
pub struct Bound {
    listener: std::net::TcpListener,
    address: SocketAddr,
    registry: Arc<Registry>,
    log: Log,
    guard: Option<Arc<Guard>>,
    tls: Option<Tls>,
}

impl Bound {
    /// Returns the address, with the port that was free.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what an address of this server begins with: `http` or `https`.
    pub const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Serves until `stop` is ready. Then nobody new is let in, requests that run may finish within
    /// the grace time, and what still runs after it is cut off. Uploads that were not finished are
    /// forgotten.
    ///
    /// Must run inside a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// Where the system takes the address back.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let scheme = self.scheme();
        let listener = TcpListener::from_std(self.listener).map_err(|source| ServeError::listening(self.address, source))?;
        let limits = self.registry.limits;
        let mut router = Router::new().fallback(registry::answer).with_state(Arc::clone(&self.registry));
        if let Some(guard) = self.guard {
            router = router.layer(from_fn_with_state(Gate { guard, scheme, idle: limits.body_idle }, guard::admit));
        }
        // Outermost, so that what the guard refuses is told as well.
        let router = router.layer(from_fn_with_state(self.log, access::tell));
        let serving = Serving { router, tls: self.tls, head_idle: limits.head_idle, write_idle: limits.write_idle };
        let places = Arc::new(Semaphore::new(limits.connections));
        let (stopping, told) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut sweep = tokio::time::interval((limits.upload_idle / 4).max(Duration::from_millis(10)));
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = admit(&listener, &places) => match accepted {
                    Ok((stream, remote, place)) => {
                        connections.spawn(serving.clone().meet(stream, remote, told.clone(), place));
                    }
                    // The client has gone, or there are no file descriptors; the latter takes a moment.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                },
                Some(_) = connections.join_next() => (),
                _ = sweep.tick() => self.registry.uploads.sweep(),
            }
        }
        drop(listener);
        // Nobody listens any more only when there are no connections.
        let _ = stopping.send(true);
        let finished = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(limits.grace, finished).await.is_err() {
            connections.shutdown().await;
        }
        Ok(())
    }
}

/// Waits for a place, then for a client. Who comes while all are taken waits in the system's queue.
async fn admit(listener: &TcpListener, places: &Arc<Semaphore>) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, remote) = listener.accept().await?;
    Ok((stream, remote, place))
}

/// What every connection needs.
#[derive(Clone)]
struct Serving {
    router: Router,
    tls: Option<Tls>,
    head_idle: Duration,
    write_idle: Duration,
}

impl Serving {
    /// Meets a client: agrees on TLS first, where it is spoken. The place is free when this ends.
    async fn meet(self, stream: TcpStream, remote: SocketAddr, mut told: watch::Receiver<bool>, _place: OwnedSemaphorePermit) {
        // Answers are written in one piece; waiting for more of them (Nagle) only costs time.
        let _ = stream.set_nodelay(true);
        let Some(tls) = self.tls.clone() else { return self.converse(stream, remote, told).await };
        let agreed = tokio::select! {
            agreed = tokio::time::timeout(HANDSHAKE_TIME, tls.accept(stream)) => agreed,
            _ = told.wait_for(|stopping| *stopping) => return,
        };
        if let Ok(Some(stream)) = agreed {
            self.converse(stream, remote, told).await;
        }
    }

    /// Answers the requests of one connection until it ends, or until the request that runs at the
    /// stop is done.
    async fn converse(self, stream: impl AsyncRead + AsyncWrite + Unpin, remote: SocketAddr, mut told: watch::Receiver<bool>) {
        let router = TowerToHyperService::new(self.router);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Remote(remote));
            router.call(request.map(Body::new))
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.head_idle);
        let mut connection = pin!(http.serve_connection(TokioIo::new(Patience::new(stream, self.write_idle)), service));
        let stopped = tokio::select! {
            // How a connection ends is the client's business; the access log has its requests.
            _ = connection.as_mut() => false,
            _ = told.wait_for(|stopping| *stopping) => true,
        };
        if stopped {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
