//! `build --provenance`: what is told of how images came to be, and whether every reader finds it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::fs;
use std::path::Path;
use std::process::Command;

use program::web::{Reply, Web};
use program::{Home, Ran, Serving};
use serde_json::{Value, json};
use testkit::registry::{DebianRegistry, RegistryOptions};

const BOTH: [&str; 3] = ["build", "--platform", "linux/amd64,linux/arm64"];

/// A home with a build context in it.
fn world() -> Home {
    let home = Home::new();
    fs::create_dir(home.path().join("c")).unwrap();
    fs::write(home.path().join("c/Dockerfile"), "FROM scratch\nARG VERSION\nLABEL version=$VERSION\nCOPY file /file\n").unwrap();
    fs::write(home.path().join("c/file"), "file\n").unwrap();
    home
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|problem| panic!("{problem}: {text}"))
}

/// Skopeo, where it may write: its usual folder may be another user's.
fn with_skopeo(skopeo: &Path, home: &Home) -> Command {
    let mut command = Command::new(skopeo);
    command.env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path());
    command
}

fn raw(home: &Home, name: &str) -> Value {
    parsed(&home.done(&["inspect", "--raw", name]))
}

fn read(path: impl AsRef<Path>) -> Value {
    parsed(&fs::read_to_string(path).unwrap())
}

#[test]
fn every_reader_finds_it_in_a_registry() {
    let (home, served) = (world(), Home::new());
    let serving = Serving::start(&served, &[]);
    let name = format!("{}/app:1", serving.host);
    let words = ["--provenance=mode=max", "--build-arg", "VERSION=7", "-t", &name, "--push", "--metadata-file", "m.json", "c"];
    let ran = home.run(&[&BOTH[..], &words].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let index = raw(&home, &name);
    let entries = index["manifests"].as_array().unwrap();
    let platforms: Vec<&Value> = entries.iter().map(|entry| &entry["platform"]["architecture"]).collect();
    assert_eq!(platforms, ["amd64", "arm64", "unknown", "unknown"]);
    for (attestation, image) in entries[2..].iter().zip(entries) {
        let expected = json!({"vnd.docker.reference.digest": image["digest"], "vnd.docker.reference.type": "attestation-manifest"});
        assert_eq!(attestation["annotations"], expected);
    }

    let shown = home.done(&["inspect", &name]);
    assert!(shown.contains("2 platforms, 2 attestations") && shown.contains("\n  attestation  sha256:"), "{shown}");
    let matrix = home.done(&["inspect", "--referrers", &name]);
    let row = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert!(matrix.lines().any(|line| row(line) == ["linux/amd64", "-", "1", "-", "-", "-"]), "{matrix}");
    assert!(matrix.contains("in the index, by its subject"), "{matrix}");

    let tools = |format: &str| home.done(&["buildx", "imagetools", "inspect", &name, "--format", format]);
    let provenance = parsed(&tools("{{json .Provenance}}"));
    let metadata = read(home.path().join("m.json"));
    for platform in ["linux/amd64", "linux/arm64"] {
        let said = &provenance[platform]["SLSA"];
        assert_eq!(said["buildDefinition"]["externalParameters"]["request"]["args"]["build-arg:VERSION"], "7");
        assert_eq!(*said, metadata[format!("buildx.build.provenance/{platform}")]);
    }
    // What docker's documentation shows: the Dockerfile, out of the provenance.
    let source = "{{with index .Provenance \"linux/amd64\"}}{{range .SLSA.runDetails.metadata.buildkit_metadata.source.infos}}{{.data}}{{end}}{{end}}";
    assert!(tools(source).starts_with("RlJPTSBzY3JhdGNo"), "{}", tools(source));
    assert!(tools("{{.Manifest}}").matches("unknown/unknown").count() <= 2);

    // It goes where its image goes, and nowhere where it is not wanted.
    let (kept, dropped) = (format!("{}/kept:1", serving.host), format!("{}/dropped:1", serving.host));
    home.done(&["create", "--push", "-t", &kept, &name]);
    home.done(&["create", "--push", "--attestations", "drop", "-t", &dropped, &name]);
    assert_eq!((raw(&home, &kept), raw(&home, &dropped)["manifests"].as_array().unwrap().len()), (index.clone(), 2));
    home.done(&["copy", "--platform", "linux/arm64", &name, "oci:arm64:1"]);
    let copied = raw(&home, "oci:arm64:1");
    assert_eq!(copied["manifests"], json!([entries[1], entries[3]]));
}

#[test]
fn one_platform_is_an_index_with_it_and_a_manifest_without() {
    let home = world();
    let one = ["build", "--platform", "linux/amd64", "-t", "app:1"];
    home.done(&[&one[..], &["c"]].concat());
    assert_eq!(raw(&home, "app:1")["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    let told = parsed(&home.done(&[&one[..], &["--json", "--provenance", "--metadata-file", "m.json", "c"]].concat()));
    let index = raw(&home, "app:1");
    assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
    assert_eq!(told["platforms"][0]["attestation"], index["manifests"][1]["digest"]);
    let predicate = &read(home.path().join("m.json"))["buildx.build.provenance"];
    assert_eq!(
        predicate["buildDefinition"]["externalParameters"]["request"]["locals"],
        json!([{"name": "context"}, {"name": "dockerfile"}])
    );
    home.done(&[&one[..], &["--provenance=false", "c"]].concat());
    assert_eq!(raw(&home, "app:1")["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    // What nothing points at any more goes, with what it says.
    home.done(&["store", "check"]);
}

#[test]
fn with_an_epoch_the_same_input_is_the_same_index() {
    let build = |home: &Home, words: &[&str]| -> String {
        let ran = home.run(&[&BOTH[..], &["--provenance=mode=max", "-t", "app:1"], words, &["c"]].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.digest().to_owned()
    };
    let (first, second) = (world(), world());
    let epoch = ["--build-arg", "SOURCE_DATE_EPOCH=1700000000"];
    assert_eq!(build(&first, &epoch), build(&second, &epoch));
    // Without it, two builds are two builds of the same images.
    let (one, before) = (build(&first, &[]), raw(&first, "app:1"));
    let (two, after) = (build(&first, &[]), raw(&first, "app:1"));
    assert_ne!(one, two);
    assert_eq!(before["manifests"][0], after["manifests"][0]);
    assert_ne!(before["manifests"][2], after["manifests"][2]);
}

#[test]
fn beside_files_it_is_a_file() {
    let home = world();
    let path = |name: &str| home.path().join(name);
    home.done(&[&BOTH[..], &["--provenance", "-o", "split", "c"]].concat());
    for folder in ["linux_amd64", "linux_arm64"] {
        let statement = read(path("split").join(folder).join("provenance.json"));
        assert_eq!(statement["subject"], json!([{"name": "file", "digest": {"sha256": oci::Digest::of(b"file\n").hex()}}]));
        assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
    }
    home.done(
        &[&BOTH[..], &["--attest", "type=provenance,version=v0.2", "-o", "type=local,dest=merged,platform-split=false", "c"]].concat(),
    );
    let mut names: Vec<String> =
        fs::read_dir(path("merged")).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    assert_eq!(names, ["file", "provenance.linux_amd64.json", "provenance.linux_arm64.json"]);
    home.done(&["build", "--platform=linux/amd64", "--provenance=mode=min,filename=how.json", "-o", "one", "c"]);
    assert!(path("one/how.json").is_file() && !path("one/provenance.json").exists());
    home.done(&["build", "--platform=linux/amd64", "--provenance=inline-only=true", "-o", "type=tar,dest=one.tar", "c"]);
    let listed = Ran::of(Command::new("tar").arg("-tf").arg(path("one.tar")));
    assert_eq!(listed.stdout, "file\n");
}

#[test]
fn what_has_no_room_for_it_is_refused() {
    let home = world();
    for (words, said) in [
        (&["--provenance", "--load", "-t", "app:1"][..], "what Docker loads holds one image, and no provenance beside it"),
        (&["--provenance", "-o", "type=docker,dest=a.tar"], "a Docker archive holds one image"),
        (&["--sbom=true"], "--sbom is not there: an SBOM needs a scanner, and there is none"),
        (&["--attest", "type=sbom"], "no attestation of type \"sbom\" is made: expected type=provenance"),
        (&["--provenance=mode=most"], "bad provenance option mode=most: expected min or max"),
        (&["--provenance=type=sbom"], "bad provenance"),
        (&["--provenance", "--attest", "type=provenance"], "two provenances are asked for"),
    ] {
        let ran = home.run(&[&["build", "--platform=linux/amd64"], words, &["c"]].concat());
        assert_eq!(ran.code, 2, "{words:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(said), "{words:?}: {}", ran.stderr);
    }
    let folder = home.run(&["build", "--provenance", "c"]);
    assert!(folder.code == 2 && folder.stderr.contains("--provenance=true"), "{}", folder.stderr);
    for words in [&["--provenance=false", "--load=false"][..], &["--sbom=false"], &["--attest", "type=sbom,disabled=true"]] {
        home.done(&[&["build", "--platform=linux/amd64", "-t", "app:1"], words, &["c"]].concat());
    }
}

#[test]
fn of_secrets_only_the_ids_are_told() {
    let Some(home) = Home::with_shell() else { return };
    fs::create_dir(home.path().join("c")).unwrap();
    let text =
        "FROM busybox:1.37\nRUN --mount=type=secret,id=token,env=TOKEN --mount=type=secret,id=key,required=true test -n \"$TOKEN\"\n";
    fs::write(home.path().join("c/Dockerfile"), text).unwrap();
    fs::write(home.path().join("token"), "hunter2-of-the-token").unwrap();
    let secrets = ["--secret", "id=token,src=token", "--secret", "id=key,src=token"];
    for (mode, expected) in [("max", json!([{"id": "key"}, {"id": "token", "optional": true}])), ("min", Value::Null)] {
        let provenance = format!("--provenance=mode={mode}");
        home.done(
            &[&["build", "--platform=linux/amd64", "-t", "app:1", &provenance, "--metadata-file=m.json"], &secrets[..], &["c"]].concat(),
        );
        let metadata = fs::read_to_string(home.path().join("m.json")).unwrap();
        assert!(!metadata.contains("hunter2"), "{metadata}");
        let definition = &parsed(&metadata)["buildx.build.provenance"]["buildDefinition"];
        assert_eq!(definition["externalParameters"]["request"]["secrets"], expected);
        let dependency = definition["resolvedDependencies"][0]["uri"].as_str().unwrap();
        assert!(dependency.starts_with("pkg:docker/busybox@1.37?digest=sha256:"), "{dependency}");
    }
}

#[test]
fn a_build_of_nothing_from_this_machine_is_whole_and_without_a_network_hermetic() {
    let Some(home) = Home::with_shell() else { return };
    let web = Web::start(|asked| match asked.path.as_str() {
        "/alone" => Reply::ok("FROM busybox:1.37\nRUN --network=none true\n"),
        _ => Reply::ok("FROM busybox:1.37\nRUN true\n"),
    });
    for (path, words, is_hermetic) in [("/alone", &[][..], true), ("/any", &[], false), ("/any", &["--network=none"], true)] {
        let url = web.url(path);
        let fixed = ["build", "--platform=linux/amd64", "-t", "app:1", "--provenance=true", "--metadata-file=m.json"];
        home.done(&[&fixed, words, &[&url]].concat());
        let predicate = &read(home.path().join("m.json"))["buildx.build.provenance"];
        let metadata = &predicate["runDetails"]["metadata"];
        assert_eq!(metadata["buildkit_completeness"]["resolvedDependencies"], true, "{path}: {metadata}");
        assert_eq!(metadata["buildkit_hermetic"] == true, is_hermetic, "{path} {words:?}: {metadata}");
        let source = &predicate["buildDefinition"]["externalParameters"]["configSource"];
        assert_eq!((source["uri"].as_str(), source["path"].as_str()), (Some(&*url), Some("Dockerfile")));
    }
}

/// Whoever looks for the one image of a layout or of an archive finds one.
#[test]
fn an_archive_and_a_layout_hold_one_image() {
    let home = world();
    home.done(
        &[&BOTH[..], &["--provenance", "-t", "app:1", "-o", "type=oci,dest=a.tar", "-o", "type=oci,dest=layout,tar=false", "c"]].concat(),
    );
    let packed = Ran::of(Command::new("tar").arg("-xOf").arg(home.path().join("a.tar")).arg("index.json"));
    for list in [parsed(&packed.stdout), read(home.path().join("layout/index.json"))] {
        let entries = list["manifests"].as_array().unwrap();
        assert_eq!((entries.len(), &entries[0]["mediaType"]), (1, &json!("application/vnd.oci.image.index.v1+json")), "{list}");
    }
    for place in ["oci-archive:a.tar", "oci:layout"] {
        assert!(home.done(&["inspect", "--referrers", place]).contains("in the index, by its subject"), "{place}");
    }
    let Some(skopeo) = testkit::binary("skopeo") else { return testkit::skip("no skopeo: apt-get install skopeo") };
    let seen = Ran::of(with_skopeo(&skopeo, &home).current_dir(home.path()).args(["inspect", "--raw", "oci-archive:a.tar"]));
    assert_eq!((seen.code, parsed(&seen.stdout)), (0, raw(&home, "oci:layout")), "{}", seen.stderr);
}

/// Registries and clients that people have take it as they take BuildKit's.
#[test]
fn other_registries_and_clients_take_it() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let home = world();
    let name = format!("{}/app:1", registry.host());
    let ran = home.run(&[&BOTH[..], &["--provenance", "-t", &name, "--push", "c"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let index = raw(&home, &name);
    assert_eq!(index["manifests"].as_array().unwrap().len(), 4);
    let Some(skopeo) = testkit::binary("skopeo") else { return testkit::skip("no skopeo: apt-get install skopeo") };
    let address = format!("docker://{name}");
    let seen = Ran::of(with_skopeo(&skopeo, &home).args(["inspect", "--raw", "--tls-verify=false", &address]));
    assert_eq!((seen.code, parsed(&seen.stdout)), (0, index.clone()), "{}", seen.stderr);
    let layout = format!("oci:{}:1", home.path().join("copied").display());
    let copied =
        Ran::of(with_skopeo(&skopeo, &home).args(["--insecure-policy", "copy", "--all", "--src-tls-verify=false", &address, &layout]));
    assert_eq!(copied.code, 0, "{}", copied.stderr);
    assert_eq!(raw(&home, "oci:copied:1"), index);
}
