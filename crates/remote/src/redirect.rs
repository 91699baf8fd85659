//! Where an answer sends us.

use reqwest::Response;
use reqwest::header::LOCATION;
use url::Url;

use crate::RemoteError;
use crate::wire::{is_loopback, printable, shown};

/// Who is asked without HTTPS after somebody was asked with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    /// Nobody.
    Never,
    /// This machine itself.
    Loopback,
}

/// Returns where an answer sends us, if it does.
///
/// # Errors
/// Where nobody should go; `first` is the request that began it.
pub(crate) fn next_address(first: &str, response: &Response, plain: Plain) -> Result<Option<Url>, RemoteError> {
    let follows = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let (true, Some(location)) = (follows, location) else { return Ok(None) };
    let refuse = |target: String, reason| Err(RemoteError::Redirect { request: first.to_owned(), target, reason });
    let Ok(target) = response.url().join(location) else { return refuse(printable(location, 200), "it is no address") };
    // They would be sent as a password to wherever it leads.
    if !target.username().is_empty() || target.password().is_some() {
        return refuse(shown(&target), "it brings credentials of its own");
    }
    let stays_plain = || response.url().scheme() == "http";
    let is_own = || plain == Plain::Loopback && target.host_str().is_some_and(is_loopback);
    match target.scheme() {
        "https" => Ok(Some(target)),
        "http" if stays_plain() || is_own() => Ok(Some(target)),
        "http" => refuse(shown(&target), "it would leave HTTPS"),
        _ => refuse(shown(&target), "it is neither http nor https"),
    }
}
