//! Getting a token from a token server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::{Scopes, Token};
use crate::RemoteError;
use crate::answer::Answer;
use crate::ask::Wanted;
use crate::client::{Outgoing, Shared};
use crate::credentials::{Found, Login, Secret};
use crate::error::{Cause, Refusal};
use crate::payload::Payload;
use crate::retry::retry_after;
use crate::wire::{is_loopback, printable, shown};

/// How token servers know us (OAuth2's `client_id`).
const CLIENT_ID: &str = "polyarch";
/// How long a token is good whose server does not say (distribution, "Token Response Fields").
const DEFAULT_LIFE: u64 = 60;
const LONGEST_LIFE: u64 = 24 * 60 * 60;

/// What a token is wanted for.
pub(crate) struct TokenAsk<'a> {
    pub realm: &'a str,
    pub service: Option<&'a str>,
    pub scopes: &'a Scopes,
    pub found: &'a Found,
    /// The registry's host, as in references.
    pub host: &'a str,
    /// The repository, as messages name it.
    pub place: String,
    /// The address that the registry itself answers at.
    pub base: &'a Url,
    /// The registry's address, where its certificate is not looked at.
    pub blind: Option<&'a str>,
    pub stay: Stay,
}

/// How long the token server is asked to know us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stay {
    /// For one token.
    Short,
    /// With a refresh token, to be kept (distribution, "Requesting a Token", `offline_token`).
    Offline,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    /// Seconds; a value of its own, as some write it as text or below zero.
    expires_in: Option<serde_json::Value>,
    refresh_token: Option<String>,
}

/// Fetches a token, and the refresh token that came along: with a refresh token by POST (OAuth2), else by GET, with or without a password.
///
/// # Errors
/// [`RemoteError::Denied`] where the server does not know us, and what the network gives.
pub(crate) async fn fetch(shared: &Shared, ask: &TokenAsk<'_>) -> Result<(Token, Option<Secret>), RemoteError> {
    let realm = checked_realm(ask)?;
    let answer = match &ask.found.login {
        Login::Identity { user, secret } => {
            let posted = by_post(shared, ask, &realm, secret).await?;
            if matches!(posted.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
                // Servers without OAuth2 take the refresh token as a password.
                let user = if user.is_empty() { "<token>" } else { user };
                by_get(shared, ask, &realm, Some((user, secret))).await?
            } else {
                posted
            }
        }
        Login::Password { user, secret } => by_get(shared, ask, &realm, Some((user, secret))).await?,
        Login::Nobody | Login::Token(_) => by_get(shared, ask, &realm, None).await?,
    };
    read(shared, ask, &answer)
}

/// Passwords are sent to the token server, so it must not be asked in the open, unless the registry
/// is plain too, or the server is this machine.
fn checked_realm(ask: &TokenAsk<'_>) -> Result<Url, RemoteError> {
    let unsafe_realm = |url: String| RemoteError::UnsafeTokenServer { host: ask.host.to_owned(), url };
    let realm = ask.base.join(ask.realm).map_err(|_| unsafe_realm(printable(ask.realm, 200)))?;
    let safe = match realm.scheme() {
        "https" => true,
        "http" => ask.base.scheme() == "http" || realm.host_str().is_some_and(is_loopback),
        _ => false,
    };
    if safe { Ok(realm) } else { Err(unsafe_realm(shown(&realm))) }
}

async fn by_get(shared: &Shared, ask: &TokenAsk<'_>, realm: &Url, login: Option<(&str, &Secret)>) -> Result<Answer, RemoteError> {
    let mut url = realm.clone();
    {
        let mut query = url.query_pairs_mut();
        if let Some(service) = ask.service {
            query.append_pair("service", service);
        }
        for scope in ask.scopes.iter() {
            query.append_pair("scope", scope);
        }
        if ask.stay == Stay::Offline {
            query.append_pair("offline_token", "true").append_pair("client_id", CLIENT_ID);
            if let Some((user, _)) = login {
                query.append_pair("account", user);
            }
        }
    }
    let authorization = login.and_then(|(user, secret)| basic(user, secret)).map(|value| (realm, value));
    let outgoing = Outgoing {
        method: &Method::GET,
        url,
        headers: &HeaderMap::new(),
        authorization,
        payload: &Payload::Empty,
        wanted: Wanted::Document,
        blind: ask.blind,
    };
    shared.exchange(&outgoing).await
}

/// RFC 6749, section 6; scopes are separated by spaces there.
async fn by_post(shared: &Shared, ask: &TokenAsk<'_>, realm: &Url, secret: &Secret) -> Result<Answer, RemoteError> {
    let scopes = ask.scopes.iter().collect::<Vec<_>>().join(" ");
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("service", ask.service.unwrap_or_default())
        .append_pair("scope", &scopes)
        .append_pair("client_id", CLIENT_ID)
        .append_pair("refresh_token", secret.reveal())
        .finish();
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))]);
    let payload = Payload::Bytes(form.into());
    // The secret is in the body here; it stays where it is sent, as redirects of a POST are not followed.
    let outgoing = Outgoing {
        method: &Method::POST,
        url: realm.clone(),
        headers: &headers,
        authorization: None,
        payload: &payload,
        wanted: Wanted::Document,
        blind: ask.blind,
    };
    shared.exchange(&outgoing).await
}

fn read(shared: &Shared, ask: &TokenAsk<'_>, answer: &Answer) -> Result<(Token, Option<Secret>), RemoteError> {
    let url = shown(&answer.url);
    match answer.status {
        StatusCode::OK => {}
        // OAuth2 says 400 for a refresh token that is worth nothing any more (RFC 6749, 5.2).
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let said = answer
                .said()
                .map(|said| format!("{said} (from its token server {url})"))
                .or_else(|| Some(format!("its token server {url} answered {}", answer.status.as_u16())));
            let refusal = Refusal { host: ask.host.to_owned(), credentials: ask.found.origin.clone(), scope: ask.scopes.shown(), said };
            return Err(RemoteError::Denied { place: ask.place.clone(), source: Box::new(refusal) });
        }
        status => {
            let after = retry_after(&answer.headers, (shared.settings.now)());
            return Err(RemoteError::TokenServer { url, status: status.as_u16(), after, source: answer.said().map(Cause::new) });
        }
    }
    let Ok(parsed) = serde_json::from_slice::<TokenAnswer>(&answer.body) else { return Err(RemoteError::NoToken { url }) };
    let token = parsed.token.into_iter().chain(parsed.access_token).find(|token| !token.is_empty()).ok_or(RemoteError::NoToken { url })?;
    let life = life(parsed.expires_in.as_ref());
    let refresh = parsed.refresh_token.filter(|token| !token.is_empty()).map(Secret::new);
    Ok((Token::lasting(Secret::new(token), life, (shared.settings.now)()), refresh))
}

/// Reads how many seconds a token is good. What makes no sense counts as not said; a life longer than
/// a process is one that is long enough.
fn life(said: Option<&serde_json::Value>) -> u64 {
    let number = match said {
        Some(serde_json::Value::String(text)) => text.trim().parse::<f64>().ok(),
        Some(value) => value.as_f64(),
        None => None,
    };
    match number {
        // Whole seconds between 1 and a day: the cast keeps the value.
        Some(seconds) if seconds >= 1.0 => seconds.min(LONGEST_LIFE as f64) as u64,
        _ => DEFAULT_LIFE,
    }
}

/// Makes the value of a Basic `Authorization` header (RFC 7617).
pub(crate) fn basic(user: &str, secret: &Secret) -> Option<HeaderValue> {
    let pair = STANDARD.encode(format!("{user}:{}", secret.reveal()));
    HeaderValue::from_str(&format!("Basic {pair}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_lives_of_tokens() {
        for (said, expected) in [
            ("300", 300),
            ("\"300\"", 300),
            ("299.9", 299),
            ("0", 60),
            ("-5", 60),
            ("\"soon\"", 60),
            ("null", 60),
            ("{}", 60),
            ("1e300", LONGEST_LIFE),
            ("18446744073709551615", LONGEST_LIFE),
            ("\"NaN\"", 60),
        ] {
            assert_eq!(life(serde_json::from_str(said).ok().as_ref()), expected, "{said}");
        }
        assert_eq!(life(None), DEFAULT_LIFE);
    }
}
