//! Where an image is: the words a person types for a place and a thing in it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::{Digest, DigestError, Platform, PlatformError, Reference, ReferenceError, Thing};

/// What is asked of a place that may hold several images under free names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The one image that is there.
    Only,
    /// The one with this name; layouts allow any text (image-spec, `org.opencontainers.image.ref.name`).
    Name(String),
    /// The one with this digest.
    Digest(Digest),
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only => Ok(()),
            Self::Name(name) => write!(formatter, ":{name}"),
            Self::Digest(digest) => write!(formatter, "@{digest}"),
        }
    }
}

impl From<Thing> for Selector {
    fn from(thing: Thing) -> Self {
        match thing {
            Thing::Tag(tag) => Self::Name(tag.into()),
            Thing::Digest(digest) => Self::Digest(digest),
        }
    }
}

/// A place and a thing in it, as a person writes it.
///
/// ```
/// use oci::Locator;
/// assert!(matches!("hello:1.0".parse(), Ok(Locator::Name(_))));
/// assert!(matches!("docker://ghcr.io/acme/api:1".parse(), Ok(Locator::Registry(_))));
/// assert!(matches!("oci:dist:1.0".parse(), Ok(Locator::Layout { .. })));
/// assert!(matches!("./dist".parse(), Ok(Locator::Path { .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locator {
    /// A bare name: made here, else its registry (`polyarch help names`).
    Name(Reference),
    /// `docker://NAME`: the registry and nothing else.
    Registry(Reference),
    /// `store:NAME`: the local store and nothing else.
    Store(Reference),
    /// `oci:DIR[:TAG]` or `oci-layout://DIR[:TAG]`: an OCI image layout folder.
    Layout {
        /// The folder.
        path: PathBuf,
        /// Which image in it.
        selector: Selector,
    },
    /// `oci-archive:FILE[:TAG]`: a tar of an OCI image layout.
    LayoutArchive {
        /// The file.
        path: PathBuf,
        /// Which image in it.
        selector: Selector,
    },
    /// `docker-archive:FILE[:REFERENCE]`: what `docker save` writes; `-` is the standard input.
    DockerArchive {
        /// The file.
        path: PathBuf,
        /// Which image in it.
        selector: Selector,
    },
    /// `docker-daemon:NAME`: an image in a Docker Engine, by name or by `sha256:` image ID.
    Daemon(String),
    /// A word that starts with `./`, `../` or `/`: the place is whatever lies there.
    Path {
        /// The folder or file.
        path: PathBuf,
        /// Which image in it.
        selector: Selector,
    },
}

/// Why a text locates nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocatorError {
    /// The name is none.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The digest is none.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The prefix needs a path behind it.
    #[error("bad place {text:?}: expected a path behind {prefix:?}")]
    NoPath {
        /// The whole text.
        text: String,
        /// The prefix, colon included.
        prefix: &'static str,
    },
    /// Something like `docker-daemon:` that polyarch does not know.
    #[error("unknown kind of place {0:?}: expected docker, store, oci, oci-archive, docker-archive, docker-daemon or oci-layout")]
    UnknownKind(String),
    /// The platform before `=` is none.
    #[error(transparent)]
    Platform(#[from] PlatformError),
}

/// Prefixes that skopeo or buildx know and polyarch does not have.
const FOREIGN_KINDS: [&str; 5] = ["containers-storage", "dir", "ostree", "sif", "tarball"];

impl Locator {
    /// Returns the other readings of a path with colons, for one that does not exist as it was read:
    /// the first colon between path and name first, no name last.
    ///
    /// Parsing takes the last part of the path as the place of the colon, so that
    /// `oci:/tmp/a:b/dist:1.0` is a folder below `a:b`. Names in a layout may hold slashes too, as in
    /// `oci:dist:localhost/app:1`, and only the disk can tell. Other locators have one reading.
    ///
    /// ```
    /// # use oci::{Locator, LocatorError};
    /// let read: Locator = "oci:dist:localhost/app:1".parse()?;
    /// let folders: Vec<String> = read
    ///     .alternatives()
    ///     .into_iter()
    ///     .filter_map(|other| match other {
    ///         Locator::Layout { path, selector } => Some(format!("{} {selector:?}", path.display())),
    ///         _ => None,
    ///     })
    ///     .collect();
    /// assert_eq!(folders, [r#"dist Name("localhost/app:1")"#, "dist:localhost/app:1 Only"]);
    /// # Ok::<(), LocatorError>(())
    /// ```
    pub fn alternatives(&self) -> Vec<Self> {
        let (path, selector) = match self {
            Self::Layout { path, selector } | Self::LayoutArchive { path, selector } | Self::Path { path, selector } => (path, selector),
            _ => return Vec::new(),
        };
        let Some(written) = path.to_str().filter(|_| !matches!(selector, Selector::Digest(_))) else { return Vec::new() };
        let written = format!("{written}{selector}");
        let with = |path: &str, selector| {
            let path = PathBuf::from(path);
            match self {
                Self::LayoutArchive { .. } => Self::LayoutArchive { path, selector },
                Self::Path { .. } => Self::Path { path, selector },
                _ => Self::Layout { path, selector },
            }
        };
        let named = written
            .match_indices(':')
            .filter_map(|(colon, _)| Some((written.get(..colon)?, written.get(colon + 1..)?)))
            .filter(|(path, name)| !path.is_empty() && !name.is_empty())
            .map(|(path, name)| with(path, Selector::Name(name.to_owned())));
        let whole = with(&written, Selector::Only);
        named.chain([whole]).filter(|other| other != self).collect()
    }
}

impl FromStr for Locator {
    type Err = LocatorError;

    fn from_str(text: &str) -> Result<Self, LocatorError> {
        if let Some(rest) = text.strip_prefix("docker://") {
            return Ok(Self::Registry(rest.parse()?));
        }
        if let Some(rest) = text.strip_prefix("store:") {
            return Ok(Self::Store(rest.trim_start_matches("//").parse()?));
        }
        if let Some(rest) = text.strip_prefix("oci-layout://") {
            let (path, selector) = split_path(text, "oci-layout://", rest)?;
            return Ok(Self::Layout { path, selector });
        }
        if let Some(rest) = text.strip_prefix("oci-archive:") {
            let (path, selector) = split_path(text, "oci-archive:", rest)?;
            return Ok(Self::LayoutArchive { path, selector });
        }
        if let Some(rest) = text.strip_prefix("docker-archive:") {
            let (path, selector) = split_archive(text, rest)?;
            return Ok(Self::DockerArchive { path, selector });
        }
        if let Some(rest) = text.strip_prefix("docker-daemon:") {
            return daemon(text, rest);
        }
        if let Some(rest) = text.strip_prefix("oci:") {
            let (path, selector) = split_path(text, "oci:", rest)?;
            return Ok(Self::Layout { path, selector });
        }
        if text.starts_with("./") || text.starts_with("../") || text.starts_with('/') || text == "." || text == ".." {
            let (path, selector) = split_path(text, "", text)?;
            return Ok(Self::Path { path, selector });
        }
        if let Some((kind, _)) = text.split_once("://")
            && !kind.starts_with("http")
        {
            return Err(LocatorError::UnknownKind(kind.to_owned()));
        }
        if let Some(kind) =
            FOREIGN_KINDS.iter().find(|kind| text.strip_prefix(**kind).is_some_and(|rest| rest.starts_with(':') && rest.contains('/')))
        {
            return Err(LocatorError::UnknownKind((*kind).to_owned()));
        }
        Ok(Self::Name(text.parse()?))
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => {
                // `library/oci:1` is an image, and `oci:1` a layout.
                let short = name.as_written();
                if matches!(short.parse(), Ok(Self::Name(_))) { formatter.write_str(&short) } else { name.fmt(formatter) }
            }
            Self::Registry(name) => write!(formatter, "docker://{name}"),
            Self::Store(name) => write!(formatter, "store:{}", name.as_written()),
            Self::Layout { path, selector } => write!(formatter, "oci:{}{selector}", path.display()),
            Self::LayoutArchive { path, selector } => write!(formatter, "oci-archive:{}{selector}", path.display()),
            Self::DockerArchive { path, selector } => write!(formatter, "docker-archive:{}{selector}", path.display()),
            Self::Daemon(name) => write!(formatter, "docker-daemon:{name}"),
            Self::Path { path, selector } => write!(formatter, "{}{selector}", path.display()),
        }
    }
}

/// Splits `PATH[:TAG]` or `PATH@DIGEST`. A colon starts a tag only behind the last slash, as a
/// folder may have colons in its parents' names; [`Locator::alternatives`] has the other splits. An
/// at sign that no digest follows belongs to the path or the name.
fn split_path(text: &str, prefix: &'static str, rest: &str) -> Result<(PathBuf, Selector), LocatorError> {
    let missing = || LocatorError::NoPath { text: text.to_owned(), prefix };
    let (path, selector) = if let Some((path, digest)) = rest.rsplit_once('@').filter(|(_, digest)| is_digest(digest)) {
        (path, Selector::Digest(digest.parse()?))
    } else {
        let last = rest.rfind('/').map_or(0, |slash| slash + 1);
        match rest.get(last..).and_then(|end| end.find(':')) {
            Some(colon) => {
                let (path, name) = rest.split_at(last + colon);
                let name = name.trim_start_matches(':');
                (path, if name.is_empty() { Selector::Only } else { Selector::Name(name.to_owned()) })
            }
            None => (rest, Selector::Only),
        }
    };
    if path.is_empty() {
        return Err(missing());
    }
    Ok((PathBuf::from(path), selector))
}

fn is_digest(text: &str) -> bool {
    text.starts_with("sha256:") || text.starts_with("sha512:")
}

/// Splits `FILE[:REFERENCE]`; the reference may hold slashes and colons, so the first colon counts.
fn split_archive(text: &str, rest: &str) -> Result<(PathBuf, Selector), LocatorError> {
    let (path, selector) = match rest.split_once(':') {
        Some((path, name)) if !name.is_empty() => {
            // Written in full, as `docker save` writes it in its own words.
            let reference: Reference = name.parse()?;
            (path, Selector::Name(reference.familiar()))
        }
        Some((path, _)) => (path, Selector::Only),
        None => (rest, Selector::Only),
    };
    if path.is_empty() {
        return Err(LocatorError::NoPath { text: text.to_owned(), prefix: "docker-archive:" });
    }
    Ok((PathBuf::from(path), selector))
}

fn daemon(text: &str, rest: &str) -> Result<Locator, LocatorError> {
    if rest.is_empty() {
        return Err(LocatorError::NoPath { text: text.to_owned(), prefix: "docker-daemon:" });
    }
    if rest.parse::<Digest>().is_ok() {
        return Ok(Locator::Daemon(rest.to_owned()));
    }
    let reference: Reference = rest.parse()?;
    Ok(Locator::Daemon(reference.familiar()))
}

/// A source of `create`: a place, and the platform it is said to be for (`PLATFORM=SOURCE`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformSource {
    /// The platform, where one was written.
    pub platform: Option<Platform>,
    /// The place.
    pub locator: Locator,
}

impl FromStr for PlatformSource {
    type Err = LocatorError;

    /// Splits at the first `=`. No name holds one, but a path may: a left part that can only be
    /// the beginning of a path or of a prefix is no platform.
    fn from_str(text: &str) -> Result<Self, LocatorError> {
        let Some((left, right)) = text.split_once('=') else {
            return Ok(Self { platform: None, locator: text.parse()? });
        };
        let prefixes = ["oci:", "oci-archive:", "docker-archive:", "oci-layout:", "docker:", "store:", "docker-daemon:", "/", "./", "../"];
        if prefixes.iter().any(|prefix| left.starts_with(prefix)) {
            return Ok(Self { platform: None, locator: text.parse()? });
        }
        Ok(Self { platform: Some(left.parse()?), locator: right.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Locator {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_kind_reads_back() {
        for text in [
            "hello:1.0",
            "docker://ghcr.io/acme/api:1",
            "store:hello:1.0",
            "oci:dist",
            "oci:/tmp/a:b/dist:1.0",
            "oci-archive:a.tar:x/y",
            "docker-archive:-",
            "docker-archive:a.tar:app:1.0",
            "docker-daemon:app:latest",
            "./dist:1",
            "/abs",
        ] {
            assert_eq!(parse(&parse(text).to_string()), parse(text), "{text}");
        }
        assert_eq!(parse("oci-layout://d:t").to_string(), "oci:d:t");
        let digest = Digest::of(b"");
        assert_eq!(parse(&format!("oci:d@{digest}")), Locator::Layout { path: "d".into(), selector: Selector::Digest(digest) });
        assert_eq!(parse("docker-archive:a.tar:docker.io/library/app").to_string(), "docker-archive:a.tar:app:latest");
    }

    #[test]
    fn an_at_sign_without_a_digest_is_part_of_the_words() {
        let layout = |path: &str, selector| Locator::Layout { path: path.into(), selector };
        assert_eq!(parse("oci:a@b:1"), layout("a@b", Selector::Name("1".to_owned())));
        assert_eq!(parse("oci:me@host/d"), layout("me@host/d", Selector::Only));
        assert_eq!(parse("oci:d:me@home:1"), layout("d", Selector::Name("me@home:1".to_owned())));
        assert!("oci:d@sha256:abc".parse::<Locator>().is_err());
    }

    #[test]
    fn every_colon_may_end_the_path() {
        let others = |text: &str| -> Vec<String> { parse(text).alternatives().iter().map(|other| format!("{other:?}")).collect() };
        let expected =
            [r#"Layout { path: "/tmp/a", selector: Name("b/dist:1.0") }"#, r#"Layout { path: "/tmp/a:b/dist:1.0", selector: Only }"#];
        assert_eq!(others("oci:/tmp/a:b/dist:1.0"), expected);
        assert_eq!(others("oci-archive:a.tar:x/y"), [r#"LayoutArchive { path: "a.tar", selector: Name("x/y") }"#]);
        assert_eq!(others("./d:1"), [r#"Path { path: "./d:1", selector: Only }"#]);
        for text in ["oci:dist", "hello:1.0", "docker-archive:a.tar:x:1", &format!("oci:a:b@{}", Digest::of(b""))] {
            assert_eq!(others(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn an_image_with_the_name_of_a_kind_is_printed_whole() {
        for (text, printed) in [
            ("library/oci:1", "docker.io/library/oci:1"),
            ("library/store:1.0", "docker.io/library/store:1.0"),
            ("library/oci", "oci"),
            ("acme/oci:1", "acme/oci:1"),
        ] {
            let place = parse(text);
            assert_eq!((place.to_string().as_str(), parse(printed)), (printed, place), "{text}");
        }
    }

    #[test]
    fn refuses_with_the_reason() {
        for (text, part) in [
            ("oci:", "expected a path"),
            ("dir:/tmp/x", "unknown kind"),
            ("ftp://x/y", "unknown kind"),
            ("https://x/y", "URL"),
            ("docker-daemon:", "expected a path"),
        ] {
            let error = text.parse::<Locator>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_platform_stands_before_the_first_equals_sign() {
        let source: PlatformSource = "linux/arm/v7=oci:a=b".parse().unwrap();
        assert_eq!(source.platform.unwrap().to_string(), "linux/arm/v7");
        assert_eq!(source.locator.to_string(), "oci:a=b");
        let source: PlatformSource = "oci:a=b".parse().unwrap();
        assert_eq!(source.platform, None);
        assert!("linux/armv7=app:1".parse::<PlatformSource>().is_err());
    }
}
