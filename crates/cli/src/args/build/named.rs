//! `--build-context`: other places that a Dockerfile takes files from, by name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use dockerfile::{Address, Location};
use graph::context_name;
use oci::{Locator, Platform, Reference};

use super::context::of_github;
use super::error::WordError;
use super::platform::{Before, fitting, split};

/// Names that BuildKit gives a meaning of their own, too (`frontend/dockerui`).
const RESERVED: [&str; 2] = ["scratch", "context"];

/// Prefixes behind which an image is.
const IMAGES: [&str; 7] = ["oci-layout://", "docker://", "oci:", "oci-archive:", "docker-archive:", "docker-daemon:", "store:"];

/// Kinds that are known elsewhere: `target:` in bake, `input:` in BuildKit, and one slash too few.
const FOREIGN: [&str; 4] = ["target", "input", "docker-image", "oci-layout"];

/// One `--build-context`: `[PLATFORM=]NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedContext {
    /// The platform it is for; every one without it.
    pub platform: Option<Platform>,
    /// The name, as [`context_name`] writes it.
    pub name: String,
    /// What is there.
    pub source: NamedSource,
}

/// What a named context is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedSource {
    /// An image. `docker-image://REF` is a bare name.
    Image(Locator),
    /// A folder, or a tar of one.
    Path(PathBuf),
    /// Elsewhere: a repository, or a tar.
    Remote(Box<Address>),
}

impl NamedSource {
    /// Returns the repository that a name such as `github.com/acme/api` means, where there is no such path.
    ///
    /// # Errors
    /// Where it cannot be one.
    pub fn settled(self) -> Result<Self, WordError> {
        let Self::Path(path) = &self else { return Ok(self) };
        Ok(of_github(path)?.map_or(self, |address| Self::Remote(Box::new(address))))
    }
}

impl NamedContext {
    /// Returns the named contexts of a build for one platform. Those said for it count over those said for all, and later
    /// ones over earlier ones.
    pub fn for_platform<'a>(all: &'a [Self], platform: &Platform) -> BTreeMap<&'a str, &'a NamedSource> {
        let fitting = fitting(all, |context| context.platform.as_ref(), platform);
        fitting.into_iter().map(|context| (context.name.as_str(), &context.source)).collect()
    }
}

impl FromStr for NamedContext {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let shown = oci::without_password(text);
        let shape = || WordError::shape("build context", &shown, "[PLATFORM=]NAME=VALUE");
        let (platform, rest) = split(text, Before::Name)?;
        let (name, value) = rest.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty()).ok_or_else(shape)?;
        // A stage may be written in capitals, an image may not: both have one name in small letters.
        let name = context_name(name);
        name.parse::<Reference>()?;
        if RESERVED.contains(&name.as_str()) {
            return Err(WordError::Reserved { text: shown.into_owned(), name });
        }
        Ok(Self { platform, name, source: source(&shown, value)? })
    }
}

fn source(text: &str, value: &str) -> Result<NamedSource, WordError> {
    if let Some(name) = value.strip_prefix("docker-image://") {
        return Ok(NamedSource::Image(Locator::Name(name.parse()?)));
    }
    if IMAGES.iter().any(|prefix| value.starts_with(prefix)) {
        return Ok(NamedSource::Image(value.parse()?));
    }
    // What has another scheme is told of by what contexts can be.
    if Location::of(value) != Location::Context
        && let Some(address) = Address::parse(value)?
    {
        return Ok(NamedSource::Remote(Box::new(address)));
    }
    let foreign = value.split_once("://").or_else(|| value.split_once(':').filter(|(kind, _)| FOREIGN.contains(kind)));
    if let Some((kind, _)) = foreign.filter(|(kind, _)| !kind.contains('/')) {
        return Err(WordError::ContextKind { text: text.to_owned(), kind: kind.to_owned() });
    }
    if value == "-" {
        return Err(WordError::shape("build context", text, "a folder, a tar or an image: the standard input can only be CONTEXT or -f"));
    }
    Ok(NamedSource::Path(PathBuf::from(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> NamedContext {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_value_is_a_path_or_an_image() {
        for (value, shown) in [
            ("docker-image://alpine:3.20", "alpine:3.20"),
            ("docker-image://ghcr.io/acme/base", "ghcr.io/acme/base"),
            ("docker://ghcr.io/acme/base:1", "docker://ghcr.io/acme/base:1"),
            ("oci-layout://dist:1", "oci:dist:1"),
            ("oci:dist", "oci:dist"),
            ("oci-archive:a.tar", "oci-archive:a.tar"),
            ("docker-archive:a.tar", "docker-archive:a.tar"),
            ("store:base:1", "store:base:1"),
        ] {
            let NamedSource::Image(locator) = parse(&format!("base={value}")).source else { panic!("{value} is an image") };
            assert_eq!(locator.to_string(), shown, "{value}");
        }
        for value in ["dir", "../dir", "/", "a=b", "files.tar.gz", "C:files", "a:b"] {
            assert_eq!(parse(&format!("base={value}")).source, NamedSource::Path(value.into()), "{value}");
        }
        for value in ["https://host/a.tar", "git@host:a.git", "https://host/a.git?ref=x"] {
            assert!(matches!(parse(&format!("base={value}")).source, NamedSource::Remote(_)), "{value}");
        }
        let digest = oci::Digest::of(b"");
        assert!(matches!(parse(&format!("base=oci-layout://d@{digest}")).source, NamedSource::Image(Locator::Layout { .. })));
    }

    #[test]
    fn a_name_is_written_in_one_way() {
        for (text, platform, name) in [
            ("docker.io/library/alpine:latest=x", None, "alpine"),
            ("alpine:3=x", None, "alpine:3"),
            ("Build=x", None, "build"),
            ("arm32v7/alpine=x", None, "arm32v7/alpine"),
            ("arm64=x", None, "arm64"),
            ("linux/arm=base=x", Some("linux/arm/v7"), "base"),
            ("linux/arm64=ghcr.io/acme/base:1=x", Some("linux/arm64"), "ghcr.io/acme/base:1"),
        ] {
            let context = parse(text);
            assert_eq!(
                (context.platform.map(|platform| platform.to_string()).as_deref(), context.name.as_str()),
                (platform, name),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_context_is_refused_with_its_reason() {
        for (text, part) in [
            ("base", "expected [PLATFORM=]NAME=VALUE"),
            ("base=", "expected [PLATFORM=]NAME=VALUE"),
            ("=x", "expected [PLATFORM=]NAME=VALUE"),
            ("linux/arm64=x", "expected [PLATFORM=]NAME=VALUE"),
            ("scratch=x", "scratch has a meaning of its own"),
            ("Context=x", "context has a meaning of its own"),
            ("a b=x", "bad name"),
            ("base=target:other", "no kind target"),
            ("base=input:other", "no kind input"),
            ("base=docker-image:alpine", "no kind docker-image"),
            ("base=s3://bucket", "no kind s3"),
            ("base=docker-image://A", "lower case"),
            ("base=https://-host/a.tar", "begins with a dash"),
            ("base=https://host/a.git?ref=a&tag=b", "say different things"),
            ("base=oci:", "expected a path"),
            ("base=x=ftp://me:hunter2@host/a", "no kind x=ftp"),
            ("base=ftp://me:hunter2@host/a", "no kind ftp"),
            ("context=https://me:hunter2@host/a", "a meaning of its own"),
            ("base=-", "the standard input can only be"),
            ("linux/armv7=base=x", "expected architecture and variant"),
        ] {
            let problem = text.parse::<NamedContext>().unwrap_err();
            let error = format!("{problem} {:?}", fault::Fault::hint(&problem));
            assert!(error.contains(part) && !error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_said_for_a_platform_counts() {
        let all = ["linux/arm64=base=arm", "base=all", "linux/arm64=more=x"].map(parse);
        let paths = |platform: &str| -> Vec<String> {
            let found = NamedContext::for_platform(&all, &platform.parse().unwrap());
            found.into_iter().map(|(name, source)| format!("{name} {source:?}")).collect()
        };
        assert_eq!(paths("linux/arm64"), [r#"base Path("arm")"#, r#"more Path("x")"#]);
        assert_eq!(paths("linux/amd64"), [r#"base Path("all")"#]);
    }
}
