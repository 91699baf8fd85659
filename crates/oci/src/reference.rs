//! Image references by Docker's rules (distribution/reference, `reference.go` and `normalize.go`).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::{Digest, Tag, Thing, tag};

/// The registry that a name without a host means.
pub const DOCKER_HUB: &str = "docker.io";

/// Docker's limit for host and repository together.
const MAX_NAME: usize = 255;

/// The full name of an image: registry, repository, and a tag, a digest or both.
///
/// ```
/// use oci::Reference;
/// let name: Reference = "hello:1.0".parse()?;
/// assert_eq!(name.to_string(), "docker.io/library/hello:1.0");
/// assert_eq!(name.familiar(), "hello:1.0");
/// let name: Reference = "localhost:5000/a/b".parse()?;
/// assert_eq!((name.registry(), name.repository(), name.thing().to_string().as_str()), ("localhost:5000", "a/b", "latest"));
/// # Ok::<(), oci::ReferenceError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reference {
    registry: Box<str>,
    repository: Box<str>,
    tag: Option<Tag>,
    digest: Option<Digest>,
    /// It was written without a host: how, not what it names, so no part of what makes two equal.
    short: bool,
}

impl Reference {
    const fn parts(&self) -> (&str, &str, Option<&Tag>, Option<&Digest>) {
        (&self.registry, &self.repository, self.tag.as_ref(), self.digest.as_ref())
    }
}

impl PartialEq for Reference {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Reference {}

impl std::hash::Hash for Reference {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

/// Why a text is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing was given.
    #[error("a name is empty")]
    Empty,
    /// An address of a web page, not a name.
    #[error("bad name {0:?}: expected REGISTRY/REPOSITORY[:TAG][@DIGEST], got a URL")]
    Url(String),
    /// The repository has capital letters.
    #[error("bad name {0:?}: a repository is written in lower case")]
    UpperCase(String),
    /// A part of the repository has characters that are not allowed.
    #[error("bad name {text:?}: {part:?} is no part of a repository name (a-z, 0-9, and . _ __ - between them)")]
    Part {
        /// The whole text.
        text: String,
        /// The part that is wrong.
        part: String,
    },
    /// The registry is no host.
    #[error("bad name {text:?}: {host:?} is no registry (HOST[:PORT])")]
    Host {
        /// The whole text.
        text: String,
        /// The host part.
        host: String,
    },
    /// Longer than 255 characters.
    #[error("bad name: {0} characters, at most {MAX_NAME} are allowed")]
    TooLong(usize),
    /// A bare digest.
    #[error("bad name {0:?}: 64 hexadecimal digits are a digest, not a name")]
    BareDigest(String),
    /// Not a tag.
    #[error("bad tag {0:?}: expected 1 to 128 letters, digits, . _ or -, not starting with . or -")]
    Tag(String),
    /// Not a digest.
    #[error(transparent)]
    Digest(#[from] crate::DigestError),
}

impl Reference {
    /// Makes a reference from a registry and a repository that are valid already.
    ///
    /// # Errors
    /// Refuses what no reference could hold.
    pub fn new(registry: &str, repository: &str, thing: Thing) -> Result<Self, ReferenceError> {
        let base: Self = format!("{registry}/{repository}").parse()?;
        Ok(base.with(thing))
    }

    /// Returns the registry's host, and port where one was given. Docker Hub is `docker.io`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Returns the repository's path in the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Returns the tag, if one was written.
    pub const fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// Returns the digest, if one was written.
    pub const fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Returns what it points at: the digest, else the tag, else `latest`.
    pub fn thing(&self) -> Thing {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => Thing::Digest(digest.clone()),
            (None, Some(tag)) => Thing::Tag(tag.clone()),
            (None, None) => Thing::Tag(Tag::latest()),
        }
    }

    /// Returns the tag that a write would move: the one written, or `latest` where there is no digest.
    pub fn target_tag(&self) -> Option<Tag> {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Some(tag.clone()),
            (None, None) => Some(Tag::latest()),
            (None, Some(_)) => None,
        }
    }

    /// Returns the same repository with another tag or digest.
    #[must_use]
    pub fn with(&self, thing: Thing) -> Self {
        let (tag, digest) = match thing {
            Thing::Tag(tag) => (Some(tag), None),
            Thing::Digest(digest) => (None, Some(digest)),
        };
        Self { tag, digest, ..self.clone() }
    }

    /// Returns the same repository with another name's tag and digest, as far as it has them.
    #[must_use]
    pub fn with_thing_of(&self, other: &Self) -> Self {
        Self { tag: other.tag.clone(), digest: other.digest.clone(), ..self.clone() }
    }

    /// Tells whether it was written without a host, which means Docker Hub.
    pub const fn is_short(&self) -> bool {
        self.short
    }

    /// Returns `REGISTRY/REPOSITORY`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// Returns the repository in the words that docker uses: without `docker.io/` and `library/`,
    /// as far as the rest still means this repository (`docker.io/localhost/a` stays whole).
    pub fn familiar_name(&self) -> String {
        if &*self.registry != DOCKER_HUB {
            return self.name();
        }
        let official = self.repository.strip_prefix("library/").filter(|name| !name.contains('/'));
        let short = official.unwrap_or(&self.repository);
        if split_host(short) == (DOCKER_HUB, short) && !is_bare_digest(short) { short.to_owned() } else { self.name() }
    }

    /// Returns the whole reference in the words that docker uses.
    pub fn familiar(&self) -> String {
        self.complete(self.familiar_name())
    }

    /// Returns the reference in docker's words with no more than was written: no `:latest`.
    pub fn as_written(&self) -> String {
        if self.tag.is_none() && self.digest.is_none() { self.familiar_name() } else { self.familiar() }
    }

    /// Tells whether it lies where only Docker itself publishes: `docker.io/library/`.
    pub fn is_docker_official(&self) -> bool {
        &*self.registry == DOCKER_HUB && self.repository.starts_with("library/")
    }

    /// Returns the path under which `polyarch serve` offers this repository: names of Docker Hub
    /// in their familiar form, others with their host.
    pub fn served_path(&self) -> String {
        self.familiar_name()
    }

    /// Reads the path of a repository in `polyarch serve` back into a name; the inverse of
    /// [`Reference::served_path`].
    ///
    /// # Errors
    /// Refuses what no reference could hold.
    pub fn from_served_path(path: &str, thing: Thing) -> Result<Self, ReferenceError> {
        let base: Self = path.parse()?;
        Ok(base.with(thing))
    }

    fn complete(&self, mut text: String) -> String {
        match (&self.tag, &self.digest) {
            (None, None) => {
                text.push(':');
                text.push_str(tag::DEFAULT);
            }
            (tag, digest) => {
                if let Some(tag) = tag {
                    text.push(':');
                    text.push_str(tag.as_str());
                }
                if let Some(digest) = digest {
                    text.push('@');
                    text.push_str(&digest.to_string());
                }
            }
        }
        text
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if text.contains("://") {
            return Err(ReferenceError::Url(shorten(&without_password(text))));
        }
        if is_bare_digest(text) {
            return Err(ReferenceError::BareDigest(text.to_owned()));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>()?)),
            None => (text, None),
        };
        // A colon behind the last slash starts a tag; one before it belongs to the host's port.
        let last = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest.get(last..).and_then(|end| end.find(':')) {
            Some(colon) => {
                let (name, tag) = rest.split_at(last + colon);
                (name, Some(tag.trim_start_matches(':').parse::<Tag>()?))
            }
            None => (rest, None),
        };
        let (registry, repository) = split_host(name);
        let short = repository.len() == name.len();
        let repository =
            if registry == DOCKER_HUB && !repository.contains('/') { format!("library/{repository}") } else { repository.to_owned() };
        check_host(text, registry)?;
        check_repository(text, &repository)?;
        let length = registry.len() + 1 + repository.len();
        if length > MAX_NAME {
            return Err(ReferenceError::TooLong(length));
        }
        Ok(Self { registry: registry.into(), repository: repository.into(), tag, digest, short })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.complete(self.name()))
    }
}

/// Docker's rule: the part before the first slash is a host if it has a dot, a colon or a capital
/// letter, or is `localhost`.
fn split_host(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" || host.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            let host = if host == "index.docker.io" || host == "registry-1.docker.io" { DOCKER_HUB } else { host };
            (host, rest)
        }
        _ => (DOCKER_HUB, name),
    }
}

fn is_bare_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
}

fn check_host(text: &str, host: &str) -> Result<(), ReferenceError> {
    let wrong = || ReferenceError::Host { text: shorten(text), host: shorten(host) };
    let (name, port) = if host.starts_with('[') {
        let (address, port) = host.split_once(']').ok_or_else(wrong)?;
        address.get(1..).and_then(|address| address.parse::<std::net::Ipv6Addr>().ok()).ok_or_else(wrong)?;
        let port = if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or_else(wrong)?) };
        ("", port)
    } else {
        match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        }
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(wrong());
    }
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if host.starts_with('[') || name.split('.').all(label) { Ok(()) } else { Err(wrong()) }
}

fn check_repository(text: &str, repository: &str) -> Result<(), ReferenceError> {
    for part in repository.split('/') {
        if part.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(ReferenceError::UpperCase(shorten(text)));
        }
        if !is_path_part(part) {
            return Err(ReferenceError::Part { text: shorten(text), part: shorten(part) });
        }
    }
    Ok(())
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` (distribution-spec 1.1, "Pulling manifests").
fn is_path_part(part: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (Some(first), Some(last)) = (part.bytes().next(), part.bytes().last()) else { return false };
    if !word(first) || !word(last) {
        return false;
    }
    part.split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
        .all(|separator| matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-'))
}

/// Takes a user and a password out of a text that may be an address, so that it can be shown: what stands before an `@`
/// and that a host and a path follow.
pub fn without_password(text: &str) -> Cow<'_, str> {
    let start = text.find("://").map_or(0, |scheme| scheme + 3);
    let rest = text.get(start..).unwrap_or_default();
    let slash = rest.find('/').unwrap_or(rest.len());
    // A password may have a slash in it; in a name, nothing but a digest follows the `@`.
    let at = rest.rfind('@').filter(|at| start > 0 || *at < slash && slash < rest.len());
    match at {
        Some(at) => Cow::Owned(format!("{}***{}", text.get(..start).unwrap_or_default(), rest.get(at..).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn passwords_are_not_shown() {
        for (text, shown) in [
            ("https://ann:secret@host/x:1", "https://***@host/x:1"),
            ("http://ann:se/cr@et@host:5000/x", "http://***@host:5000/x"),
            ("ann:secret@host/x", "***@host/x"),
            ("https://host/x:1", "https://host/x:1"),
            ("host:5000/x@sha256:abc", "host:5000/x@sha256:abc"),
            ("x@sha256:abc", "x@sha256:abc"),
        ] {
            assert_eq!(without_password(text), shown);
        }
        let error = "https://ann:secret@host/x".parse::<Reference>().unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    fn parse(text: &str) -> Reference {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn the_short_form_still_means_the_same() {
        let digest = "ab".repeat(32);
        for (full, short) in [
            ("docker.io/library/a", "a"),
            ("docker.io/b/a", "b/a"),
            ("docker.io/library/library", "library"),
            ("docker.io/library/b/a", "library/b/a"),
            ("docker.io/localhost/a", "docker.io/localhost/a"),
            ("docker.io/b.c/a", "docker.io/b.c/a"),
            (&format!("docker.io/library/{digest}"), &format!("docker.io/library/{digest}")),
        ] {
            let name = parse(full);
            assert_eq!((name.familiar_name().as_str(), parse(short)), (short, name), "{full}");
        }
    }

    #[test]
    fn docker_rules_for_the_host() {
        for (text, full) in [
            ("a", "docker.io/library/a:latest"),
            ("a/b", "docker.io/a/b:latest"),
            ("a/b/c:1", "docker.io/a/b/c:1"),
            ("localhost/a", "localhost/a:latest"),
            ("ghcr.io/acme/api:1.4", "ghcr.io/acme/api:1.4"),
            ("reg:5000/a", "reg:5000/a:latest"),
            ("index.docker.io/a", "docker.io/library/a:latest"),
            ("[::1]:5000/a:b", "[::1]:5000/a:b"),
            ("127.0.0.1:5000/a__b/c-d", "127.0.0.1:5000/a__b/c-d:latest"),
        ] {
            assert_eq!(parse(text).to_string(), full);
        }
        let digest = Digest::of(b"");
        let both = parse(&format!("a:1@{digest}"));
        assert_eq!(both.to_string(), format!("docker.io/library/a:1@{digest}"));
        assert_eq!(both.thing(), Thing::Digest(digest));
        assert_eq!(both.target_tag().unwrap().as_str(), "1");
    }

    #[test]
    fn how_a_name_is_written_is_no_part_of_it() {
        for (text, short) in
            [("a", true), ("a/b:1", true), ("docker.io/a", false), ("index.docker.io/library/a", false), ("ghcr.io/a", false)]
        {
            assert_eq!(parse(text).is_short(), short, "{text}");
        }
        assert_eq!(parse("a"), parse("docker.io/library/a"));
        assert_eq!(parse("quay.io/x").with_thing_of(&parse("a:1")), parse("quay.io/x:1"));
    }

    #[test]
    fn refuses_with_the_reason() {
        for (text, part) in [
            ("", "empty"),
            ("https://ghcr.io/a", "URL"),
            ("acme/API", "lower case"),
            ("a/../b", "no part of a repository"),
            ("a//b", "no part of a repository"),
            ("a:b:c", "bad tag"),
            ("a:", "bad tag"),
            ("a@sha256:12", "bad digest"),
            ("reg:port/a", "no registry"),
            ("-a.io/a", "no registry"),
            ("a___b", "no part"),
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(matches!("a".repeat(64).parse::<Reference>(), Err(ReferenceError::BareDigest(_))));
        assert!(matches!("z".repeat(300).parse::<Reference>(), Err(ReferenceError::TooLong(_))));
    }

    #[test]
    fn served_paths_are_inverses() {
        for text in ["hello:1.0", "acme/api:1", "ghcr.io/acme/api:1", "localhost:5000/a:1"] {
            let name = parse(text);
            assert_eq!(Reference::from_served_path(&name.served_path(), name.thing()).unwrap(), name);
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,80}") {
            let _ = text.parse::<Reference>();
        }

        #[test]
        fn what_is_printed_reads_back(text in "([a-z]{1,8}(\\.[a-z]{2,3})?(:[0-9]{1,4})?/)?[a-z0-9]{1,8}([._-][a-z0-9]{1,4}){0,2}(/[a-z]{1,6}){0,2}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,10})?") {
            if let Ok(name) = text.parse::<Reference>() {
                prop_assert_eq!(name.to_string().parse::<Reference>().unwrap().to_string(), name.to_string());
                prop_assert_eq!(name.familiar().parse::<Reference>().unwrap().to_string(), name.to_string());
            }
        }
    }
}
