//! What polyarch makes, taken by the clients that people have: docker, podman, skopeo. And the other
//! way round: images of a Docker Engine as sources.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::path::{Path, PathBuf};
use std::process::Command;

use program::{Home, Ran, Serving, images, index_of, tag_of};
use testkit::dockerd::Dockerd;
use testkit::fixtures::{Image, docker_save, write_layout};
use testkit::registry::{DebianRegistry, RegistryOptions};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello").canonicalize().unwrap()
}

/// Serves `hello:1.0`, made of the example.
fn hello() -> (Home, Serving) {
    let home = Home::new();
    home.done(&["create", "-t", "hello:1.0", &format!("oci:{}", example().display())]);
    let serving = Serving::start(&home, &[]);
    (home, serving)
}

fn docker(engine: &Dockerd, words: &[&str]) -> Option<Ran> {
    Some(Ran::from(engine.docker(words)?))
}

#[test]
fn docker_runs_its_platform_and_pulls_every_other() {
    let Some(engine) = Dockerd::shared() else { return };
    let (_home, serving) = hello();
    let name = format!("{}/hello:1.0", serving.host);
    let Some(ran) = docker(engine, &["run", "--rm", "--network", "none", &name]) else { return };
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "Hello from linux/amd64\n"), "{}", ran.stderr);
    for platform in ["linux/arm64", "linux/arm/v7", "linux/riscv64", "linux/s390x", "linux/ppc64le"] {
        let pulled = docker(engine, &["pull", "--platform", platform, &name]).unwrap();
        assert_eq!(pulled.code, 0, "{platform}: {}", pulled.stderr);
    }
}

#[test]
fn docker_pushes_to_serve_what_inspect_then_shows() {
    let Some(engine) = Dockerd::shared() else { return };
    let home = Home::new();
    let serving = Serving::start(&home, &[]);
    let image = Image::new("linux/amd64").text("pushed").build();
    let name = format!("{}/acme/pushed:1", serving.host);
    engine.load(&docker_save(&[(&image, &[&name])]));
    let Some(pushed) = docker(engine, &["push", &name]) else { return };
    assert_eq!(pushed.code, 0, "{}{}", pushed.stdout, pushed.stderr);
    let shown = home.done(&["inspect", "acme/pushed:1"]);
    assert!(shown.contains("image, Docker") && shown.contains("linux/amd64"), "{shown}");
    assert!(pushed.stdout.contains(&home.done(&["digest", "acme/pushed:1"])), "{}", pushed.stdout);
}

#[test]
fn podman_and_skopeo_take_the_image_from_serve() {
    let (home, serving) = hello();
    let name = format!("{}/hello:1.0", serving.host);
    if testkit::binary("skopeo").is_some() {
        let source = format!("docker://{name}");
        let ran = Ran::of(tool("skopeo", &home).args(["inspect", "--raw", "--tls-verify=false", &source]));
        assert_eq!(ran.stdout, home.done(&["inspect", "--raw", "store:hello:1.0"]) + "\n", "{}", ran.stderr);
        let copied = home.path().join("copied");
        let target = format!("oci:{}:1", copied.display());
        let ran = Ran::of(tool("skopeo", &home).args(["copy", "--all", "--src-tls-verify=false", &source, &target]));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(home.done(&["digest", &target]), home.done(&["digest", "hello:1.0"]));
    } else {
        testkit::skip("skopeo is not installed");
    }
    if testkit::binary("podman").is_none() {
        return testkit::skip("podman is not installed");
    }
    if !testkit::is_root() {
        return testkit::skip("podman needs root, or subordinate user ids");
    }
    let folder = home.path().join("podman");
    let mut podman = tool("podman", &home);
    podman.args(["--root", &folder.join("root").display().to_string(), "--runroot", &folder.join("run").display().to_string()]);
    // vfs needs no kernel's help.
    podman.args(["--storage-driver", "vfs", "pull", "--tls-verify=false", &name]);
    let ran = Ran::of(&mut podman);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// Returns a client that reads no settings and passwords but those in this home.
fn tool(name: &str, home: &Home) -> Command {
    let mut command = Command::new(name);
    command.env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path()).env_remove("REGISTRY_AUTH_FILE");
    command
}

#[test]
fn five_kinds_of_places_become_one_tag_that_docker_pulls() {
    let Some(engine) = Dockerd::shared() else { return };
    let Some(near) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let Some(far) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let home = Home::new();
    let made = images(&["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x", "linux/riscv64"]);
    let layout = home.layout("parts", &made.iter().collect::<Vec<_>>());
    let part = |number: usize| format!("oci:{}:{}", layout.display(), tag_of(&made[number]));
    let tags = [format!("{}/acme/api:1.0-amd64", near.host()), format!("{}/acme/other:arm64", far.host())];
    for (number, tag) in tags.iter().enumerate() {
        home.done(&["create", "--push", "-t", tag, &part(number)]);
    }
    std::fs::write(home.path().join("s390x.tar"), docker_save(&[(&made[3], &["api:s390x"])])).unwrap();
    engine.load(&docker_save(&[(&made[4], &["five/api:riscv64"])]));
    let serving = Serving::start(&home, &[]);
    for host in [near.host(), serving.host.clone()] {
        let name = format!("{host}/acme/five:1.0");
        let sources =
            [tags[0].clone(), tags[1].clone(), part(2), "docker-archive:s390x.tar".to_owned(), "docker-daemon:five/api:riscv64".to_owned()];
        let mut words = vec!["create", "--push", "-t", &name];
        words.extend(sources.iter().map(String::as_str));
        let ran = Ran::of(home.command(&words).env("DOCKER_HOST", engine.host()));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        for platform in ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x", "linux/riscv64"] {
            let Some(pulled) = docker(engine, &["pull", "--platform", platform, &name]) else { return };
            assert_eq!(pulled.code, 0, "{platform}: {}{}", pulled.stdout, pulled.stderr);
        }
    }
}

#[test]
fn an_index_goes_into_the_engine_as_its_own_platform() {
    let Some(engine) = Dockerd::shared() else { return };
    let home = Home::new();
    let made = images(&["linux/arm64", "linux/amd64"]);
    let index = index_of(&[&made[0], &made[1]]);
    write_layout(&home.path().join("both"), &[(&index, Some("1"))], &[&made[0], &made[1]]);
    let ran =
        Ran::of(home.command(&["create", "-t", "docker-daemon:loaded/by-polyarch:1", "oci:both:1"]).env("DOCKER_HOST", engine.host()));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("linux/amd64"), "it says which platform went in: {}", ran.stderr);
    let Some(shown) = docker(engine, &["image", "inspect", "--format", "{{.Id}} {{.Architecture}}", "loaded/by-polyarch:1"]) else {
        return;
    };
    assert_eq!(shown.stdout.trim(), format!("{} amd64", made[1].config.0.digest));
}

#[test]
fn serve_runs_a_command_and_ends_with_its_exit_code() {
    let home = Home::new();
    home.done(&["create", "-t", "hello:1.0", &format!("oci:{}", example().display())]);
    let script = "curl -sf http://$POLYARCH_REGISTRY/v2/hello/tags/list; exit 7";
    let ran = home.run(&["serve", "--listen", "127.0.0.1:0", "--", "sh", "-c", script]);
    assert_eq!((ran.code, ran.stdout.trim()), (7, r#"{"name":"hello","tags":["1.0"]}"#), "{}", ran.stderr);
    let gone = home.run(&["serve", "--listen", "127.0.0.1:0", "--", "no-such-program"]);
    assert_eq!(gone.code, 2, "{}", gone.stderr);
    let serving = Serving::start(&home, &[]);
    let taken = home.run(&["serve", "--listen", &serving.host]);
    assert_eq!(taken.code, 3);
    assert!(taken.stderr.contains(&format!("cannot serve on {}: the port is taken", serving.host)), "{}", taken.stderr);
}

#[test]
fn serve_tells_programs_an_address_that_they_can_reach() {
    let home = Home::new();
    for (listen, start) in [("0.0.0.0:0", "127.0.0.1:"), ("localhost:0", "127.0.0.1:"), (":0", "127.0.0.1:"), ("0", "127.0.0.1:")] {
        let ran = home.run(&[
            "serve",
            "--json",
            "--anonymous-push",
            "--listen",
            listen,
            "--",
            "sh",
            "-c",
            "echo $POLYARCH_REGISTRY; curl -sf http://$POLYARCH_REGISTRY/v2/",
        ]);
        assert_eq!(ran.code, 0, "{listen}: {}", ran.stderr);
        let mut lines = ran.stdout.lines();
        let told: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
        let address = lines.next().unwrap();
        assert_eq!(told, serde_json::json!({"polyarchServe": 1, "scheme": "http", "address": address}));
        assert!(address.starts_with(start) && !address.ends_with(":0"), "{listen}: {address}");
        assert_eq!(ran.stderr.contains("warning: anybody"), listen.starts_with("0.0.0.0"), "{}", ran.stderr);
    }
}

#[test]
fn serve_says_what_is_wrong_with_a_folder_in_the_words_of_the_folder() {
    let home = Home::new();
    std::fs::create_dir(home.path().join("photos")).unwrap();
    std::fs::write(home.path().join("photos/cat.jpeg"), "cat").unwrap();
    let ran = home.run(&["serve", "--listen", "0", "photos"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("cannot serve photos: photos is neither a store nor an OCI layout"), "{}", ran.stderr);
    assert!(ran.stderr.contains("got a folder with cat.jpeg") && !ran.stderr.contains("--store"), "{}", ran.stderr);
    let file = home.run(&["serve", "--listen", "0", "photos/cat.jpeg"]);
    assert!(file.code == 3 && file.stderr.contains("got a file"), "{}", file.stderr);
    let store = home.run(&["--store", "photos", "serve", "--listen", "0"]);
    assert_eq!(store.code, 3);
    assert!(store.stderr.contains("cannot serve the local store: photos is no local store"), "{}", store.stderr);
    assert!(store.stderr.contains("--store DIR"), "{}", store.stderr);
}

#[test]
fn serve_offers_a_layout_and_an_empty_folder() {
    let home = Home::new();
    let layout = Serving::start(&home, &[&example().display().to_string()]);
    let served = home.done(&["digest", &format!("{}/hello:latest", layout.host)]);
    assert_eq!(served, home.done(&["digest", &format!("oci:{}", example().display())]));
    let folder = home.path().join("registry");
    let empty = Serving::start(&home, &[&folder.display().to_string()]);
    let name = format!("{}/acme/hello:2", empty.host);
    home.done(&["create", "--push", "-t", &name, &format!("oci:{}", example().display())]);
    assert_eq!(home.done(&["--store", &folder.display().to_string(), "digest", "acme/hello:2"]), served);
}
