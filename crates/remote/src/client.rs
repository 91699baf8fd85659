//! The one client of a process, and what all its hosts share.

mod exchange;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use content::{Events, Place};
use oci::Reference;

use crate::auth::Action;
use crate::credentials::Credentials;
use crate::host::Host;
use crate::mirrored::Mirrored;
use crate::registries::{Endpoint, Endpoints, Registries, ShortName, Trust};
use crate::transport::Transport;
use crate::{Listing, Registry, RemoteError, Settings};

pub(crate) use exchange::{Outgoing, failure};

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

/// By name, and how far they are trusted.
type Hosts = HashMap<(String, Trust), Arc<Host>>;

/// Opens repositories on any registry. What is learned of a host (scheme, demands, tokens,
/// connections) serves all its repositories. Clones share everything.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    hosts: Arc<Mutex<Hosts>>,
    registries: Arc<OnceLock<Registries>>,
}

impl Client {
    /// Makes a client. Nothing is read or sent before the first request.
    ///
    /// # Errors
    /// Refuses proxies that are no addresses.
    pub fn new(settings: Settings) -> Result<Self, RemoteError> {
        Transport::check(&settings)?;
        let shared = Shared { settings, transport: Transport::default(), credentials: Credentials::default(), warned: Mutex::default() };
        Ok(Self { shared: Arc::new(shared), hosts: Arc::default(), registries: Arc::default() })
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Opens the repository that a reference names, as a place: where the files of `registries.conf`
    /// say that it is, with its mirrors where it is only read. Sends nothing.
    ///
    /// # Errors
    /// Where such a file is broken, or blocks the name.
    pub fn place(&self, reference: &Reference, intent: Intent) -> Result<Arc<dyn Place>, RemoteError> {
        let endpoints = self.endpoints(reference, intent)?;
        let open = |end: &Endpoint| self.open(&end.name, intent, end.trust);
        let home = open(&endpoints.home);
        if endpoints.mirrors.is_empty() {
            return Ok(home);
        }
        let mirrors = endpoints.mirrors.iter().map(|(end, pull)| (open(end), *pull)).collect();
        Ok(Arc::new(Mirrored::new(reference.name(), mirrors, home, self.shared.events().clone())))
    }

    /// Opens the repository that a reference names where it is kept, mirrors left aside. Sends nothing.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub fn home(&self, reference: &Reference, intent: Intent) -> Result<Arc<Registry>, RemoteError> {
        let home = self.endpoints(reference, intent)?.home;
        Ok(self.open(&home.name, intent, home.trust))
    }

    fn endpoints(&self, reference: &Reference, intent: Intent) -> Result<Endpoints, RemoteError> {
        let alone = |trust| Endpoints { mirrors: Vec::new(), home: Endpoint { name: reference.clone(), trust } };
        let Some(rule) = self.registries()?.find(reference) else { return Ok(alone(Trust::Proven)) };
        rule.check(&reference.name())?;
        // What is written goes to the very name that was given, and what is read there is read to be
        // written over: neither comes from elsewhere (containers-registries.conf(5), "location").
        if intent == Intent::Write { Ok(alone(rule.trust())) } else { rule.endpoints(reference) }
    }

    /// Says what a name means that was written without a host; only the person's own files give it
    /// another meaning than Docker's.
    ///
    /// # Errors
    /// Where such a file is broken.
    pub fn meaning(&self, name: &Reference) -> Result<ShortName, RemoteError> {
        if !name.is_short() {
            return Ok(ShortName::AsWritten);
        }
        Ok(self.registries()?.short().meaning(name))
    }

    /// Opens the repository that a reference names, where it says; its tag and digest play no part.
    /// Sends nothing.
    pub fn repository(&self, reference: &Reference, intent: Intent) -> Arc<Registry> {
        self.open(reference, intent, Trust::Proven)
    }

    /// Begins a list of the repositories of a registry; sends nothing yet. `registry` is a host as
    /// [`Reference::registry`] writes it.
    ///
    /// # Errors
    /// Where a file of `registries.conf` is broken, or blocks the host.
    pub fn repositories(&self, registry: &str) -> Result<Listing, RemoteError> {
        let host = self.host(registry, self.trust(registry)?);
        Ok(Listing::of_repositories(Registry::new(host, "", Intent::Read)))
    }

    fn open(&self, reference: &Reference, intent: Intent, trust: Trust) -> Arc<Registry> {
        Arc::new(Registry::new(self.host(reference.registry(), trust), reference.repository(), intent))
    }

    pub(crate) fn host(&self, name: &str, trust: Trust) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry((name.to_owned(), trust)).or_insert_with(|| Arc::new(Host::new(name, trust, Arc::clone(&self.shared))));
        Arc::clone(host)
    }

    /// Says how far a host is trusted, or what is below a path of it.
    pub(crate) fn trust(&self, place: &str) -> Result<Trust, RemoteError> {
        let registries = self.registries()?;
        // Any name below it; it exists nowhere.
        let Some(rule) = format!("{place}/x").parse().ok().and_then(|name| registries.find(&name)) else { return Ok(Trust::Proven) };
        rule.check(place)?;
        Ok(rule.trust())
    }

    fn registries(&self) -> Result<&Registries, RemoteError> {
        if let Some(registries) = self.registries.get() {
            return Ok(registries);
        }
        let registries = Registries::read(&self.shared.settings)?;
        Ok(self.registries.get_or_init(|| registries))
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
