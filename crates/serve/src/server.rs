//! The server: an address, its connections, and a stop that lets running requests finish.

use std::future::Future;
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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::access::{self, Log, Remote};
use crate::registry::{self, Registry};
use crate::uploads::Uploads;
use crate::{AccessLine, ServeError};

/// How long the server waits and how much it holds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long the next bytes of a request's body may take.
    pub body_idle: Duration,
    /// How long the head of a request may take, and how long a connection may rest between two.
    pub head_idle: Duration,
    /// How long an upload may rest between two requests.
    pub upload_idle: Duration,
    /// How many uploads may be under way at once.
    pub uploads: usize,
    /// How long requests may still run after the stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_idle: Duration::from_secs(60),
            // Longer than the 90 s after which Go's clients close resting connections themselves: a
            // server that closes first can meet a request on its way and lose it.
            head_idle: Duration::from_secs(120),
            upload_idle: Duration::from_secs(60 * 60),
            uploads: 1_000,
            grace: Duration::from_secs(10),
        }
    }
}

/// What a server does besides serving.
#[derive(Clone)]
pub struct Options {
    /// Hears of every request when its answer has been sent. It is called between two network
    /// operations and must not block.
    pub log: Arc<dyn Fn(AccessLine) + Send + Sync>,
    /// Times and sizes.
    pub limits: Limits,
}

impl Default for Options {
    /// Tells nobody; the usual limits.
    fn default() -> Self {
        Self { log: Arc::new(|_| ()), limits: Limits::default() }
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
        let Options { log, limits } = options;
        let registry = Arc::new(Registry { library, uploads: Uploads::new(limits.uploads, limits.upload_idle), limits });
        Ok(Bound { listener, address, registry, log })
    }
}

/// A server that has its address.
pub struct Bound {
    listener: std::net::TcpListener,
    address: SocketAddr,
    registry: Arc<Registry>,
    log: Log,
}

impl Bound {
    /// Returns the address, with the port that was free.
    pub const fn address(&self) -> SocketAddr {
        self.address
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
        let listener = TcpListener::from_std(self.listener).map_err(|source| ServeError::listening(self.address, source))?;
        let limits = self.registry.limits;
        let router = Router::new()
            .fallback(registry::answer)
            .with_state(Arc::clone(&self.registry))
            .layer(from_fn_with_state(self.log, access::tell));
        let (stopping, told) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut sweep = tokio::time::interval((limits.upload_idle / 4).max(Duration::from_millis(10)));
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, remote)) => {
                        connections.spawn(converse(stream, remote, router.clone(), limits.head_idle, told.clone()));
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

/// Answers the requests of one connection until it ends, or until the request that runs at the stop
/// is done. This is where TLS would stand, between the stream and HTTP.
async fn converse(stream: TcpStream, remote: SocketAddr, router: Router, head_idle: Duration, mut told: watch::Receiver<bool>) {
    // Answers are written in one piece; waiting for more of them (Nagle) only costs time.
    let _ = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Remote(remote));
        router.call(request.map(Body::new))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_idle);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
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
