//! `doctor` on this machine as it is, and in a container that forbids what Docker's forbid.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::io::Read;
use std::os::unix::net::UnixListener;

use filter::{Host, Program, Setting};
use program::{Home, Ran, Serving, binary};
use sandbox::{Attributes, Capabilities, Exit, Launcher, Mount, MountKind, Root, Spec, User};
use serde_json::Value;

/// What is always checked, but for what takes namespaces.
const ALWAYS: [&str; 7] = ["store", "space", "namespaces", "cgroups", "emulation", "credentials", "docker"];
/// What takes namespaces.
const WITHIN: [&str; 7] = ["users", "overlay", "seccomp", "proc", "devices", "network", "sandbox"];

/// Reads what was found: name, state, what, and what mends it.
fn checks(stdout: &str) -> Vec<(String, String, String, String)> {
    let tree: Value = serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"));
    assert_eq!(tree["polyarchDoctor"], 1);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = tree["checks"].as_array().unwrap().iter();
    all.map(|check| (text(&check["name"]), text(&check["state"]), text(&check["found"]), text(&check["mend"]))).collect()
}

fn of(ran: &Ran, name: &str) -> (String, String, String) {
    let found = checks(&ran.stdout).into_iter().find(|check| check.0 == name);
    let (_, state, found, mend) = found.unwrap_or_else(|| panic!("no {name} in {ran:?}"));
    (state, found, mend)
}

#[test]
fn every_check_is_made_and_leaves_nothing() {
    let home = Home::new();
    let ran = home.run(&["doctor", "--json"]);
    let checks = checks(&ran.stdout);
    let names: Vec<&str> = checks.iter().map(|check| check.0.as_str()).collect();
    for name in ALWAYS {
        assert!(names.contains(&name), "{names:?}");
    }
    let namespaces = of(&ran, "namespaces").0 == "ok";
    for name in WITHIN {
        assert_eq!(names.contains(&name), namespaces, "{names:?}");
    }
    assert!(checks.iter().all(|check| ["ok", "limited", "missing"].contains(&check.1.as_str()) && !check.2.is_empty()), "{checks:?}");
    assert_eq!(ran.code, i32::from(checks.iter().any(|check| check.1 == "missing")), "{ran:?}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);

    let told = home.run(&["doctor"]);
    assert_eq!(told.code, ran.code);
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert!(lines[0].starts_with("CHECK") && lines[1].starts_with("store") && lines.len() > names.len(), "{told:?}");
    // What mends something stands below, under its name.
    for (name, ..) in checks.iter().filter(|check| !check.3.is_empty()) {
        assert!(lines.contains(&format!("# {name}").as_str()), "{told:?}");
    }
}

#[test]
fn a_store_that_cannot_be_written_to_is_missing() {
    let home = Home::new();
    std::fs::write(home.path().join("file"), "").unwrap();
    let ran = home.run(&["doctor", "--json", "--store", "/proc/polyarch"]);
    let (state, found, mend) = of(&ran, "store");
    assert_eq!((ran.code, state.as_str()), (1, "missing"));
    assert!(found.starts_with("/proc cannot be written to: ") && mend.starts_with("export POLYARCH_STORE="), "{found} {mend}");
    assert!(ran.stderr.ends_with("something is missing: store\n") || of(&ran, "namespaces").0 != "ok", "{ran:?}");
    let ran = home.run(&["doctor", "--json", "--store", "file"]);
    assert_eq!((ran.code, of(&ran, "store").0.as_str()), (1, "missing"));
    let store = home.path().join("newer");
    std::fs::create_dir(&store).unwrap();
    std::fs::write(store.join("version"), r#"{"polyarchStore":99}"#).unwrap();
    let ran = home.run(&["doctor", "--json", "--store", "newer"]);
    assert!(ran.code == 1 && of(&ran, "store").1.contains("99"), "{ran:?}");
}

#[test]
fn what_does_not_stop_a_build_is_limited() {
    let home = Home::new();
    let before = home.run(&["doctor", "--json"]).code;
    std::fs::create_dir(home.path().join(".docker")).unwrap();
    let config = home.path().join(".docker/config.json");
    std::fs::write(&config, r#"{"credsStore":"polyarch-no-such","auths":{"h":{"auth":"aHVudGVyMg=="}}}"#).unwrap();
    // A socket at which nobody listens any more.
    let socket = home.path().join("docker.sock");
    drop(UnixListener::bind(&socket).unwrap());
    let words = ["doctor", "--json"];
    let ran = Ran::of(home.command(&words).env("DOCKER_HOST", format!("unix://{}", socket.display())));
    assert_eq!(ran.code, before, "{ran:?}");
    let (state, found, mend) = of(&ran, "credentials");
    assert_eq!(state, "limited");
    assert!(found.ends_with("names docker-credential-polyarch-no-such, not found on PATH") && mend.ends_with("polyarch login HOST"));
    let (state, found, mend) = of(&ran, "docker");
    assert_eq!((state.as_str(), mend.as_str()), ("limited", "# start Docker, or set DOCKER_HOST"));
    assert!(found.starts_with("no Docker Engine answers at unix://"), "{found}");

    std::fs::write(&config, r#"{"auths":{"h":{"auth":"aHVudGVyMg=="}"#).unwrap();
    let ran = home.run(&words);
    let (state, found, _) = of(&ran, "credentials");
    assert_eq!(state, "limited");
    assert!(found.contains("is no valid JSON at line 1 column 37") && !ran.stdout.contains("aHVudGVy"), "{found}");
}

#[test]
fn a_registry_is_asked_where_it_is_named() {
    let home = Home::new();
    let serving = Serving::start(&home, &[]);
    let ran = home.run(&["doctor", "--json", &serving.host]);
    assert_eq!(of(&ran, "registry"), ("ok".to_owned(), format!("{} lets everybody in", serving.host), String::new()));
    assert_eq!(serving.requests().iter().filter(|line| line.contains("GET /v2/ ")).count(), 1);
    let ran = home.run(&["doctor", "--json", &format!("{}/app", serving.host)]);
    assert_eq!(of(&ran, "registry").0, "ok");
    let host = serving.host.clone();
    drop(serving);
    let ran = home.run(&["doctor", "--json", &host]);
    let (state, found, _) = of(&ran, "registry");
    assert_eq!((ran.code, state.as_str()), (1, "missing"));
    assert!(found.starts_with(&format!("{host} is unreachable")), "{found}");
    assert_eq!(home.run(&["doctor", "alpine:3"]).code, 2);
}

/// Runs `doctor --json` in a sandbox as Docker would make it, but for what is changed.
fn in_container(home: &Home, change: impl FnOnce(&mut Spec)) -> Ran {
    let words = [binary().display().to_string(), "doctor".to_owned(), "--json".to_owned()];
    let kernel = Setting { host: Host::here().unwrap(), capabilities: Capabilities::DEFAULT.bits(), kernel: (6, 0) };
    let mut spec = Spec::new(Root::Folder("/".into()), words);
    spec.filter = Program::of_docker(&kernel).to_bytes();
    spec.environment = vec![("HOME".into(), home.path().into()), ("PATH".into(), "/usr/bin:/bin".into())];
    change(&mut spec);
    let mut process = Launcher::of(&binary()).unwrap().start(&spec).unwrap();
    let (mut stdout, mut stderr) = (String::new(), String::new());
    process.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    let Exit::Code(code) = process.wait().unwrap() else { panic!("{stderr}") };
    Ran { code, stdout, stderr }
}

#[test]
fn what_a_container_forbids_is_said_with_what_allows_it() {
    if !testkit::is_root() || Host::here().is_none() {
        testkit::skip("takes root, who makes a container");
        return;
    }
    let home = Home::new();
    std::fs::set_permissions(home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let ran = in_container(&home, |_| {});
    let (state, found, mend) = of(&ran, "namespaces");
    assert_eq!((ran.code, state.as_str()), (1, "missing"));
    assert!(found.starts_with("forbidden by a seccomp filter, as in a container: "), "{found}");
    assert!(mend.starts_with("docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined"), "{mend}");

    assert!(ran.stderr.ends_with("no RUN can be carried out here: namespaces; builds without one work\n"), "{ran:?}");
    let nobody = User { uid: 54_321, gid: 54_321, groups: Vec::new() };
    let ran = in_container(&home, |spec| spec.user = nobody.clone());
    assert!(of(&ran, "namespaces").2.starts_with("docker run --security-opt seccomp=unconfined"), "{ran:?}");

    // Namespaces are allowed, and a part of /proc is hidden still.
    let ran = in_container(&home, |spec| {
        spec.user = nobody;
        spec.filter = Vec::new();
    });
    assert_eq!((ran.code, of(&ran, "namespaces").0.as_str()), (1, "ok"), "{ran:?}");
    let (state, found, mend) = of(&ran, "proc");
    assert_eq!(state, "missing");
    assert!(found.contains("mounting a /proc failed") && mend.contains("systempaths=unconfined"), "{found} {mend}");
}

#[test]
fn users_are_those_that_this_machine_grants() {
    // What is mounted there must be there, or it would be made on this machine.
    let grants = ["/etc/subuid", "/etc/subgid"].iter().all(|file| std::path::Path::new(file).exists());
    if !testkit::is_root() || !grants || testkit::binary("newuidmap").is_none() {
        testkit::skip("takes root, who makes a container, newuidmap, /etc/subuid and /etc/subgid");
        return;
    }
    let home = Home::new();
    std::fs::set_permissions(home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(home.path().join(name), text).unwrap();
        let source = Root::Folder(home.path().join(name).into());
        let kind = MountKind::Bind { source, inside: None, attributes: Attributes::default() };
        Mount { target: format!("/etc/{name}").into(), kind, keep_target: true }
    };
    let grants = |text: &str| {
        let passwd = "root:x:0:0::/root:/bin/sh\nann:x:54321:54321::/:/bin/sh\n";
        let files = [file("passwd", passwd), file("subuid", text), file("subgid", text)];
        in_container(&home, |spec| {
            spec.user = User { uid: 54_321, gid: 54_321, groups: Vec::new() };
            spec.capabilities = Capabilities::ALL;
            (spec.filter, spec.masked, spec.read_only_paths) = (Vec::new(), Vec::new(), Vec::new());
            spec.mounts.extend(files);
        })
    };
    let ran = grants("ann:200000:65536\n");
    let whose = "those that /etc/subuid and /etc/subgid grant ann".to_owned();
    assert_eq!((ran.code, of(&ran, "users")), (0, ("ok".to_owned(), whose, String::new())), "{ran:?}");
    assert_eq!(of(&ran, "sandbox").0, "ok", "{ran:?}");
    let ran = grants("bob:200000:65536\n");
    let (state, found, mend) = of(&ran, "users");
    assert_eq!((ran.code, state.as_str()), (0, "limited"));
    assert!(found.starts_with("root alone, as /etc/subuid or /etc/subgid grants ann nothing"), "{found}");
    assert_eq!(mend, "sudo apt-get install uidmap\necho ann:265536:65536 | sudo tee -a /etc/subuid /etc/subgid");
}
