//! docker, podman, skopeo and buildah against `serve` with TLS and a password, side by side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::fs;
use std::process::Command;
use std::thread;

use program::authority::{USERS, certify};
use program::{Home, Ran, Serving};
use testkit::dockerd::Dockerd;
use testkit::fixtures::{Image, docker_save};

const CREDENTIALS: &str = "me:correct-horse";

/// A home with an image of two platforms in its store, and a server of it.
fn set_up(more: &[&str]) -> (Home, Serving) {
    let home = Home::new();
    certify(home.path());
    fs::write(home.path().join("users"), USERS).unwrap();
    // Beside a key, containers' tools want that key's certificate under its own name.
    fs::create_dir(home.path().join("trusted")).unwrap();
    fs::copy(home.path().join("ca.crt"), home.path().join("trusted/ca.crt")).unwrap();
    let images = program::images(&["linux/amd64", "linux/arm64"]);
    home.layout("parts", &images.iter().collect::<Vec<_>>());
    home.done(&["create", "-t", "hello:1.0", "oci:parts:amd64", "oci:parts:arm64"]);
    let words = ["--htpasswd", "users", "--tls-cert", "server.pem", "--tls-key", "server.key"];
    let serving = Serving::start(&home, &[&words[..], more].concat());
    (home, serving)
}

/// A client that reads no settings and passwords but those in this home; `None` where it is not here.
fn tool(home: &Home, name: &str, words: &[&str]) -> Option<Ran> {
    let Some(program) = testkit::binary(name) else {
        testkit::skip(&format!("{name} is not installed"));
        return None;
    };
    let mut command = Command::new(program);
    command.env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path()).env_remove("REGISTRY_AUTH_FILE").current_dir(home.path());
    Some(Ran::of(command.args(words)))
}

fn works(name: &str, ran: Option<Ran>) -> bool {
    let Some(ran) = ran else { return false };
    assert_eq!(ran.code, 0, "{name}: {}{}", ran.stdout, ran.stderr);
    true
}

/// podman and buildah keep images in a storage of their own; vfs needs no kernel's help.
fn storage(home: &Home, name: &str) -> [String; 6] {
    let folder = home.path().join(name);
    let [root, run] = ["root", "run"].map(|part| folder.join(part).display().to_string());
    ["--root".to_owned(), root, "--runroot".to_owned(), run, "--storage-driver".to_owned(), "vfs".to_owned()]
}

fn with_storage(home: &Home, name: &str, host: &str) -> bool {
    if !testkit::is_root() {
        testkit::skip(&format!("{name} needs root, or subordinate user ids"));
        return false;
    }
    let storage = storage(home, name);
    let run = |words: &[&str]| {
        let storage: Vec<&str> = storage.iter().map(String::as_str).collect();
        works(name, tool(home, name, &[&storage[..], words].concat()))
    };
    let secure = ["--cert-dir", "trusted", "--creds", CREDENTIALS];
    let (from, to) = (format!("{host}/hello:1.0"), format!("{host}/{name}/hello:1"));
    run(&[&["pull"], &secure[..], &[&from]].concat())
        && run(&["tag", &from, &to])
        && run(&[&["push"], &secure[..], &[&to]].concat())
        && run(&[&["rmi", "--all", "--force"][..]].concat())
        && run(&[&["pull"], &secure[..], &[&to]].concat())
}

fn skopeo(home: &Home, host: &str) -> bool {
    let run = |words: &[&str]| works("skopeo", tool(home, "skopeo", &[&["copy", "--all"], words].concat()));
    let (from, to) = (format!("docker://{host}/hello:1.0"), format!("docker://{host}/skopeo/hello:1"));
    run(&["--src-cert-dir", "trusted", "--src-creds", CREDENTIALS, &from, "oci:by-skopeo:1"])
        && run(&["--dest-cert-dir", "trusted", "--dest-creds", CREDENTIALS, "oci:by-skopeo:1", &to])
}

/// Loads an image into the engine under a name on the server.
fn load(engine: &Dockerd, host: &str) -> String {
    let name = format!("{host}/docker/hello:1");
    engine.load(&docker_save(&[(&Image::new("linux/amd64").text(host).build(), &[&name])]));
    name
}

fn docker(engine: &Dockerd, words: &[&str]) -> Option<Ran> {
    Some(Ran::from(engine.docker(words)?))
}

/// The engine trusts any certificate on 127.0.0.1 (its default `insecure-registries`), and speaks TLS.
fn docker_round(engine: &Dockerd, host: &str) -> bool {
    let name = load(engine, host);
    let run = |words: &[&str]| works("docker", docker(engine, words));
    run(&["login", "-u", "me", "-p", "correct-horse", host])
        && run(&["push", &name])
        && run(&["rmi", &name])
        && run(&["pull", &name])
        && run(&["pull", "--platform", "linux/arm64", &format!("{host}/hello:1.0")])
}

#[test]
fn four_clients_push_and_pull_at_once() {
    let (home, serving) = set_up(&[]);
    let (home, host) = (&home, serving.host.as_str());
    let engine = Dockerd::shared();
    let done: Vec<(&str, bool)> = thread::scope(|scope| {
        let rounds = [
            ("docker", scope.spawn(|| engine.is_some_and(|engine| docker_round(engine, host)))),
            ("podman", scope.spawn(|| with_storage(home, "podman", host))),
            ("buildah", scope.spawn(|| with_storage(home, "buildah", host))),
            ("skopeo", scope.spawn(|| skopeo(home, host))),
        ];
        rounds.map(|(name, round)| (name, round.join().unwrap())).into_iter().collect()
    });
    for (name, _) in done.iter().filter(|(_, done)| *done) {
        assert!(home.done(&["digest", &format!("{name}/hello:1")]).starts_with("sha256:"), "{name} brought nothing");
    }
    let whole = home.done(&["digest", "hello:1.0"]);
    assert!(done[3..] != [("skopeo", true)] || home.done(&["digest", "skopeo/hello:1"]) == whole);
    assert_eq!(home.run(&["store", "check"]).code, 0);
    let log = serving.requests().join("\n");
    assert!(!log.contains("horse") && !log.contains("Basic"), "{log}");
}

#[test]
fn everybody_pulls_and_only_users_push() {
    let (home, serving) = set_up(&["--anonymous-pull"]);
    let (home, host) = (&home, serving.host.as_str());
    let from = format!("docker://{host}/hello:1.0");
    works("skopeo", tool(home, "skopeo", &["copy", "--all", "--src-cert-dir", "trusted", &from, "oci:taken:1"]));
    let back = format!("docker://{host}/skopeo/hello:1");
    if let Some(ran) = tool(home, "skopeo", &["copy", "--all", "--dest-cert-dir", "trusted", "oci:taken:1", &back]) {
        assert!(ran.code != 0 && home.run(&["digest", "skopeo/hello:1"]).code != 0, "a stranger wrote: {}", ran.stderr);
    }
    let with = ["copy", "--all", "--dest-cert-dir", "trusted", "--dest-creds", CREDENTIALS, "oci:taken:1", &back];
    if works("skopeo", tool(home, "skopeo", &with)) {
        assert_eq!(home.done(&["digest", "skopeo/hello:1"]), home.done(&["digest", "hello:1.0"]));
    }
    let Some(engine) = Dockerd::shared() else { return };
    let Some(pulled) = docker(engine, &["pull", &format!("{host}/hello:1.0")]) else { return };
    assert_eq!(pulled.code, 0, "{}", pulled.stderr);
    let name = load(engine, host);
    assert_ne!(docker(engine, &["push", &name]).unwrap().code, 0, "a stranger pushed");
    assert_ne!(docker(engine, &["login", "-u", "me", "-p", "wrong-horse", host]).unwrap().code, 0);
    assert!(docker_round(engine, host));
}
