//! A registry behind a password and a private certificate authority: Debian's docker-registry with
//! htpasswd and TLS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use program::authority::certify;
use program::{Home, Ran, images, tag_of};
use testkit::registry::{DebianRegistry, RegistryOptions};

const PASSWORD: &str = "correct-horse";
/// `me:correct-horse`, as `docker login` keeps it.
const ENCODED: &str = "bWU6Y29ycmVjdC1ob3JzZQ==";

/// A running registry, and a home with the images `amd64` and `arm64` in a layout.
fn set_up() -> Option<(DebianRegistry, Home)> {
    let home = Home::new();
    certify(home.path());
    let options = RegistryOptions {
        credentials: Some(("me".to_owned(), PASSWORD.to_owned())),
        tls: Some((home.path().join("server.pem"), home.path().join("server.key"))),
    };
    let registry = DebianRegistry::start(&options)?;
    home.layout("parts", &images(&["linux/amd64", "linux/arm64"]).iter().collect::<Vec<_>>());
    fs::create_dir_all(home.path().join(".docker")).unwrap();
    Some((registry, home))
}

fn log_in(home: &Home, config: &str) {
    fs::write(home.path().join(".docker/config.json"), config).unwrap();
}

fn create(home: &Home, registry: &DebianRegistry, more: &[&str]) -> Ran {
    let name = format!("{}/acme/api:1", registry.host());
    let mut words = vec!["create", "--verbose", "--push", "-t", &name, "oci:parts:amd64", "oci:parts:arm64"];
    words.extend(more);
    home.run(&words)
}

fn keeps_the_secret(ran: &Ran) {
    for secret in [PASSWORD, ENCODED] {
        assert!(!ran.stderr.contains(secret) && !ran.stdout.contains(secret), "a secret was said: {}", ran.stderr);
    }
}

#[test]
fn a_login_and_an_authority_by_flag_are_enough() {
    let Some((registry, home)) = set_up() else { return };
    log_in(&home, &format!(r#"{{"auths": {{"{}": {{"auth": "{ENCODED}"}}}}}}"#, registry.host()));
    let made = create(&home, &registry, &["--ca-file", "ca.crt"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    keeps_the_secret(&made);
    let shown = home.run(&["inspect", "--verbose", "--ca-file", "ca.crt", &format!("{}/acme/api:1", registry.host())]);
    assert!(shown.code == 0 && shown.stdout.contains(made.digest()), "{}", shown.stderr);
    keeps_the_secret(&shown);
    for image in images(&["linux/amd64", "linux/arm64"]) {
        assert!(shown.stdout.contains(&image.digest().to_string()), "{}: {}", tag_of(&image), shown.stdout);
    }
}

#[test]
fn a_credential_helper_and_a_certs_folder_are_enough() {
    let Some((registry, home)) = set_up() else { return };
    let programs = home.path().join("programs");
    fs::create_dir(&programs).unwrap();
    let helper = programs.join("docker-credential-keeper");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = get ] || exit 1\nread -r host\necho '{{\"ServerURL\": \"'$host'\", \"Username\": \"me\", \"Secret\": \"{PASSWORD}\"}}'\n"
    );
    fs::write(&helper, script).unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    log_in(&home, r#"{"credsStore": "keeper"}"#);
    let folder = home.path().join(".docker/certs.d").join(registry.host());
    fs::create_dir_all(&folder).unwrap();
    fs::copy(home.path().join("ca.crt"), folder.join("ca.crt")).unwrap();
    let name = format!("{}/acme/api:1", registry.host());
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap()))).unwrap();
    let made = Ran::of(home.command(&["create", "--verbose", "--push", "-t", &name, "oci:parts:amd64"]).env("PATH", path));
    assert_eq!(made.code, 0, "{}", made.stderr);
    keeps_the_secret(&made);
}

#[test]
fn an_unknown_authority_is_refused_and_nothing_falls_back() {
    let Some((registry, home)) = set_up() else { return };
    let ran = create(&home, &registry, &[]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("certificate") && ran.stderr.contains("--ca-file"), "{}", ran.stderr);
    assert!(registry.requests().is_empty(), "{:?}", registry.requests());
    // Unverified, when it is asked for; then the password is what is missing.
    let ran = create(&home, &registry, &[&format!("--insecure={}", registry.host())]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains(": denied"), "{}", ran.stderr);
}

#[test]
fn a_wrong_password_is_denied_with_what_was_tried() {
    let Some((registry, home)) = set_up() else { return };
    log_in(&home, &format!(r#"{{"auths": {{"{}": {{"username": "me", "password": "wrong-horse"}}}}}}"#, registry.host()));
    let ran = create(&home, &registry, &["--ca-file", "ca.crt"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains(": denied") && ran.stderr.contains("config.json"), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("polyarch login {}", registry.host())), "{}", ran.stderr);
    assert!(!ran.stderr.contains("wrong-horse"), "{}", ran.stderr);
}
