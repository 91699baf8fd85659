//! One file of credentials: Docker's `config.json` or podman's `auth.json` (containers-auth.json(5)).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
// With or without padding: both are found in files that people wrote by hand.
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT as BASE64;
use oci::DOCKER_HUB;
use serde::Deserialize;

use super::keep::is_of;
use super::{HUB_HOSTS, Login, Secret, server_key};
use crate::account::Account;

/// A parsed file. It has no `Debug`, as it is full of secrets.
pub(crate) struct ConfigFile {
    path: PathBuf,
    shape: Shape,
}

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct Shape {
    auths: Option<BTreeMap<String, Entry>>,
    creds_store: Option<String>,
    cred_helpers: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl ConfigFile {
    pub(crate) fn parse(path: &Path, text: &[u8]) -> Result<Self, serde_json::Error> {
        Ok(Self { path: path.to_owned(), shape: serde_json::from_slice(text)? })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the names of the credential helpers to ask: the host's own, then the one for all.
    pub(crate) fn helpers(&self, host: &str) -> Vec<&str> {
        let own = self.shape.cred_helpers.as_ref().and_then(|helpers| {
            let other = || helpers.iter().find(|(key, _)| is_for_host(key, host)).map(|(_, name)| name);
            helpers.get(server_key(host)).or_else(other).map(String::as_str)
        });
        // An empty name of the host's own means this file (docker/cli, `getConfiguredCredentialStore`).
        let shared = self.shape.creds_store.as_deref().filter(|_| own != Some(""));
        own.into_iter().chain(shared).filter(|name| !name.is_empty()).collect()
    }

    /// Returns the login that is for a part of the host alone, the one with the longest path.
    pub(crate) fn login_for_part(&self, host: &str, repository: &str) -> Option<Login> {
        let mut path = repository;
        while !path.is_empty() {
            let wanted = |key: &str| bare(key).strip_prefix(host).and_then(|rest| rest.strip_prefix('/')) == Some(path);
            if let Some(login) = self.entries().filter(|(key, _)| wanted(key)).find_map(|(_, entry)| entry.login()) {
                return Some(login);
            }
            path = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        None
    }

    /// Returns the login for the whole host: the key that Docker writes, then its other spellings.
    pub(crate) fn login_for_host(&self, host: &str) -> Option<Login> {
        let other = || self.entries().filter(|(key, _)| is_for_host(key, host)).find_map(|(_, entry)| entry.login());
        self.shape.auths.as_ref()?.get(server_key(host)).and_then(Entry::login).or_else(other)
    }

    /// Lists the keys of the host whose entries cannot be read.
    pub(crate) fn damaged(&self, host: &str) -> Vec<&str> {
        let concerns = |key: &str| is_for_host(key, host) || bare(key).strip_prefix(host).is_some_and(|rest| rest.starts_with('/'));
        self.entries().filter(|(key, entry)| concerns(key) && entry.is_damaged()).map(|(key, _)| key).collect()
    }

    /// Lists every key under which something is kept, and every host that has a helper of its own.
    pub(crate) fn keys(&self) -> Vec<String> {
        let helped = self.shape.cred_helpers.iter().flatten().map(|(host, _)| host.clone());
        self.entries().map(|(key, _)| key.to_owned()).chain(helped).collect()
    }

    /// Tells whether a login of an account stands in the file itself.
    pub(crate) fn holds(&self, account: &Account) -> bool {
        self.entries().any(|(key, entry)| is_of(key, account) && entry.login().is_some())
    }

    /// Tells whether a login stands under a key.
    pub(crate) fn holds_key(&self, wanted: &str) -> bool {
        self.entries().any(|(key, entry)| key == wanted && entry.login().is_some())
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.shape.auths.iter().flatten().map(|(key, entry)| (key.as_str(), entry))
    }
}

impl Entry {
    /// Tells whether there is something that means nothing.
    fn is_damaged(&self) -> bool {
        self.auth.as_ref().is_some_and(|auth| !auth.is_empty() && decode(auth).is_none()) && self.login().is_none()
    }

    /// Returns what the entry holds. Docker writes empty entries where a helper keeps the secret.
    fn login(&self) -> Option<Login> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (user, password) = match given(&self.auth).and_then(|auth| decode(&auth)) {
            Some((user, password)) => (Some(user), Some(password)),
            None => (given(&self.username), given(&self.password)),
        };
        if let Some(token) = given(&self.registrytoken) {
            return Some(Login::Token(Secret::new(token)));
        }
        if let Some(token) = given(&self.identitytoken) {
            return Some(Login::Identity { user: user.unwrap_or_default(), secret: Secret::new(token) });
        }
        match (user, password) {
            (Some(user), Some(password)) if !user.is_empty() => Some(Login::Password { user, secret: Secret::new(password) }),
            _ => None,
        }
    }
}

/// Splits what `login` writes: base64 of `USER:PASSWORD`, with zero bytes at the end in old files.
fn decode(auth: &str) -> Option<(String, String)> {
    let text = String::from_utf8(BASE64.decode(auth.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.trim_end_matches('\0').to_owned()))
}

pub(super) fn bare(key: &str) -> &str {
    key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key).trim_end_matches('/')
}

/// Tells whether a key is for a whole host: `HOST`, `https://HOST`, `https://HOST/v1/`.
pub(super) fn is_for_host(key: &str, host: &str) -> bool {
    let bare = bare(key);
    let name = bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")).unwrap_or(bare);
    if host == DOCKER_HUB { HUB_HOSTS.contains(&name) } else { name.eq_ignore_ascii_case(host) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file(text: &str) -> ConfigFile {
        ConfigFile::parse(Path::new("config.json"), text.as_bytes()).unwrap()
    }

    impl ConfigFile {
        fn login(&self, host: &str, repository: &str) -> Option<Login> {
            self.login_for_part(host, repository).or_else(|| self.login_for_host(host))
        }
    }

    fn user(login: Option<Login>) -> String {
        match login {
            Some(Login::Password { user, secret }) => format!("{user}:{}", secret.reveal()),
            Some(Login::Identity { user, secret }) => format!("identity {user}:{}", secret.reveal()),
            Some(Login::Token(secret)) => format!("token {}", secret.reveal()),
            Some(Login::Nobody) | None => "nobody".to_owned(),
        }
    }

    #[test]
    fn every_way_to_write_an_entry() {
        for (entry, expected) in [
            (r#"{"auth":"dTpwOnc="}"#, "u:p:w"),
            (r#"{"auth":"dTpwOnc"}"#, "u:p:w"),
            (r#"{"auth":"dTpwAAA="}"#, "u:p"),
            (r#"{"username":"u","password":"p"}"#, "u:p"),
            (r#"{"auth":"dTpw","identitytoken":"i"}"#, "identity u:i"),
            (r#"{"identitytoken":"i"}"#, "identity :i"),
            (r#"{"registrytoken":"t"}"#, "token t"),
            (r#"{"auth":"!"}"#, "nobody"),
            ("{}", "nobody"),
        ] {
            let file = file(&format!(r#"{{"auths":{{"reg.lan:5000":{entry}}},"unknown":1}}"#));
            assert_eq!(user(file.login("reg.lan:5000", "a")), expected, "{entry}");
        }
    }

    #[test]
    fn keys_have_many_shapes() {
        for (key, host, expected) in [
            ("reg.lan", "reg.lan", true),
            ("https://reg.lan", "reg.lan", true),
            ("https://reg.lan/v1/", "reg.lan", true),
            ("http://reg.lan/v2/", "reg.lan", true),
            ("reg.lan:5000", "reg.lan", false),
            ("reg.lan/ns", "reg.lan", false),
            ("https://index.docker.io/v1/", "docker.io", true),
            ("registry-1.docker.io", "docker.io", true),
            ("docker.io", "docker.io", true),
            ("https://index.docker.io/v1/", "reg.lan", false),
        ] {
            let file = file(&format!(r#"{{"auths":{{"{key}":{{"auth":"dTpw"}}}},"credHelpers":{{"{key}":"x"}}}}"#));
            assert_eq!(user(file.login(host, "a/b")) == "u:p", expected, "{key} {host}");
            assert_eq!(file.helpers(host) == ["x"], expected, "{key} {host}");
        }
    }

    #[test]
    fn the_longest_path_wins() {
        let auth = |user: &str| format!(r#"{{"username":"{user}","password":"p"}}"#);
        let text = format!(r#"{{"auths":{{"h":{},"h/ns":{},"h/ns/repo":{}}}}}"#, auth("host"), auth("ns"), auth("repo"));
        let file = file(&text);
        for (repository, expected) in
            [("ns/repo", "repo:p"), ("ns/repo/below", "repo:p"), ("ns/other", "ns:p"), ("nsx/repo", "host:p"), ("x", "host:p")]
        {
            assert_eq!(user(file.login("h", repository)), expected, "{repository}");
        }
    }

    #[test]
    fn the_key_that_docker_writes_comes_before_its_other_spellings() {
        let auth = |user: &str| format!(r#"{{"username":"{user}","password":"p"}}"#);
        let text = format!(
            r#"{{"auths":{{"http://reg.lan":{0},"reg.lan":{1},"docker.io":{0},"https://index.docker.io/v1/":{1}}}}}"#,
            auth("old"),
            auth("new")
        );
        for host in ["reg.lan", "docker.io"] {
            assert_eq!(user(file(&text).login(host, "a")), "new:p", "{host}");
        }
        let text = r#"{"credHelpers":{"https://reg.lan":"old","reg.lan":"new"}}"#;
        assert_eq!(file(text).helpers("reg.lan"), ["new"]);
        // An entry without a helper says that the file itself holds the secret (docker/cli).
        assert_eq!(file(r#"{"credsStore":"all","credHelpers":{"reg.lan":""}}"#).helpers("reg.lan"), Vec::<&str>::new());
    }

    #[test]
    fn the_hosts_own_helper_comes_first() {
        let file = file(r#"{"credsStore":"all","credHelpers":{"h":"own"}}"#);
        assert_eq!(file.helpers("h"), ["own", "all"]);
        assert_eq!(file.helpers("other"), ["all"]);
    }
}
