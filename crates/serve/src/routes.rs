//! What a path asks for (distribution-spec 1.1, "Endpoints").
//!
//! Names of repositories contain slashes, so a path is split from the right. Everything is parsed
//! into types that hold nothing else than what the specification allows: no later code sees `..`.

use std::fmt;
use std::str::FromStr;

use oci::{Digest, DigestError, ReferenceError, Thing};
use percent_encoding::percent_decode_str;

/// The longest name of a repository: that of references, host included.
const MAX_NAME: usize = 255;

/// The name of a repository, checked: parts of `a-z`, `0-9` and `. _ __ -` between them, with slashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Repository(Box<str>);

impl Repository {
    /// Returns the name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Repository {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        if text.len() <= MAX_NAME && text.split('/').all(is_part) { Ok(Self(text.into())) } else { Err(RouteError::Name(shorten(text))) }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/v2/`: whether this is a registry.
    Root,
    /// `/v2/_catalog`: the repositories.
    Catalog,
    /// `/v2/NAME/tags/list`
    Tags(Repository),
    /// `/v2/NAME/manifests/TAG` or `.../DIGEST`
    Manifest(Repository, Thing),
    /// `/v2/NAME/blobs/DIGEST`
    Blob(Repository, Digest),
    /// `/v2/NAME/blobs/uploads/`: where uploads begin.
    Uploads(Repository),
    /// `/v2/NAME/blobs/uploads/ID`: one upload, by an id that is looked up and never more.
    Upload(Repository, String),
    /// `/v2/NAME/referrers/DIGEST`
    Referrers(Repository, Digest),
}

/// Why a path asks for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RouteError {
    #[error("nothing is here: a registry's paths begin with /v2/NAME/ and go on with manifests, blobs, tags or referrers")]
    Nothing,
    #[error("bad repository name {0:?}: expected at most 255 of a-z, 0-9 and / with . _ __ - between them")]
    Name(String),
    #[error(transparent)]
    Digest(#[from] DigestError),
    #[error(transparent)]
    Tag(#[from] ReferenceError),
}

/// Reads the path of a request, percent-encoded as it came.
///
/// # Errors
/// Says which part is wrong; nothing was looked up.
pub(crate) fn parse(path: &str) -> Result<Route, RouteError> {
    let rest = match path.strip_prefix("/v2") {
        Some("" | "/") => return Ok(Route::Root),
        Some("/_catalog") => return Ok(Route::Catalog),
        Some(rest) => rest.strip_prefix('/').ok_or(RouteError::Nothing)?,
        None => return Err(RouteError::Nothing),
    };
    // Split before decoding: an encoded slash stays inside its part, where no grammar allows it.
    let parts: Vec<String> = rest.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts.as_slice() {
        [name @ .., "tags", "list"] => Ok(Route::Tags(repository(name)?)),
        [name @ .., "blobs", "uploads", ""] | [name @ .., "blobs", "uploads"] => Ok(Route::Uploads(repository(name)?)),
        [name @ .., "blobs", "uploads", id] => Ok(Route::Upload(repository(name)?, (*id).to_owned())),
        [name @ .., "manifests", thing] => Ok(Route::Manifest(repository(name)?, parse_thing(thing)?)),
        [name @ .., "blobs", digest] => Ok(Route::Blob(repository(name)?, digest.parse()?)),
        [name @ .., "referrers", digest] => Ok(Route::Referrers(repository(name)?, digest.parse()?)),
        _ => Err(explain(&parts)),
    }
}

fn repository(name: &[&str]) -> Result<Repository, RouteError> {
    // A part that held an encoded slash must not become two.
    if name.iter().all(|part| is_part(part)) && !name.is_empty() {
        name.join("/").parse()
    } else {
        Err(RouteError::Name(shorten(&name.join("/"))))
    }
}

fn parse_thing(text: &str) -> Result<Thing, RouteError> {
    // No tag has a colon and every digest has one.
    if text.contains(':') { Ok(Thing::Digest(text.parse()?)) } else { Ok(Thing::Tag(text.parse()?)) }
}

/// Finds the reason for a path of no known shape: most likely a digest or tag with slashes in it.
fn explain(parts: &[&str]) -> RouteError {
    let keyword = parts.iter().rposition(|part| matches!(*part, "manifests" | "blobs" | "referrers"));
    let Some((word, reference)) = keyword.and_then(|at| Some((*parts.get(at)?, parts.get(at + 1..)?.join("/")))) else {
        return RouteError::Nothing;
    };
    let reason = if word == "manifests" { parse_thing(&reference).err() } else { reference.parse::<Digest>().err().map(Into::into) };
    reason.unwrap_or(RouteError::Nothing)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` (distribution-spec 1.1, "Pulling manifests").
fn is_part(part: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (Some(first), Some(last)) = (part.bytes().next(), part.bytes().last()) else { return false };
    word(first)
        && word(last)
        && part
            .split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
            .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

fn shorten(text: &str) -> String {
    text.chars().take(160).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn name(text: &str) -> Repository {
        text.parse().unwrap()
    }

    #[test]
    fn paths_are_split_from_the_right() {
        let digest: Digest = EMPTY.parse().unwrap();
        let tag = |text: &str| Thing::Tag(text.parse().unwrap());
        for (path, route) in [
            ("/v2".to_owned(), Route::Root),
            ("/v2/".to_owned(), Route::Root),
            ("/v2/_catalog".to_owned(), Route::Catalog),
            ("/v2/a/tags/list".to_owned(), Route::Tags(name("a"))),
            ("/v2/ghcr.io/acme/api/manifests/1.4".to_owned(), Route::Manifest(name("ghcr.io/acme/api"), tag("1.4"))),
            (format!("/v2/a/manifests/{EMPTY}"), Route::Manifest(name("a"), Thing::Digest(digest.clone()))),
            (format!("/v2/a/blobs/{EMPTY}"), Route::Blob(name("a"), digest.clone())),
            (format!("/v2/a/blobs/{}", EMPTY.replace(':', "%3A")), Route::Blob(name("a"), digest.clone())),
            (format!("/v2/a/referrers/{EMPTY}"), Route::Referrers(name("a"), digest)),
            ("/v2/a/blobs/uploads/".to_owned(), Route::Uploads(name("a"))),
            ("/v2/a/blobs/uploads".to_owned(), Route::Uploads(name("a"))),
            ("/v2/a/blobs/uploads/x-1".to_owned(), Route::Upload(name("a"), "x-1".to_owned())),
            // Repositories may be called like parts of the protocol.
            ("/v2/manifests/manifests/manifests".to_owned(), Route::Manifest(name("manifests"), tag("manifests"))),
            ("/v2/a/blobs/uploads/tags/list".to_owned(), Route::Tags(name("a/blobs/uploads"))),
            ("/v2/a/tags/blobs/uploads/".to_owned(), Route::Uploads(name("a/tags"))),
        ] {
            assert_eq!(parse(&path), Ok(route), "{path}");
        }
    }

    #[test]
    fn hostile_paths_are_refused_by_the_part_that_is_wrong() {
        for path in [
            "/v2/../etc/manifests/1",
            "/v2/Acme/manifests/1",
            "/v2/a%2Fb/manifests/1",
            "/v2/a/%2e%2e/manifests/1",
            "/v2//tags/list",
            "/v2/tags/list",
            "/v2/a//b/tags/list",
            "/v2/localhost:5000/a/tags/list",
        ] {
            assert!(matches!(parse(path), Err(RouteError::Name(_))), "{path}: {:?}", parse(path));
        }
        let long = format!("/v2/{}/tags/list", "a".repeat(256));
        assert!(matches!(parse(&long), Err(RouteError::Name(_))));
        for path in [
            "/v2/a/blobs/sha256:../../etc/passwd",
            "/v2/a/blobs/sha256:..%2F..%2Fetc%2Fpasswd",
            "/v2/a/manifests/sha256:../../etc/passwd",
            "/v2/a/manifests/sha256:12",
            "/v2/a/blobs/blake3:12",
            "/v2/a/referrers/x",
            "/v2/a/blobs/",
        ] {
            assert!(matches!(parse(path), Err(RouteError::Digest(_))), "{path}: {:?}", parse(path));
        }
        for path in ["/v2/a/manifests/.hidden", "/v2/a/manifests/", "/v2/a/manifests/1%2F2", "/v2/a/manifests/../../x"] {
            assert!(matches!(parse(path), Err(RouteError::Tag(_))), "{path}: {:?}", parse(path));
        }
        for path in ["", "/", "/v1/", "/v2x", "/v2/a", "/v2/a/b/c", "/favicon.ico"] {
            assert_eq!(parse(path), Err(RouteError::Nothing), "{path}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_lets_no_climbing_through(path in "(/v2)?(/(\\.\\.|[a-z%:.A-F0-9]{0,6}|manifests|blobs|uploads|tags|list|referrers)){0,7}") {
            let named = match parse(&path) {
                Ok(Route::Tags(name) | Route::Manifest(name, _) | Route::Blob(name, _) | Route::Uploads(name) | Route::Upload(name, _) | Route::Referrers(name, _)) => name.to_string(),
                _ => String::new(),
            };
            prop_assert!(named.split('/').all(|part| part != ".." && part != "." && !part.contains('%')));
        }

        #[test]
        fn good_names_come_back(name in "[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}(/[a-z0-9]{1,4}){0,3}", tag in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}") {
            let route = parse(&format!("/v2/{name}/manifests/{tag}"));
            prop_assert_eq!(route, Ok(Route::Manifest(name.parse().unwrap(), Thing::Tag(tag.parse().unwrap()))));
        }
    }
}
