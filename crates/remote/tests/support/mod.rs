//! Servers on loopback that behave as the test wants, and a client that can be looked into.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

pub mod recall;
pub mod tls;
pub mod tunnel;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use bytes::Bytes;
use content::{Event, Events};
use oci::{Reference, Selector};
use remote::{Client, Intent, Patience, Registry, Settings};
use tokio::task::AbortHandle;

/// Impatient settings, and everything that is told meanwhile.
pub fn settings() -> (Settings, Told) {
    let told = Told::default();
    let mut settings = Settings::new("polyarch-test", SystemTime::now);
    settings.patience = Patience {
        tries: 5,
        first: Duration::from_millis(1),
        most: Duration::from_secs(2),
        silence: Duration::from_secs(5),
        ..Patience::default()
    };
    settings.events = told.events();
    (settings, told)
}

/// Opens a repository of a client of its own.
pub fn open(settings: Settings, name: &str, intent: Intent) -> Arc<Registry> {
    Client::new(settings).unwrap().repository(&name.parse::<Reference>().unwrap(), intent)
}

pub fn tag(text: &str) -> Selector {
    Selector::Name(text.to_owned())
}

/// What was told, as text.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Vec<(&'static str, String)>>>);

impl Told {
    fn events(&self) -> Events {
        let own = self.clone();
        Events::to(move |event| {
            let line = match event {
                Event::Warning(text) => ("warning", text),
                Event::Notice(text) => ("notice", text),
                Event::Request(text) => ("request", text),
                Event::Retry(text) => ("retry", text),
                other => ("other", format!("{other:?}")),
            };
            own.0.lock().unwrap().push(line);
        })
    }

    /// Returns the texts of one kind.
    pub fn of(&self, kind: &str) -> Vec<String> {
        self.0.lock().unwrap().iter().filter(|(own, _)| *own == kind).map(|(_, text)| text.clone()).collect()
    }

    pub fn everything(&self) -> String {
        format!("{:?}", self.0.lock().unwrap())
    }
}

/// An error with everything behind it, as it could ever be shown.
pub fn whole(error: &content::Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text.push_str(&format!("; {cause}"));
        next = cause.source();
    }
    if let Some(hint) = fault::Fault::hint(error) {
        text.push_str(&format!("; hint: {hint}"));
    }
    text
}

/// Writes a Docker config for one host and returns its folder.
pub fn docker_config(host: &str, user: &str, password: &str) -> tempfile::TempDir {
    use base64::Engine;
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("config.json"), &serde_json::json!({ "auths": { host: { "auth": auth } } }).to_string());
    folder
}

pub fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// One request that a fake has got.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Method, path and query.
    pub line: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// An HTTP server that answers as a function says; the function also gets the number of requests before.
pub struct Fake {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: AbortHandle,
}

impl Fake {
    pub async fn start(answer: impl Fn(&Seen, usize) -> Response<Body> + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (router, seen) = router(answer);
        let task = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Self { address, seen, task }
    }

    pub async fn start_tls(tls: &tls::Authority, answer: impl Fn(&Seen, usize) -> Response<Body> + Send + Sync + 'static) -> Self {
        let listener = tls::Listener::bind(tls).await;
        let address = listener.address();
        let (router, seen) = router(answer);
        let task = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Self { address, seen, task }
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn router(answer: impl Fn(&Seen, usize) -> Response<Body> + Send + Sync + 'static) -> (axum::Router, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
    let router = axum::Router::new().fallback(move |request: Request| {
        let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
        async move {
            let line = format!("{} {}", request.method(), request.uri().path_and_query().map_or("/", |target| target.as_str()));
            let headers = request.headers().clone();
            let body = axum::body::to_bytes(request.into_body(), 64 * 1024 * 1024).await.unwrap_or_default();
            let seen = Seen { line, headers, body };
            let number = {
                let mut log = log.lock().unwrap();
                log.push(seen.clone());
                log.len() - 1
            };
            answer(&seen, number)
        }
    });
    (router, seen)
}

/// An answer with headers and a body.
pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

/// The answer of a registry to a request for this manifest.
pub fn manifest_answer(manifest: &oci::RawManifest) -> Response<Body> {
    let headers = [("content-type", manifest.media_type().as_str()), ("docker-content-digest", &manifest.digest().to_string())];
    answer(200, &headers, manifest.bytes().clone())
}

/// A body that promises `length` bytes and breaks off after these.
pub fn cut_off(bytes: Bytes, length: usize, headers: &[(&str, &str)], status: u16) -> Response<Body> {
    use futures_util::StreamExt;
    // A moment later, or head and bytes would be thrown away with the connection.
    let cut = futures_util::stream::once(async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(std::io::Error::other("cut"))
    });
    let mut response = answer(status, headers, Body::from_stream(futures_util::stream::iter([Ok(bytes)]).chain(cut)));
    response.headers_mut().insert("content-length", length.into());
    response
}
