//! One image through every pair of places: its digest stays the same wherever the place can keep it.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use program::{Home, Ran, images};
use serde_json::Value;
use testkit::dockerd::Dockerd;
use testkit::fixtures::{Index, attestation_entry, attestation_for, write_layout};
use testkit::registry::{DebianRegistry, RegistryOptions};

const KINDS: [&str; 6] = ["registry", "store", "oci", "oci-archive", "docker-archive", "docker-daemon"];

struct World<'a> {
    home: Home,
    registry: DebianRegistry,
    engine: &'a Dockerd,
}

impl World<'_> {
    fn run(&self, words: &[&str]) -> Ran {
        let ran = Ran::of(self.home.command(words).env("DOCKER_HOST", self.engine.host()));
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.stderr);
        ran
    }

    /// Returns a place of a kind that nothing else is in.
    fn place(&self, kind: &str, name: &str) -> String {
        match kind {
            "registry" => format!("docker://{}/pairs/{name}:1", self.registry.host()),
            "store" => format!("store:pairs/{name}:1"),
            "oci" => format!("oci:{name}:1"),
            "oci-archive" => format!("oci-archive:{name}.oci.tar:1"),
            "docker-archive" => format!("docker-archive:{name}.docker.tar:pairs/{name}:1"),
            _ => format!("docker-daemon:pairs/{name}:1"),
        }
    }

    fn digest(&self, place: &str) -> String {
        self.run(&["digest", place]).stdout.trim().to_owned()
    }

    /// Returns the digest of the config of the image for this machine's engine.
    fn config(&self, place: &str) -> String {
        let shown: Value = serde_json::from_str(&self.run(&["inspect", "--json", "--platform", "linux/amd64", place]).stdout).unwrap();
        let text = shown.to_string();
        let at = text.find("\"config\"").unwrap_or_else(|| panic!("{text}"));
        text[at..].split("sha256:").nth(1).unwrap().chars().take(64).collect()
    }
}

#[test]
fn every_pair_of_places_keeps_the_digest_where_it_can() {
    let (Some(registry), Some(engine)) = (DebianRegistry::start(&RegistryOptions::default()), Dockerd::shared()) else { return };
    let world = World { home: Home::new(), registry, engine };
    let made = images(&["linux/amd64", "linux/arm64"]);
    let attestation = attestation_for(&made[0]);
    let index = made.iter().fold(Index::new(), Index::image).add(attestation_entry(&attestation, &made[0])).build();
    write_layout(&world.home.path().join("app"), &[(&index, Some("1"))], &[&made[0], &made[1], &attestation]);
    let config = world.config("oci:app:1");
    let mut table = format!("{:<16}{}\n", "from \\ to", KINDS.map(|kind| format!("{kind:<16}")).concat());
    for source in KINDS {
        let from = world.place(source, &format!("from-{source}"));
        world.run(&["copy", "oci:app:1", &from]);
        let digest = world.digest(&from);
        // A classic engine keeps one platform, and only its config byte for byte.
        assert_eq!(digest == index.digest().to_string(), source != "docker-daemon", "{source}");
        let mut row = format!("{source:<16}");
        for target in KINDS {
            let to = world.place(target, &format!("{source}-to-{target}"));
            let said = world.run(&["copy", &from, &to]).digest().to_owned();
            let found = world.digest(&to);
            let same = found == digest;
            assert_eq!(world.config(&to), config, "{source} to {target}: the config is the image, and stays");
            if target != "docker-daemon" {
                assert!(same && said == digest, "{source} to {target}: {said}, {found}, expected {digest}");
            }
            row += &format!("{:<16}", if same { "same" } else { "config only" });
        }
        table += &format!("{}\n", row.trim_end());
    }
    println!("{table}");
}
