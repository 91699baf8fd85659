//! An HTTP proxy that leads every host to one server: so a test can have a registry that is not
//! this machine by name, without a network.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use remote::Proxies;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

pub struct Tunnel {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl Tunnel {
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(lead(client, target, Arc::clone(&log)));
            }
        });
        Self { address, asked, task: task.abort_handle() }
    }

    pub fn proxies(&self) -> Proxies {
        let address = Some(format!("http://{}", self.address));
        Proxies { http: address.clone(), https: address, except: None }
    }

    /// The first lines of all connections.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn lead(mut client: TcpStream, target: SocketAddr, log: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        head.push(byte);
    }
    let first = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
    log.lock().unwrap().push(first.clone());
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    if first.starts_with("CONNECT ") {
        let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
    } else {
        let _ = server.write_all(&head).await;
    }
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}
