//! Conditions of requests: "only if it still is that" (RFC 9110, section 13).
//!
//! Entity tags here are digests in double quotes, so a client knows them before it asks.

use axum::http::{HeaderMap, HeaderName, header};
use content::Expected;
use oci::Digest;

use crate::refusal::{Code, Refusal};

/// What a writer counts on before a tag moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// What a place can compare by itself.
    Expected(Expected),
    /// `If-Match: *`: there is such a tag, whatever it points at.
    Present,
}

/// Returns the entity tag of content.
pub(crate) fn entity_tag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// Tells whether the reader has the content already: `If-None-Match` names it.
pub(crate) fn is_known(headers: &HeaderMap, digest: &Digest) -> bool {
    let tag = entity_tag(digest);
    let names = |text: &str| text.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag);
    headers.get_all(header::IF_NONE_MATCH).iter().any(|value| value.to_str().is_ok_and(names))
}

/// Tells whether a range may be taken from the content: no `If-Range`, or one that names it.
pub(crate) fn may_cut(headers: &HeaderMap, digest: &Digest) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|value| value.to_str().is_ok_and(|text| text.trim() == entity_tag(digest)))
}

/// Reads what the writer of a tag counts on.
///
/// # Errors
/// Refuses a condition that would not be kept: several digests, or both headers.
pub(crate) fn of_write(headers: &HeaderMap) -> Result<Condition, Refusal> {
    let (is, is_not) = (one(headers, header::IF_MATCH)?, one(headers, header::IF_NONE_MATCH)?);
    match (is, is_not) {
        (None, None) => Ok(Condition::Expected(Expected::Any)),
        (Some("*"), None) => Ok(Condition::Present),
        (Some(text), None) => match text.trim_matches('"').parse() {
            Ok(digest) => Ok(Condition::Expected(Expected::Digest(digest))),
            Err(error) => Err(Refusal::new(Code::DigestInvalid, format!("bad If-Match: expected one \"DIGEST\" or *, {error}"))),
        },
        (None, Some("*")) => Ok(Condition::Expected(Expected::Absent)),
        (None, Some(_)) => Err(unkept("If-None-Match: expected * in a write")),
        (Some(_), Some(_)) => Err(unkept("If-Match and If-None-Match: expected one of them")),
    }
}

fn one(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(&name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text.trim())),
        _ => Err(unkept(&format!("{name}: expected it once, in plain letters"))),
    }
}

fn unkept(message: &str) -> Refusal {
    Refusal::new(Code::Unsupported, message).status(axum::http::StatusCode::BAD_REQUEST)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn conditions_are_kept_or_refused_never_dropped() {
        let digest = Digest::of(b"");
        let quoted = entity_tag(&digest);
        let read = |pairs: &[(HeaderName, &str)]| of_write(&headers(pairs)).ok();
        assert_eq!(read(&[]), Some(Condition::Expected(Expected::Any)));
        assert_eq!(read(&[(header::IF_MATCH, &quoted)]), Some(Condition::Expected(Expected::Digest(digest.clone()))));
        assert_eq!(read(&[(header::IF_MATCH, "*")]), Some(Condition::Present));
        assert_eq!(read(&[(header::IF_NONE_MATCH, "*")]), Some(Condition::Expected(Expected::Absent)));
        assert_eq!(read(&[(header::IF_NONE_MATCH, &quoted)]), None);
        assert_eq!(read(&[(header::IF_MATCH, "\"x\"")]), None);
        assert_eq!(read(&[(header::IF_MATCH, &format!("{quoted}, {quoted}"))]), None);
        assert_eq!(read(&[(header::IF_MATCH, "*"), (header::IF_MATCH, "*")]), None);
        assert_eq!(read(&[(header::IF_MATCH, "*"), (header::IF_NONE_MATCH, "*")]), None);
    }

    #[test]
    fn a_reader_that_knows_the_digest_knows_the_content() {
        let digest = Digest::of(b"");
        let known = |value: &str| is_known(&headers(&[(header::IF_NONE_MATCH, value)]), &digest);
        assert!(known(&entity_tag(&digest)));
        assert!(known(&format!("\"other\", W/{}", entity_tag(&digest))));
        assert!(known("*"));
        assert!(!known("\"other\""));
        assert!(!is_known(&HeaderMap::new(), &digest));
    }
}
