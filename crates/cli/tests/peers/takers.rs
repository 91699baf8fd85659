//! skopeo, umoci and docker take what a build made, and find the files in it that were put there.

use std::fs;
use std::process::Command;

use testkit::dockerd::Dockerd;

use crate::gallery::{Gallery, PLATFORMS, example};
use crate::image::Image;
use crate::program::{Home, Ran};
use crate::tree::Tree;

/// Runs a client that must succeed, in a home whose settings and passwords it reads, and returns its stdout.
fn done(home: &Home, words: &[&str]) -> String {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(home.path()).env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path());
    command.env_remove("REGISTRY_AUTH_FILE");
    let ran = Ran::of(&mut command);
    assert_eq!(ran.code, 0, "{words:?}: {}{}", ran.stdout, ran.stderr);
    ran.stdout.trim_end().to_owned()
}

fn is_here(tool: &str) -> bool {
    let is_here = testkit::binary(tool).is_some();
    if !is_here {
        testkit::skip(&format!("{tool} is not installed"));
    }
    is_here
}

#[test]
fn skopeo_copies_whole_indexes_and_every_digest_stays() {
    if !is_here("skopeo") {
        return;
    }
    if !testkit::is_root() {
        return testkit::skip("skopeo unpacks an archive's owners, which only root may");
    }
    let gallery = Gallery::open();
    let home = &gallery.home;
    let mut names: Vec<String> = Gallery::names().map(|name| format!("gallery/{name}:1")).collect();
    names.extend(["zstd", "none"].map(|how| gallery.compressed("whole", how)));
    for (number, name) in names.iter().enumerate() {
        let digest = home.done(&["digest", &format!("store:{name}")]);
        let [served, from_served] = [format!("docker://{}/{name}", gallery.serving.host), format!("oci:served-{number}:1")];
        done(home, &["skopeo", "copy", "-q", "--all", "--preserve-digests", "--src-tls-verify=false", &served, &from_served]);
        assert_eq!(home.done(&["digest", &from_served]), digest, "{name}");
        let [saved, from_saved] = [format!("oci-archive:{number}.tar"), format!("oci:saved-{number}:1")];
        home.done(&["save", &format!("store:{name}"), "-o", &format!("{number}.tar")]);
        done(home, &["skopeo", "copy", "-q", "--all", "--preserve-digests", &saved, &from_saved]);
        assert_eq!(home.done(&["digest", &from_saved]), digest, "{name}");
    }
    home.done(&["build", "--platform", &PLATFORMS.join(","), "-f", "whole", "-o", "type=oci,dest=built.tar", "context"]);
    done(home, &["skopeo", "copy", "-q", "--all", "--preserve-digests", "oci-archive:built.tar", "oci:built:1"]);
    assert_eq!(home.done(&["digest", "oci:built:1"]), home.done(&["digest", "store:gallery/whole:1"]));
}

#[test]
fn umoci_unpacks_what_was_put_in() {
    if !is_here("umoci") {
        return;
    }
    if !testkit::is_root() {
        return testkit::skip("only root may give files away");
    }
    let gallery = Gallery::open();
    for name in Gallery::names() {
        let layout = gallery.layout(name, "linux/arm/v7");
        let bundle = format!("bundle-{name}");
        done(&gallery.home, &["umoci", "unpack", "--image", &format!("{}:1", layout.display()), &bundle]);
        let unpacked = Tree::of_folder(&gallery.home.path().join(bundle).join("rootfs"));
        let differences = Image::of_layout(&layout).tree.differences(&unpacked);
        assert!(differences.is_empty(), "{name}: {differences:#?}");
    }
}

/// What the engine puts into every container.
const ENGINES: [&str; 7] = [".dockerenv", "dev", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf", "proc"];

/// Runs `docker`, which must succeed.
fn docker(engine: &Dockerd, words: &[&str]) -> String {
    let ran = Ran::from(engine.docker(words).unwrap());
    assert_eq!(ran.code, 0, "docker {words:?}: {}{}", ran.stdout, ran.stderr);
    ran.stdout.trim_end().to_owned()
}

/// Returns the files of an image as a container finds them.
fn exported(engine: &Dockerd, home: &Home, name: &str, is_based: bool) -> Tree {
    let container = docker(engine, &["create", "--network", "none", name]);
    let archive = home.path().join("exported.tar");
    docker(engine, &["export", "-o", &archive.display().to_string(), &container]);
    docker(engine, &["rm", &container]);
    let mut tree = Tree::default();
    tree.lay(&fs::read(archive).unwrap());
    let tree = ENGINES.iter().fold(tree.without("sys"), |tree, path| tree.without(path));
    // The folder for what the engine puts there.
    if is_based { tree } else { tree.without("etc") }
}

#[test]
fn docker_pulls_every_platform_and_runs_its_own() {
    let Some(engine) = Dockerd::shared() else { return };
    if !is_here("docker") {
        return;
    }
    let gallery = Gallery::open();
    let home = &gallery.home;
    for name in Gallery::names() {
        let served = gallery.served(name);
        let is_based = ["base", "based"].contains(&name);
        for platform in PLATFORMS {
            docker(engine, &["pull", "-q", "--platform", platform, &served]);
            let architecture = docker(engine, &["image", "inspect", "--format", "{{.Architecture}}", &served]);
            assert!(platform.starts_with(&format!("linux/{architecture}")), "{platform}: {architecture}");
            // The others differ by their platform alone, but for `hello`.
            if platform == PLATFORMS[0] || name == "hello" {
                let differences = gallery.image(name, platform).tree.differences(&exported(engine, home, &served, is_based));
                assert!(differences.is_empty(), "{name}, {platform}: {differences:#?}");
            }
        }
    }
    let said = docker(engine, &["run", "--rm", "--network", "none", "--platform", "linux/amd64", &gallery.served("hello")]);
    assert_eq!(said, "Hello from linux/amd64");
}

#[test]
fn docker_loads_what_is_built_for_it() {
    let Some(engine) = Dockerd::shared() else { return };
    if !is_here("docker") {
        return;
    }
    let gallery = Gallery::open();
    let home = &gallery.home;
    for name in Gallery::names().filter(|name| *name != "base") {
        let folder = if name == "hello" { example().display().to_string() } else { "context".to_owned() };
        let mut words = vec!["build", "--platform", "linux/amd64", folder.as_str()];
        if name != "hello" {
            words.extend(["-f", name]);
        }
        let id = gallery.image_id(name, "linux/amd64");
        let (archive, output) = (format!("{name}.tar"), format!("type=docker,dest={name}.tar"));
        let tags = ["archive", "handed"].map(|way| format!("peers/{way}:{name}"));
        home.done(&[&words[..], &["-t", &tags[0], "-o", &output]].concat());
        docker(engine, &["load", "-q", "-i", &home.path().join(archive).display().to_string()]);
        let ran = Ran::of(home.command(&[&words[..], &["-t", &tags[1], "--load"]].concat()).env("DOCKER_HOST", engine.host()));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        for tag in &tags {
            assert_eq!(docker(engine, &["image", "inspect", "--format", "{{.Id}}", tag]), id, "{tag}");
        }
    }
    for way in ["archive", "handed"] {
        let said = docker(engine, &["run", "--rm", "--network", "none", &format!("peers/{way}:hello")]);
        assert_eq!(said, "Hello from linux/amd64");
    }
}
