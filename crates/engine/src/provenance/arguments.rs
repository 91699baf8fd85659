//! What was asked for, as the options that BuildKit's Dockerfile frontend gets.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::order::Mode;
use super::package_url;
use crate::build::{Anew, Named, Request, Target};
use crate::run::{Access, Settings};

/// Lists what was asked for, and tells whether that is all of it.
pub(super) fn arguments(request: &Request, target: &Target, mode: Mode) -> (Map<String, Value>, bool) {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    if let Some(stage) = &request.stage {
        all.insert("target".to_owned(), stage.clone());
    }
    match &request.anew {
        Anew::Nothing => {}
        Anew::Everything => drop(all.insert("no-cache".to_owned(), String::new())),
        Anew::Stages(stages) => drop(all.insert("no-cache".to_owned(), stages.join(","))),
    }
    for (name, context) in &target.contexts {
        all.insert(format!("context:{name}"), context_word(name, context, target));
    }
    let Settings { network, hosts, shared_memory, .. } = &request.commands;
    if *network == Access::None {
        all.insert("force-network-mode".to_owned(), "none".to_owned());
    }
    if !hosts.is_empty() {
        let hosts: Vec<String> = hosts.iter().map(|(name, address)| format!("{name}={address}")).collect();
        all.insert("add-hosts".to_owned(), hosts.join(","));
    }
    if *shared_memory != Settings::default().shared_memory {
        all.insert("shm-size".to_owned(), shared_memory.to_string());
    }
    let mut typed: BTreeMap<String, String> = BTreeMap::new();
    typed.extend(target.arguments.iter().map(|(key, value)| (format!("build-arg:{key}"), without_credentials(value))));
    typed.extend(request.labels.iter().map(|(key, value)| (format!("label:{key}"), value.clone())));
    if let Some(epoch) = request.epoch {
        typed.insert("build-arg:SOURCE_DATE_EPOCH".to_owned(), epoch.to_string());
    }
    let is_whole = mode == Mode::Max || typed.is_empty();
    if mode == Mode::Max {
        all.append(&mut typed);
    }
    (all.into_iter().map(|(key, value)| (key, json!(value))).collect(), is_whole)
}

fn context_word(name: &str, context: &Named, target: &Target) -> String {
    match context {
        Named::Files(context) if context.material().is_some() => context.label().to_owned(),
        Named::Files(_) => format!("local:{name}"),
        Named::Image(place) => package_url::of_place(place, None, &target.platform),
    }
}

/// Takes the names and passwords out of addresses, as BuildKit does.
fn without_credentials(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        shown.push_str(before);
        let host = after.find(|character: char| "/?# \t\n,;\"'".contains(character)).unwrap_or(after.len());
        let (authority, behind) = after.split_at(host);
        match authority.rsplit_once('@') {
            Some((_, host)) => shown.push_str(&format!("xxxxx:xxxxx@{host}")),
            None => shown.push_str(authority),
        }
        rest = behind;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_read_an_address_is_nobodys_business() {
        for (text, shown) in [
            ("1.0", "1.0"),
            ("me@example.com/x", "me@example.com/x"),
            ("https://example.com/pkg@1.2", "https://example.com/pkg@1.2"),
            ("https://me:pass@example.com/x", "https://xxxxx:xxxxx@example.com/x"),
            ("https://me:p@ss@example.com", "https://xxxxx:xxxxx@example.com"),
            ("a=http://t@one, b=http://t@two/", "a=http://xxxxx:xxxxx@one, b=http://xxxxx:xxxxx@two/"),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
    }
}
