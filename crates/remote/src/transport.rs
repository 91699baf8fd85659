//! HTTP clients, one per host: each host may have its own authorities, client certificate and proxy.

mod proxy;
mod tls;
mod unverified;

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::redirect::Policy;
use rustls::RootCertStore;

use crate::error::Cause;
use crate::{RemoteError, Settings};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes HTTP clients and keeps them, so that connections are used again.
#[derive(Default)]
pub(crate) struct Transport {
    roots: OnceLock<RootCertStore>,
    clients: Mutex<HashMap<String, reqwest::Client>>,
}

impl Transport {
    /// Refuses settings that could serve no host at all.
    pub(crate) fn check(settings: &Settings) -> Result<(), RemoteError> {
        // Any name that nobody excepts: the addresses of the proxies are read, nothing else.
        proxy::proxies_for(&crate::Proxies { except: None, ..settings.proxies.clone() }, "registry.invalid").map(drop)
    }

    /// Returns the client for `host`, written as in references.
    ///
    /// Redirects and retries are switched off in it: what may follow a redirect, and what can be
    /// sent again, is known only further up.
    pub(crate) fn client(&self, settings: &Settings, host: &str) -> Result<reqwest::Client, RemoteError> {
        let known = self.clients.lock().unwrap_or_else(PoisonError::into_inner).get(host).cloned();
        if let Some(client) = known {
            return Ok(client);
        }
        let client = self.build(settings, host)?;
        // Two tasks may both have built one; all use the first that was kept, and its connections.
        Ok(self.clients.lock().unwrap_or_else(PoisonError::into_inner).entry(host.to_owned()).or_insert(client).clone())
    }

    fn build(&self, settings: &Settings, host: &str) -> Result<reqwest::Client, RemoteError> {
        let roots = match self.roots.get() {
            Some(roots) => roots,
            None => {
                let read = tls::shared_roots(settings)?;
                self.roots.get_or_init(|| read)
            }
        };
        let verify = if settings.insecure.covers(host) { tls::Verify::No } else { tls::Verify::Yes };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::configuration(settings, roots, host, verify)?)
            .user_agent(&settings.user_agent)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy();
        for proxy in proxy::proxies_for(&settings.proxies, host)? {
            builder = builder.proxy(proxy);
        }
        builder.build().map_err(|error| RemoteError::Client { source: Cause::new(crate::error::innermost(&error).to_string()) })
    }
}
