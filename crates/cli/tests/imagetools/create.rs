//! `create`, where buildx is right: the same bytes and the same lines.

use std::fs;

use oci::Digest;
use testkit::fixtures::{Image, Index};
use testkit::registry::{DebianRegistry, RegistryOptions};

use crate::world::{AMD64, ARM64, ARMV7, DOCKER_LIST, OCI_INDEX, UNKNOWN, World, entry, index_text};

/// Puts `T` for the times that a push takes.
fn timeless(stderr: &str) -> String {
    let line = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let is_time = |word: &str| word.trim_end_matches('s').parse::<f64>().is_ok();
        words.iter().map(|word| if is_time(word) { "T" } else { word }).collect::<Vec<_>>().join(" ")
    };
    stderr.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn three(world: &World) -> String {
    let World { amd, arm64, armv7, .. } = world;
    let entries = [entry(&amd.descriptor(), &[], &AMD64), entry(&arm64.descriptor(), &[], &ARM64), entry(&armv7.descriptor(), &[], &ARMV7)];
    index_text(OCI_INDEX, &entries, &[])
}

#[test]
fn a_dry_run_prints_the_index_and_a_push_pushes_it() {
    let Some(world) = World::new() else { return };
    let text = three(&world);
    let sources = [":amd64", ":arm64", ":armv7"];
    assert_eq!(world.done(&[&["create", "--dry-run", "-t", ":b1"][..], &sources].concat()), format!("{text}\n"));
    assert!(world.run(&["inspect", ":b1"]).code == 1, "a dry run pushes nothing");
    let file = world.home.path().join("md.json").display().to_string();
    let ran = world.run(&[&["create", "--progress", "plain", "-t", ":b1", "-t", ":b1x", "--metadata-file", &file][..], &sources].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
    let (repository, digest) = (format!("{}/demo/app", world.registry.host()), Digest::of(text.as_bytes()));
    let copying = [(&world.amd, "amd64"), (&world.arm64, "arm64"), (&world.armv7, "armv7")]
        .map(|(image, tag)| format!("#1 T copying {} from {repository}:{tag} to {repository}\n", image.digest()));
    assert_eq!(
        timeless(&ran.stderr),
        format!(
            "#1 [internal] pushing {repository}\n{}#1 T pushing {digest} to {repository}:b1\n#1 T pushing {digest} to {repository}:b1x\n#1 DONE T",
            copying.concat()
        )
    );
    assert_eq!((world.raw("b1"), world.raw("b1x")), (text.clone(), text.clone()));
    assert_eq!(
        fs::read_to_string(file).unwrap(),
        format!(
            "{{\n  \"containerimage.descriptor\": {{\n    \"mediaType\": \"{OCI_INDEX}\",\n    \"digest\": \"{digest}\",\n    \"size\": {}\n  \
             }},\n  \"image.name\": \"{repository}\"\n}}",
            text.len()
        )
    );
}

#[test]
fn progress_none_says_nothing_and_the_default_says_lines() {
    let Some(world) = World::new() else { return };
    // As with pflag, the last one counts.
    assert_eq!(world.done(&["create", "--progress", "plain", "--progress", "none", "-t", ":n", ":amd64"]), "");
    for how in ["auto", "tty", "plain"] {
        let ran = world.run(&["create", "--progress", how, "-t", ":n", ":amd64"]);
        assert!(ran.stderr.starts_with("#1 [internal] pushing "), "{how}: {}", ran.stderr);
    }
    let quiet = world.home.run(&["--quiet", "buildx", "imagetools", "create", "-t", &world.name("n"), &world.name("amd64")]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
}

#[test]
fn docker_images_make_a_docker_list() {
    let Some(world) = World::new() else { return };
    let made = |platform: &str| Image::new(platform).text(platform).docker().build();
    let (amd, arm) = (made("linux/amd64"), made("linux/arm64"));
    world.put("d-amd64", &amd.manifest, &[&amd]);
    world.put("d-arm64", &arm.manifest, &[&arm]);
    let text = index_text(DOCKER_LIST, &[entry(&amd.descriptor(), &[], &AMD64), entry(&arm.descriptor(), &[], &ARM64)], &[]);
    assert_eq!(world.done(&["create", "--dry-run", "-t", ":d", ":d-amd64", ":d-arm64"]), format!("{text}\n"));
}

#[test]
fn appending_adds_to_what_the_first_tag_holds() {
    let Some(world) = World::new() else { return };
    world.done(&["create", "--progress", "none", "-t", ":b", ":amd64", ":arm64"]);
    let appended = ["create", "--append", "-t", ":b", ":armv7"];
    assert_eq!(world.done(&[&appended[..], &["--dry-run"]].concat()), format!("{}\n", three(&world)));
    assert_eq!(world.done(&[&appended[..], &["--progress=none"]].concat()), "");
    assert_eq!(world.raw("b"), three(&world));
    // The filter is for the result, so it takes what is there too.
    let filtered = world.done(&["create", "--dry-run", "--append", "--platform", "linux/arm64", "-t", ":b", ":armv7"]);
    assert_eq!(filtered, format!("{}\n", index_text(OCI_INDEX, &[entry(&world.arm64.descriptor(), &[], &ARM64)], &[])));
}

#[test]
fn a_digest_alone_is_in_the_repository_that_was_named() {
    let Some(world) = World::new() else { return };
    let digest = world.arm64.digest().to_string();
    let alone = format!("{}\n", index_text(OCI_INDEX, &[entry(&world.arm64.descriptor(), &[], &ARM64)], &[]));
    assert_eq!(world.done(&["create", "--dry-run", "-t", ":b1", &digest]), alone);
    assert_eq!(world.done(&["create", "--dry-run", ":amd64", &digest]).matches("\"digest\"").count(), 2);
    let copy = world.done(&["create", "--dry-run", "--prefer-index=false", "-t", ":b1", &digest]);
    assert_eq!(copy.as_bytes(), [world.arm64.manifest.bytes(), &b"\n"[..]].concat());
    // A filter that it passes changes nothing.
    let filtered = world.done(&["create", "--dry-run", "--prefer-index=false", "-p", "linux/arm64", "-t", ":b1", &digest]);
    assert_eq!(filtered, copy);
    assert_eq!(
        world.refused(&["create", "--prefer-index=false", "-p", "linux/amd64", "-t", ":b1", &digest]).lines().next(),
        Some("ERROR: input platform linux/arm64 does not match any of the provided platforms")
    );
}

#[test]
fn a_descriptor_in_a_file_or_a_word_says_more_of_a_source() {
    let Some(world) = World::new() else { return };
    let old = Image::new("linux/arm").text("no variant").build();
    world.put("armnovar", &old.manifest, &[&old]);
    let armv7 = index_text(OCI_INDEX, &[entry(&old.descriptor(), &[], &ARMV7)], &[]);
    assert_eq!(world.done(&["create", "--dry-run", "-t", ":b", ":armnovar"]), format!("{armv7}\n"));
    let text = format!(
        r#"{{"digest":"{}","platform":{{"os":"linux","architecture":"arm","variant":"v6"}},"annotations":{{"a":"b"}}}}"#,
        old.digest()
    );
    let file = world.home.path().join("d.json");
    fs::write(&file, &text).unwrap();
    let armv6 = entry(&old.descriptor(), &[("a", "b")], &[("architecture", "arm"), ("os", "linux"), ("variant", "v6")]);
    let expected = format!("{}\n", index_text(OCI_INDEX, &[armv6], &[]));
    assert_eq!(world.done(&["create", "--dry-run", "-f", &file.display().to_string(), "-t", ":b"]), expected);
    assert_eq!(world.done(&["create", "--dry-run", "-t", ":b", &text]), expected);
}

#[test]
fn one_index_is_copied_byte_for_byte() {
    let Some(world) = World::new() else { return };
    let index = Index::new().image(&world.amd).annotation("a", "b").edit(|tree| tree["note"] = "kept".into()).build();
    world.put("noted", &index, &[&world.amd]);
    let copy = world.done(&["create", "--dry-run", "-t", ":b", ":noted"]);
    assert_eq!(copy.as_bytes(), [index.bytes(), &b"\n"[..]].concat());
    world.done(&["create", "--progress", "none", "-t", ":b", ":noted"]);
    assert_eq!(world.raw("b").as_bytes(), index.bytes());
}

#[test]
fn annotations_of_the_index_and_of_entries() {
    let Some(world) = World::new() else { return };
    let annotations = ["--annotation", "index:a=b", "--annotation", "manifest-descriptor[linux/arm64]:c=d"];
    let entries = [entry(&world.amd.descriptor(), &[], &AMD64), entry(&world.arm64.descriptor(), &[("c", "d")], &ARM64)];
    let expected = format!("{}\n", index_text(OCI_INDEX, &entries, &[("a", "b")]));
    assert_eq!(world.done(&[&["create", "--dry-run", "-t", ":b"][..], &annotations, &[":amd64", ":arm64"]].concat()), expected);
}

#[test]
fn the_filter_is_strict_and_attestations_follow() {
    let Some(world) = World::new() else { return };
    let (attestation, _) = world.put_attested();
    let of_amd = world.amd.digest().to_string();
    let annotations = [("vnd.docker.reference.digest", of_amd.as_str()), ("vnd.docker.reference.type", "attestation-manifest")];
    let entries = [entry(&world.amd.descriptor(), &[], &AMD64), entry(&attestation.descriptor(), &annotations, &UNKNOWN)];
    let expected = format!("{}\n", index_text(OCI_INDEX, &entries, &[]));
    assert_eq!(world.done(&["create", "--dry-run", "--platform", "linux/amd64", "-t", ":b", ":att"]), expected);
    let both = ["create", "--dry-run", "--platform", "linux/arm,linux/amd64", "-p", "linux/s390x", "-t", ":b", ":multi"];
    let ran = world.run(&both);
    assert_eq!((ran.code, ran.stdout.matches("\"digest\"").count()), (0, 2), "{}", ran.stderr);
    assert_eq!(ran.stderr, "warning: no linux/s390x image among the sources: they offer linux/amd64, linux/arm64, linux/arm/v7\n");
    for platform in ["linux/s390x", "linux/arm/v6", "linux/arm64/v9"] {
        let said = world.refused(&["create", "--platform", platform, "-t", ":b", ":multi"]);
        assert!(said.starts_with("ERROR: none of the manifests match the provided platforms\n"), "{said}");
    }
}

#[test]
fn blobs_are_copied_between_registries() {
    let (Some(world), Some(other)) = (World::new(), DebianRegistry::start(&RegistryOptions::default())) else { return };
    let target = format!("{}/copied/app", other.host());
    let ran = world.run(&["create", "-t", &format!("{target}:x"), "-t", ":x", ":amd64", ":arm64"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let begun: Vec<_> = ran.stderr.lines().filter(|line| line.contains("[internal]")).collect();
    assert_eq!(begun, [format!("#1 [internal] pushing {target}"), format!("#2 [internal] pushing {}/demo/app", world.registry.host())]);
    let both = [entry(&world.amd.descriptor(), &[], &AMD64), entry(&world.arm64.descriptor(), &[], &ARM64)];
    let expected = index_text(OCI_INDEX, &both, &[]);
    assert_eq!(world.done(&["inspect", "--raw", &format!("{target}:x")]), expected);
    assert_eq!(world.raw("x"), expected);
    // All of it is there: a layout takes it whole.
    world.home.done(&["copy", &format!("docker://{target}:x"), "oci:whole:1"]);
}

#[test]
fn signatures_of_the_images_go_with_them_to_another_repository() {
    let Some(world) = World::new() else { return };
    let signed = |kind: &str| {
        let signature = testkit::fixtures::Artifact::of(kind).layer("text/plain", "signed").subject(&world.amd.manifest.descriptor());
        signature.build()
    };
    let bundle = signed("application/vnd.dev.sigstore.bundle.v0.3+json");
    let report = signed("application/vnd.acme.report");
    for (tag, referrer) in [("bundle", &bundle), ("report", &report)] {
        world.put(tag, &referrer.manifest, &[referrer]);
    }
    let target = format!("{}/demo/other:x", world.registry.host());
    world.done(&["create", "--progress", "none", "-t", &target, ":amd64"]);
    let shown = world.home.done(&["inspect", "--referrers", "--json", &format!("docker://{target}")]);
    assert!(shown.contains(&bundle.digest().to_string()), "{shown}");
    assert!(!shown.contains(&report.digest().to_string()), "{shown}");
    // One that came since goes there by the same command again, though the tag stays.
    let later = testkit::fixtures::Artifact::of("application/vnd.dev.sigstore.bundle.v0.3+json").layer("text/plain", "signed later");
    let later = later.subject(&world.amd.manifest.descriptor()).build();
    world.put("later", &later.manifest, &[&later]);
    world.done(&["create", "--progress", "none", "-t", &target, ":amd64"]);
    let shown = world.home.done(&["inspect", "--referrers", "--json", &format!("docker://{target}")]);
    assert!(shown.contains(&later.digest().to_string()), "{shown}");
}

#[test]
fn a_layout_is_written_and_read() {
    let Some(world) = World::new() else { return };
    let layout = world.home.path().join("lay").display().to_string();
    let ran = world.run(&["create", "-t", &format!("oci-layout://{layout}:v1"), ":multi"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let digest = world.multi().digest().clone();
    assert!(ran.stderr.starts_with(&format!("#1 [internal] pushing {layout}\n")), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!(" pushing {digest} to oci-layout://{layout}:v1\n")), "{}", ran.stderr);
    let table = fs::read_to_string(world.home.path().join("lay/index.json")).unwrap();
    let expected = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{{"mediaType":"{OCI_INDEX}","digest":"{digest}","size":{},"annotations":{{"org.opencontainers.image.ref.name":"v1"}}}}]}}"#,
        world.multi().bytes().len()
    );
    assert_eq!(table, expected);
    let back = world.done(&["create", "--dry-run", "-t", ":b", &format!("oci-layout://{layout}@{digest}")]);
    assert_eq!(back.as_bytes(), [world.multi().bytes(), &b"\n"[..]].concat());
    let others = world.done(&["create", "--dry-run", "-t", ":b", &format!("oci:{layout}:v1")]);
    assert_eq!(others, back);
}

#[test]
fn a_builder_is_named_in_vain_and_that_is_said() {
    let Some(world) = World::new() else { return };
    let ran = world.run(&["--builder", "cloud", "create", "--dry-run", "-t", ":b", ":amd64"]);
    assert_eq!(ran.code, 0);
    assert_eq!(ran.stderr, "warning: there is no builder \"cloud\" here: its mirrors and certificates are not used\n");
    world.done(&["create", "--builder", "default", "--dry-run", "-t", ":b", ":amd64"]);
    let told = world.run(&["create", "-D", "--dry-run", "-t", ":b", ":amd64"]);
    assert!(told.stderr.contains("GET "), "{}", told.stderr);
}

#[test]
fn files_without_a_name_are_none() {
    let Some(world) = World::new() else { return };
    for empty in [&["--metadata-file="][..], &["--metadata-file", ""], &["--file="], &["-f", ""]] {
        world.done(&[&["create", "--dry-run", "-t", ":b"], empty, &[":amd64"]].concat());
        let ran = world.run(&[&["create", "--progress", "none", "-t", ":b"], empty, &[":amd64"]].concat());
        assert_eq!(ran.code, 0, "{empty:?}: {}", ran.stderr);
    }
}
