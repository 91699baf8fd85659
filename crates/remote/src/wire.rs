//! How things are written on the wire: URLs, headers and error bodies.

use oci::{Digest, MediaType};
use reqwest::header::{HeaderMap, HeaderName, LINK};
use serde::Deserialize;
use url::Url;

/// The header that names the digest of a manifest (distribution-spec 1.1, "Pulling manifests").
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// The most bytes of an error's body that are read.
pub(crate) const MAX_ERROR_BODY: u64 = 64 * 1024;

/// Query keys that never hold a secret.
const SAFE_KEYS: [&str; 9] = ["digest", "mount", "from", "n", "last", "scope", "service", "artifactType", "ns"];

/// Returns the value of the `Accept` header for manifests: all types, or some registries convert.
pub(crate) fn accept_manifests() -> String {
    MediaType::MANIFESTS.iter().map(MediaType::as_str).collect::<Vec<_>>().join(", ")
}

/// Returns a URL as it may be shown: no user, no password, and no values of the query but harmless ones.
pub(crate) fn shown(url: &Url) -> String {
    let mut text = format!("{}://{}{}", url.scheme(), authority(url), url.path());
    let mut separator = '?';
    for (key, value) in url.query_pairs() {
        text.push(separator);
        text.push_str(&printable(&key, 40));
        text.push('=');
        text.push_str(&if SAFE_KEYS.contains(&&*key) { printable(&value, 200) } else { "***".to_owned() });
        separator = '&';
    }
    text
}

/// Returns host and port of a URL as references write them.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Returns host and port of a URL, the port also where it goes without saying.
pub(crate) fn full_authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Tells whether two URLs lead to the same scheme, host and port: the only place credentials may go.
pub(crate) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme() && one.host_str() == other.host_str() && one.port_or_known_default() == other.port_or_known_default()
}

/// Tells whether a host, with or without port, is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Makes text from elsewhere fit for a terminal and for one line, at most `most` characters.
pub(crate) fn printable(text: &str, most: usize) -> String {
    let clean: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).take(most + 1).collect();
    if clean.chars().count() > most { clean.chars().take(most).chain(['…']).collect() } else { clean }
}

/// Reads the digest that a registry names in its answer.
pub(crate) fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    headers.get(CONTENT_DIGEST)?.to_str().ok()?.trim().parse().ok()
}

/// Reads the next page's address from `Link: <URL>; rel="next"` (RFC 8288).
pub(crate) fn next_page(headers: &HeaderMap, base: &Url) -> Option<Url> {
    let next = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(next_link)?;
    base.join(next).ok()
}

/// Finds the next page's address among the links of one header, which commas separate.
fn next_link(value: &str) -> Option<&str> {
    let mut rest = value;
    loop {
        let (address, after) = rest.split_once('<')?.1.split_once('>')?;
        let mut quoted = false;
        let end = after.find(|character| {
            quoted ^= character == '"';
            character == ',' && !quoted
        });
        let (parameters, others) = after.split_at(end.unwrap_or(after.len()));
        if parameters.split(';').any(is_next) {
            return Some(address);
        }
        rest = others;
    }
}

/// Tells whether a link's parameter is `rel` with `next` among its words.
fn is_next(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(key, words)| {
        let mut words = words.trim().trim_matches('"').split_whitespace();
        key.trim().eq_ignore_ascii_case("rel") && words.any(|word| word.eq_ignore_ascii_case("next"))
    })
}

/// One entry of a registry's error body (distribution-spec 1.1, "Error Codes").
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Problem {
    #[serde(default)]
    pub code: String,
    #[serde(default)]
    pub message: String,
}

/// Reads an error body. Pages made for browsers give nothing: they are not shown to anybody.
pub(crate) fn problems(body: &[u8]) -> Vec<Problem> {
    #[derive(Deserialize)]
    struct Many {
        errors: Vec<Problem>,
    }
    // Token servers answer OAuth's shape (RFC 6749, 5.2) or Harbor's and GitLab's bare message.
    #[derive(Deserialize)]
    struct One {
        #[serde(default, alias = "error")]
        code: Option<serde_json::Value>,
        #[serde(alias = "error_description", alias = "details")]
        message: String,
    }
    if let Ok(many) = serde_json::from_slice::<Many>(body) {
        return many.errors;
    }
    let Ok(one) = serde_json::from_slice::<One>(body) else { return Vec::new() };
    let code = one.code.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    vec![Problem { code, message: one.message }]
}

/// Says an error body in one line, or nothing where it says nothing.
pub(crate) fn said(problems: &[Problem]) -> Option<String> {
    let texts: Vec<String> = problems
        .iter()
        .take(5)
        .map(|problem| printable(if problem.message.is_empty() { &problem.code } else { &problem.message }, 300))
        .filter(|text| !text.trim().is_empty())
        .collect();
    if texts.is_empty() { None } else { Some(texts.join("; ")) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn shows_no_secret_of_a_url() {
        let shown =
            shown(&url("https://user:pw@h:5000/v2/a/blobs/uploads/1?_state=secret&digest=sha256%3Aab&X-Amz-Signature=secret&sig=secret"));
        assert_eq!(shown, "https://h:5000/v2/a/blobs/uploads/1?_state=***&digest=sha256:ab&X-Amz-Signature=***&sig=***");
    }

    #[test]
    fn knows_this_machine() {
        for host in ["localhost", "LOCALHOST:5000", "reg.localhost:1", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example.com", "10.0.0.1", "[::2]:5000", "reg.lan:5000", "127.0.0.1.example.com"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn finds_the_next_page() {
        let read = |link: &str| next_page(&HeaderMap::from_iter([(LINK, link.parse().unwrap())]), &url("http://h/v2/a/tags/list?n=2"));
        assert_eq!(read("</v2/a/tags/list?n=2&last=b>; rel=\"next\""), Some(url("http://h/v2/a/tags/list?n=2&last=b")));
        assert_eq!(read("<http://o/x>; rel=next"), Some(url("http://o/x")));
        assert_eq!(read("</x>; rel=\"prev\""), None);
        assert_eq!(read("nonsense"), None);
        // Several links may share one header, and an address may hold commas and semicolons.
        assert_eq!(read("</x>; rel=\"prev\", </y?last=a,b;c>; rel=\"next\""), Some(url("http://h/y?last=a,b;c")));
        assert_eq!(read("</x>; title=\"a, <b>\"; rel=next"), Some(url("http://h/x")));
        assert_eq!(read("</x>; rel=\"last next\""), Some(url("http://h/x")));
    }

    #[test]
    fn reads_what_servers_say() {
        let text = |body: &str| said(&problems(body.as_bytes()));
        assert_eq!(text(r#"{"errors":[{"code":"DENIED","message":"no\nway\u001b[31m","detail":{}}]}"#).as_deref(), Some("no way [31m"));
        assert_eq!(text(r#"{"errors":[{"code":"DENIED"}]}"#).as_deref(), Some("DENIED"));
        assert_eq!(text(r#"{"details":"incorrect username or password"}"#).as_deref(), Some("incorrect username or password"));
        assert_eq!(text("<html>gateway</html>"), None);
        assert_eq!(text(r#"{"errors":[]}"#), None);
    }

    #[test]
    fn credentials_stay_at_one_origin() {
        assert!(same_origin(&url("https://h/a"), &url("https://h:443/b")));
        assert!(!same_origin(&url("https://h/a"), &url("http://h/a")));
        assert!(!same_origin(&url("https://h/a"), &url("https://h:444/a")));
        assert!(!same_origin(&url("https://h/a"), &url("https://h.evil/a")));
    }
}
