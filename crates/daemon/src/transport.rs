//! Requests to one engine, and what becomes of them.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use content::{Event, Events};
use reqwest::{Body, Client, Method, Response};
use serde::de::DeserializeOwned;

use crate::error::Cause;
use crate::{DaemonError, Endpoint, tls};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a question may take that the engine answers from its own books.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest answer that is read into memory: the list of some 50,000 images.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// A client for one engine.
pub(crate) struct Transport {
    client: Client,
    base: String,
    pub endpoint: Arc<Endpoint>,
    pub events: Events,
}

/// What an engine is asked.
pub(crate) struct Question<'a> {
    pub method: Method,
    /// Path and query; the engine's newest version of the API answers where none is named.
    pub path: &'a str,
    /// What it is for, as a verb: "list images".
    pub wish: &'a str,
    /// Bytes to send, with their number.
    pub body: Option<(Body, u64)>,
    pub patience: Patience,
}

/// How long an answer may take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It comes from the engine's books.
    Short,
    /// It takes as long as an image is large.
    Long,
}

impl Transport {
    pub fn new(endpoint: Endpoint, events: Events) -> Result<Self, DaemonError> {
        let builder = Client::builder()
            .tls_backend_preconfigured(tls::configuration(&endpoint)?)
            .user_agent(concat!("polyarch/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy();
        let builder = through_socket(builder, &endpoint)?;
        let endpoint = Arc::new(endpoint);
        let client =
            builder.build().map_err(|error| DaemonError::Unreachable { endpoint: endpoint.clone(), problem: innermost(&error) })?;
        Ok(Self { client, base: endpoint.base(), endpoint, events })
    }

    /// Asks, and returns the answer whatever its status.
    pub async fn ask(&self, question: Question<'_>) -> Result<Response, DaemonError> {
        let mut request = self.client.request(question.method.clone(), format!("{}{}", self.base, question.path));
        if question.patience == Patience::Short {
            request = request.timeout(ANSWER_TIMEOUT);
        }
        if let Some((body, size)) = question.body {
            request = request.header("Content-Type", "application/x-tar").header("Content-Length", size).body(body);
        }
        let answer = request.send().await.map_err(|error| self.lost(question.wish, &error))?;
        self.events.tell(Event::Request(format!("{} {}{} {}", question.method, self.endpoint, question.path, answer.status().as_u16())));
        Ok(answer)
    }

    /// Asks for a JSON document. `None` where the engine says that there is no such thing.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, wish: &str) -> Result<Option<T>, DaemonError> {
        let answer = self.ask(Question { method: Method::GET, path, wish, body: None, patience: Patience::Short }).await?;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = self.good(answer, wish).await?;
        let bytes = self.whole(answer, wish).await?;
        let broken = |error: serde_json::Error| DaemonError::NotDocker { endpoint: self.endpoint.clone(), problem: Cause::new(error) };
        serde_json::from_slice(&bytes).map(Some).map_err(broken)
    }

    /// Turns an answer that is no success into the engine's own words.
    pub async fn good(&self, answer: Response, wish: &str) -> Result<Response, DaemonError> {
        let status = answer.status();
        if status.is_success() || status == reqwest::StatusCode::NOT_MODIFIED {
            return Ok(answer);
        }
        let body = self.whole(answer, wish).await.unwrap_or_default();
        let stated =
            serde_json::from_slice::<serde_json::Value>(&body).ok().and_then(|tree| Some(tree.get("message")?.as_str()?.to_owned()));
        let message = stated.unwrap_or_else(|| String::from_utf8_lossy(&body).trim().to_owned());
        Err(DaemonError::Refused {
            endpoint: self.endpoint.clone(),
            wish: wish.to_owned(),
            message: one_line(&message),
            status: status.as_u16(),
        })
    }

    /// Reads an answer into memory.
    pub async fn whole(&self, mut answer: Response, wish: &str) -> Result<Bytes, DaemonError> {
        let mut whole = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.lost(wish, &error))? {
            if whole.len() + chunk.len() > MAX_ANSWER {
                let problem = Cause::new(format!("an answer of more than {MAX_ANSWER} bytes"));
                return Err(DaemonError::NotDocker { endpoint: self.endpoint.clone(), problem });
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// Says why there was no answer, or no end of it.
    pub fn lost(&self, wish: &str, error: &reqwest::Error) -> DaemonError {
        let (endpoint, problem) = (self.endpoint.clone(), innermost(error));
        if !error.is_connect() {
            return DaemonError::Broken { endpoint, wish: wish.to_owned(), problem };
        }
        let denied =
            chain(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|cause| cause.kind() == io::ErrorKind::PermissionDenied);
        if denied { DaemonError::Denied { endpoint, problem } } else { DaemonError::Unreachable { endpoint, problem } }
    }
}

#[cfg(unix)]
fn through_socket(builder: reqwest::ClientBuilder, endpoint: &Endpoint) -> Result<reqwest::ClientBuilder, DaemonError> {
    Ok(match endpoint {
        Endpoint::Unix(path) => builder.unix_socket(path.as_path()),
        Endpoint::Tcp { .. } | Endpoint::Tls { .. } => builder,
    })
}

#[cfg(not(unix))]
fn through_socket(builder: reqwest::ClientBuilder, endpoint: &Endpoint) -> Result<reqwest::ClientBuilder, DaemonError> {
    match endpoint {
        Endpoint::Unix(_) => Err(DaemonError::Scheme { scheme: "unix".to_owned() }),
        Endpoint::Tcp { .. } | Endpoint::Tls { .. } => Ok(builder),
    }
}

/// Makes one line of what an engine says: it may quote a whole log, or what steers a terminal.
pub(crate) fn one_line(text: &str) -> String {
    let words = text.split(|character: char| character.is_whitespace() || character.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").chars().take(500).collect()
}

fn innermost(error: &reqwest::Error) -> Cause {
    chain(error).last().map_or_else(|| Cause::new("no reason given"), Cause::new)
}

/// Walks the reasons of an error, without its own words, which repeat the address.
///
/// `io::Error::source` skips the error that it wraps and gives that one's source, so a TLS error
/// inside would never be seen without this.
fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |outer| {
        let outer: &'a (dyn std::error::Error + 'static) = *outer;
        match outer.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn std::error::Error + 'static)),
            None => outer.source(),
        }
    })
}
