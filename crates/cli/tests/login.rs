//! `login` and `logout`, against Debian's docker-registry with htpasswd; other tools read what we
//! keep, and we read what they keep.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use program::{Home, Ran, images};
use testkit::registry::{DebianRegistry, RegistryOptions};

const PASSWORD: &str = "correct-horse";

fn guarded() -> Option<DebianRegistry> {
    DebianRegistry::start(&RegistryOptions { credentials: Some(("me".to_owned(), PASSWORD.to_owned())), ..RegistryOptions::default() })
}

/// Runs the program with a text on its standard input.
fn fed(home: &Home, words: &[&str], input: &str) -> Ran {
    let mut child = home.command(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that refuses its words has gone before it reads.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Ran::from(child.wait_with_output().unwrap())
}

fn log_in(home: &Home, host: &str, password: &str) -> Ran {
    fed(home, &["login", "-u", "me", "--password-stdin", host], &format!("{password}\n"))
}

/// Runs another tool in the same home.
fn other(home: &Home, program: &str, words: &[&str]) -> Option<Ran> {
    let Some(path) = testkit::binary(program) else {
        testkit::skip(&format!("{program} is not installed"));
        return None;
    };
    if program == "podman" && !testkit::contains() {
        return None;
    }
    let mut command = Command::new(path);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path());
    Some(Ran::of(command.args(words)))
}

#[test]
fn in_and_out_again() {
    let Some(registry) = guarded() else { return };
    let home = Home::new();
    let host = registry.host();
    home.layout("parts", &[&images(&["linux/amd64"])[0]]);
    let name = format!("{host}/acme/api:1");
    let push = || home.run(&["create", "--push", "-t", &name, "oci:parts:amd64"]);
    let denied = push();
    assert_eq!(denied.code, 3);
    assert!(denied.stderr.contains(&format!("hint: run `polyarch login {host}`")), "{}", denied.stderr);

    let wrong = log_in(&home, &host, "wrong-horse");
    assert_eq!((wrong.code, wrong.stdout.as_str()), (3, ""));
    let refused = format!("error: cannot log in to {host}: the name and password were refused, nothing was kept\n");
    assert!(wrong.stderr.starts_with(&refused) && !wrong.stderr.contains("wrong-horse"), "{}", wrong.stderr);
    assert!(!home.path().join(".docker").exists());

    let good = log_in(&home, &host, PASSWORD);
    assert_eq!((good.code, good.stdout.as_str()), (0, ""), "{}", good.stderr);
    assert!(good.stderr.contains(&format!("logged in to {host} as me")) && good.stderr.contains("unencrypted"), "{}", good.stderr);
    let path = home.path().join(".docker/config.json");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(push().code, 0);

    let out = home.run(&["logout", &host]);
    assert_eq!((out.code, out.stdout.as_str()), (0, ""), "{}", out.stderr);
    assert!(out.stderr.starts_with(&format!("logged out of {host}")), "{}", out.stderr);
    let again = home.run(&["logout", &host]);
    assert_eq!((again.code, again.stderr), (0, format!("not logged in to {host}\n")));
    assert_eq!(push().code, 3);
}

#[test]
fn skopeo_and_podman_use_what_we_keep() {
    let Some(registry) = guarded() else { return };
    let home = Home::new();
    let host = registry.host();
    home.layout("parts", &[&images(&["linux/amd64"])[0]]);
    assert_eq!(log_in(&home, &host, PASSWORD).code, 0);
    let name = format!("{host}/acme/api:1");
    home.done(&["create", "--push", "-t", &name, "oci:parts:amd64"]);
    if let Some(seen) = other(&home, "skopeo", &["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]) {
        assert_eq!(seen.code, 0, "{}", seen.stderr);
    }
    if let Some(seen) = other(&home, "podman", &["login", "--get-login", &host]) {
        assert_eq!((seen.code, seen.stdout.trim()), (0, "me"), "{}", seen.stderr);
    }
    // For a part, which docker does not know of.
    assert_eq!(home.run(&["logout", &host]).code, 0);
    assert_eq!(log_in(&home, &format!("{host}/acme"), PASSWORD).code, 0);
    if let Some(seen) = other(&home, "skopeo", &["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]) {
        assert_eq!(seen.code, 0, "{}", seen.stderr);
    }
    home.done(&["digest", &format!("docker://{name}")]);
    assert_eq!(home.run(&["digest", &format!("docker://{host}/other/api:1")]).code, 3);
}

#[test]
fn we_use_what_skopeo_and_podman_keep() {
    let Some(registry) = guarded() else { return };
    let home = Home::new();
    let host = registry.host();
    home.layout("parts", &[&images(&["linux/amd64"])[0]]);
    let name = format!("{host}/acme/api:1");
    let push = || home.run(&["create", "--push", "-t", &name, "oci:parts:amd64"]).code;
    // In docker's own file.
    fs::create_dir(home.path().join(".docker")).unwrap();
    let file = home.path().join(".docker/config.json");
    let words = ["login", "-u", "me", "-p", PASSWORD, "--tls-verify=false", "--authfile", file.to_str().unwrap(), &host];
    let Some(ran) = other(&home, "skopeo", &words) else { return };
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(push(), 0);
    // What skopeo wrote is removed by us, too.
    assert_eq!(home.run(&["logout", &host]).code, 0);
    assert_eq!(push(), 3);
    // In podman's, which is only read.
    fs::create_dir_all(home.path().join(".config/containers")).unwrap();
    let file = home.path().join(".config/containers/auth.json");
    let words = ["login", "-u", "me", "-p", PASSWORD, "--tls-verify=false", "--authfile", file.to_str().unwrap(), &format!("{host}/acme")];
    let Some(ran) = other(&home, "skopeo", &words) else { return };
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(push(), 0);
}

#[test]
fn words_that_do_not_fit_send_nothing() {
    let home = Home::new();
    for (words, input, expected) in [
        (&["login", "reg.lan"][..], "", "cannot log in to reg.lan: expected a terminal to ask for a user name, got none"),
        (&["login", "-u", "me", "reg.lan"], "", "cannot log in to reg.lan: expected a terminal to ask for a password, got none"),
        (&["login"], "", "cannot log in to docker.io: expected a terminal"),
        (&["login", "-u", "me", "--password-stdin", "reg.lan"], "", "expected a password, got none"),
        (&["login", "-u", "me:hunter2", "--password-stdin", "reg.lan"], "p", "expected a user name without a colon"),
        (&["login", "-u", "", "--password-stdin", "reg.lan"], "p", "expected a user name, got none"),
        (&["login", "--password-stdin", "reg.lan"], "p", "--username"),
        (&["login", "-u", "me", "-p", "p", "--password-stdin", "reg.lan"], "p", "cannot be used with"),
        (&["login", "-u", "me", "acme"], "p", "\"acme\" is no registry"),
        (&["logout", "--all", "reg.lan"], "", "cannot be used with"),
    ] {
        let ran = fed(&home, words, input);
        assert_eq!(ran.code, 2, "{words:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{words:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("hunter2"), "{words:?}: {}", ran.stderr);
    }
    assert!(!home.path().join(".docker").exists());
}

#[test]
fn a_password_among_the_words_is_warned_of() {
    let Some(registry) = guarded() else { return };
    let home = Home::new();
    let ran = home.run(&["login", "-u", "me", "-p", PASSWORD, "--verbose", &registry.host()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("warning: --password is seen by everybody on this machine"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(PASSWORD), "{}", ran.stderr);
    // Nothing but warnings.
    let ran = home.run(&["login", "-u", "me", "-p", PASSWORD, "--quiet", &registry.host()]);
    assert!(ran.stderr.lines().all(|line| line.starts_with("warning: ")), "{}", ran.stderr);
    let ran = home.run(&["logout", "--all"]);
    assert_eq!((ran.code, ran.stderr), (0, format!("logged out of {}\n", registry.host())));
    assert_eq!(home.run(&["logout", "--all"]).stderr, "not logged in anywhere\n");
}

#[test]
fn a_terminal_is_asked_and_does_not_show_the_password() {
    let Some(registry) = guarded() else { return };
    // util-linux's script gives a program a terminal, and writes down all that it shows.
    let Some(script) = testkit::binary("script") else { return testkit::skip("script is not installed") };
    let home = Home::new();
    let line = format!("{} login {}", program::binary().display(), registry.host());
    let mut command = Command::new(script);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", home.path()).current_dir(home.path());
    command.args(["--quiet", "--return", "--echo", "never", "--command", &line, "/dev/null"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut keys = child.stdin.take().unwrap();
    let mut screen = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut shown = String::new();
    let mut wait_for = |text: &str| {
        while !shown.contains(text) {
            let mut byte = [0];
            assert_eq!(std::io::Read::read(&mut screen, &mut byte).unwrap(), 1, "expected {text:?} in {shown:?}");
            shown.push(byte[0] as char);
        }
    };
    wait_for(&format!("User name for {}: ", registry.host()));
    keys.write_all(b"me\n").unwrap();
    wait_for("Password: ");
    keys.write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    wait_for("as me");
    drop(keys);
    assert!(child.wait().unwrap().success());
    assert!(!shown.contains(PASSWORD), "{shown}");
}
