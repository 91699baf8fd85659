//! A client that writes HTTP/1.1 by hand, and a server to talk to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use content::Library;
use serde_json::Value;
use serve::{AccessLine, Limits, Options, Rules, ServeError, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads an answer that ends with its connection.
    pub fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers =
            lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Self { status, headers, body: bytes[end + 4..].to_vec() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// All values of a header that may come more than once.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The code of the first finding.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap().to_owned()
    }

    pub fn message(&self) -> String {
        self.json()["errors"][0]["message"].as_str().unwrap().to_owned()
    }

    /// Whether as many bytes came as were promised.
    pub fn is_whole(&self) -> bool {
        self.header("content-length").parse() == Ok(self.body.len())
    }
}

/// A server on a free port, until it is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub log: Arc<Mutex<Vec<AccessLine>>>,
    pub stop: oneshot::Sender<()>,
    pub task: JoinHandle<Result<(), ServeError>>,
}

pub fn start(library: impl Library + 'static) -> Running {
    start_with(library, Limits::default())
}

pub fn start_with(library: impl Library + 'static, limits: Limits) -> Running {
    start_as(library, Options { limits, ..Options::default() })
}

pub fn start_ruled(library: impl Library + 'static, rules: Rules) -> Running {
    start_as(library, Options { rules, ..Options::default() })
}

/// Starts a server with any options; who hears of the requests is the test.
pub fn start_as(library: impl Library + 'static, options: Options) -> Running {
    let log = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&log);
    let options = Options { log: Arc::new(move |line| lines.lock().unwrap().push(line)), ..options };
    let bound = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), Arc::new(library), options).unwrap();
    let address = bound.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(bound.run(async move { drop(stopped.await) }));
    Running { address, log, stop, task }
}

impl Running {
    /// Opens a connection and writes the head of a request, with the headers given and no other but Host.
    pub async fn begin(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        stream
    }

    /// Sends one request on a connection of its own and reads all that comes.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let length = body.len().to_string();
        let mut headers = headers.to_vec();
        headers.push(("Connection", "close"));
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            headers.push(("Content-Length", &length));
        }
        let mut stream = self.begin(method, path, &headers).await;
        stream.write_all(body).await.unwrap();
        finish(stream).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"").await
    }
}

/// Reads an answer up to the end of its connection, clean or broken.
pub async fn finish(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        bytes.extend_from_slice(&buffer[..count]);
    }
    Answer::parse(&bytes)
}
