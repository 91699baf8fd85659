//! What buildx gets wrong and is right here; the numbers are those of docs/migrate/imagetools.md.

use std::{fs, thread};

use oci::Descriptor;
use testkit::fixtures::{Image, Index};

use crate::program::{Home, Serving};
use crate::world::{AMD64, ARM64, ARMV7, OCI_INDEX, UNKNOWN, World, entry, index_text};

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[test]
fn hole_7_two_images_for_one_platform_are_refused() {
    let Some(world) = World::new() else { return };
    let second = Image::new("linux/amd64").text("second").build();
    world.put("second", &second.manifest, &[&second]);
    let (first, digest) = (world.amd.digest(), second.digest());
    let said = world.refused(&["create", "-t", ":b", ":amd64", ":second"]);
    let (one, two) = (world.name("amd64"), world.name("second"));
    assert_eq!(first_line(&said), format!("ERROR: two images for linux/amd64: {first} from {one} and {digest} from {two}"));
    let said = world.refused(&["create", "--append", "-t", ":multi", ":second"]);
    assert_eq!(first_line(&said), format!("ERROR: two images for linux/amd64: {} has {first} already", world.name("multi")));
    assert!(said.contains("hint: put the new one in its place with `polyarch create --replace`"), "{said}");
}

#[test]
fn hole_10_the_version_of_windows_is_kept() {
    let Some(world) = World::new() else { return };
    let old = Image::new("windows/amd64:10.0.17763.5458").text("old").build();
    let featured = |config: &mut serde_json::Value| config["os.features"] = serde_json::json!(["win32k"]);
    let new = Image::new("windows/amd64:10.0.20348.2340").text("new").config(featured).build();
    world.put("win2019", &old.manifest, &[&old]);
    world.put("win2022", &new.manifest, &[&new]);
    let shown = world.done(&["create", "--dry-run", "-t", ":b", ":win2019", ":win2022"]);
    let windows = |version| [("architecture", "amd64"), ("os", "windows"), ("os.version", version)];
    assert!(shown.contains(&entry(&old.descriptor(), &[], &windows("10.0.17763.5458"))), "{shown}");
    assert!(shown.contains("\"os.version\": \"10.0.20348.2340\",\n        \"os.features\": [\n          \"win32k\"\n        ]"), "{shown}");
}

#[test]
fn hole_11_an_entry_without_a_platform_gets_its_configs() {
    let Some(world) = World::new() else { return };
    let unsaid = Descriptor { platform: None, ..world.amd.descriptor() };
    world.put("noplat", &Index::new().add(unsaid).image(&world.arm64).build(), &[&world.amd, &world.arm64]);
    let annotation = ["--annotation", "manifest-descriptor[linux/amd64]:c=d"];
    let entries = [
        entry(&world.amd.descriptor(), &[("c", "d")], &AMD64),
        entry(&world.arm64.descriptor(), &[], &ARM64),
        entry(&world.armv7.descriptor(), &[], &ARMV7),
    ];
    let expected = format!("{}\n", index_text(OCI_INDEX, &entries, &[]));
    assert_eq!(world.done(&[&["create", "--dry-run", "-t", ":b", ":noplat", ":armv7"][..], &annotation].concat()), expected);
}

#[test]
fn hole_12_a_platform_that_the_config_contradicts_is_refused() {
    let Some(world) = World::new() else { return };
    let (digest, file) = (world.arm64.digest(), world.home.path().join("d.json"));
    fs::write(&file, format!(r#"{{"digest":"{digest}","platform":{{"os":"linux","architecture":"s390x"}}}}"#)).unwrap();
    let said = world.refused(&["create", "-f", &file.display().to_string(), "-t", ":b"]);
    let source = format!("{}/demo/app@{digest}", world.registry.host());
    assert_eq!(
        said,
        format!(
            "ERROR: {source} is not what it is said to be: expected linux/s390x, its config says linux/arm64\n\
             hint: correct the image, or publish it as it is called with `polyarch create --force-platform`\n"
        )
    );
    let mut wrong = world.amd.descriptor();
    wrong.platform = Some(testkit::fixtures::platform("linux/riscv64"));
    world.put("wrongplat", &Index::new().add(wrong).build(), &[&world.amd]);
    let said = world.refused(&["create", "-t", ":b", ":wrongplat", ":armv7"]);
    assert!(said.contains("expected linux/riscv64, its config says linux/amd64"), "{said}");
}

#[test]
fn hole_15_a_digest_behind_the_tag_is_compared_before_anything_is_pushed() {
    let Some(world) = World::new() else { return };
    let zero = format!("sha256:{}", "0".repeat(64));
    let got = world.multi().digest().clone();
    let said = world.refused(&["create", "-t", &format!(":b@{zero}"), ":multi"]);
    assert_eq!(first_line(&said), format!("ERROR: expected the result to be {zero}, got {got}"));
    assert_eq!(world.run(&["inspect", ":b"]).code, 1);
    world.done(&["create", "--progress", "none", "-t", &format!(":b@{got}"), ":multi"]);
    assert_eq!(world.raw("b").as_bytes(), world.multi().bytes());
}

/// docker-registry has no conditional PUT; `polyarch serve` does, and there each of them lands.
#[test]
fn hole_15_all_who_append_at_once_land() {
    let Some(world) = World::new() else { return };
    let server = Home::new();
    let serving = Serving::start(&server, &[]);
    for round in 0..5 {
        let target = format!("{}/grow:{round}", serving.host);
        world.done(&["create", "--progress", "none", "-t", &target, ":amd64"]);
        thread::scope(|scope| {
            for source in [":arm64", ":armv7"] {
                let (world, target) = (&world, &target);
                scope.spawn(move || {
                    let ran = world.run(&["create", "--append", "--progress", "none", "-t", target, source]);
                    assert_eq!(ran.code, 0, "{}", ran.stderr);
                });
            }
        });
        let raw = world.done(&["inspect", "--raw", &target]);
        assert_eq!(raw.matches("\"platform\"").count(), 3, "{raw}");
    }
}

#[test]
fn hole_16_annotations_that_would_be_lost_are_errors() {
    let Some(world) = World::new() else { return };
    let docker = Image::new("linux/amd64").text("docker").docker().build();
    world.put("d-amd64", &docker.manifest, &[&docker]);
    let said = world.refused(&["create", "--annotation", "index:a=b", "-t", ":b", ":d-amd64"]);
    assert_eq!(first_line(&said), "ERROR: annotation index:a=b would be lost: a Docker manifest list has no annotations");
    let said = world.refused(&["create", "--annotation", "manifest-descriptor[linux/s390x]:a=b", "-t", ":b", ":multi"]);
    assert_eq!(
        first_line(&said),
        "ERROR: annotation manifest-descriptor[linux/s390x]:a=b would be lost: no entry for that platform, \
         there are linux/amd64, linux/arm64, linux/arm/v7"
    );
}

#[test]
fn hole_16_annotations_of_the_source_stay() {
    let Some(world) = World::new() else { return };
    let noted = Index::new().image(&world.amd).annotation("org.opencontainers.image.version", "1.2.3").build();
    world.put("noted", &noted, &[&world.amd]);
    let version = ("org.opencontainers.image.version", "1.2.3");
    let both = [entry(&world.amd.descriptor(), &[], &AMD64), entry(&world.arm64.descriptor(), &[], &ARM64)];
    let expected = format!("{}\n", index_text(OCI_INDEX, &both, &[version]));
    assert_eq!(world.done(&["create", "--append", "--dry-run", "-t", ":noted", ":arm64"]), expected);
    let more = world.done(&["create", "--dry-run", "--annotation", "index:a=b", "-t", ":b", ":noted"]);
    assert!(more.contains("\"org.opencontainers.image.version\": \"1.2.3\"") && more.contains("\"a\": \"b\""), "{more}");
    // Of several indexes nobody knows whose words are right: none are taken, and that is said.
    let ran = world.run(&["create", "--dry-run", "-t", ":b", ":noted", ":arm64"]);
    let left = format!("warning: index annotations of {} are left behind: {}\n", world.name("noted"), version.0);
    assert_eq!((ran.code, ran.stderr), (0, left));
}

#[test]
fn improves_nested_indexes_are_flattened() {
    let Some(world) = World::new() else { return };
    let inner = Index::new().image(&world.amd).image(&world.arm64).build();
    let nested = Index::new().add(inner.descriptor()).image(&world.armv7).build();
    world.put_below("nested", &nested, &[&inner], &[&world.amd, &world.arm64, &world.armv7]);
    let World { amd, arm64, armv7, .. } = &world;
    let entries = [entry(&amd.descriptor(), &[], &AMD64), entry(&arm64.descriptor(), &[], &ARM64), entry(&armv7.descriptor(), &[], &ARMV7)];
    assert_eq!(world.done(&["create", "--dry-run", "-t", ":b", ":nested"]), format!("{}\n", index_text(OCI_INDEX, &entries, &[])));
    let amd64 = world.done(&["create", "--dry-run", "--platform", "linux/amd64", "-t", ":b", ":nested"]);
    assert_eq!(amd64, format!("{}\n", index_text(OCI_INDEX, &entries[..1], &[])));
}

#[test]
fn improves_an_artifact_is_no_image() {
    let Some(world) = World::new() else { return };
    let artifact = Image::new("linux/amd64").artifact("application/vnd.acme.report").build();
    world.put("artifact", &artifact.manifest, &[&artifact]);
    let said = world.refused(&["create", "-t", ":b", ":amd64", ":artifact"]);
    assert!(said.starts_with(&format!("ERROR: {} is no image: its config is ", world.name("artifact"))), "{said}");
}

#[test]
fn improves_one_manifest_stays_two_entries_for_two_platforms() {
    let Some(world) = World::new() else { return };
    let old = Image::new("linux/arm").text("no variant").build();
    world.put("armnovar", &old.manifest, &[&old]);
    let said = |variant| {
        let digest = old.digest();
        format!(r#"{{"digest":"{digest}","platform":{{"os":"linux","architecture":"arm","variant":"{variant}"}}}}"#)
    };
    let shown = world.done(&["create", "--dry-run", "-t", ":b", &said("v6"), &said("v7")]);
    let arm = |variant| entry(&old.descriptor(), &[], &[("architecture", "arm"), ("os", "linux"), ("variant", variant)]);
    assert_eq!(shown, format!("{}\n", index_text(OCI_INDEX, &[arm("v6"), arm("v7")], &[])));
}

#[test]
fn improves_an_annotation_for_arm64_finds_arm64_v8() {
    let Some(world) = World::new() else { return };
    let mut v8 = world.arm64.descriptor();
    v8.platform = Some(testkit::fixtures::platform("linux/arm64/v8"));
    world.put("a64", &Index::new().add(v8).build(), &[&world.arm64]);
    let shown = world.done(&["create", "--dry-run", "--annotation", "manifest-descriptor[linux/arm64]:c=d", "-t", ":b", ":a64"]);
    let expected = entry(&world.arm64.descriptor(), &[("c", "d")], &[("architecture", "arm64"), ("os", "linux"), ("variant", "v8")]);
    assert_eq!(shown, format!("{}\n", index_text(OCI_INDEX, &[expected], &[])));
}

#[test]
fn improves_an_annotation_for_all_entries_is_for_images() {
    let Some(world) = World::new() else { return };
    let (attestation, _) = world.put_attested();
    let shown = world.done(&["create", "--dry-run", "--annotation", "manifest-descriptor:c=d", "-t", ":b", ":att"]);
    assert!(shown.contains(&entry(&world.amd.descriptor(), &[("c", "d")], &AMD64)), "{shown}");
    let of_amd = world.amd.digest().to_string();
    let own = [("vnd.docker.reference.digest", of_amd.as_str()), ("vnd.docker.reference.type", "attestation-manifest")];
    assert!(shown.contains(&entry(&attestation.descriptor(), &own, &UNKNOWN)), "{shown}");
}

#[test]
fn improves_archives_are_sources_too() {
    let Some(world) = World::new() else { return };
    fs::write(world.home.path().join("saved.tar"), testkit::fixtures::docker_save(&[(&world.amd, &["api:1"])])).unwrap();
    let ran = world.run(&["create", "--dry-run", "-t", ":b", "docker-archive:saved.tar:api:1", ":arm64"]);
    assert_eq!((ran.code, ran.stdout.matches("\"digest\"").count()), (0, 2), "{}", ran.stderr);
    world.home.done(&["copy", &format!("docker://{}", world.name("multi")), "oci-archive:multi.tar:1"]);
    let shown = world.done(&["create", "--dry-run", "-t", ":b", "oci-archive:multi.tar:1"]);
    assert_eq!(shown.as_bytes(), [world.multi().bytes(), &b"\n"[..]].concat());
}
