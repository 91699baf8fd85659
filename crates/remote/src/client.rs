//! The one client of a process, and what all its hosts share.

mod exchange;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use content::Events;
use oci::Reference;

use crate::auth::Action;
use crate::credentials::Credentials;
use crate::host::Host;
use crate::transport::Transport;
use crate::{Listing, Registry, RemoteError, Settings};

pub(crate) use exchange::Outgoing;

/// What a repository is opened for; it decides which scope is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Reading: `pull`.
    Read,
    /// Writing, and reading with the same token: `pull,push`.
    Write,
}

impl Intent {
    pub(crate) const fn action(self) -> Action {
        match self {
            Self::Read => Action::Pull,
            Self::Write => Action::Push,
        }
    }
}

/// Opens repositories on any registry. What is learned of a host (scheme, demands, tokens,
/// connections) serves all its repositories. Clones share everything.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    hosts: Arc<Mutex<HashMap<String, Arc<Host>>>>,
}

impl Client {
    /// Makes a client. Nothing is read or sent before the first request.
    ///
    /// # Errors
    /// Refuses proxies that are no addresses.
    pub fn new(settings: Settings) -> Result<Self, RemoteError> {
        Transport::check(&settings)?;
        let shared = Shared { settings, transport: Transport::default(), credentials: Credentials::default(), warned: Mutex::default() };
        Ok(Self { shared: Arc::new(shared), hosts: Arc::default() })
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Opens the repository that a reference names; its tag and digest play no part. Sends nothing.
    pub fn repository(&self, reference: &Reference, intent: Intent) -> Arc<Registry> {
        Arc::new(Registry::new(self.host(reference.registry()), reference.repository(), intent))
    }

    /// Begins a list of the repositories of a registry; sends nothing yet. `registry` is a host as
    /// [`Reference::registry`] writes it.
    pub fn repositories(&self, registry: &str) -> Listing {
        Listing::of_repositories(Registry::new(self.host(registry), "", Intent::Read))
    }

    fn host(&self, name: &str) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry(name.to_owned()).or_insert_with(|| Arc::new(Host::new(name, Arc::clone(&self.shared))));
        Arc::clone(host)
    }
}

/// What all hosts share.
pub(crate) struct Shared {
    pub settings: Settings,
    pub credentials: Credentials,
    transport: Transport,
    /// Warnings of registries that were told already.
    warned: Mutex<HashSet<String>>,
}

impl Shared {
    pub(crate) const fn events(&self) -> &Events {
        &self.settings.events
    }
}
