//! `serve` behind TLS and passwords, for whom it is open, and what a kill leaves of a push into it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use program::authority::{USERS, certify};
use program::{Home, Ran, Serving};
use testkit::fixtures::{Image, random_bytes};

/// `me:correct-horse`, as `docker login` keeps it.
const ENCODED: &str = "bWU6Y29ycmVjdC1ob3JzZQ==";

/// A home with `users`, `ca.crt`, `server.pem` and `server.key`, and a small layout `parts`.
fn home() -> Home {
    let home = Home::new();
    certify(home.path());
    fs::write(home.path().join("users"), USERS).unwrap();
    home.layout("parts", &[&Image::new("linux/amd64").build()]);
    home
}

fn log_in(home: &Home, host: &str) {
    fs::create_dir_all(home.path().join(".docker")).unwrap();
    fs::write(home.path().join(".docker/config.json"), format!(r#"{{"auths": {{"{host}": {{"auth": "{ENCODED}"}}}}}}"#)).unwrap();
}

fn refused(home: &Home, words: &[&str]) -> Ran {
    let ran = home.run(&[&["serve"], words].concat());
    assert_eq!(ran.code, 2, "{words:?}: {}", ran.stderr);
    assert!(!home.path().join(".local").exists(), "something was made");
    ran
}

#[test]
fn an_address_of_others_is_not_served_without_a_word_on_who_gets_in() {
    let home = home();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let ran = refused(&home, &["--listen", address]);
        assert!(ran.stderr.contains(&format!("cannot serve on {address}: other machines reach it")), "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("`polyarch serve --listen {address} --htpasswd FILE`")), "{}", ran.stderr);
        assert!(ran.stderr.contains("--anonymous-push"), "{}", ran.stderr);
        let ran = refused(&home, &["--listen", address, "--read-only"]);
        assert!(ran.stderr.contains("--read-only --anonymous-pull"), "{}", ran.stderr);
    }
    let ran = refused(&home, &["--listen", "0", "--anonymous-pull"]);
    assert!(ran.stderr.contains("--anonymous-pull lets everybody read: expected --htpasswd"), "{}", ran.stderr);
    for (words, line) in [
        (&["--anonymous-push"][..], "every machine that reaches it, without a password"),
        (&["--read-only", "--anonymous-pull"], "every machine that reaches it, without a password, read only"),
        (&["--htpasswd", "users"], "every machine that reaches it, with a password"),
        (&["--htpasswd", "users", "--anonymous-pull"], "every machine that reaches it, with a password to write"),
    ] {
        let ran = home.run(&[&["serve", "--listen", "0.0.0.0:0"], words, &["--", "true"]].concat());
        assert!(ran.code == 0 && ran.stderr.contains(&format!("({line})")), "{words:?}: {}", ran.stderr);
        let warned = ran.stderr.contains("passwords cross the network in plain text");
        assert_eq!(warned, words.contains(&"--htpasswd"), "{}", ran.stderr);
    }
}

#[test]
fn files_that_cannot_work_are_named_before_anything_is_served() {
    let home = home();
    fs::write(home.path().join("old"), "me:$apr1$secret\n").unwrap();
    for (words, told) in [
        (&["--htpasswd", "nobody"][..], "the password file nobody cannot be read"),
        (&["--htpasswd", "old"], "the password file old, line 1: expected a bcrypt hash ($2y$...), got MD5 ($apr1$)"),
        (&["--tls-cert", "server.pem", "--tls-key", "none.key"], "none.key cannot be used for TLS"),
        (&["--tls-cert", "ca.crt", "--tls-key", "server.key"], "server.key is not the key of ca.crt"),
        (&["--tls-cert", "server.pem"], "--tls-key"),
        (&["--max-upload", "much"], "bad size \"much\""),
        (&["--max-uploads", "0"], "--max-uploads"),
    ] {
        let ran = refused(&home, &[&["--listen", "0"], words].concat());
        assert!(ran.stderr.contains(told) && !ran.stderr.contains("secret"), "{words:?}: {}", ran.stderr);
    }
}

#[test]
fn tls_and_a_password_let_in_who_has_both() {
    let home = home();
    let serving = Serving::start(&home, &["--htpasswd", "users", "--tls-cert", "server.pem", "--tls-key", "server.key"]);
    let name = format!("{}/acme/api:1", serving.host);
    let push = || home.run(&["create", "--push", "-t", &name, "--ca-file", "ca.crt", "oci:parts:amd64"]);
    let without = push();
    assert!(without.code == 3 && without.stderr.contains("denied"), "{}", without.stderr);
    log_in(&home, &serving.host);
    let made = push();
    assert_eq!(made.code, 0, "{}", made.stderr);
    let digest = home.done(&["digest", "--ca-file", "ca.crt", &name]);
    assert!(made.stdout.contains(&digest), "{}", made.stdout);
    assert_eq!(home.done(&["digest", "acme/api:1"]), digest, "it is in the store");
    let log = serving.requests().join("\n");
    assert!(log.contains("PUT /v2/acme/api/manifests/1 201") && log.contains(" 401 "), "{log}");
    for secret in ["horse", ENCODED, "Basic", "MVrB"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[test]
fn everybody_reads_where_users_write() {
    let home = home();
    let serving = Serving::start(&home, &["--htpasswd", "users", "--anonymous-pull"]);
    let name = format!("{}/acme/api:1", serving.host);
    let push = || home.run(&["create", "--push", "-t", &name, "oci:parts:amd64"]);
    assert_eq!(push().code, 3);
    log_in(&home, &serving.host);
    let made = push();
    assert_eq!(made.code, 0, "{}", made.stderr);
    let stranger = Home::new();
    assert!(made.stdout.contains(&stranger.done(&["digest", &name])));
}

#[test]
fn a_command_speaks_to_a_server_with_tls() {
    let home = home();
    let script =
        "curl -sSf --cacert ca.crt -u me:correct-horse https://$POLYARCH_REGISTRY/v2/; echo; curl -s http://$POLYARCH_REGISTRY/v2/";
    let words = ["serve", "--json", "--listen", "0", "--htpasswd", "users", "--tls-cert", "server.pem", "--tls-key", "server.key"];
    let ran = home.run(&[&words[..], &["--", "sh", "-c", script]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(!ran.stderr.contains("curl:"), "{}", ran.stderr);
    assert!(lines[0].contains(r#""scheme":"https""#), "{lines:?}");
    assert_eq!(lines[1..], ["{}", "This registry speaks HTTPS."]);
    assert!(ran.stderr.contains("on https://127.0.0.1:"), "{}", ran.stderr);
}

#[test]
fn read_only_gives_and_takes_nothing() {
    let home = home();
    home.done(&["create", "-t", "hello:1", "oci:parts:amd64"]);
    let before = home.done(&["ls"]);
    let serving = Serving::start(&home, &["--read-only"]);
    let name = format!("{}/hello:1", serving.host);
    assert_eq!(home.done(&["digest", &name]), home.done(&["digest", "hello:1"]));
    let other = home.run(&["create", "--push", "-t", &format!("{}/hello:2", serving.host), "oci:parts:amd64"]);
    assert_eq!(other.code, 3, "{}", other.stderr);
    assert_eq!(home.done(&["ls"]), before);
}

#[test]
fn a_sparse_index_is_taken_where_asked_and_check_tells_what_is_missing() {
    let home = home();
    let parts: Vec<_> = ["linux/amd64", "linux/arm64"].iter().map(|platform| Image::new(platform).build()).collect();
    let index = program::index_of(&parts.iter().collect::<Vec<_>>());
    home.layout("first", &[&parts[0]]);
    for (words, status) in [(&[][..], "400"), (&["--allow-sparse"], "201")] {
        let serving = Serving::start(&home, words);
        home.done(&["create", "--push", "-t", &format!("{}/hello:amd64", serving.host), "oci:first:amd64"]);
        fs::write(home.path().join("index.json"), index.bytes()).unwrap();
        let url = format!("http://{}/v2/hello/manifests/both", serving.host);
        let mut curl = std::process::Command::new("curl");
        curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "--data-binary", "@index.json"]);
        curl.args(["-H", &format!("Content-Type: {}", index.media_type().as_str()), &url]).current_dir(home.path());
        assert_eq!(Ran::of(&mut curl).stdout, status, "{words:?}");
    }
    assert_eq!(home.done(&["digest", "hello:both"]), index.digest().to_string());
    let check = home.run(&["store", "check"]);
    let absent = parts[1].digest().to_string();
    assert!(check.code == 1 && check.stdout.contains("hello:both") && check.stdout.contains(&absent), "{}", check.stdout);
    // Tidying keeps what is here.
    home.done(&["store", "prune", "--apply", "--grace", "0s"]);
    home.done(&["digest", "hello:amd64"]);
    let layouts = home.run(&["serve", "--listen", "0", "--allow-sparse", "first"]);
    assert_eq!(layouts.code, 2, "{}", layouts.stderr);
}

/// kill -9, spread over the length of a push: whatever was under way, the store is whole.
#[test]
fn a_killed_server_leaves_nothing_partial_and_the_next_push_completes() {
    let home = Home::new();
    let image = Image::new("linux/amd64").file("data", random_bytes(7, 6 * 1024 * 1024)).uncompressed().build();
    home.layout("large", &[&image]);
    let store = home.path().join("registry").display().to_string();
    let check = || home.run(&["--store", &store, "store", "check"]);
    let push = |host: &str| home.command(&["create", "--push", "-t", &format!("{host}/acme/large:1"), "oci:large:amd64"]);
    for moment in 0..8 {
        let serving = Serving::start(&home, &[&store]);
        let mut client = push(&serving.host).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(12 * moment));
        // Dropping kills.
        drop(serving);
        client.kill().ok();
        client.wait().unwrap();
        let found = check();
        assert_eq!(found.code, 0, "after {moment}: {}", found.stdout);
        let named = home.run(&["--store", &store, "digest", "acme/large:1"]);
        assert!(named.code != 0 || named.stdout.trim() == image.digest().to_string(), "{}", named.stdout);
        let pruned = home.run(&["--store", &store, "store", "prune", "--apply", "--grace", "0s"]);
        let left: Vec<_> = fs::read_dir(home.path().join("registry/ingest")).into_iter().flatten().collect();
        assert!(pruned.code == 0 && left.is_empty(), "{left:?} are left by {}{}", pruned.stdout, pruned.stderr);
    }
    let serving = Serving::start(&home, &[&store]);
    let ran = Ran::of(&mut push(&serving.host));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(home.done(&["--store", &store, "digest", "acme/large:1"]), image.digest().to_string());
    assert_eq!(check().code, 0);
}
