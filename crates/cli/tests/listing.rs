//! `registry ls`, against Debian's registry and against `serve`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod program;

use program::{Home, Serving, images};
use testkit::registry::{DebianRegistry, RegistryOptions};

/// A home with an image in its store, and in a repository under three tags.
fn pushed(host: &str) -> Home {
    let home = Home::new();
    let made = images(&["linux/amd64"]);
    home.layout("parts", &made.iter().collect::<Vec<_>>());
    for tag in ["1.10", "1.9", "latest"] {
        home.done(&["create", "--push", "-t", &format!("{host}/acme/api:{tag}"), "oci:parts:amd64"]);
    }
    home
}

fn lists(host: &str) {
    let home = pushed(host);
    let repository = format!("{host}/acme/api");
    assert_eq!(home.done(&["registry", "ls", &repository]), "1.10\n1.9\nlatest");
    assert_eq!(home.done(&["registry", "ls", host]), "acme/api");
    let json = |words: &[&str]| serde_json::from_str::<serde_json::Value>(&home.done(words)).unwrap();
    let expected = serde_json::json!({"polyarchTags": 1, "name": repository, "tags": ["1.10", "1.9", "latest"], "refused": 0});
    assert_eq!(json(&["registry", "ls", "--json", &repository]), expected);
    let expected = serde_json::json!({"polyarchRepositories": 1, "name": host, "repositories": ["acme/api"], "refused": 0});
    assert_eq!(json(&["registry", "ls", "--json", host]), expected);
    let missing = home.run(&["registry", "ls", &format!("{host}/nowhere")]);
    assert_eq!((missing.code, missing.stdout.as_str()), (3, ""));
    assert!(missing.stderr.contains(&format!("error: cannot list the tags of {host}/nowhere: ")), "{}", missing.stderr);
}

#[test]
fn debian_s_registry_is_listed() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    lists(&registry.host());
}

#[test]
fn our_own_registry_is_listed() {
    let home = Home::new();
    lists(&Serving::start(&home, &[]).host);
}

#[test]
fn one_image_is_no_list() {
    let ran = Home::new().run(&["registry", "ls", "ghcr.io/acme/api:1.4"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("expected a repository, got an image in it"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: name the repository: ghcr.io/acme/api"), "{}", ran.stderr);
}
