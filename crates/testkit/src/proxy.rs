//! A TCP proxy on loopback that makes the network slow: every round trip takes a set time longer.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

/// The bytes read at once, and how many such pieces may be under way in one direction.
const PIECE: usize = 64 * 1024;
const UNDER_WAY: usize = 256;

/// A running proxy; dropping it ends it and every connection through it.
#[derive(Debug)]
pub struct Latency {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl Latency {
    /// Forwards a free port to `upstream`. Each direction holds every byte back for half of
    /// `round_trip`; many bytes can be under way at once, so bandwidth stays.
    ///
    /// Opening a connection costs nothing, as the kernel does it: only data is late.
    pub async fn start(upstream: SocketAddr, round_trip: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        let task = tokio::spawn(async move {
            // The set lives in this task, so aborting the task ends every connection.
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                open.spawn(forward(client, upstream, round_trip / 2));
                while open.try_join_next().is_some() {}
            }
        });
        Self { address, connections, task: task.abort_handle() }
    }

    /// Returns the address to connect to instead of the upstream's.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns `127.0.0.1:PORT`, as references name it.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Returns how many connections were opened so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Latency {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(client: TcpStream, upstream: SocketAddr, delay: Duration) {
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    // Nagle's algorithm would add delays of its own.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    tokio::join!(carry(client_read, server_write, delay), carry(server_read, client_write, delay));
}

/// Carries one direction until it ends; an end is late as well.
async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, delay: Duration) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Bytes)>(UNDER_WAY);
    let reading = async move {
        let mut piece = vec![0; PIECE];
        while let Ok(length @ 1..) = from.read(&mut piece).await {
            let sent = (Instant::now() + delay, Bytes::copy_from_slice(&piece[..length]));
            if sender.send(sent).await.is_err() {
                return;
            }
        }
        let _ = sender.send((Instant::now() + delay, Bytes::new())).await;
    };
    let writing = async move {
        while let Some((due, bytes)) = receiver.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}
