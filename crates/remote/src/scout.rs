//! The first request to a host: it finds out by which scheme the host is spoken to, and what it
//! demands. There is no `/v2/` ping before it: that would be a request more for every command.
//!
//! A scout never carries credentials: the demand is not known yet.
//!
//! Hosts elsewhere are asked by HTTPS, or by HTTP where the user said so. A host on this machine is
//! asked by both at once, so that a plain one costs no round trip more than a secure one: the answer
//! by HTTPS counts, and that by HTTP only where the peer speaks no TLS. A certificate that is not
//! accepted is an error and never leads to HTTP.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use url::Url;

use crate::RemoteError;
use crate::answer::Answer;
use crate::ask::{Ask, Target};
use crate::error::Cause;
use crate::host::Host;
use crate::registries::Trust;
use crate::wire::is_loopback;

/// How long HTTPS may stay silent after HTTP has answered: a plain server that waits for a whole
/// line of text never answers the first bytes of TLS.
const GRACE: Duration = Duration::from_secs(3);

/// What the first request brought back.
pub(crate) struct Scouted {
    pub base: Url,
    pub answer: Answer,
    /// Whether it is the answer to the request itself, so that this need not be sent again.
    pub answers_ask: bool,
}

impl Host {
    /// Sends the first request. One that only reads is its own scout.
    pub(crate) async fn scout(&self, ask: &Ask<'_>) -> Result<Scouted, RemoteError> {
        let answers_ask = matches!(ask.method, Method::GET | Method::HEAD) && matches!(ask.target, Target::Path(_));
        if answers_ask {
            let (base, answer) = self.scout_with(ask).await?;
            return Ok(Scouted { base, answer, answers_ask });
        }
        let ping = Ask::new(Method::GET, Target::Path("/v2/".to_owned()), ask.repository, ask.scopes.clone());
        let (base, answer) = self.scout_with(&ping).await?;
        Ok(Scouted { base, answer, answers_ask })
    }

    async fn scout_with(&self, ask: &Ask<'_>) -> Result<(Url, Answer), RemoteError> {
        let settings = &self.shared.settings;
        let plain = || self.attempt(ask, "http");
        let secure = || self.attempt(ask, "https");
        if settings.plain_http.covers(&self.name) || settings.plain_http.covers(&self.address) {
            return plain().await;
        }
        if !is_loopback(&self.address) {
            // As podman does for what registries.conf calls insecure.
            let falls_back = self.trust == Trust::Blind || settings.fallback.covers(&self.name);
            return match secure().await {
                Err(error) if falls_back && speaks_no_tls(&error) => plain().await.map_err(|_| error),
                answer => answer,
            };
        }
        let (mut secure, mut plain) = (std::pin::pin!(secure()), std::pin::pin!(plain()));
        let mut plain_result = None;
        let verdict = tokio::select! {
            verdict = &mut secure => Some(verdict),
            result = &mut plain => {
                let served = matches!(&result, Ok((_, answer)) if answer.status != StatusCode::BAD_REQUEST);
                plain_result = Some(result);
                // 400 is what servers say to HTTP at a port for HTTPS: then HTTPS has all its time.
                if served { tokio::time::timeout(GRACE, &mut secure).await.ok() } else { Some((&mut secure).await) }
            }
        };
        match verdict {
            Some(Err(error)) if speaks_no_tls(&error) => {}
            Some(verdict) => return verdict,
            None => {}
        }
        match plain_result {
            Some(result) => result,
            None => plain.await,
        }
    }

    async fn attempt(&self, ask: &Ask<'_>, scheme: &str) -> Result<(Url, Answer), RemoteError> {
        let base: Url = format!("{scheme}://{}", self.address).parse().map_err(|error: url::ParseError| RemoteError::Unreachable {
            host: self.name.clone(),
            source: Cause::new(error.to_string()),
        })?;
        let answer = self.shared.exchange(&self.outgoing(ask, &base, None)).await?;
        Ok((base, answer))
    }
}

/// Tells whether the peer gave no sign of speaking TLS. Everything that TLS itself found wrong,
/// the certificate above all, is a sign that it does.
const fn speaks_no_tls(error: &RemoteError) -> bool {
    matches!(
        error,
        RemoteError::AnswersHttp { .. } | RemoteError::Unreachable { .. } | RemoteError::Dropped { .. } | RemoteError::Silent { .. }
    )
}
