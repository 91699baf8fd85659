//! What `registries.conf` says of registries (containers-registries.conf(5)): where a name is really
//! kept, what mirrors it has, what is blocked, and what short names mean.

mod parse;
mod short;

use std::path::{Path, PathBuf};

use oci::Reference;

use crate::account::Account;
use crate::error::Cause;
use crate::{RemoteError, Settings};

pub use short::ShortName;

/// One file of settings, or a folder of them (`*.conf`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistriesFile {
    /// The file or folder.
    pub path: PathBuf,
    /// Whether it belongs to the person who runs this and not to the machine: only there do short
    /// names get another meaning than Docker's.
    pub own: bool,
    /// Whether somebody named it, so that it must be there.
    pub named: bool,
}

/// Everything that was read. What stands in a later file counts over what stood in one before.
#[derive(Debug, Default)]
pub(crate) struct Registries {
    rules: Vec<Rule>,
    short: short::ShortNames,
}

/// What holds for the names below a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    prefix: Prefix,
    /// Where they are kept; where there is none, their own name says it.
    location: Option<Account>,
    insecure: bool,
    blocked: bool,
    mirrors: Vec<Mirror>,
    /// Who says so.
    pub file: PathBuf,
}

/// Which names a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Prefix {
    /// The host, or what is below a path of it.
    Below(Account),
    /// Every host below a domain: `.example.com`.
    Domain(String),
}

/// A place that may have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mirror {
    location: Account,
    insecure: bool,
    pull: Pull,
}

/// Which names a mirror is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pull {
    All,
    /// By digest alone: whoever keeps the mirror cannot say what a tag is.
    Digests,
    /// By tag, and then what belongs to it.
    Tags,
}

/// Whether the peer must prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Trust {
    /// By its certificate.
    Proven,
    /// Not at all, by HTTPS or without.
    Blind,
}

impl Trust {
    const fn of(insecure: bool) -> Self {
        if insecure { Self::Blind } else { Self::Proven }
    }
}

/// One place to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub name: Reference,
    pub trust: Trust,
}

/// All places to ask for one repository.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// Asked first, in this order.
    pub mirrors: Vec<(Endpoint, Pull)>,
    /// Where it is kept.
    pub home: Endpoint,
}

impl Registries {
    /// Reads the files, and says what is odd about them.
    ///
    /// # Errors
    /// Where a file is broken, or one that somebody named is not there.
    pub(crate) fn read(settings: &Settings) -> Result<Self, RemoteError> {
        let mut all = Self::default();
        for file in &settings.registries {
            for path in files_of(file)? {
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| RemoteError::File { path: path.clone(), source: Cause::new(error.to_string()) })?;
                let (document, odd) = parse::parse(&path, &text)?;
                for what in odd {
                    settings.events.warn(format!("{}: {what}", path.display()));
                }
                all.add(document, file.own);
            }
        }
        Ok(all)
    }

    fn add(&mut self, document: parse::Document, own: bool) {
        for rule in document.rules {
            self.rules.retain(|other| other.prefix != rule.prefix);
            self.rules.push(rule);
        }
        if own {
            self.short.add(document.short);
        }
    }

    /// Finds the rule for a repository: the one with the longest prefix.
    pub(crate) fn find(&self, name: &Reference) -> Option<&Rule> {
        self.rules
            .iter()
            .filter_map(|rule| Some((rule.prefix.matches(name)?, rule)))
            .max_by_key(|(length, _)| *length)
            .map(|(_, rule)| rule)
    }

    pub(crate) const fn short(&self) -> &short::ShortNames {
        &self.short
    }
}

impl Prefix {
    /// Tells how much of a name it covers; a domain covers less than any host.
    fn matches(&self, name: &Reference) -> Option<usize> {
        match self {
            Self::Domain(domain) => {
                let host = name.registry().rsplit_once(':').map_or(name.registry(), |(host, _)| host).to_ascii_lowercase();
                host.ends_with(domain).then_some(domain.len())
            }
            Self::Below(account) => rest_below(account, name).map(|_| 1000 + account.path().map_or(0, str::len)),
        }
    }
}

/// Returns what is left of a repository's path behind a prefix.
fn rest_below<'a>(account: &Account, name: &'a Reference) -> Option<&'a str> {
    if !name.registry().eq_ignore_ascii_case(account.host()) {
        return None;
    }
    let rest = name.repository().strip_prefix(account.path().unwrap_or_default())?;
    match (account.path(), rest.strip_prefix('/')) {
        (None, _) => Some(rest),
        (Some(_), Some(rest)) => Some(rest),
        (Some(_), None) => rest.is_empty().then_some(rest),
    }
}

impl Rule {
    /// Lists who is asked for a repository that will only be read.
    ///
    /// # Errors
    /// Where it is blocked, or another place cannot have such a name.
    pub(crate) fn endpoints(&self, name: &Reference) -> Result<Endpoints, RemoteError> {
        self.check(&name.name())?;
        let home = match &self.location {
            Some(location) => self.moved(location, name)?,
            None => name.clone(),
        };
        let mirrors = self.mirrors.iter().map(|mirror| {
            let name = self.moved(&mirror.location, name)?;
            Ok((Endpoint { name, trust: Trust::of(mirror.insecure) }, mirror.pull))
        });
        Ok(Endpoints { mirrors: mirrors.collect::<Result<_, RemoteError>>()?, home: Endpoint { name: home, trust: self.trust() } })
    }

    /// Refuses what is blocked.
    ///
    /// # Errors
    /// [`RemoteError::Blocked`].
    pub(crate) fn check(&self, name: &str) -> Result<(), RemoteError> {
        if self.blocked { Err(RemoteError::Blocked { name: name.to_owned(), file: self.file.clone() }) } else { Ok(()) }
    }

    pub(crate) const fn trust(&self) -> Trust {
        Trust::of(self.insecure)
    }

    /// Puts another place's name in the place of the prefix.
    fn moved(&self, to: &Account, name: &Reference) -> Result<Reference, RemoteError> {
        let rest = match &self.prefix {
            Prefix::Below(account) => rest_below(account, name).unwrap_or_else(|| name.repository()),
            Prefix::Domain(_) => name.repository(),
        };
        let parts = [Some(to.host()), to.path(), Some(rest)];
        let text = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        text.parse::<Reference>().ok().filter(|moved| moved.registry() == to.host() && moved.tag().is_none()).ok_or_else(|| {
            RemoteError::File { path: self.file.clone(), source: Cause::new(format!("expected a place that can hold {name}, got {text}")) }
        })
    }
}

/// Lists the file, or the files of a folder by their names.
fn files_of(file: &RegistriesFile) -> Result<Vec<PathBuf>, RemoteError> {
    let unusable = |error: std::io::Error| RemoteError::File { path: file.path.clone(), source: Cause::new(error.to_string()) };
    let metadata = match std::fs::metadata(&file.path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !file.named => return Ok(Vec::new()),
        Err(error) => return Err(unusable(error)),
    };
    if !metadata.is_dir() {
        return Ok(vec![file.path.clone()]);
    }
    let entries = std::fs::read_dir(&file.path).map_err(unusable)?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_conf(path)).collect();
    paths.sort();
    Ok(paths)
}

fn is_conf(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "conf") && path.is_file()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn registries(text: &str) -> Registries {
        let mut all = Registries::default();
        all.add(parse::parse(Path::new("f.conf"), text).unwrap().0, true);
        all
    }

    fn name(text: &str) -> Reference {
        text.parse().unwrap()
    }

    #[test]
    fn the_longest_prefix_counts() {
        let all = registries(
            r#"
            [[registry]]
            prefix = "*.example.com"
            insecure = true
            [[registry]]
            location = "reg.example.com"
            [[registry]]
            prefix = "reg.example.com/acme"
            location = "other.lan:5000/mirror/acme"
            [[registry]]
            prefix = "reg.example.com/acme/api"
            location = "api.lan/api"
            "#,
        );
        for (text, home, trust) in [
            ("reg.example.com/acme/api", "api.lan/api", Trust::Proven),
            ("reg.example.com/acme/api/v2", "api.lan/api/v2", Trust::Proven),
            ("reg.example.com/acme/web", "other.lan:5000/mirror/acme/web", Trust::Proven),
            ("REG.example.com/acme/web", "other.lan:5000/mirror/acme/web", Trust::Proven),
            ("reg.example.com/acmes/web", "reg.example.com/acmes/web", Trust::Proven),
            ("sub.reg.example.com/x", "sub.reg.example.com/x", Trust::Blind),
            ("sub.example.com:5000/x", "sub.example.com:5000/x", Trust::Blind),
        ] {
            let endpoints = all.find(&name(text)).unwrap().endpoints(&name(text)).unwrap();
            assert_eq!((endpoints.home.name.name().as_str(), endpoints.home.trust), (home, trust), "{text}");
        }
        for text in ["example.com/x", "badexample.com/x", "reg.example.org/x", "docker.io/library/x"] {
            assert!(all.find(&name(text)).is_none(), "{text}");
        }
    }

    #[test]
    fn mirrors_in_their_order() {
        let all = registries(
            r#"
            [[registry]]
            location = "docker.io"
            [[registry.mirror]]
            location = "cache.lan:5000/hub"
            insecure = true
            [[registry.mirror]]
            location = "digests.lan"
            pull-from-mirror = "digest-only"
            "#,
        );
        let alpine = name("alpine:3");
        let endpoints = all.find(&alpine).unwrap().endpoints(&alpine).unwrap();
        let mirrors: Vec<_> = endpoints.mirrors.iter().map(|(end, pull)| (end.name.name(), end.trust, *pull)).collect();
        assert_eq!(
            mirrors,
            [
                ("cache.lan:5000/hub/library/alpine".to_owned(), Trust::Blind, Pull::All),
                ("digests.lan/library/alpine".to_owned(), Trust::Proven, Pull::Digests)
            ]
        );
        assert_eq!(endpoints.home.name.name(), "docker.io/library/alpine");
    }

    #[test]
    fn blocked_is_blocked_and_a_later_file_counts() {
        let mut all = registries("[[registry]]\nlocation = \"bad.lan\"\nblocked = true");
        let bad = name("bad.lan/x");
        let error = all.find(&bad).unwrap().endpoints(&bad).unwrap_err();
        assert_eq!(error.to_string(), "bad.lan/x is blocked by f.conf");
        all.add(parse::parse(Path::new("g.conf"), "[[registry]]\nlocation = \"bad.lan\"").unwrap().0, false);
        assert!(all.find(&bad).unwrap().endpoints(&bad).is_ok());
    }

    #[test]
    fn a_place_that_cannot_have_the_name_is_refused() {
        let all = registries("[[registry]]\nprefix = \"a.lan/app\"\nlocation = \"b.lan\"");
        let app = name("a.lan/app");
        let error = all.find(&app).unwrap().endpoints(&app).unwrap_err();
        assert!(matches!(error, RemoteError::File { .. }), "{error}");
    }
}
