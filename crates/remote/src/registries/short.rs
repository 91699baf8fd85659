//! Names without a host, where the person's own file gives them another meaning than Docker's.

use std::collections::BTreeMap;
use std::path::PathBuf;

use oci::{DOCKER_HUB, Reference};

use crate::account::Account;

/// What one file says of short names.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// What they stand for; nothing takes back what an earlier file said.
    pub aliases: BTreeMap<String, Option<Account>>,
    pub search: Option<Vec<Account>>,
    pub enforcing: Option<bool>,
    pub file: PathBuf,
}

/// What all files say of them.
#[derive(Debug, Default)]
pub(crate) struct ShortNames {
    aliases: BTreeMap<String, (Account, PathBuf)>,
    search: Option<(Vec<Account>, PathBuf)>,
    enforcing: bool,
}

/// What a name without a host means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShortName {
    /// What it means to Docker.
    AsWritten,
    /// This, by a file.
    Is(Reference, PathBuf),
    /// One of these, the first that is there, by a file.
    OneOf(Vec<Reference>, PathBuf),
    /// One of these, and nobody may guess (`short-name-mode = "enforcing"`).
    Unclear(Vec<Reference>, PathBuf),
}

impl ShortNames {
    pub(super) fn add(&mut self, said: Said) {
        for (short, place) in said.aliases {
            match place {
                Some(place) => self.aliases.insert(short, (place, said.file.clone())),
                None => self.aliases.remove(&short),
            };
        }
        if let Some(search) = said.search {
            self.search = Some((search, said.file.clone()));
        }
        self.enforcing = said.enforcing.unwrap_or(self.enforcing);
    }

    /// Says what a name means that was written without a host.
    pub(crate) fn meaning(&self, name: &Reference) -> ShortName {
        let short = name.familiar_name();
        let below = |place: &str| {
            let moved: Option<Reference> = place.parse().ok();
            moved.map(|moved| moved.with_thing_of(name))
        };
        if let Some((place, file)) = self.aliases.get(&short) {
            return below(&place.to_string()).map_or(ShortName::AsWritten, |full| ShortName::Is(full, file.clone()));
        }
        let Some((search, file)) = &self.search else { return ShortName::AsWritten };
        let mut all: Vec<Reference> = search.iter().filter_map(|place| below(&format!("{place}/{short}"))).collect();
        match all.len() {
            0 => ShortName::AsWritten,
            1 if all[0].registry() == DOCKER_HUB => ShortName::AsWritten,
            1 => ShortName::Is(all.remove(0), file.clone()),
            _ if self.enforcing => ShortName::Unclear(all, file.clone()),
            _ => ShortName::OneOf(all, file.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::path::Path;

    fn names(texts: &[&str]) -> ShortNames {
        let mut names = ShortNames::default();
        for text in texts {
            names.add(super::super::parse::parse(Path::new("f"), text).unwrap().0.short);
        }
        names
    }

    fn meaning(names: &ShortNames, text: &str) -> String {
        let shown = |all: Vec<Reference>| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        match names.meaning(&text.parse().unwrap()) {
            ShortName::AsWritten => "as written".to_owned(),
            ShortName::Is(name, _) => name.to_string(),
            ShortName::OneOf(all, _) => shown(all),
            ShortName::Unclear(all, _) => format!("unclear: {}", shown(all)),
        }
    }

    #[test]
    fn aliases_come_first_then_the_search() {
        let digest = oci::Digest::of(b"");
        let aliases = "[aliases]\nhello = \"quay.io/podman/hello\"\n\"a/b\" = \"docker.io/x/y\"";
        assert_eq!(meaning(&names(&[aliases]), "hello:1.0"), "quay.io/podman/hello:1.0");
        assert_eq!(meaning(&names(&[aliases]), &format!("hello:1.0@{digest}")), format!("quay.io/podman/hello:1.0@{digest}"));
        assert_eq!(meaning(&names(&[aliases]), "a/b"), "docker.io/x/y:latest");
        assert_eq!(meaning(&names(&[aliases]), "other"), "as written");
        assert_eq!(meaning(&names(&[aliases, "[aliases]\nhello = \"\""]), "hello"), "as written");
        let search = "unqualified-search-registries = [\"quay.io\", \"docker.io\"]";
        assert_eq!(meaning(&names(&[search]), "hello:1"), "quay.io/hello:1 docker.io/library/hello:1");
        assert_eq!(
            meaning(&names(&[search, "short-name-mode = \"enforcing\""]), "x"),
            "unclear: quay.io/x:latest docker.io/library/x:latest"
        );
        assert_eq!(meaning(&names(&[search, "unqualified-search-registries = [\"docker.io\"]"]), "x"), "as written");
        assert_eq!(meaning(&names(&[search, "unqualified-search-registries = []"]), "x"), "as written");
        assert_eq!(meaning(&names(&["unqualified-search-registries = [\"reg.lan\"]"]), "a/x:1"), "reg.lan/a/x:1");
    }
}
