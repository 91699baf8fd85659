//! A door for the room `fuzz` to the parsers of what comes from elsewhere, which stay private.
//!
//! No part of what this room offers: `cargo xtask tidy` refuses whoever else comes in here.

use std::path::Path;
use std::time::{Duration, SystemTime};

use oci::Reference;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LINK, RETRY_AFTER, WWW_AUTHENTICATE};
use url::Url;

use crate::auth::Challenge;
use crate::credentials::{self, ConfigFile, Login};
use crate::registries::Registries;
use crate::{Account, Keeper, Patience, RegistriesFile, RemoteError, Secret, Settings, download, retry, wire};

/// What a registry demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// A token from a token server.
    Token {
        /// Its address.
        realm: String,
        /// The name by which it knows the registry.
        service: Option<String>,
    },
    /// User and password with each request.
    Password,
}

/// Reads `WWW-Authenticate`. `None` for what no header can hold, and for what is no demand.
pub fn challenge(header: &[u8]) -> Option<Demand> {
    Some(match Challenge::read(&headers(WWW_AUTHENTICATE, header)?)? {
        Challenge::Bearer { realm, service } => Demand::Token { realm, service },
        Challenge::Basic => Demand::Password,
    })
}

/// Reads the next page's address from `Link`.
pub fn next_page(header: &[u8], base: &Url) -> Option<Url> {
    wire::next_page(&headers(LINK, header)?, base)
}

/// Reads `Retry-After`, and returns the pause that a patient client makes because of it.
pub fn pause(header: &[u8], now: SystemTime, patience: Patience) -> Option<Duration> {
    let asked = retry::retry_after(&headers(RETRY_AFTER, header)?, now)?;
    Some(patience.pause(1, Some(asked)))
}

/// Reads where the bytes of an answer start, from `Content-Range`.
pub fn range_start(header: &str) -> Option<u64> {
    download::range_start(header)
}

/// Says an error's body in one line.
pub fn said(body: &[u8]) -> Option<String> {
    wire::said(&wire::problems(body))
}

/// Returns a URL as messages show it.
pub fn shown(url: &Url) -> String {
    wire::shown(url)
}

/// Reads a file of credentials and returns what it has for a repository: the helpers to ask, and
/// whether the file itself holds a login. `None` where it cannot be read.
pub fn credentials(file: &[u8], host: &str, repository: &str) -> Option<(Vec<String>, bool)> {
    let file = ConfigFile::parse(Path::new("config.json"), file).ok()?;
    let helpers = file.helpers(host).into_iter().map(str::to_owned).collect();
    let login = file.login_for_part(host, repository).or_else(|| file.login_for_host(host));
    Some((helpers, login.is_some_and(|login| login != Login::Nobody)))
}

/// Keeps a login in the `config.json` of a folder, where no helper is to be asked.
///
/// # Errors
/// As `Client::login`.
pub async fn keep(folder: &Path, account: &Account, user: &str, password: &str) -> Result<Keeper, RemoteError> {
    let mut settings = Settings::new("fuzz", || SystemTime::UNIX_EPOCH);
    settings.docker_config = Some(folder.to_owned());
    let login = Login::Password { user: user.to_owned(), secret: Secret::new(password) };
    credentials::keep(&settings, account, &login).await
}

/// Returns where a name is asked for by a `registries.conf`, mirrors first, or what it refuses. `None`
/// where it cannot be read.
pub fn endpoints(file: &Path, name: &Reference) -> Option<Result<Vec<Reference>, RemoteError>> {
    let mut settings = Settings::new("fuzz", || SystemTime::UNIX_EPOCH);
    settings.registries = vec![RegistriesFile { path: file.to_owned(), own: true, named: true }];
    let registries = Registries::read(&settings).ok()?;
    let Some(rule) = registries.find(name) else { return Some(Ok(vec![name.clone()])) };
    Some(rule.endpoints(name).map(|all| all.mirrors.into_iter().map(|(mirror, _)| mirror.name).chain([all.home.name]).collect()))
}

fn headers(name: HeaderName, value: &[u8]) -> Option<HeaderMap> {
    Some(HeaderMap::from_iter([(name, HeaderValue::from_bytes(value).ok()?)]))
}
