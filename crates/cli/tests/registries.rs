//! registries.conf, as a person has it: short names, mirrors and what is blocked, beside skopeo.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use program::{Home, Ran, images};
use testkit::registry::{DebianRegistry, RegistryOptions};

/// A registry with `acme/hello:1` and `hub/library/hello:1`, which differ, and a home.
fn set_up() -> Option<(DebianRegistry, Home, [String; 2])> {
    let registry = DebianRegistry::start(&RegistryOptions::default())?;
    let home = Home::new();
    home.layout("parts", &images(&["linux/amd64", "linux/arm64"]).iter().collect::<Vec<_>>());
    let digests = [("acme/hello", "amd64"), ("hub/library/hello", "arm64")].map(|(name, tag)| {
        let made = home.done(&["create", "--push", "-t", &format!("{}/{name}:1", registry.host()), &format!("oci:parts:{tag}")]);
        made.rsplit('@').next().unwrap().to_owned()
    });
    Some((registry, home, digests))
}

/// Writes the person's own file.
fn own(home: &Home, text: &str) -> PathBuf {
    let folder = home.path().join(".config/containers");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("registries.conf"), text).unwrap();
    folder.join("registries.conf")
}

/// Docker Hub, kept by a mirror on this machine.
fn hub(registry: &DebianRegistry) -> String {
    format!("[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"{}/hub\"\ninsecure = true\n", registry.host())
}

fn digest(home: &Home, name: &str) -> Ran {
    home.run(&["digest", name])
}

#[test]
fn an_alias_is_for_short_names_that_are_read() {
    let Some((registry, home, [acme, library])) = set_up() else { return };
    let full = format!("{}/acme/hello", registry.host());
    let file = own(&home, &format!("{}\n[aliases]\nhello = \"{full}\"\n", hub(&registry)));
    let ran = digest(&home, "hello:1");
    assert_eq!((ran.code, ran.stdout.trim()), (0, acme.as_str()), "{}", ran.stderr);
    let said = format!("hello:1 is {full}:1 by {}\nasking {full}:1\n", file.display());
    assert!(ran.stderr.starts_with(&said), "{}", ran.stderr);
    // With its host it is what it says, and that comes from the mirror.
    let ran = digest(&home, "docker.io/library/hello:1");
    assert_eq!((ran.code, ran.stdout.trim()), (0, library.as_str()), "{}", ran.stderr);
    // What is written goes where Docker would take it.
    let ran = home.run(&["create", "--push", "-t", "hello:1", "oci:parts:amd64"]);
    assert!(ran.code == 2 && ran.stderr.contains("docker.io/library/ belongs to Docker"), "{}", ran.stderr);
    // An image made here answers before any registry.
    home.done(&["create", "-t", "hello:1", "oci:parts:amd64"]);
    assert!(digest(&home, "hello:1").stderr.contains("found in the local store"));
}

#[test]
fn a_search_takes_the_first_that_is_there_unless_nobody_may_guess() {
    let Some((registry, home, [acme, _])) = set_up() else { return };
    let search = format!("unqualified-search-registries = [\"{0}/nowhere\", \"{0}/acme\"]\n", registry.host());
    let file = own(&home, &search);
    let ran = digest(&home, "hello:1");
    assert_eq!((ran.code, ran.stdout.trim()), (0, acme.as_str()), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("hello:1 is {}/acme/hello:1 by {}", registry.host(), file.display())), "{}", ran.stderr);
    own(&home, &format!("{search}short-name-mode = \"enforcing\"\n"));
    let ran = digest(&home, "hello:1");
    assert_eq!(ran.code, 2);
    let expected = format!("hello:1 may be {0}/nowhere/hello:1 or {0}/acme/hello:1", registry.host());
    assert!(ran.stderr.contains(&expected), "{}", ran.stderr);
}

#[test]
fn mirrors_and_blocks_are_what_skopeo_makes_of_them() {
    let Some((registry, home, [_, library])) = set_up() else { return };
    let file = own(&home, &hub(&registry));
    let name = "docker://docker.io/library/hello:1";
    let ran = home.run(&["digest", "--verbose", name]);
    assert_eq!((ran.code, ran.stdout.trim()), (0, library.as_str()), "{}", ran.stderr);
    assert!(!ran.stderr.contains("registry-1.docker.io"), "{}", ran.stderr);
    let skopeo = |words: &[&str]| {
        let mut command = Command::new(testkit::binary("skopeo")?);
        command
            .args(["--registries-conf", file.to_str().unwrap()])
            .args(words)
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", home.path());
        Some(Ran::of(&mut command))
    };
    match skopeo(&["inspect", "--raw", name]) {
        Some(ran) => assert_eq!((ran.code, ran.stdout), (0, home.run(&["inspect", "--raw", name]).stdout), "{}", ran.stderr),
        None => testkit::skip("skopeo is not installed"),
    }
    own(&home, "[[registry]]\nlocation = \"docker.io/library\"\nblocked = true\n");
    let ran = home.run(&["digest", "--verbose", name]);
    assert_eq!(ran.code, 3);
    let expected = format!("docker.io/library/hello is blocked by {}", file.display());
    assert!(ran.stderr.contains(&expected) && !ran.stderr.contains("HEAD"), "{}", ran.stderr);
    if let Some(ran) = skopeo(&["inspect", name]) {
        assert!(ran.code != 0 && ran.stderr.contains("blocked"), "{}", ran.stderr);
    }
}

#[test]
fn pieces_count_over_the_file_and_a_named_file_over_all() {
    let Some((registry, home, [acme, library])) = set_up() else { return };
    let alias = |name: &str| format!("[aliases]\nhello = \"{}/{name}\"\n", registry.host());
    own(&home, &alias("acme/hello"));
    let pieces = home.path().join(".config/containers/registries.conf.d");
    fs::create_dir(&pieces).unwrap();
    fs::write(pieces.join("10.conf"), alias("hub/library/hello")).unwrap();
    assert_eq!(digest(&home, "hello:1").stdout.trim(), library);
    let named = home.path().join("named.conf");
    fs::write(&named, alias("acme/hello")).unwrap();
    let ran = Ran::of(home.command(&["digest", "hello:1"]).env("CONTAINERS_REGISTRIES_CONF", &named));
    assert_eq!(ran.stdout.trim(), acme, "{}", ran.stderr);
    fs::write(&named, "[aliases]\nhello = 5\n").unwrap();
    let ran = Ran::of(home.command(&["digest", "hello:1"]).env("CONTAINERS_REGISTRIES_CONF", &named));
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains(&format!("{}:2:9: expected TOML", named.display())), "{}", ran.stderr);
    let ran = Ran::of(home.command(&["digest", "hello:1"]).env("CONTAINERS_REGISTRIES_CONF", home.path().join("nowhere")));
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}
