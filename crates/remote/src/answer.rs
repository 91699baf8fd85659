//! One answer, with what is needed to judge it.

use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, HeaderName, LOCATION};
use reqwest::{Response, StatusCode};
use std::time::Instant;
use url::Url;

use crate::error::{Cause, innermost};
use crate::pace::Pace;
use crate::wire::{MAX_ERROR_BODY, Problem, authority, is_loopback, problems, said, shown};
use crate::{Patience, RemoteError};

/// A registry's answer to one request, redirects already followed.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Who answered in the end.
    pub url: Url,
    /// Method and address as messages show them.
    pub request: String,
    /// The document, or what was read of an error's text.
    pub body: Bytes,
    stream: Option<Response>,
}

impl Answer {
    /// Keeps the body for streaming.
    pub(crate) fn streaming(response: Response, request: String) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            url: response.url().clone(),
            request,
            body: Bytes::new(),
            stream: Some(response),
        }
    }

    /// Reads the body, up to `limit` bytes; of an error's text only the beginning is kept.
    pub(crate) async fn read(mut response: Response, request: String, limit: u64, patience: Patience) -> Result<Self, RemoteError> {
        let mut body = BytesMut::new();
        let (status, headers, url) = (response.status(), response.headers().clone(), response.url().clone());
        let refused = !status.is_success();
        let limit = if refused { MAX_ERROR_BODY } else { limit };
        if !refused && response.content_length().is_some_and(|length| length > limit) {
            return Err(RemoteError::TooLong { request, limit });
        }
        let mut pace = Pace::new(patience);
        loop {
            match next_chunk(&mut response, &mut pace).await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                // The status alone says enough.
                Err(_) if refused => break,
                Err(error) => return Err(error),
            }
            if body.len() as u64 > limit {
                if refused {
                    body.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
                    break;
                }
                return Err(RemoteError::TooLong { request, limit });
            }
        }
        Ok(Self { status, headers, url, request, body: body.freeze(), stream: None })
    }

    /// Returns the body that was left for streaming.
    pub(crate) fn into_stream(self) -> Option<Response> {
        self.stream
    }

    /// Returns a header's text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the address in `Location`, which may be relative.
    ///
    /// A registry behind a proxy that ends TLS may think that it is reached by HTTP; its own
    /// address is then taken over with the scheme that works.
    ///
    /// # Errors
    /// Refuses an address elsewhere that would take what is sent out of HTTPS into the open.
    pub(crate) fn location(&self) -> Result<Option<Url>, RemoteError> {
        let Some(mut target) = self.header(&LOCATION).and_then(|location| self.url.join(location).ok()) else { return Ok(None) };
        if target.scheme() == "http"
            && self.url.scheme() == "https"
            && target.host_str() == self.url.host_str()
            && target.port() == self.url.port()
            && target.set_scheme("https").is_err()
        {
            return Ok(None);
        }
        if target.scheme() == "http" && self.url.scheme() == "https" && !target.host_str().is_some_and(is_loopback) {
            let (request, target) = (self.request.clone(), shown(&target));
            return Err(RemoteError::Redirect { request, target, reason: "it would leave HTTPS" });
        }
        Ok(Some(target))
    }

    /// Returns the error codes of the body.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        problems(&self.body)
    }

    /// Tells whether the body names an error code.
    pub(crate) fn has_code(&self, code: &str) -> bool {
        self.problems().iter().any(|problem| problem.code == code)
    }

    /// Returns what the registry said, in one line.
    pub(crate) fn said(&self) -> Option<String> {
        said(&self.problems())
    }

    /// Makes the error for a status that was not expected.
    pub(crate) fn unexpected(&self) -> RemoteError {
        let source = self.said().map(Cause::new);
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            return RemoteError::RateLimited { host: authority(&self.url), source };
        }
        RemoteError::Status { request: self.request.clone(), status: self.status.as_u16(), source }
    }

    /// Makes the error for an answer that lacks something.
    pub(crate) fn broken(&self, expected: &'static str) -> RemoteError {
        RemoteError::Answer { request: self.request.clone(), expected }
    }
}

/// Waits for the next piece of a body, as long as it comes along.
pub(crate) async fn next_chunk(response: &mut Response, pace: &mut Pace) -> Result<Option<Bytes>, RemoteError> {
    let host = authority(response.url());
    let (silence, start) = (pace.silence(), Instant::now());
    match tokio::time::timeout(silence, response.chunk()).await {
        Ok(Ok(Some(chunk))) if !pace.keeps_up(start.elapsed(), chunk.len()) => Err(pace.too_slow(host)),
        Ok(Ok(chunk)) => Ok(chunk),
        Ok(Err(error)) => Err(RemoteError::Dropped { host, source: Cause::new(innermost(&error).to_string()) }),
        Err(_) => Err(RemoteError::Silent { host, seconds: silence.as_secs() }),
    }
}
