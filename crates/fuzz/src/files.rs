//! Files that people and other tools write: credentials, `registries.conf`.

use std::cell::OnceCell;
use std::fs;
use std::path::Path;

use oci::Reference;
use remote::Account;
use serde_json::Value;
use tempfile::TempDir;

use crate::{memory_folder, text, wait};

/// No file gives one host's credentials to another that it never names, and a login that is kept
/// there is found again with all that stood beside it.
pub fn credentials(bytes: &[u8]) {
    let shown = String::from_utf8_lossy(bytes);
    let found = remote::fuzz::credentials(bytes, "unheard.invalid:5000", "a/b");
    let Some((helpers, login)) = found else { return };
    // Bytes that are no text do no harm in a field that nobody reads.
    let Ok(tree) = serde_json::from_slice::<Value>(bytes) else { return };
    let keys = |table: &str| -> Vec<String> {
        tree.get(table).and_then(|table| table.as_object()).into_iter().flatten().map(|(key, _)| key.clone()).collect()
    };
    let names = |table: &str| keys(table).iter().any(|key| key.to_ascii_lowercase().contains("unheard.invalid"));
    assert!(!login || names("auths"), "{shown}");
    assert!(helpers.len() <= usize::from(names("credHelpers")) + usize::from(tree.get("credsStore").is_some()), "{shown}");
    for key in keys("auths").iter().chain(&keys("credHelpers")) {
        let bare = key.trim_start_matches("https://");
        let (host, path) = bare.split_once('/').unwrap_or((bare, "a"));
        let (helpers, _) = remote::fuzz::credentials(bytes, host, path).unwrap();
        assert!(helpers.iter().all(|name| !name.is_empty()), "{shown}");
        assert!(remote::fuzz::credentials(bytes, "docker.io", path).is_some(), "{shown}");
    }
    if helpers.is_empty() {
        keep(bytes, &tree);
    }
}

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

fn keep(bytes: &[u8], before: &Value) {
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(memory_folder).path();
        let path = folder.join("config.json");
        fs::write(&path, bytes).unwrap();
        let account: Account = "unheard.invalid:5000".parse().unwrap();
        if wait(remote::fuzz::keep(folder, &account, "somebody", "se:cret")).is_ok() {
            check_kept(&path, before);
        } else {
            assert_eq!(fs::read(&path).unwrap(), bytes, "what was refused was changed");
        }
    });
}

fn check_kept(path: &Path, before: &Value) {
    let bytes = fs::read(path).unwrap();
    let shown = String::from_utf8_lossy(&bytes);
    let mut after: Value = serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {shown}"));
    assert_eq!(remote::fuzz::credentials(&bytes, "unheard.invalid:5000", "a/b").map(|(_, login)| login), Some(true), "{shown}");
    let auths = after.get_mut("auths").and_then(Value::as_object_mut).unwrap();
    auths.shift_remove("unheard.invalid:5000");
    let mut expected = before.clone();
    if let Some(auths) = expected.get_mut("auths").and_then(Value::as_object_mut) {
        auths.shift_remove("unheard.invalid:5000");
    }
    let or_empty = |tree: &Value| tree.get("auths").filter(|auths| !auths.is_null()).cloned().unwrap_or_else(|| serde_json::json!({}));
    assert_eq!(or_empty(&after), or_empty(&expected), "{shown}");
    for tree in [&mut after, &mut expected] {
        tree.as_object_mut().map(|fields| fields.shift_remove("auths"));
    }
    assert_eq!(after, expected, "{shown}");
}

/// Whatever a `registries.conf` says, a repository is asked for by a name that is one, and a name that
/// nobody mentions is asked for where it says itself.
pub fn registries(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    FOLDER.with(|folder| {
        let path = folder.get_or_init(memory_folder).path().join("registries.conf");
        fs::write(&path, bytes).unwrap();
        for name in [
            "unheard.invalid:5000/a/b:1",
            "docker.io/library/hello:1.0",
            "a.reg.lan/team/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            let name: Reference = name.parse().unwrap();
            let Some(places) = remote::fuzz::endpoints(&path, &name) else { return };
            let mentioned = [name.registry(), "*.", "\\"].iter().any(|word| text.to_ascii_lowercase().contains(word));
            let Ok(places) = places else {
                assert!(mentioned, "{name} is refused by {text:?}");
                continue;
            };
            let names: Vec<String> = places.iter().map(Reference::name).collect();
            assert!(mentioned || names == [name.name()], "{name} is asked for at {names:?} by {text:?}");
            for place in &places {
                assert_eq!(place.to_string().parse::<Reference>().map(|again| again.name()), Ok(place.name()), "{name} by {text:?}");
            }
        }
    });
}

/// An account is printed as text that reads back as the same.
pub fn account(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Ok(account) = text.parse::<Account>() else { return };
    let printed = account.to_string();
    assert_eq!(printed.parse::<Account>().ok(), Some(account), "{text:?} prints as {printed:?}");
}
