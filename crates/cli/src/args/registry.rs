//! The words of `registry`.

use std::str::FromStr;

use clap::{Args, Subcommand};
use fault::{Fault, Hint, Kind};
use oci::{Reference, ReferenceError};

/// Ask a registry what it has, and what it can.
#[derive(Debug, Subcommand)]
pub enum RegistryCommand {
    /// List the tags of a repository, or the repositories of a registry
    #[command(after_help = "Examples:
  polyarch registry ls ghcr.io/acme/api
  polyarch registry ls --json quay.io")]
    Ls(RegistryList),
    /// Find out what a registry can do
    #[command(after_help = "Examples:
  polyarch registry probe ghcr.io/acme/api
  polyarch registry probe --write quay.io/acme/api")]
    Probe(Probe),
}

/// List the tags of a repository, or the repositories of a registry.
///
/// One on each line, sorted as far as the registry's pages are. A HOST alone is asked for its repositories; few public registries
/// tell them.
#[derive(Args, Debug)]
pub struct RegistryList {
    /// The repository, or the registry's host
    #[arg(value_name = "REPO|HOST")]
    pub site: Site,
}

/// Find out what a registry can do.
///
/// Every answer comes with the request that gave it. Without --write nothing is changed, and much
/// stays unknown.
#[derive(Args, Debug)]
pub struct Probe {
    /// A repository there, and perhaps a tag of it to look at
    #[arg(value_name = "HOST/REPO[:TAG]")]
    pub name: Reference,
    /// Write a few hundred bytes into the repository under the tag polyarch-probe-RANDOM, and remove them
    #[arg(long)]
    pub write: bool,
}

/// What is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// The repositories of a registry.
    Host(String),
    /// The tags of a repository.
    Repository(Reference),
}

/// A word that names neither a repository nor a host.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// Not a name at all.
    #[error(transparent)]
    Name(#[from] ReferenceError),
    /// One image in a repository.
    #[error("expected a repository, got an image in it: {0}")]
    Image(Reference),
}

impl Fault for SiteError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Name(_) => None,
            Self::Image(name) => {
                Some(Hint::new(format!("name the repository: {}; a host ends with a slash: HOST:PORT/", name.familiar_name())))
            }
        }
    }
}

impl FromStr for Site {
    type Err = SiteError;

    /// A word without a slash is a host where it has a dot before any colon, is `localhost`, or an
    /// IPv6 address; `alpine:3` stays a name. A slash at the end makes any host one.
    fn from_str(text: &str) -> Result<Self, SiteError> {
        let name = text.split(':').next().unwrap_or(text);
        let is_host = name.contains('.') || name == "localhost" || text.starts_with('[');
        if let Some(host) = text.strip_suffix('/').or(Some(text).filter(|_| is_host)).filter(|host| !host.contains('/')) {
            // The host's own rules, by way of any repository on it.
            let host = if host.contains(['.', ':']) { host.to_owned() } else { host.to_ascii_lowercase() };
            let reference: Reference = format!("{host}/repository").parse()?;
            return Ok(Self::Host(reference.registry().to_owned()));
        }
        let name: Reference = text.parse()?;
        if name.tag().is_some() || name.digest().is_some() { Err(SiteError::Image(name)) } else { Ok(Self::Repository(name)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_a_repository_are_told_apart() {
        let host = |text: &str| match text.parse() {
            Ok(Site::Host(host)) => host,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(
            ["ghcr.io", "localhost:5000", "localhost", "[::1]:5000", "reg:5000/", "docker.io/"].map(host),
            ["ghcr.io", "localhost:5000", "localhost", "[::1]:5000", "reg:5000", "docker.io"]
        );
        for (text, name) in [("alpine", "docker.io/library/alpine"), ("acme/api", "docker.io/acme/api"), ("localhost/a", "localhost/a")] {
            assert!(matches!(text.parse(), Ok(Site::Repository(found)) if found.name() == name), "{text}");
        }
        for text in ["alpine:3", "reg:5000", "ghcr.io/acme/api:1.4"] {
            assert!(matches!(text.parse::<Site>(), Err(SiteError::Image(_))), "{text}");
        }
        for text in ["", "a b", "..", "http://ghcr.io", "bad_host.io:x", "/"] {
            assert!(matches!(text.parse::<Site>(), Err(SiteError::Name(_))), "{text}: {:?}", text.parse::<Site>());
        }
    }
}
