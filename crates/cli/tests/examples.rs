//! Every line of the README's shell blocks and of the help's examples is run. The registries in them
//! are one registry on loopback; `serve` takes a free port.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod program;

use std::path::{Path, PathBuf};
use std::process::Command;

use program::authority::{USERS, certify};
use program::{Home, Ran, binary, images};
use testkit::dockerd::Dockerd;
use testkit::fixtures::{Image, docker_save, write_layout};
use testkit::registry::{DebianRegistry, RegistryOptions};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Returns the lines that begin with `polyarch` in shell blocks, or below `Examples:`.
fn examples(document: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        match line {
            "```sh" | "Examples:" => inside = true,
            line if line.starts_with("```") => inside = false,
            line if inside && line.trim_start().starts_with("polyarch ") => lines.push(line.trim_start().to_owned()),
            _ => {}
        }
    }
    lines
}

/// A folder with the layouts and archives that the examples name, and a registry with their tags.
fn world(registry: &DebianRegistry) -> Home {
    let home = Home::new();
    std::os::unix::fs::symlink(root().join("examples"), home.path().join("examples")).unwrap();
    let arm64 = Image::new("linux/arm64").text("from a layout").build();
    write_layout(&home.path().join("dist"), &[(&arm64.manifest, None)], &[&arm64]);
    let riscv64 = Image::new("linux/riscv64").text("saved").build();
    std::fs::write(home.path().join("riscv64.tar"), docker_save(&[(&riscv64, &["api:riscv64"])])).unwrap();
    let made = images(&["linux/amd64", "linux/arm64"]);
    home.layout("parts", &made.iter().collect::<Vec<_>>());
    for tag in ["amd64", "arm64"] {
        for version in ["1", "1.4"] {
            let name = format!("{}/acme/api:{version}-{tag}", registry.host());
            home.done(&["create", "--push", "-t", &name, &format!("oci:parts:{tag}")]);
        }
    }
    home.done(&["create", "-t", "hello:1.0", "oci:examples/hello"]);
    let api = format!("{}/acme/api:1.4", registry.host());
    home.done(&["create", "-t", &api, "oci:parts:amd64", "oci:parts:arm64"]);
    home.done(&["push", &api]);
    home.done(&["save", "hello:1.0", "-o", "images.tar"]);
    certify(home.path());
    for (from, to) in [("server.pem", "cert.pem"), ("server.key", "key.pem")] {
        std::fs::rename(home.path().join(from), home.path().join(to)).unwrap();
    }
    std::fs::write(home.path().join("users"), USERS).unwrap();
    // A command that cannot be started on any machine leaves a log all the same.
    std::fs::write(home.path().join("Dockerfile"), "FROM scratch\nRUN [\"/none\"]\n").unwrap();
    assert_ne!(home.run(&["build", "."]).code, 0);
    std::fs::write(home.path().join(".dockerignore"), "*\n!app\n").unwrap();
    std::fs::write(home.path().join("app"), "an application\n").unwrap();
    for name in ["Dockerfile", "Dockerfile.amd64", "Dockerfile.arm64", "Dockerfile.arm", "Dockerfile.armv7"] {
        std::fs::write(home.path().join(name), "FROM scratch\nARG VERSION\nLABEL version=$VERSION\nCOPY app /app\n").unwrap();
    }
    home
}

/// Puts the example into this world: one registry for all, a free port, an end for every server.
fn adapt(line: &str, registry: &str, port: u16) -> String {
    let line = line
        .replace("ghcr.io", registry)
        .replace("quay.io", registry)
        .replace("registry.example", registry)
        .replace("localhost:5000", &format!("localhost:{port}"));
    let Some(rest) = line.strip_prefix("polyarch serve") else { return line };
    let rest = rest.replace("--listen 127.0.0.1:0 ", "").replace("--listen 0.0.0.0:443 ", "");
    let end = if rest.contains(" -- ") { "" } else { " -- true" };
    format!("polyarch serve --listen 127.0.0.1:{port}{rest}{end}")
}

fn run_all(document: &str) {
    let lines = examples(document);
    assert!(lines.len() >= 3, "{document} has examples: {lines:?}");
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let engine = Dockerd::shared();
    let home = world(&registry);
    let programs = home.path().join("bin");
    std::fs::create_dir(&programs).unwrap();
    std::os::unix::fs::symlink(binary(), programs.join("polyarch")).unwrap();
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap()))).unwrap();
    for line in lines {
        let needs_engine = line.contains("docker run") || line.starts_with("polyarch load");
        if needs_engine && (engine.is_none() || testkit::binary("docker").is_none()) {
            testkit::skip(&format!("no Docker for: {line}"));
            continue;
        }
        if ["polyarch run", "polyarch doctor"].iter().any(|verb| line.starts_with(verb)) && !testkit::contains() {
            continue;
        }
        if ["--all-platforms", "emulators install"].iter().any(|words| line.contains(words))
            && testkit::binary("qemu-s390x-static").is_none()
        {
            testkit::skip(&format!("no QEMU for: {line}"));
            continue;
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut shell = Command::new("sh");
        // Without a bridge of its own the engine gives containers no network.
        shell.args(["-c", &adapt(&line, &registry.host(), free).replace("docker run", "docker run --network none")]);
        shell.env_clear().env("PATH", &path).env("HOME", home.path()).current_dir(home.path());
        if let Some(engine) = engine {
            shell.env("DOCKER_HOST", engine.host());
        }
        let ran = Ran::of(&mut shell);
        assert_eq!(ran.code, 0, "{document}: {line}\n{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn the_readme_s_lines_do_what_they_say() {
    run_all("README.md");
}

#[test]
fn the_help_s_examples_do_what_they_say() {
    run_all("docs/cli.md");
}
