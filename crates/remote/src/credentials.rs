//! Who we are for a registry: what was given for it, Docker's `config.json` with its credential helpers,
//! then podman's `auth.json`. Files are read once, when a registry first asks who we are.

mod edit;
mod file;
mod helper;
mod keep;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use oci::DOCKER_HUB;
use tokio::sync::OnceCell;

use crate::{GivenLogin, Settings};
pub(crate) use file::ConfigFile;
pub use keep::{Forgotten, Keeper};
pub(crate) use keep::{forget, forget_all, keep};

/// The key under which Docker keeps the credentials of Docker Hub (docker/cli, `registry.IndexServer`).
const HUB_KEY: &str = "https://index.docker.io/v1/";
/// The other names under which they are found in the wild.
pub(crate) const HUB_HOSTS: [&str; 3] = ["index.docker.io", DOCKER_HUB, "registry-1.docker.io"];

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text into keeping.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, to be sent and nothing else.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// What a registry can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// Nothing.
    Nobody,
    /// User and password, or user and access token: for Basic, or to get a token.
    Password { user: String, secret: Secret },
    /// An OAuth2 refresh token: only good at the token server.
    Identity { user: String, secret: Secret },
    /// A Bearer token, ready for use.
    Token(Secret),
}

impl Login {
    fn given(given: &GivenLogin) -> Self {
        let (user, secret) = (given.user.clone(), given.secret.clone());
        if user.is_empty() { Self::Identity { user, secret } } else { Self::Password { user, secret } }
    }

    /// Returns what must never be shown of it.
    fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Nobody => None,
            Self::Password { secret, .. } | Self::Identity { secret, .. } | Self::Token(secret) => Some(secret),
        }
    }
}

/// A login, and where it comes from as messages say it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub login: Login,
    pub origin: String,
}

/// All places where credentials are looked for.
#[derive(Default)]
pub(crate) struct Credentials {
    files: OnceCell<Vec<ConfigFile>>,
    /// What helpers said, by helper and server: a host is asked about once, however many repositories
    /// of it are opened.
    asked: Mutex<HashMap<(String, String), HelperAnswer>>,
}

type HelperAnswer = Arc<OnceCell<Option<Login>>>;

impl Credentials {
    /// Finds the credentials for a repository. `host` is written as in references.
    pub(crate) async fn find(&self, settings: &Settings, host: &str, repository: &str) -> Found {
        if let Some(given) = settings.given.iter().find(|given| given.host.eq_ignore_ascii_case(host)) {
            return Found { login: Login::given(given), origin: format!("credentials for {host} as given") };
        }
        let files = self.files.get_or_init(|| async { read_files(settings) }).await;
        let server = server_key(host);
        for file in files {
            let from_file = |login| Found { login, origin: format!("credentials for {host} from {}", file.path().display()) };
            // What is for a part of the host is nearer than what is for all of it.
            if let Some(login) = file.login_for_part(host, repository) {
                return from_file(login);
            }
            for name in file.helpers(host) {
                if let Some(login) = self.ask_helper(settings, name, server).await {
                    return Found { login, origin: format!("credentials for {host} from docker-credential-{name}") };
                }
            }
            if let Some(login) = file.login_for_host(host) {
                return from_file(login);
            }
            for key in file.damaged(host) {
                let path = file.path().display();
                settings.events.warn(format!("{path}: the entry {key:?} was left out: expected base64 of USER:PASSWORD as its auth"));
            }
        }
        let looked: Vec<String> = files.iter().map(|file| file.path().display().to_string()).collect();
        let origin = if looked.is_empty() {
            format!("no credentials for {host}")
        } else {
            format!("no credentials for {host} in {}", looked.join(", "))
        };
        Found { login: Login::Nobody, origin }
    }

    async fn ask_helper(&self, settings: &Settings, name: &str, server: &str) -> Option<Login> {
        let key = (name.to_owned(), server.to_owned());
        let cell = Arc::clone(self.asked.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        cell.get_or_init(|| helper::ask(settings, name, server)).await.clone()
    }
}

/// Returns what Docker calls a registry where it keeps credentials.
fn server_key(host: &str) -> &str {
    if host == DOCKER_HUB { HUB_KEY } else { host }
}

/// Reads the files that exist. One that cannot be read is said aloud and left out, as Docker does:
/// most registries can be read without it.
fn read_files(settings: &Settings) -> Vec<ConfigFile> {
    let docker = settings.docker_config.as_ref().map(|folder| folder.join("config.json"));
    docker.iter().chain(&settings.auth_files).filter_map(|path| read_file(settings, path)).collect()
}

fn read_file(settings: &Settings, path: &Path) -> Option<ConfigFile> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            settings.events.warn(format!("{} was left out: {error}", path.display()));
            return None;
        }
    };
    match ConfigFile::parse(path, &text) {
        Ok(file) => Some(file),
        Err(error) => {
            // Line and column only: the parser's text could repeat a piece of the file.
            let expected = if error.is_data() { "not as docker writes it" } else { "no valid JSON" };
            let (line, column) = (error.line(), error.column());
            settings.events.warn(format!("{} was left out: {expected} at line {line} column {column}", path.display()));
            None
        }
    }
}
