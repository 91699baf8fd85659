//! The pages for people who come from other tools: every command on them is run.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod program;

use std::path::{Path, PathBuf};

use program::Home;
use testkit::fixtures::{BuiltImage, Image, write_layout};
use testkit::registry::{DebianRegistry, RegistryOptions};
use testkit::transcript::Transcript;

/// The name under which the pages know the registry.
const SHOWN: &str = "registry.example.com";

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/migrate").join(name).canonicalize().unwrap()
}

/// Runs a page before a registry with these images of `acme/api`, with all links on PATH, in a folder that was prepared.
fn run(name: &str, images: &[(&str, BuiltImage)], prepare: impl Fn(&Home, &Path)) {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let home = Home::new();
    let layout = home.path().join("images");
    let roots: Vec<_> = images.iter().map(|(tag, image)| (&image.manifest, Some(*tag))).collect();
    write_layout(&layout, &roots, &images.iter().map(|(_, image)| image).collect::<Vec<_>>());
    for (tag, _) in images {
        home.done(&["copy", &format!("oci:images:{tag}"), &format!("docker://{}/acme/api:{tag}", registry.host())]);
    }
    let links = home.path().join("links");
    home.done(&["shims", "install", "--docker", &links.display().to_string()]);
    let path = format!("{}:{}", links.display(), std::env::var("PATH").unwrap());
    let work = home.path().join("work");
    std::fs::create_dir(&work).unwrap();
    prepare(&home, &work);
    let transcript = Transcript::new(&program::binary()).current_dir(&work).env("HOME", &home.path().display().to_string());
    transcript.env("PATH", &path).replace(&registry.host(), SHOWN).run_file(&page(name));
}

fn image(platform: &str, text: &str) -> BuiltImage {
    Image::new(platform).text(text).build()
}

#[test]
fn from_docker_manifest() {
    run(
        "docker-manifest.md",
        &[
            ("1.4-amd64", image("linux/amd64", "1.4")),
            ("1.4-arm64", image("linux/arm64", "1.4")),
            ("1.4-arm64-rebuilt", image("linux/arm64", "rebuilt")),
            ("1.4-arm64-again", image("linux/arm64", "again")),
            ("1.4-riscv64", image("linux/riscv64", "1.4")),
            ("1.4-s390x", image("linux/s390x", "1.4")),
            ("1.4-s390x-again", image("linux/s390x", "again")),
        ],
        |_, _| (),
    );
}

#[test]
fn from_buildx() {
    // There is a `RUN` on it.
    if !testkit::contains() {
        return;
    }
    let Some(tar) = testkit::busybox_layer() else { return testkit::skip("no busybox: apt-get install busybox-static") };
    let busybox = Image::new("linux/amd64").tar(tar).build();
    run("buildx.md", &[], |home, work| {
        home.layout("busybox", &[&busybox]);
        home.done(&["create", "-t", "busybox:1.37", "oci:busybox"]);
        let app = work.join("app");
        std::fs::create_dir_all(app.join("dist")).unwrap();
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello/bin");
        for (there, here) in [("amd64", "x86_64"), ("arm64", "aarch64"), ("arm-v7", "armv7l")] {
            std::fs::copy(programs.join(there).join("hello"), app.join("dist").join(format!("server-{here}"))).unwrap();
        }
        for (name, text) in [
            ("Dockerfile", "FROM scratch\nARG TARGETUNAME\nCOPY dist/server-$TARGETUNAME /server\nENTRYPOINT [\"/server\"]\n"),
            (
                "Dockerfile.arm",
                "FROM scratch\nARG LEVEL\nCOPY dist/server-armv7l /server\nLABEL org.example.level=$LEVEL\nENTRYPOINT [\"/server\"]\n",
            ),
            ("Dockerfile.run", "FROM debian:12\nRUN apt-get update\n"),
            (
                "Dockerfile.cross",
                "FROM --platform=$BUILDPLATFORM busybox:1.37 AS compile\nARG TARGETUNAME\n\
                 RUN --mount=target=/src --mount=type=cache,target=/root/.cache cp /src/dist/server-$TARGETUNAME /server\n\
                 FROM scratch\nCOPY --from=compile /server /server\nENTRYPOINT [\"/server\"]\n",
            ),
        ] {
            std::fs::write(app.join(name), text).unwrap();
        }
    });
}
