//! podman takes what a build made, from a registry and from archives, and runs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::gallery::{Gallery, PLATFORMS, example};
use crate::program::{Home, Ran};
use crate::tree::Tree;

/// podman, with a storage of its own.
struct Podman<'a> {
    home: &'a Home,
}

impl<'a> Podman<'a> {
    /// `None`, with a line on stderr, where it cannot be used.
    fn new(home: &'a Home) -> Option<Self> {
        if testkit::binary("podman").is_none() {
            testkit::skip("podman is not installed");
            return None;
        }
        if !testkit::is_root() {
            testkit::skip("podman needs root, or subordinate user ids");
            return None;
        }
        Some(Self { home })
    }

    fn run(&self, words: &[&str]) -> Ran {
        let folder = self.home.path().join("podman");
        let mut command = Command::new("podman");
        command.current_dir(self.home.path()).env("HOME", self.home.path()).env("XDG_RUNTIME_DIR", self.home.path());
        command.env_remove("REGISTRY_AUTH_FILE").arg("--root").arg(folder.join("root")).arg("--runroot").arg(folder.join("run"));
        // vfs needs no kernel's help.
        Ran::of(command.args(["--storage-driver", "vfs", "--runtime", "runc"]).args(words))
    }

    fn done(&self, words: &[&str]) -> String {
        let ran = self.run(words);
        assert_eq!(ran.code, 0, "podman {words:?}: {}{}", ran.stdout, ran.stderr);
        ran.stdout.trim_end().to_owned()
    }

    /// Returns the files of an image.
    fn files(&self, id: &str) -> Tree {
        let mounted = PathBuf::from(self.done(&["image", "mount", id]));
        let tree = Tree::of_folder(Path::new(&mounted));
        self.done(&["image", "unmount", id]);
        tree
    }
}

#[test]
fn podman_pulls_every_platform_whatever_it_is_compressed_with() {
    let gallery = Gallery::open();
    let Some(podman) = Podman::new(&gallery.home) else { return };
    let compressed = ["zstd", "none"].map(|how| ("whole", gallery.compressed("whole", how)));
    let names = Gallery::names().map(|name| (name, format!("gallery/{name}:1"))).chain(compressed);
    for (name, image) in names {
        let served = format!("{}/{image}", gallery.serving.host);
        for platform in PLATFORMS {
            let id = podman.done(&["pull", "-q", "--tls-verify=false", "--platform", platform, &served]);
            // An image without layers is none that podman mounts.
            if name != "bare" {
                let differences = gallery.image(name, platform).tree.differences(&podman.files(&id));
                assert!(differences.is_empty(), "{name}, {platform}: {differences:#?}");
            }
        }
    }
}

#[test]
fn podman_loads_archives_and_runs_what_is_in_them() {
    let home = Home::new();
    let Some(podman) = Podman::new(&home) else { return };
    let example = example().display().to_string();
    for kind in ["docker", "oci"] {
        let (name, archive) = (format!("peers/{kind}:1"), format!("{kind}.tar"));
        home.done(&["build", "--platform", "linux/amd64", "-t", &name, "-o", &format!("type={kind},dest={archive}"), &example]);
        let loaded = podman.done(&["load", "-q", "-i", &archive]);
        assert_eq!(loaded, format!("Loaded image: docker.io/{name}"));
        // Where the limits may not be raised, as they usually are.
        let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];
        let said = podman.done(&[&["run", "--rm", "--network", "none"][..], &limits, &[&name]].concat());
        assert_eq!(said, "Hello from linux/amd64");
    }
}
