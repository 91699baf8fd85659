//! A web server on loopback that answers as a test says, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// Path and query.
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What is answered.
pub enum Reply {
    /// A status, headers and a body.
    Is(u16, Vec<(String, String)>, Vec<u8>),
    /// A body that never ends, as fast as it goes.
    Endless,
    /// A beginning, and then nothing.
    Stalls,
    /// Fewer bytes than were announced.
    Cut(Vec<u8>),
}

impl Reply {
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Is(200, Vec::new(), body.into())
    }

    pub fn status(status: u16) -> Self {
        Self::Is(status, Vec::new(), Vec::new())
    }

    pub fn to(location: &str) -> Self {
        Self::status(302).with("Location", location)
    }

    pub fn with(self, name: &str, value: &str) -> Self {
        match self {
            Self::Is(status, mut headers, body) => {
                headers.push((name.to_owned(), value.to_owned()));
                Self::Is(status, headers, body)
            }
            other => other,
        }
    }
}

type Handler = dyn Fn(&Asked) -> Reply + Send + Sync;

/// The server; it ends with the test.
pub struct Web {
    pub host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Web {
    pub fn start(handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, handler): (_, Arc<Handler>) = (Arc::clone(&asked), Arc::new(handler));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, handler) = (Arc::clone(&log), Arc::clone(&handler));
                // Ends with the client.
                thread::spawn(move || answer(stream, &log, &*handler));
            }
        });
        Self { host, asked }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }

    /// Returns what it was asked since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn answer(mut stream: TcpStream, log: &Mutex<Vec<Asked>>, handler: &Handler) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut words = request.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut asked = Asked { method, path, headers, body: Vec::new() };
        let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        asked.body.resize(length, 0);
        reader.read_exact(&mut asked.body)?;
        log.lock().unwrap().push(asked.clone());
        match handler(&asked) {
            Reply::Is(status, headers, body) => {
                write!(stream, "HTTP/1.1 {status} Said\r\n")?;
                for (name, value) in headers {
                    write!(stream, "{name}: {value}\r\n")?;
                }
                let has_body = status != 304 && asked.method != "HEAD";
                write!(stream, "Content-Length: {}\r\n\r\n", if has_body { body.len() } else { 0 })?;
                if has_body {
                    stream.write_all(&body)?;
                }
            }
            Reply::Endless => {
                write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
                loop {
                    stream.write_all(&[0; 1 << 16])?;
                }
            }
            Reply::Stalls => {
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin")?;
                thread::sleep(Duration::from_secs(600));
            }
            Reply::Cut(body) => {
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len() + 10)?;
                stream.write_all(&body)?;
                return Ok(());
            }
        }
    }
}
