//! `registry ls` and `registry probe`, against Debian's registry and against `serve`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

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

#[test]
fn what_a_probe_found_and_left_is_told() {
    let home = Home::new();
    let host = Serving::start(&home, &[]);
    let home = pushed(&host.host);
    let name = format!("{}/acme/api", host.host);
    let ran = home.run(&["registry", "probe", "--json", "--write", &name]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&told["polyarchProbe"], &told["name"]), (&1.into(), &name.as_str().into()));
    let finding =
        |ability: &str| told["findings"].as_array().unwrap().iter().find(|finding| finding["ability"] == ability).unwrap().clone();
    for ability in ["API", "referrers API", "conditional PUT", "delete tags", "read after write"] {
        assert_eq!(finding(ability)["answer"], "yes", "{told:#}");
    }
    // Blobs of the local store go when it is tidied, and that is what is said.
    let left = told["left"].as_array().unwrap();
    assert_eq!(left.len(), 2, "{told:#}");
    assert_eq!(ran.stderr.matches(&format!("warning: stayed in {name}: blob sha256:")).count(), 2, "{}", ran.stderr);
    assert_eq!(home.done(&["registry", "ls", &name]), "1.10\n1.9\nlatest");
    let shown = home.done(&["registry", "probe", &name]);
    assert!(shown.lines().any(|line| line.starts_with("sparse index") && line.ends_with("not tried: needs --write")), "{shown}");
}

#[test]
fn nothing_is_written_where_only_docker_publishes() {
    let ran = Home::new().run(&["registry", "probe", "--write", "alpine"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("docker.io/library/ belongs to Docker"), "{}", ran.stderr);
}
