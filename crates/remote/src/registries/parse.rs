//! Reads one file of `registries.conf`, version 2.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::{Spanned, Table, Value};

use super::short::Said;
use super::{Mirror, Prefix, Pull, Rule};
use crate::RemoteError;
use crate::account::Account;
use crate::wire::printable;

const TOP_KEYS: [&str; 6] = ["unqualified-search-registries", "short-name-mode", "aliases", "registry", "credential-helpers", "registries"];
const REGISTRY_KEYS: [&str; 6] = ["prefix", "location", "insecure", "blocked", "mirror-by-digest-only", "mirror"];
const MIRROR_KEYS: [&str; 3] = ["location", "insecure", "pull-from-mirror"];

/// What one file says.
pub(super) struct Document {
    pub rules: Vec<Rule>,
    pub short: Said,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[derive(Default)]
struct File {
    registry: Vec<Spanned<RegistryTable>>,
    unqualified_search_registries: Option<Vec<Spanned<String>>>,
    short_name_mode: Option<Spanned<String>>,
    aliases: BTreeMap<Spanned<String>, Spanned<String>>,
    credential_helpers: Vec<String>,
    /// Version 1 of the format.
    registries: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[derive(Default)]
struct RegistryTable {
    prefix: Option<Spanned<String>>,
    location: Option<Spanned<String>>,
    insecure: bool,
    blocked: bool,
    mirror_by_digest_only: bool,
    mirror: Vec<Spanned<MirrorTable>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[derive(Default)]
struct MirrorTable {
    location: Option<Spanned<String>>,
    insecure: bool,
    pull_from_mirror: Option<Spanned<String>>,
}

/// A file under reading.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

/// Parses a file. Beside what it says comes what is odd about it and stops nothing.
///
/// # Errors
/// [`RemoteError::Damaged`], with line and column.
pub(super) fn parse(path: &Path, text: &str) -> Result<(Document, Vec<String>), RemoteError> {
    let reader = Reader { path, text };
    let broken = |error: &toml::de::Error| {
        let what = format!("TOML as in containers-registries.conf(5), got: {}", printable(error.message(), 200));
        reader.damaged(&error.span().unwrap_or(0..0), what)
    };
    let file: File = toml::from_str(text).map_err(|error| broken(&error))?;
    let keys: Table = toml::from_str(text).map_err(|error| broken(&error))?;
    let mut odd = unknown_keys(&keys);
    if file.registries.is_some() {
        odd.push("[registries] is version 1 of this format and not read; expected [[registry]]".to_owned());
    }
    if !file.credential_helpers.is_empty() {
        odd.push("credential-helpers is not read; expected them in docker's config.json".to_owned());
    }
    let rules = file.registry.iter().map(|table| reader.rule(table)).collect::<Result<Vec<_>, _>>()?;
    Ok((Document { rules, short: reader.short(file)? }, odd))
}

impl Reader<'_> {
    fn damaged(&self, span: &Range<usize>, expected: impl Into<String>) -> RemoteError {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        RemoteError::Damaged { path: self.path.to_owned(), line, column, expected: expected.into() }
    }

    fn place(&self, text: &Spanned<String>) -> Result<Account, RemoteError> {
        let wrong = || self.damaged(&text.span(), format!("HOST[:PORT][/PATH], got {:?}", printable(text.get_ref(), 200)));
        if text.get_ref().contains("://") {
            return Err(wrong());
        }
        text.get_ref().parse().map_err(|_| wrong())
    }

    fn rule(&self, table: &Spanned<RegistryTable>) -> Result<Rule, RemoteError> {
        let given = |text: &Option<Spanned<String>>| text.clone().filter(|text| !text.get_ref().is_empty());
        let (span, table) = (table.span(), table.get_ref());
        let location = given(&table.location).map(|location| self.place(&location)).transpose()?;
        let prefix = match (given(&table.prefix), &location) {
            (Some(text), _) if text.get_ref().starts_with("*.") => {
                let domain = text.get_ref().trim_start_matches('*').to_ascii_lowercase();
                // With a label before it, it is a host.
                let host = format!("x{domain}").parse::<Account>().ok().filter(|host| host.path().is_none() && !domain.contains(':'));
                host.ok_or_else(|| self.damaged(&text.span(), "*.DOMAIN, without a path"))?;
                Prefix::Domain(domain)
            }
            (Some(text), Some(_)) => Prefix::Below(self.place(&text)?),
            (None, Some(location)) => Prefix::Below(location.clone()),
            (Some(text), None) => return Err(self.damaged(&text.span(), "a location beside a prefix that is not *.DOMAIN")),
            (None, None) => return Err(self.damaged(&span, "a location in [[registry]]")),
        };
        let mirrors = table.mirror.iter().map(|mirror| self.mirror(mirror, table.mirror_by_digest_only)).collect::<Result<_, _>>()?;
        let (insecure, blocked, file) = (table.insecure, table.blocked, self.path.to_owned());
        Ok(Rule { prefix, location, insecure, blocked, mirrors, file })
    }

    fn mirror(&self, table: &Spanned<MirrorTable>, digests: bool) -> Result<Mirror, RemoteError> {
        let (span, table) = (table.span(), table.get_ref());
        let Some(location) = &table.location else { return Err(self.damaged(&span, "a location in [[registry.mirror]]")) };
        let pull = match &table.pull_from_mirror {
            Some(text) if digests => {
                return Err(self.damaged(&text.span(), "mirror-by-digest-only of all mirrors or pull-from-mirror of each, got both"));
            }
            Some(text) => match text.get_ref().as_str() {
                "all" | "" => Pull::All,
                "digest-only" => Pull::Digests,
                "tag-only" => Pull::Tags,
                _ => return Err(self.damaged(&text.span(), "\"all\", \"digest-only\" or \"tag-only\"")),
            },
            None if digests => Pull::Digests,
            None => Pull::All,
        };
        Ok(Mirror { location: self.place(location)?, insecure: table.insecure, pull })
    }

    fn short(&self, file: File) -> Result<Said, RemoteError> {
        let enforcing = match &file.short_name_mode {
            None => None,
            Some(mode) => match mode.get_ref().as_str() {
                "enforcing" => Some(true),
                "permissive" | "disabled" | "" => Some(false),
                _ => return Err(self.damaged(&mode.span(), "\"enforcing\", \"permissive\" or \"disabled\"")),
            },
        };
        let search = match file.unqualified_search_registries {
            None => None,
            Some(all) => Some(all.iter().map(|host| self.place(host)).collect::<Result<Vec<_>, _>>()?),
        };
        let mut aliases = BTreeMap::new();
        for (short, full) in file.aliases {
            let place = if full.get_ref().is_empty() {
                // An empty value takes an alias of an earlier file away.
                None
            } else {
                Some(self.place(&full)?).filter(|place| place.path().is_some())
            };
            if place.is_none() && !full.get_ref().is_empty() {
                return Err(self.damaged(&full.span(), "HOST/REPOSITORY without tag or digest"));
            }
            aliases.insert(short.into_inner(), place);
        }
        Ok(Said { aliases, search, enforcing, file: self.path.to_owned() })
    }
}

/// Names the keys that mean nothing here.
fn unknown_keys(file: &Table) -> Vec<String> {
    let mut unknown = Vec::new();
    let mut look = |table: &Table, known: &[&str], place: &str| {
        let keys = table.keys().filter(|key| !known.contains(&key.as_str()));
        unknown.extend(keys.map(|key| format!("{place}{} is not a key that is known here; it was left out", printable(key, 100))));
    };
    let tables =
        |value: Option<&Value>| value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table).cloned().collect();
    look(file, &TOP_KEYS, "");
    let registries: Vec<Table> = tables(file.get("registry"));
    for registry in registries {
        look(&registry, &REGISTRY_KEYS, "registry.");
        let mirrors: Vec<Table> = tables(registry.get("mirror"));
        for mirror in mirrors {
            look(&mirror, &MIRROR_KEYS, "registry.mirror.");
        }
    }
    unknown.dedup();
    unknown
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<(Document, Vec<String>), String> {
        parse(Path::new("f"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_broken_is_named_by_its_place() {
        for (text, expected) in [
            ("a = ", "f:1:5: expected TOML as in containers-registries.conf(5), got: "),
            ("\n[[registry]]\nlocation = 5", "f:3:12: expected TOML as in containers-registries.conf(5), got: invalid type"),
            ("\n[[registry]]\nlocation = \"https://a.lan\"", "f:3:12: expected HOST[:PORT][/PATH], got \"https://a.lan\""),
            ("[[registry]]\nblocked = true", "f:1:1: expected a location in [[registry]]"),
            ("[[registry]]\nprefix = \"a.lan\"", "f:2:10: expected a location beside a prefix"),
            ("[[registry]]\nprefix = \"*.lan/x\"", "f:2:10: expected *.DOMAIN, without a path"),
            (
                "[[registry]]\nlocation = \"a.lan\"\n[[registry.mirror]]\ninsecure = true",
                "f:3:1: expected a location in [[registry.mirror]]",
            ),
            (
                "[[registry]]\nlocation = \"a.lan\"\n[[registry.mirror]]\nlocation = \"b.lan\"\npull-from-mirror = \"some\"",
                "f:5:20: expected \"all\", \"digest-only\" or \"tag-only\"",
            ),
            (
                "[[registry]]\nlocation = \"a.lan\"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = \"b.lan\"\npull-from-mirror = \"all\"",
                "f:6:20: expected mirror-by-digest-only of all mirrors or",
            ),
            ("short-name-mode = \"strict\"", "f:1:19: expected \"enforcing\", \"permissive\" or \"disabled\""),
            ("unqualified-search-registries = [\"quay\"]", "f:1:34: expected HOST[:PORT][/PATH], got \"quay\""),
            ("[aliases]\na = \"quay.io\"", "f:2:5: expected HOST/REPOSITORY without tag or digest"),
            ("[aliases]\na = \"quay.io/a:1\"", "f:2:5: expected HOST[:PORT][/PATH], got \"quay.io/a:1\""),
        ] {
            let error = read(text).err().unwrap_or_default();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_odd_is_told_and_no_more() {
        let text = "speed = 1\n[registries.search]\nregistries = [\"a.lan\"]\n[[registry]]\nlocation = \"a.lan\"\ncolour = 1\n[[registry.mirror]]\nlocation = \"b.lan\"\nsize = 2";
        let (document, odd) = read(text).unwrap();
        assert_eq!(document.rules.len(), 1);
        assert_eq!(odd.len(), 4, "{odd:?}");
        assert!(
            odd[0].starts_with("speed is not a key") && odd[1].starts_with("registry.colour") && odd[2].starts_with("registry.mirror.size")
        );
        assert!(odd[3].contains("version 1"));
        assert!(read("").unwrap().1.is_empty());
    }

    proptest! {
        #[test]
        fn never_panics(text in r#"((\[\[registry(\.mirror)?\]\]|\[aliases\]|(location|prefix|blocked|"a") = ("[*a-zß./:]{0,12}"|true|5))\n?){0,8}|[ -~\n]{0,60}"#) {
            let _ = parse(Path::new("f"), &text);
        }

        #[test]
        fn what_is_right_is_read(host in "[a-z]{1,8}\\.lan(:[0-9]{1,4})?", path in "(/[a-z]{1,8}){0,2}", blocked: bool, insecure: bool) {
            let text = format!("[[registry]]\nlocation = \"{host}{path}\"\nblocked = {blocked}\ninsecure = {insecure}\n");
            let (document, odd) = parse(Path::new("f"), &text).unwrap();
            let rule = &document.rules[0];
            prop_assert_eq!(rule.location.as_ref().unwrap().to_string(), format!("{host}{path}"));
            prop_assert_eq!((rule.blocked, rule.insecure, odd.len()), (blocked, insecure, 0));
        }
    }
}
