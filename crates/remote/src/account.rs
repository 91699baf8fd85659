//! Whom a login is for: a registry, or a part of it.

use std::fmt;
use std::str::FromStr;

use oci::{DOCKER_HUB, Reference};

use crate::RemoteError;
use crate::credentials::HUB_HOSTS;

/// A registry's host, and a path below it where the login is for a part only: `ghcr.io/acme`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    host: String,
    path: Option<String>,
}

impl Account {
    /// Returns the account at Docker Hub.
    pub fn hub() -> Self {
        Self { host: DOCKER_HUB.to_owned(), path: None }
    }

    /// Returns the host, as references write it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the path of the part: of a repository, or of everything below it.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            None => formatter.write_str(&self.host),
            Some(path) => write!(formatter, "{}/{path}", self.host),
        }
    }
}

impl FromStr for Account {
    type Err = RemoteError;

    /// Reads `HOST[:PORT][/PATH]`, also as the URLs that Docker writes: `https://index.docker.io/v1/`.
    fn from_str(text: &str) -> Result<Self, RemoteError> {
        let bare = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text).trim_end_matches('/');
        let (host, path) = bare.split_once('/').map_or((bare, None), |(host, path)| (host, Some(path)));
        let host = host.to_ascii_lowercase();
        let path = path.filter(|path| !matches!(*path, "v1" | "v2"));
        // With a part more, or a path of one word on Docker Hub would be one of `library`.
        let read = format!("{host}/{}x", path.map(|path| format!("{path}/")).unwrap_or_default()).parse::<Reference>();
        let known = read.is_ok_and(|name| {
            let repository = path.map_or_else(|| "x".to_owned(), |path| format!("{path}/x"));
            let hub = name.registry() == DOCKER_HUB && HUB_HOSTS.contains(&host.as_str());
            (name.registry() == host || hub) && (name.repository() == repository || (hub && path.is_none()))
        });
        if !known {
            return Err(RemoteError::Account(text.to_owned()));
        }
        let host = if HUB_HOSTS.contains(&host.as_str()) { DOCKER_HUB.to_owned() } else { host };
        Ok(Self { host, path: path.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_people_write() {
        for (text, expected) in [
            ("ghcr.io", "ghcr.io"),
            ("GHCR.io/", "ghcr.io"),
            ("https://ghcr.io", "ghcr.io"),
            ("localhost:5000", "localhost:5000"),
            ("localhost", "localhost"),
            ("ghcr.io/acme", "ghcr.io/acme"),
            ("ghcr.io/acme/api", "ghcr.io/acme/api"),
            ("https://index.docker.io/v1/", "docker.io"),
            ("docker.io", "docker.io"),
            ("registry-1.docker.io", "docker.io"),
            ("docker.io/acme", "docker.io/acme"),
            ("[::1]:5000", "[::1]:5000"),
            ("https://reg.lan/v2/", "reg.lan"),
        ] {
            assert_eq!(text.parse::<Account>().unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "acme", "acme/api", "ghcr.io/Acme", "ghcr.io/../x", "reg.lan:port", "user@reg.lan", "ghcr.io/acme:1"] {
            assert!(text.parse::<Account>().is_err(), "{text}");
        }
    }
}
