//! Secrets of a build that are for hosts, by the names that BuildKit gives them.

use std::fmt;
use std::sync::Arc;

use remote::Secret;
use url::Url;

/// The value of the header `Authorization` for a host.
const HEADER: &str = "HTTP_AUTH_HEADER_";
/// A token for a host.
const TOKEN: &str = "HTTP_AUTH_TOKEN_";

/// Answers for a secret by its id.
type Asked = Arc<dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync>;

/// The secrets of a build, by their ids.
#[derive(Clone)]
pub struct Secrets(Asked);

impl Secrets {
    /// Takes whoever knows them.
    pub fn new(asked: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(asked))
    }

    /// Knows none.
    pub fn none() -> Self {
        Self::new(|_| None)
    }

    /// Returns a secret of one line.
    pub(crate) fn line(&self, id: &str) -> Option<String> {
        let text = String::from_utf8((self.0)(id)?).ok()?;
        let line = text.trim_end_matches(['\n', '\r']);
        // Another line would be another header.
        (!line.is_empty() && !line.contains(|letter: char| letter.is_control())).then(|| line.to_owned())
    }

    /// Returns what a host is shown by HTTP: with the port that an address names, or without it.
    pub(crate) fn for_http(&self, url: &Url) -> Option<Secret> {
        let (host, authority) = (url.host_str()?, authority(url)?);
        let header = |name: &str| self.line(&format!("{HEADER}{name}"));
        let token = |name: &str| self.line(&format!("{TOKEN}{name}")).map(|token| format!("Bearer {token}"));
        [authority.as_str(), host].into_iter().find_map(|name| header(name).or_else(|| token(name))).map(Secret::new)
    }
}

/// Returns the host of a URL, with the port that it names.
pub(crate) fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secrets(***)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_host_is_shown_what_is_for_it() {
        let secrets = Secrets::new(|id| {
            let value: &[u8] = match id {
                "HTTP_AUTH_TOKEN_host" => b"token\n",
                "HTTP_AUTH_HEADER_host:8080" => b"Basic abc",
                "HTTP_AUTH_TOKEN_host:8080" => b"other",
                "HTTP_AUTH_TOKEN_lines" => b"a\r\nX-Header: b",
                _ => return None,
            };
            Some(value.to_vec())
        });
        let shown = |url: &str| secrets.for_http(&url.parse().unwrap());
        assert_eq!(shown("https://host/a"), Some(Secret::new("Bearer token")));
        assert_eq!(shown("https://host:8080/a"), Some(Secret::new("Basic abc")));
        assert_eq!(shown("https://host:9/a"), Some(Secret::new("Bearer token")));
        assert_eq!((shown("https://other/a"), shown("https://lines/a")), (None, None));
    }
}
