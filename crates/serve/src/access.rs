//! The access log: one line for every request, told as a value when its answer has been sent.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

/// Who hears of requests.
pub(crate) type Log = Arc<dyn Fn(AccessLine) + Send + Sync>;

/// One request and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLine {
    /// The method: `GET`.
    pub method: String,
    /// The path, without the parameters behind the question mark.
    pub path: String,
    /// The status of the answer; 499 where the client had gone before it.
    pub status: u16,
    /// Bytes of the answer's body that were sent.
    pub bytes: u64,
    /// Milliseconds from the request's last header to the answer's last byte.
    pub millis: u64,
    /// What the client calls itself, in full; empty where it does not.
    pub user_agent: String,
    /// Where the client is.
    pub remote: SocketAddr,
    /// What went wrong here, for the owner of this machine: it may name local paths.
    pub problem: Option<String>,
}

impl fmt::Display for AccessLine {
    /// Writes `GET /v2/hello/manifests/1.0 200 853 B 2 ms docker/20.10`, the problem behind it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {} {} {} ms", self.method, plain(&self.path), self.status, Size(self.bytes), self.millis)?;
        if let Some(name) = self.user_agent.split_whitespace().next() {
            write!(formatter, " {}", plain(name))?;
        }
        match &self.problem {
            Some(problem) => write!(formatter, ": {}", plain(problem)),
            None => Ok(()),
        }
    }
}

/// Clients choose these words; none of them may command a terminal or begin a new line.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        let (unit, name) = match bytes {
            0..1_000 => return write!(formatter, "{bytes} B"),
            1_000..1_000_000 => (1_000, "kB"),
            1_000_000..1_000_000_000 => (1_000_000, "MB"),
            1_000_000_000.. => (1_000_000_000, "GB"),
        };
        write!(formatter, "{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
    }
}

/// What went wrong, on an answer's way to its line.
#[derive(Clone)]
pub(crate) struct Problem(pub(crate) String);

/// The client's address, on a request's way.
#[derive(Clone, Copy)]
pub(crate) struct Remote(pub(crate) SocketAddr);

/// Lets a request pass and tells of it when its answer has gone.
pub(crate) async fn tell(State(log): State<Log>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let remote = request.extensions().get::<Remote>().map_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)), |Remote(address)| *address);
    let agent = request.headers().get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let line = AccessLine {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        status: GONE,
        bytes: 0,
        millis: 0,
        user_agent: agent.unwrap_or_default(),
        remote,
        problem: None,
    };
    let mut teller = Teller { line, log, started };
    let head = request.method() == Method::HEAD;
    let response = next.run(request).await;
    let (mut parts, body) = response.into_parts();
    teller.line.status = parts.status.as_u16();
    teller.line.problem = parts.extensions.remove::<Problem>().map(|Problem(text)| text);
    // A HEAD is answered without the body that it describes.
    let body = if head { Body::empty() } else { body };
    Response::from_parts(parts, Body::new(Told { body, teller }))
}

/// The status in the log where the client had gone before there was one to send.
const GONE: u16 = 499;

/// Tells its line when it goes: after the last byte, or when the connection broke.
struct Teller {
    line: AccessLine,
    log: Log,
    started: Instant,
}

impl Drop for Teller {
    fn drop(&mut self) {
        let mut line = self.line.clone();
        line.millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        (self.log)(line);
    }
}

/// A body that counts its bytes.
struct Told {
    body: Body,
    teller: Teller,
}

impl HttpBody for Told {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => self.teller.line.bytes += frame.data_ref().map_or(0, |bytes| bytes.len() as u64),
            Some(Err(error)) => self.teller.line.problem = Some(error.to_string()),
            None => (),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_one_line() {
        let mut line = AccessLine {
            method: "GET".to_owned(),
            path: "/v2/hello/manifests/1.0".to_owned(),
            status: 200,
            bytes: 853,
            millis: 2,
            user_agent: "docker/20.10 go/go1.18 (linux)".to_owned(),
            remote: SocketAddr::from(([127, 0, 0, 1], 40_000)),
            problem: None,
        };
        assert_eq!(line.to_string(), "GET /v2/hello/manifests/1.0 200 853 B 2 ms docker/20.10");
        line.bytes = 3_456_789;
        line.user_agent = "evil\u{1b}[2J".to_owned();
        line.problem = Some("the disk\nis full".to_owned());
        assert_eq!(line.to_string(), "GET /v2/hello/manifests/1.0 200 3.4 MB 2 ms evil?[2J: the disk?is full");
        assert_eq!(Size(999_999).to_string(), "999.9 kB");
    }
}
