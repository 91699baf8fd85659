//! HTTP clients, one per host: each host may have its own authorities, client certificate and proxy.

mod careful;
mod named;
mod proxy;
mod tls;
mod unverified;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use oci::DOCKER_HUB;
use reqwest::redirect::Policy;
use url::Url;

use crate::error::Cause;
use crate::quirks::HUB_ADDRESS;
use crate::wire::{authority, full_authority};
use crate::{RemoteError, Settings};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) use careful::{Forbidden, forbidden_address, names_forbidden};

/// Makes HTTP clients and keeps them, so that connections are used again.
#[derive(Default)]
pub(crate) struct Transport {
    /// No name is resolved to an address that only machines themselves ask.
    is_careful: bool,
    trusted: OnceLock<named::Trusted>,
    clients: Mutex<HashMap<(String, tls::Verify), reqwest::Client>>,
}

impl Transport {
    /// Makes one that asks no link-local address, whatever name leads there.
    pub(crate) fn careful() -> Self {
        Self { is_careful: true, ..Self::default() }
    }

    /// Refuses settings that could serve no host at all.
    pub(crate) fn check(settings: &Settings) -> Result<(), RemoteError> {
        // Any name that nobody excepts: the addresses of the proxies are read, nothing else.
        proxy::proxies_for(&crate::Proxies { except: None, ..settings.proxies.clone() }, "registry.invalid").map(drop)
    }

    /// Returns the client for a URL's host and port; `blind` is an address whose certificate is not
    /// looked at.
    ///
    /// Redirects and retries are switched off in it: what may follow a redirect, and what can be
    /// sent again, is known only further up.
    pub(crate) fn client(&self, settings: &Settings, url: &Url, blind: Option<&str>) -> Result<reqwest::Client, RemoteError> {
        let (short, full) = (authority(url), full_authority(url));
        let names = names(&short, &full);
        let unproven = names.iter().any(|name| settings.insecure.covers(name) || blind == Some(name));
        let verify = if unproven { tls::Verify::No } else { tls::Verify::Yes };
        let key = (full.clone(), verify);
        let known = self.clients.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(client) = known {
            return Ok(client);
        }
        let client = self.build(settings, &names, &full, verify)?;
        // Two tasks may both have built one; all use the first that was kept, and its connections.
        Ok(self.clients.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(client).clone())
    }

    fn build(&self, settings: &Settings, names: &[&str], full: &str, verify: tls::Verify) -> Result<reqwest::Client, RemoteError> {
        let trusted = match self.trusted.get() {
            Some(trusted) => trusted,
            None => {
                let read = tls::shared_trust(settings)?;
                self.trusted.get_or_init(|| read)
            }
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::configuration(settings, trusted, names, verify)?)
            .user_agent(&settings.user_agent)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy();
        if self.is_careful {
            builder = builder.dns_resolver(Arc::new(careful::Careful));
        }
        for proxy in proxy::proxies_for(&settings.proxies, full)? {
            builder = builder.proxy(proxy);
        }
        builder.build().map_err(|error| RemoteError::Client { source: Cause::new(crate::error::innermost(&error).to_string()) })
    }
}

/// Returns the names by which settings may call a host: with the port that goes without saying, or
/// without it.
fn names<'a>(short: &'a str, full: &'a str) -> Vec<&'a str> {
    let mut names = if short == full { vec![full] } else { vec![short, full] };
    // What people call it; nobody writes the address that it answers at.
    if short == HUB_ADDRESS {
        names.push(DOCKER_HUB);
    }
    names
}
