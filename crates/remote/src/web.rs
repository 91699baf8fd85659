//! Any address over HTTP: with the authorities, proxies and patience of the registry client, and with more care, since addresses
//! come from files that others write.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use content::Event;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::{Response, StatusCode};
use url::Url;

use crate::answer::next_chunk;
use crate::client::failure;
use crate::error::chain;
use crate::pace::Pace;
use crate::redirect::{Plain, next_address};
use crate::retry::{is_passing, retry_after};
use crate::transport::{Forbidden, Transport, forbidden_address, names_forbidden};
use crate::wire::{authority, same_origin, shown};
use crate::{RemoteError, Secret, Settings};

/// How often one request may be sent elsewhere, as with Go's clients.
const MAX_REDIRECTS: usize = 10;

/// Asks any address. Clones share connections.
#[derive(Clone)]
pub struct Web {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    transport: Transport,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct WebRequest {
    /// The address; a login in it is sent to its host alone.
    pub url: Url,
    /// The value of the header `Authorization`; no other host sees it.
    pub authorization: Option<Secret>,
    /// What is here already, by the server's `ETag`.
    pub etag: Option<String>,
    /// What is here already, by the server's `Last-Modified`.
    pub modified: Option<String>,
}

impl WebRequest {
    /// Asks for an address without any condition.
    pub const fn new(url: Url) -> Self {
        Self { url, authorization: None, etag: None, modified: None }
    }
}

/// What a server answers.
pub struct WebAnswer {
    /// Who answered in the end, as it may be shown.
    pub shown: String,
    /// Where that is.
    pub url: Url,
    /// The server says that what is here already is still that.
    pub is_unchanged: bool,
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    pub modified: Option<String>,
    /// How long the body is, where that is said.
    pub length: Option<u64>,
    response: Response,
    pace: Pace,
}

impl WebAnswer {
    /// Waits for the next piece of the body.
    ///
    /// # Errors
    /// Where the connection breaks, or hardly anything comes.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, RemoteError> {
        next_chunk(&mut self.response, &mut self.pace).await
    }
}

impl Web {
    /// Makes one with the settings of the registry client. Opens no connection.
    ///
    /// # Errors
    /// As [`Client::new`](crate::Client::new).
    pub fn new(settings: Settings) -> Result<Self, RemoteError> {
        Transport::check(&settings)?;
        Ok(Self { shared: Arc::new(Shared { settings, transport: Transport::careful() }) })
    }

    /// Asks for an address, and follows where it is sent: at most ten times, out of HTTPS never, to link-local addresses and to what
    /// clouds tell their machines never. Asked again where that may help.
    ///
    /// # Errors
    /// Where there is no answer, none that may be followed, or none that means yes.
    pub async fn get(&self, request: &WebRequest) -> Result<WebAnswer, RemoteError> {
        let patience = self.shared.settings.patience;
        let mut tried = 0;
        loop {
            tried += 1;
            let (problem, after) = match self.follow(request).await {
                Ok(answer) if answer.response.status().is_success() || answer.is_unchanged => return Ok(answer),
                Ok(answer) => {
                    let after = retry_after(answer.response.headers(), (self.shared.settings.now)());
                    (refused(&answer), after)
                }
                Err(problem) => (problem, None),
            };
            let is_passing = match &problem {
                RemoteError::Status { status, .. } => StatusCode::from_u16(*status).is_ok_and(is_passing),
                // Nobody listens there, or there is no such name: that does not pass in a moment.
                RemoteError::Unreachable { .. } => false,
                other => other.is_passing(),
            };
            if !is_passing || tried >= patience.tries {
                return Err(problem);
            }
            let pause = patience.pause(tried, after);
            self.shared.settings.events.tell(Event::Retry(format!("{problem}; asking again")));
            tokio::time::sleep(pause).await;
        }
    }

    /// Refuses a host that is not asked, for whoever asks it by other means. One that has no address is left to them.
    ///
    /// # Errors
    /// [`RemoteError::Forbidden`].
    pub async fn check_host(&self, host: &str) -> Result<(), RemoteError> {
        match forbidden_address(host).await {
            Some(address) => Err(RemoteError::Forbidden { host: host.to_owned(), address }),
            None => Ok(()),
        }
    }

    async fn follow(&self, request: &WebRequest) -> Result<WebAnswer, RemoteError> {
        let (home, login) = without_login(&request.url);
        let first = format!("GET {}", shown(&home));
        let authorization = request.authorization.clone().or(login);
        let mut url = home.clone();
        for _ in 0..=MAX_REDIRECTS {
            if names_forbidden(&url) {
                return Err(RemoteError::Forbidden { host: authority(&url), address: None });
            }
            let is_home = same_origin(&home, &url);
            let response = self.send(request, &url, authorization.as_ref().filter(|_| is_home)).await?;
            match next_address(&first, &response, Plain::Never)? {
                Some(next) => url = next,
                None => {
                    let is_conditional = request.etag.is_some() || request.modified.is_some();
                    let header = |name: HeaderName| text(response.headers(), &name);
                    return Ok(WebAnswer {
                        shown: shown(&url),
                        is_unchanged: is_conditional && response.status() == StatusCode::NOT_MODIFIED,
                        etag: header(ETAG),
                        modified: header(LAST_MODIFIED),
                        length: header(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
                        url,
                        response,
                        pace: Pace::new(self.shared.settings.patience),
                    });
                }
            }
        }
        Err(RemoteError::Redirect { request: first, target: shown(&url), reason: "there were 10 redirects before it" })
    }

    async fn send(&self, request: &WebRequest, url: &Url, authorization: Option<&Secret>) -> Result<Response, RemoteError> {
        let (settings, host) = (&self.shared.settings, authority(url));
        let client = self.shared.transport.client(settings, url, None)?;
        let mut asking = client.get(url.clone()).header(ACCEPT, HeaderValue::from_static("*/*"));
        if let Some(value) = authorization.and_then(|secret| HeaderValue::from_str(secret.reveal()).ok()) {
            let mut value = value;
            value.set_sensitive(true);
            asking = asking.header(AUTHORIZATION, value);
        }
        for (name, value) in [(IF_NONE_MATCH, &request.etag), (IF_MODIFIED_SINCE, &request.modified)] {
            if let Some(value) = value.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
                asking = asking.header(name, value);
            }
        }
        let start = Instant::now();
        let sent = match tokio::time::timeout(settings.patience.silence, asking.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(match chain(&error).find_map(|error| error.downcast_ref::<Forbidden>()) {
                Some(Forbidden(address)) => RemoteError::Forbidden { host, address: Some(*address) },
                None => failure(&host, &error),
            }),
            Err(_) => Err(RemoteError::Silent { host, seconds: settings.patience.silence.as_secs() }),
        };
        let took = start.elapsed().as_millis();
        let outcome = match &sent {
            Ok(response) => response.status().as_u16().to_string(),
            Err(error) => format!("failed: {error}"),
        };
        settings.events.tell(Event::Request(format!("GET {} {outcome} after {took} ms", shown(url))));
        sent
    }
}

/// Takes a login out of an address; what stands in one goes to its host as Basic, as everywhere.
fn without_login(url: &Url) -> (Url, Option<Secret>) {
    if url.username().is_empty() && url.password().is_none() {
        return (url.clone(), None);
    }
    let login = format!("{}:{}", url.username(), url.password().unwrap_or_default());
    let mut bare = url.clone();
    // Only what has no host has no place for a login, and that has none.
    let _ = bare.set_username("").and_then(|()| bare.set_password(None));
    (bare, Some(Secret::new(format!("Basic {}", STANDARD.encode(login)))))
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(ToOwned::to_owned)
}

fn refused(answer: &WebAnswer) -> RemoteError {
    let status = answer.response.status().as_u16();
    RemoteError::Status { request: format!("GET {}", answer.shown), status, source: None }
}

/// Shows an address that is not asked.
pub(crate) fn forbidden(address: Option<&IpAddr>) -> String {
    address.map_or_else(String::new, |address| format!(", which is {address}"))
}
