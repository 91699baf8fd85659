//! `docker manifest` without its traps: what differs from docker, on purpose, and what broken files get.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::path::PathBuf;

use program::clients::lists;
use program::{Home, Ran, images, tag_of};
use serde_json::Value;
use testkit::fixtures::{BuiltImage, Image, Index, attestation_entry, attestation_for, platform, write_layout};
use testkit::registry::{DebianRegistry, RegistryOptions};

/// A registry with images, and a home that knows it.
struct World {
    home: Home,
    registry: DebianRegistry,
}

impl World {
    fn start(platforms: &[&str]) -> Option<Self> {
        let registry = DebianRegistry::start(&RegistryOptions::default())?;
        let world = Self { home: Home::new(), registry };
        for image in images(platforms) {
            world.put(&image, "app", &tag_of(&image));
        }
        Some(world)
    }

    fn put(&self, image: &BuiltImage, repository: &str, tag: &str) {
        let layout = tempfile::tempdir_in(self.home.path()).unwrap();
        write_layout(&layout.path().join("l"), &[(&image.manifest, Some("1"))], &[image]);
        self.copy(&format!("oci:{}:1", layout.path().join("l").display()), repository, tag);
    }

    fn copy(&self, from: &str, repository: &str, tag: &str) {
        self.home.done(&["copy", from, &format!("docker://{}/{repository}:{tag}", self.registry.host())]);
    }

    fn run(&self, line: &str) -> Ran {
        let line = line.replace("R/", &format!("{}/", self.registry.host()));
        self.home.run(&line.split(' ').collect::<Vec<_>>())
    }

    fn done(&self, line: &str) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
        ran
    }

    fn fails(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{line}: {}", ran.stderr);
        ran.stderr.replace(&self.registry.host(), "R")
    }

    /// Lists the platforms of an index in the registry, attestations as `attestation`.
    fn platforms(&self, name: &str) -> Vec<String> {
        let name = format!("docker://{}/{name}", self.registry.host());
        let tree: Value = serde_json::from_str(&self.home.done(&["inspect", "--raw", &name])).unwrap();
        let platform = |entry: &Value| {
            let part = |key: &str| entry["platform"][key].as_str().map(ToOwned::to_owned);
            match entry["annotations"]["vnd.docker.reference.type"].as_str() {
                Some(_) => "attestation".to_owned(),
                None => [part("os"), part("architecture"), part("variant")].into_iter().flatten().collect::<Vec<_>>().join("/"),
            }
        };
        tree["manifests"].as_array().unwrap().iter().map(platform).collect()
    }

    fn config(&self) -> PathBuf {
        self.home.path().join(".docker")
    }

    fn files(&self) -> Vec<String> {
        lists(&self.config()).into_keys().map(|name| name.replace(&self.registry.host().replace(':', "-"), "R")).collect()
    }

    /// Returns a file of a list, or its folder.
    fn file(&self, rest: &str) -> PathBuf {
        let host = self.registry.host().replace(':', "-");
        self.config().join("manifests").join(rest.replace("R_", &format!("{host}_")))
    }
}

#[test]
fn hole_2_an_index_is_a_source_with_its_attestations() {
    let Some(world) = World::start(&["linux/arm/v7"]) else { return };
    let made = images(&["linux/amd64", "linux/arm64"]);
    let attestation = attestation_for(&made[0]);
    let inner = Index::new().image(&made[0]).add(attestation_entry(&attestation, &made[0])).build();
    let nested = Index::new().image(&made[1]).add(inner.descriptor()).build();
    let layout = world.home.path().join("indexes");
    write_layout(&layout, &[(&inner, Some("attested")), (&nested, Some("nested"))], &[&made[0], &made[1], &attestation]);
    for tag in ["attested", "nested"] {
        world.copy(&format!("oci:{}:{tag}", layout.display()), "app", tag);
    }
    world.done("manifest create R/app:1 R/app:attested R/app:arm-v7");
    world.done("manifest push R/app:1");
    assert_eq!(world.platforms("app:1"), ["linux/arm/v7", "linux/amd64", "attestation"]);
    // An index inside of one is flattened, and shown where docker gives up.
    world.done("manifest create R/app:2 R/app:nested");
    world.done("manifest push --purge R/app:2");
    let mut platforms = world.platforms("app:2");
    assert_eq!(platforms.pop().as_deref(), Some("attestation"));
    platforms.sort();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    let shown: Value = serde_json::from_str(&world.done("manifest inspect R/app:nested").stdout).unwrap();
    assert_eq!(shown["manifests"].as_array().unwrap().len(), 2);
    assert!(world.done("manifest inspect -v R/app:nested").stdout.contains("\"Raw\""));
}

#[test]
fn hole_3_a_child_that_was_pushed_again_is_said_refused_or_taken() {
    let Some(world) = World::start(&["linux/amd64", "linux/arm64"]) else { return };
    world.done("manifest create R/app:1 R/app:amd64 R/app:arm64");
    world.done("manifest annotate R/app:1 R/app:arm64 --os-version 9.9");
    let newer = Image::new("linux/arm64").text("newer").build();
    world.put(&newer, "app", "arm64");
    let digest = newer.digest().to_string();
    let holds = || world.home.done(&["inspect", "--raw", &format!("docker://{}/app:1", world.registry.host())]).contains(&digest);
    // Docker's exit code, and the difference on stderr.
    let strict = world.fails("manifest push --strict R/app:1");
    assert!(strict.contains(&format!("R/app:arm64 is {} now, the list has ", newer.digest().short())), "{strict}");
    assert!(strict.contains("nothing was pushed\nhint: `--refresh` takes what the tags are now"), "{strict}");
    assert_eq!(world.home.run(&["digest", &format!("docker://{}/app:1", world.registry.host())]).code, 3);
    let pushed = world.done("manifest push R/app:1");
    assert!(pushed.stderr.contains("--refresh takes the new one") && !holds(), "{}", pushed.stderr);
    let refreshed = world.done("manifest push --refresh R/app:1");
    assert!(refreshed.stderr.contains("what it was annotated with (linux/arm64:9.9) is gone") && holds(), "{}", refreshed.stderr);
    assert_eq!(world.done("manifest push --strict R/app:1").stderr, "");
    // And creating again reads every image again.
    let newest = Image::new("linux/arm64").text("newest").build();
    world.put(&newest, "app", "arm64");
    world.done("manifest create --amend R/app:1 R/app:arm64");
    assert!(world.done("manifest inspect R/app:1").stdout.contains(&newest.digest().to_string()));
}

#[test]
fn hole_4_amending_a_list_that_is_only_in_its_registry_starts_from_it() {
    let Some(world) = World::start(&["linux/amd64", "linux/arm64", "linux/arm/v7"]) else { return };
    world.done("manifest create R/app:1 R/app:amd64 R/app:arm64");
    world.done("manifest push --purge R/app:1");
    assert!(world.files().is_empty(), "{:?}", world.files());
    let amended = world.done("manifest create --amend R/app:1 R/app:arm-v7");
    assert!(amended.stderr.contains("starting from the 2 entries"), "{}", amended.stderr);
    world.done("manifest push --purge R/app:1");
    assert_eq!(world.platforms("app:1").len(), 3);
    // A new image takes the place of the old one for its platform.
    let newer = Image::new("linux/arm64").text("newer").build();
    world.put(&newer, "app", "newer");
    world.done("manifest create --amend R/app:1 R/app:newer");
    world.done("manifest push R/app:1");
    assert_eq!(world.platforms("app:1").len(), 3);
    assert!(
        world.home.done(&["inspect", "--raw", &format!("docker://{}/app:1", world.registry.host())]).contains(&newer.digest().to_string())
    );
    // Without --amend nothing is taken over, and where there is nothing, a list begins.
    world.done("manifest rm R/app:1");
    world.done("manifest create R/app:1 R/app:amd64");
    world.done("manifest create --amend R/new:1 R/app:amd64");
    assert_eq!(world.files().iter().filter(|file| file.contains('/')).count(), 2, "{:?}", world.files());
}

#[test]
fn hole_4_what_others_pushed_since_a_list_was_started_from_its_tag_is_not_lost_silently() {
    let Some(world) = World::start(&["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x"]) else { return };
    let from_registry = |name: &str| format!("docker://{}/{name}", world.registry.host());
    world.done("manifest create R/app:1 R/app:amd64");
    world.done("manifest push --purge R/app:1");
    world.done("manifest create --amend R/app:1 R/app:arm64");
    // Another job adds its image to the same tag.
    world.home.done(&["create", "-t", &from_registry("app:other"), &from_registry("app:1"), &from_registry("app:s390x")]);
    world.copy(&from_registry("app:other"), "app", "1");
    let strict = world.fails("manifest push --strict R/app:1");
    assert!(strict.contains("R/app:1 is sha256:") && strict.contains("this list was started from sha256:"), "{strict}");
    assert_eq!(world.platforms("app:1"), ["linux/amd64", "linux/s390x"]);
    world.done("manifest push --refresh R/app:1");
    let mut platforms = world.platforms("app:1");
    platforms.sort();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64", "linux/s390x"]);
    // What this list pushed itself is no difference.
    world.done("manifest create --amend R/app:1 R/app:arm-v7");
    let pushed = world.done("manifest push --strict R/app:1");
    assert!(!pushed.stderr.contains("started from"), "{}", pushed.stderr);
    assert_eq!(world.platforms("app:1").len(), 4);
}

#[test]
fn hole_4_a_folder_without_images_is_no_list_and_what_cannot_be_kept_is_said() {
    let Some(world) = World::start(&["linux/amd64", "linux/arm64"]) else { return };
    let made = images(&["linux/amd64"]);
    let annotated = Index::new().image(&made[0]).annotation("org.example.a", "1").build();
    let layout = world.home.path().join("annotated");
    write_layout(&layout, &[(&annotated, Some("1"))], &[&made[0]]);
    world.copy(&format!("oci:{}:1", layout.display()), "app", "1");
    std::fs::create_dir_all(world.file("R_app-1")).unwrap();
    let amended = world.done("manifest create --amend R/app:1 R/app:arm64");
    assert!(amended.stderr.contains("index annotations of "), "{}", amended.stderr);
    assert!(amended.stderr.contains("are left behind: org.example.a"), "{}", amended.stderr);
    world.done("manifest push R/app:1");
    assert_eq!(world.platforms("app:1").len(), 2);
}

#[test]
fn an_image_that_was_named_with_its_digest_stays_that_image() {
    let Some(world) = World::start(&["linux/amd64", "linux/arm64"]) else { return };
    let digest = images(&["linux/arm64"])[0].digest().clone();
    world.done(&format!("manifest create R/app:1 R/app:amd64 R/app:arm64@{digest}"));
    world.put(&Image::new("linux/arm64").text("newer").build(), "app", "arm64");
    for line in ["manifest push --strict R/app:1", "manifest push --refresh R/app:1"] {
        let pushed = world.done(line);
        assert_eq!(pushed.stderr, "", "{line}");
        let text = world.home.done(&["inspect", "--raw", &format!("docker://{}/app:1", world.registry.host())]);
        assert!(text.contains(&digest.to_string()), "{line}: {text}");
    }
}

#[test]
fn a_nested_index_is_no_difference_and_one_image_for_two_platforms_is_refused() {
    let Some(world) = World::start(&["linux/amd64"]) else { return };
    let made = images(&["linux/arm64", "linux/s390x"]);
    let inner = Index::new().image(&made[0]).build();
    let nested = Index::new().image(&made[1]).add(inner.descriptor()).build();
    let twice = Index::new().image(&made[0]).add(made[0].descriptor().with_platform(platform("linux/arm/v7"))).build();
    let layout = world.home.path().join("indexes");
    write_layout(&layout, &[(&inner, None), (&nested, Some("nested")), (&twice, Some("twice"))], &[&made[0], &made[1]]);
    for tag in ["nested", "twice"] {
        world.copy(&format!("oci:{}:{tag}", layout.display()), "app", tag);
    }
    world.done("manifest create R/app:1 R/app:nested R/app:amd64");
    world.done("manifest push --strict R/app:1");
    assert_eq!(world.platforms("app:1").len(), 3);
    let refused = world.fails("manifest create --amend R/app:twice R/app:amd64");
    assert!(refused.contains("for linux/arm64 and for linux/arm/v7"), "{refused}");
}

#[test]
fn hole_5_a_failed_create_leaves_nothing_behind() {
    let Some(world) = World::start(&["linux/amd64"]) else { return };
    let said = world.fails("manifest create R/app:1 R/app:amd64 R/app:missing");
    assert_eq!(said, "no such manifest: R/app:missing\n");
    assert!(world.files().is_empty() && !world.config().exists(), "{:?}", world.files());
    world.put(&Image::new("linux/s390x").build(), "app", "missing");
    world.done("manifest create R/app:1 R/app:amd64 R/app:missing");
    let before = world.files();
    world.fails("manifest create --amend R/app:1 R/app:none");
    assert_eq!(world.files(), before);
}

#[test]
fn hole_14_sources_may_be_in_other_registries_layouts_and_archives() {
    let Some(world) = World::start(&["linux/amd64"]) else { return };
    let Some(other) = World::start(&["linux/arm64"]) else { return };
    let riscv = Image::new("linux/riscv64").text("layout").build();
    write_layout(&world.home.path().join("dist"), &[(&riscv.manifest, None)], &[&riscv]);
    std::fs::write(world.home.path().join("saved.tar"), testkit::fixtures::docker_save(&[(&Image::new("linux/s390x").build(), &["a:1"])]))
        .unwrap();
    let far = format!("{}/app:arm64", other.registry.host());
    world.done(&format!("manifest create R/app:1 R/app:amd64 {far} oci:dist docker-archive:saved.tar"));
    world.done("manifest annotate R/app:1 oci:dist --os-version 3");
    let pushed = world.done("manifest push R/app:1");
    assert_eq!(pushed.stdout.lines().filter(|line| line.starts_with("Pushed ref ")).count(), 3, "{}", pushed.stdout);
    let mut platforms = world.platforms("app:1");
    platforms.sort();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64", "linux/riscv64", "linux/s390x"]);
    // Everything is there, whole.
    world.home.done(&["pull", &format!("{}/app:1", world.registry.host())]);
    // From another folder, too; and what is built anew replaces what was.
    let newer = Image::new("linux/riscv64").text("newer").build();
    std::fs::remove_dir_all(world.home.path().join("dist")).unwrap();
    write_layout(&world.home.path().join("dist"), &[(&newer.manifest, None)], &[&newer]);
    world.done("manifest create --amend R/app:1 oci:dist");
    let line = format!("manifest push {}/app:1", world.registry.host());
    let elsewhere = world.home.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let ran = Ran::of(world.home.command(&line.split(' ').collect::<Vec<_>>()).current_dir(elsewhere));
    assert_eq!((ran.code, world.platforms("app:1").len()), (0, 4), "{}", ran.stderr);
}

#[test]
fn hole_17_lists_whose_names_collide_are_refused() {
    let Some(world) = World::start(&["linux/amd64", "linux/arm64"]) else { return };
    world.done("manifest create R/app:1-2 R/app:amd64");
    for amend in ["", "--amend "] {
        let said = world.fails(&format!("manifest create {amend}R/app-1:2 R/app:arm64"));
        assert!(
            said.starts_with("refusing to amend an existing manifest list with no --amend flag: R/app:1-2 is kept under the same name"),
            "{said}"
        );
    }
    assert_eq!(world.fails("manifest rm R/app-1:2"), "No such manifest: R/app-1:2\n");
    assert_eq!(world.fails("manifest push R/app-1:2"), "No such manifest: R/app-1:2\n");
    assert_eq!(world.fails("manifest inspect R/app-1:2"), "no such manifest: R/app-1:2\n");
    world.done("manifest push --purge R/app:1-2");
    world.done("manifest create R/app-1:2 R/app:arm64");
    // The folder that docker made anew is docker's.
    std::fs::remove_dir_all(world.file("R_app-1-2")).unwrap();
    std::fs::create_dir(world.file("R_app-1-2")).unwrap();
    world.done("manifest inspect R/app:1-2");
}

#[test]
fn hole_17_the_type_of_a_list_does_not_hang_on_the_names_of_its_images() {
    let Some(world) = World::start(&["linux/arm64"]) else { return };
    world.put(&Image::new("linux/amd64").docker().build(), "app", "a-docker");
    world.done("manifest create R/app:1 R/app:a-docker R/app:arm64");
    let shown: Value = serde_json::from_str(&world.done("manifest inspect R/app:1").stdout).unwrap();
    assert_eq!(shown["mediaType"], oci::MediaType::OciIndex.as_str());
    let pushed = world.done("manifest push R/app:1");
    assert!(pushed.stderr.contains("some images are OCI's and some Docker's"), "{}", pushed.stderr);
    let bytes = world.home.done(&["inspect", "--raw", &format!("docker://{}/app:1", world.registry.host())]);
    assert_eq!(serde_json::from_str::<Value>(&bytes).unwrap(), shown);
}

#[test]
fn hole_21_errors_name_the_reason_and_a_registry_without_tls_on_this_machine_needs_no_flag() {
    let Some(world) = World::start(&["linux/amd64"]) else { return };
    world.done("manifest inspect R/app:amd64");
    world.done("manifest create R/app:1 R/app:amd64");
    let said = world.fails("manifest annotate R/app:1 R/app:amd64 --arch loong64");
    assert!(said.starts_with("manifest entry for image has unsupported os/arch combination: linux/loong64\nhint: "), "{said}");
    let help = world.done("manifest create --help").stdout;
    assert!(help.contains("--amend") && !help.to_lowercase().contains("experimental"), "{help}");
}

#[test]
fn two_images_for_one_platform_are_pushed_as_docker_does_and_said() {
    let Some(world) = World::start(&["linux/amd64"]) else { return };
    world.put(&Image::new("linux/amd64").text("b").build(), "app", "b");
    world.done("manifest create R/app:1 R/app:amd64 R/app:b");
    let pushed = world.done("manifest push R/app:1");
    assert!(pushed.stderr.contains("warning: two images for linux/amd64: "), "{}", pushed.stderr);
    assert_eq!(world.platforms("app:1"), ["linux/amd64", "linux/amd64"]);
}

#[test]
fn an_image_that_vanished_is_an_error_and_no_tag_moves() {
    let Some(world) = World::start(&["linux/amd64", "linux/arm64"]) else { return };
    world.done("manifest create R/app:1 R/app:amd64 R/app:arm64");
    let digest = world.home.done(&["digest", &format!("docker://{}/app:arm64", world.registry.host())]);
    let revision = world.registry.storage().join("docker/registry/v2/repositories/app/_manifests");
    std::fs::remove_dir_all(revision.join("revisions/sha256").join(digest.trim_start_matches("sha256:"))).unwrap();
    std::fs::remove_dir_all(revision.join("tags/arm64")).unwrap();
    let said = world.fails("manifest push R/app:1");
    assert!(said.contains("R/app:arm64 is gone, the list has"), "{said}");
    assert!(said.contains("failed to put manifest R/app:1: manifest blob unknown: R/app:arm64"), "{said}");
    assert_eq!(world.home.run(&["digest", &format!("docker://{}/app:1", world.registry.host())]).code, 3);
    assert!(!world.files().is_empty());
}

#[test]
fn files_that_were_written_half_are_named_and_can_be_removed() {
    let Some(world) = World::start(&["linux/amd64", "linux/arm64"]) else { return };
    let file = world.file("R_app-1/R_app-amd64");
    let whole = || {
        world.done("manifest create R/app:1 R/app:amd64 R/app:arm64");
        std::fs::read_to_string(&file).unwrap()
    };
    let text = whole();
    for (broken, words) in [
        (text[..300].to_owned(), "unexpected end of JSON input"),
        (String::new(), "unexpected end of JSON input"),
        (text.replace("\"Raw\":\"ey", "\"Raw\":\"fy"), "image manifest digest mismatch (sha256:"),
        (text.replace("\"Raw\":\"", "\"Raw\":\"%"), "its Raw field is no base64"),
        ("[1,".to_owned(), "unexpected end of JSON input"),
        ("no json".to_owned(), "expected"),
        ("{}".to_owned(), "its Ref field is no name"),
    ] {
        assert_ne!(broken, text, "{words}");
        std::fs::write(&file, &broken).unwrap();
        for line in [
            "manifest push R/app:1",
            "manifest create --amend R/app:1 R/app:arm64",
            "manifest annotate R/app:1 R/app:arm64 --arch arm64",
            "manifest inspect R/app:1 R/app:arm64",
        ] {
            let said = world.fails(line);
            assert!(said.starts_with("invalid manifest file ") && said.contains(words), "{broken:?}: {line}: {said}");
            assert!(said.contains("hint: `manifest rm R/app:1` removes what is there"), "{line}: {said}");
            assert_eq!(std::fs::read_to_string(&file).unwrap(), broken);
        }
        // Docker looks in the registry then, and so do we, aloud.
        let said = world.fails("manifest inspect R/app:1");
        assert!(said.contains("warning: invalid manifest file") && said.ends_with("no such manifest: R/app:1\n"), "{said}");
        world.done("manifest rm R/app:1");
        whole();
        world.done("manifest rm R/app:1");
        whole();
    }
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert!(world.fails("manifest push R/app:1").contains("expected a file"));
    assert_eq!(world.home.run(&["digest", &format!("docker://{}/app:1", world.registry.host())]).code, 3);
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let Some(world) = World::start(&["linux/amd64"]) else { return };
    std::fs::create_dir_all(world.config()).unwrap();
    std::fs::write(world.config().join("manifests"), "").unwrap();
    for line in ["manifest create R/app:1 R/app:amd64", "manifest push R/app:1"] {
        let said = world.fails(line);
        assert!(said.starts_with("cannot ") && said.contains(".docker/manifests"), "{said}");
    }
    // Showing an image needs no folder.
    world.done("manifest inspect R/app:amd64");
}

/// `docker --config DIR manifest create`, as pipelines with a service connection write it.
#[test]
fn logins_come_from_the_configuration_that_is_named_and_state_goes_there() {
    let credentials = Some(("ci".to_owned(), "secret".to_owned()));
    let Some(registry) = DebianRegistry::start(&RegistryOptions { credentials, ..RegistryOptions::default() }) else { return };
    let home = Home::new();
    let config = home.path().join("service");
    std::fs::create_dir(&config).unwrap();
    // "ci:secret"
    let auth = serde_json::json!({"auths": {registry.host(): {"auth": "Y2k6c2VjcmV0"}}});
    std::fs::write(config.join("config.json"), auth.to_string()).unwrap();
    let config = config.display().to_string();
    home.layout("parts", &images(&["linux/amd64", "windows/amd64:10.0.20348.2340"]).iter().collect::<Vec<_>>());
    let host = registry.host();
    for (from, to) in [("amd64", "linux-dev"), ("windows", "win-dev")] {
        home.done(&["--config", &config, "copy", &format!("oci:parts:{from}"), &format!("docker://{host}/shop/web:{to}")]);
    }
    let (linux, windows) = (format!("{host}/shop/web:linux-dev"), format!("{host}/shop/web:win-dev"));
    for tag in ["dev", "latest"] {
        let list = format!("{host}/shop/web:{tag}");
        home.done(&["--config", &config, "manifest", "create", &list, &linux, &windows]);
        home.done(&["--config", &config, "manifest", "push", &list]);
        let tree: Value =
            serde_json::from_str(&home.done(&["--config", &config, "inspect", "--raw", &format!("docker://{list}")])).unwrap();
        let os = |at: usize| (tree["manifests"][at]["platform"]["os"].as_str(), tree["manifests"][at]["platform"]["os.version"].as_str());
        assert_eq!((os(0), os(1)), ((Some("linux"), None), (Some("windows"), Some("10.0.20348.2340"))));
    }
    assert!(home.path().join("service/manifests").is_dir() && !home.path().join(".docker").exists());
    let denied = home.run(&["manifest", "inspect", &linux]);
    assert!(denied.code == 1 && denied.stderr.contains("denied"), "{}", denied.stderr);
}
