//! One request on the wire: sent once, redirects followed, the answer judged by nobody yet.

use std::sync::PoisonError;
use std::time::Instant;

use content::Event;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderValue, WARNING};
use reqwest::{Method, Response};
use rustls::Error as TlsError;
use url::Url;

use super::Shared;
use crate::answer::Answer;
use crate::ask::Wanted;
use crate::error::{Cause, chain, innermost};
use crate::pace::Pace;
use crate::payload::{Payload, Watch};
use crate::redirect::{Plain, next_address};
use crate::wire::{authority, printable, same_origin, shown};
use crate::{Patience, RemoteError};

const MAX_REDIRECTS: usize = 5;
/// How many times the silence that is allowed on the wire a registry may take to store an upload
/// that it has received: those on object storage copy it once more before they answer.
const STORING: u32 = 5;

/// A request, ready to go.
pub(crate) struct Outgoing<'a> {
    pub method: &'a Method,
    pub url: Url,
    pub headers: &'a HeaderMap,
    /// Sent only to the scheme, host and port of the address beside it.
    pub authorization: Option<(&'a Url, HeaderValue)>,
    pub payload: &'a Payload<'a>,
    pub wanted: Wanted,
    /// The one address whose certificate is not looked at.
    pub blind: Option<&'a str>,
}

impl Shared {
    /// Sends a request and follows redirects.
    ///
    /// # Errors
    /// Where there is no answer, or none that may be followed. Any status is an answer.
    pub(crate) async fn exchange(&self, outgoing: &Outgoing<'_>) -> Result<Answer, RemoteError> {
        let first = format!("{} {}", outgoing.method, shown(&outgoing.url));
        let mut url = outgoing.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let (response, request) = self.send(outgoing, &url).await?;
            // Only reading follows: a body would have to be sent to a server that nobody named, and what writes is refused by its
            // status like by any other.
            let reads = matches!(*outgoing.method, Method::GET | Method::HEAD);
            let next = if reads { next_address(&first, &response, Plain::Loopback)? } else { None };
            match next {
                Some(next) => url = next,
                None if outgoing.wanted == Wanted::Stream && response.status().is_success() => {
                    return Ok(Answer::streaming(response, request));
                }
                None => return Answer::read(response, request, outgoing.wanted.limit(), self.settings.patience).await,
            }
        }
        Err(RemoteError::Redirect { request: first, target: shown(&url), reason: "there were 5 redirects before it" })
    }

    async fn send(&self, outgoing: &Outgoing<'_>, url: &Url) -> Result<(Response, String), RemoteError> {
        let request_text = format!("{} {}", outgoing.method, shown(url));
        let host = authority(url);
        let mut request = self
            .transport
            .client(&self.settings, url, outgoing.blind)?
            .request(outgoing.method.clone(), url.clone())
            .headers(outgoing.headers.clone());
        // CVE-2020-15157: a registry could name its own server in a redirect and collect passwords.
        if let Some((home, value)) = &outgoing.authorization
            && same_origin(home, url)
        {
            let mut value = value.clone();
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let mut watch = None;
        if let Some((length, body, eyes)) = outgoing.payload.open().await? {
            request = request.header(CONTENT_LENGTH, length).body(body);
            watch = eyes;
        } else if *outgoing.method == Method::POST || *outgoing.method == Method::PUT {
            request = request.header(CONTENT_LENGTH, 0);
        }
        let start = Instant::now();
        let result = watched_send(request, watch.as_deref(), self.settings.patience, &host).await;
        let took = start.elapsed().as_millis();
        match result {
            Ok(response) => {
                let size = response
                    .headers()
                    .get(CONTENT_LENGTH)
                    .and_then(|length| length.to_str().ok())
                    .map(|length| format!(" {} B", printable(length, 20)));
                self.events().tell(Event::Request(format!(
                    "{request_text} {} {took} ms{}",
                    response.status().as_u16(),
                    size.unwrap_or_default()
                )));
                self.pass_on_warnings(&host, response.headers());
                Ok((response, request_text))
            }
            Err(error) => {
                let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
                self.events().tell(Event::Request(format!("{request_text} failed after {took} ms: {reason}")));
                Err(error)
            }
        }
    }

    /// Tells what a registry wants people to know (distribution-spec 1.1, "Warnings"), once.
    fn pass_on_warnings(&self, host: &str, headers: &HeaderMap) {
        for text in headers.get_all(WARNING).iter().filter_map(|value| value.to_str().ok()).filter_map(warning_text) {
            let text = format!("{host} says: {}", printable(&text, 500));
            let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
            // A registry that makes up ever new ones must not fill the memory.
            if warned.len() < 100 && warned.insert(text.clone()) {
                drop(warned);
                self.events().tell(Event::Notice(text));
            }
        }
    }
}

/// Reads `299 - "TEXT"`; other codes are about caches.
fn warning_text(value: &str) -> Option<String> {
    let rest = value.trim().strip_prefix("299 ")?;
    let (_, quoted) = rest.trim_start().split_once(' ')?;
    let quoted = quoted.trim_start().strip_prefix('"')?;
    let mut text = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    if text.is_empty() { None } else { Some(text) }
}

async fn watched_send(
    request: reqwest::RequestBuilder,
    watch: Option<&Watch>,
    patience: Patience,
    host: &str,
) -> Result<Response, RemoteError> {
    let silence = patience.silence;
    let mut sending = std::pin::pin!(request.send());
    let mut storing = 0;
    loop {
        let before = watch.map_or(0, Watch::sent);
        match tokio::time::timeout(silence, &mut sending).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(error)) => {
                return Err(match watch.and_then(Watch::take_broken) {
                    Some(source) => source.into(),
                    None => failure(host, &error),
                });
            }
            Err(_) if watch.is_some_and(Watch::is_complete) && storing < STORING => storing += 1,
            Err(_) => match watch.map_or(0, Watch::sent).saturating_sub(before) {
                0 => return Err(RemoteError::Silent { host: host.to_owned(), seconds: silence.as_secs() }),
                some if some < patience.least => return Err(Pace::new(patience).too_slow(host.to_owned())),
                _ => {}
            },
        }
    }
}

/// Says what an HTTP client's error means. The URL in its own text is left out: it may hold secrets.
pub(crate) fn failure(host: &str, error: &reqwest::Error) -> RemoteError {
    let host = host.to_owned();
    let source = Cause::new(innermost(error).to_string());
    let tls = chain(error).find_map(|error| error.downcast_ref::<TlsError>());
    match tls {
        // What came was no TLS record at all: the letters of an HTTP answer.
        Some(TlsError::InvalidMessage(_)) if error.is_connect() => RemoteError::AnswersHttp { host },
        Some(TlsError::InvalidCertificate(_)) => RemoteError::Certificate { host, source },
        Some(_) => RemoteError::Tls { host, source },
        None if error.is_connect() => RemoteError::Unreachable { host, source },
        None => RemoteError::Dropped { host, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_warnings() {
        assert_eq!(warning_text(r#"299 - "Your \"plan\" ends soon""#).as_deref(), Some("Your \"plan\" ends soon"));
        assert_eq!(warning_text(r#"299 reg.lan "gone by May""#).as_deref(), Some("gone by May"));
        assert_eq!(warning_text(r#"110 - "stale""#), None);
        assert_eq!(warning_text("299 - "), None);
    }
}
