//! Everything the room is told from outside.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use content::{Events, Forgetful, Recall};

use crate::{Patience, RegistriesFile, Secret};

/// Which hosts a permission is for. A host is written as in references: `reg.lan:5000`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HostRule {
    /// None.
    #[default]
    None,
    /// Every host.
    All,
    /// These, port included where the reference has one.
    Hosts(Vec<String>),
}

impl HostRule {
    /// Tells whether the rule is for this host.
    pub fn covers(&self, host: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Hosts(hosts) => hosts.iter().any(|own| own.eq_ignore_ascii_case(host)),
        }
    }
}

/// Proxies, as the variables of the same names hold them. Never used for loopback hosts.
#[derive(Clone, Default)]
pub struct Proxies {
    /// `HTTP_PROXY`: for requests without TLS.
    pub http: Option<String>,
    /// `HTTPS_PROXY`: for requests with TLS.
    pub https: Option<String>,
    /// `NO_PROXY`: hosts that are asked directly, separated by commas; `*` is every host.
    pub except: Option<String>,
}

impl fmt::Debug for Proxies {
    /// Leaves the addresses out: they may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = |value: &Option<String>| value.as_ref().map(|_| "given");
        formatter
            .debug_struct("Proxies")
            .field("http", &given(&self.http))
            .field("https", &given(&self.https))
            .field("except", &self.except)
            .finish()
    }
}

/// A login that the person wrote down for one host; it counts over whatever is kept for that host, and
/// goes to no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenLogin {
    /// The host, written as in references: `reg.lan:5000`.
    pub host: String,
    /// The user. Without one the secret is an OAuth2 refresh token, as in Docker's files.
    pub user: String,
    /// The password or token.
    pub secret: Secret,
}

/// What the client is told once, at its start.
#[derive(Clone)]
pub struct Settings {
    /// Hosts that are spoken to without TLS.
    pub plain_http: HostRule,
    /// Hosts that are asked by HTTP where they speak no TLS, as docker's `--insecure` asks them.
    pub fallback: HostRule,
    /// Hosts whose certificate is not checked.
    pub insecure: HostRule,
    /// Files with certificates (PEM) of authorities to trust beside the system's.
    pub ca_files: Vec<PathBuf>,
    /// Folders with one folder per `HOST[:PORT]`, holding `*.crt` (authorities) and `*.cert` with
    /// `*.key` (client certificates), as `/etc/docker/certs.d`.
    pub certs_dirs: Vec<PathBuf>,
    /// Proxies.
    pub proxies: Proxies,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Logins that count over those in files.
    pub given: Vec<GivenLogin>,
    /// The folder that holds Docker's `config.json`.
    pub docker_config: Option<PathBuf>,
    /// Podman's `auth.json` files, asked in this order after Docker's; only ever read.
    pub auth_files: Vec<PathBuf>,
    /// Files of `registries.conf`, and folders of them; a later one counts over those before it.
    pub registries: Vec<RegistriesFile>,
    /// Folders in which `docker-credential-NAME` programs are looked for (`PATH`).
    pub programs: Vec<PathBuf>,
    /// How long and how often a troubled host is asked again.
    pub patience: Patience,
    /// What time it is.
    pub now: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    /// What was read before.
    pub recall: Arc<dyn Recall>,
    /// Where events go.
    pub events: Events,
}

impl Settings {
    /// Makes settings that trust the system's authorities, know no credentials and tell nobody.
    pub fn new(user_agent: impl Into<String>, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self {
            plain_http: HostRule::None,
            fallback: HostRule::None,
            insecure: HostRule::None,
            ca_files: Vec::new(),
            certs_dirs: Vec::new(),
            proxies: Proxies::default(),
            user_agent: user_agent.into(),
            given: Vec::new(),
            docker_config: None,
            auth_files: Vec::new(),
            registries: Vec::new(),
            programs: Vec::new(),
            patience: Patience::default(),
            now: Arc::new(now),
            recall: Forgetful::shared(),
            events: Events::none(),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("plain_http", &self.plain_http)
            .field("fallback", &self.fallback)
            .field("insecure", &self.insecure)
            .field("ca_files", &self.ca_files)
            .field("certs_dirs", &self.certs_dirs)
            .field("proxies", &self.proxies)
            .field("given", &self.given)
            .field("docker_config", &self.docker_config)
            .field("auth_files", &self.auth_files)
            .field("registries", &self.registries)
            .finish_non_exhaustive()
    }
}
