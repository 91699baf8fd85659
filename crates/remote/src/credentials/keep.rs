//! Keeps logins where Docker keeps them, and forgets them: in a helper program where the file names
//! one, else in the file.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::file::{ConfigFile, bare, is_for_host};
use super::{Login, edit, helper, server_key};
use crate::account::Account;
use crate::error::Cause;
use crate::{RemoteError, Settings};

/// Where a login is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// A helper program.
    Helper(String),
    /// Docker's file, for whoever can read it.
    File(PathBuf),
}

impl std::fmt::Display for Keeper {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Helper(name) => write!(formatter, "docker-credential-{name}"),
            Self::File(path) => path.display().fmt(formatter),
        }
    }
}

/// What was forgotten, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Who kept it.
    pub by: Vec<Keeper>,
    /// Files that are only ever read and still hold credentials for it.
    pub left: Vec<PathBuf>,
}

/// Keeps a login.
pub(crate) async fn keep(settings: &Settings, account: &Account, login: &Login) -> Result<Keeper, RemoteError> {
    let path = file_to_change(settings)?;
    // Read before anything is kept: a helper must not have what the file could then not say.
    let file = read(&path)?;
    let key = key_of(account);
    // Helpers know hosts and nothing below them (containers-auth.json(5)).
    let helper = if account.path().is_some() { None } else { file.helpers(account.host()).first().map(|name| (*name).to_owned()) };
    if let Some(name) = helper {
        helper::store(settings, &name, &key, login).await?;
        // Docker leaves an empty entry behind, by which it lists the hosts that it has logins for.
        write(path, move |auths| auths.set(&key, &json!({}))).await?;
        return Ok(Keeper::Helper(name));
    }
    let entry = entry_of(login);
    write(path.clone(), move |auths| auths.set(&key, &entry)).await?;
    Ok(Keeper::File(path))
}

/// Forgets the login of one account, however its key is spelt.
pub(crate) async fn forget(settings: &Settings, account: &Account) -> Result<Forgotten, RemoteError> {
    let path = file_to_change(settings)?;
    let file = read(&path)?;
    let mut by = Vec::new();
    if account.path().is_none() {
        for name in file.helpers(account.host()) {
            if helper::erase(settings, name, &key_of(account)).await? {
                by.push(Keeper::Helper(name.to_owned()));
            }
        }
    }
    let held = file.holds(account);
    let own = account.clone();
    write(path.clone(), move |auths| Ok(auths.remove(|key| is_of(key, &own)))).await?;
    if held {
        by.push(Keeper::File(path));
    }
    let left = settings.auth_files.iter().filter(|path| read(path).is_ok_and(|file| file.holds(account))).cloned().collect();
    Ok(Forgotten { by, left })
}

/// Forgets everything that the file knows of, and says whose logins these were. What a helper keeps
/// for others is not touched.
pub(crate) async fn forget_all(settings: &Settings) -> Result<Vec<String>, RemoteError> {
    let path = file_to_change(settings)?;
    let file = read(&path)?;
    let mut forgotten = Vec::new();
    for key in file.keys() {
        let mut found = file.holds_key(&key);
        let host = if is_for_host(&key, oci::DOCKER_HUB) { oci::DOCKER_HUB } else { bare(&key) };
        if !host.contains('/') {
            for name in file.helpers(host) {
                found |= helper::erase(settings, name, server_key(host)).await?;
            }
        }
        if found && !forgotten.iter().any(|other| other == host) {
            forgotten.push(host.to_owned());
        }
    }
    write(path, |auths| Ok(auths.remove(|_| true))).await?;
    Ok(forgotten)
}

/// Returns the key of an account as Docker writes it, or podman where it has a path.
fn key_of(account: &Account) -> String {
    account.path().map_or_else(|| server_key(account.host()).to_owned(), |path| format!("{}/{path}", account.host()))
}

pub(super) fn is_of(key: &str, account: &Account) -> bool {
    match account.path() {
        None => is_for_host(key, account.host()),
        Some(_) => bare(key) == key_of(account),
    }
}

fn entry_of(login: &Login) -> Value {
    let auth = |user: &str, secret: &str| STANDARD.encode(format!("{user}:{secret}"));
    match login {
        Login::Nobody => json!({}),
        Login::Password { user, secret } => json!({ "auth": auth(user, secret.reveal()) }),
        // With an empty password beside it, as docker writes it.
        Login::Identity { user, secret } => json!({ "auth": auth(user, ""), "identitytoken": secret.reveal() }),
        Login::Token(secret) => json!({ "registrytoken": secret.reveal() }),
    }
}

fn file_to_change(settings: &Settings) -> Result<PathBuf, RemoteError> {
    settings.docker_config.as_ref().map(|folder| folder.join("config.json")).ok_or(RemoteError::NoConfig)
}

/// Reads a file that will be changed; one that is not there is empty.
fn read(path: &Path) -> Result<ConfigFile, RemoteError> {
    let text = match std::fs::read(path) {
        Ok(text) if text.trim_ascii().is_empty() => b"{}".to_vec(),
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => b"{}".to_vec(),
        Err(error) => return Err(RemoteError::Unwritable { path: path.to_owned(), source: Cause::new(error.to_string()) }),
    };
    ConfigFile::parse(path, &text).map_err(|error| {
        let expected = if error.is_data() { "what docker writes there" } else { "valid JSON" };
        RemoteError::Damaged { path: path.to_owned(), line: error.line(), column: error.column(), expected: expected.to_owned() }
    })
}

async fn write<T: Send + 'static>(
    path: PathBuf,
    change: impl FnOnce(&mut edit::Auths) -> Result<T, serde_json::Error> + Send + 'static,
) -> Result<T, RemoteError> {
    let name = path.clone();
    match tokio::task::spawn_blocking(move || edit::edit(&path, change)).await {
        Ok(result) => result,
        Err(error) => Err(RemoteError::Unwritable { path: name, source: Cause::new(error.to_string()) }),
    }
}
