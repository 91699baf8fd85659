//! manifest-tool's and mquery's words against real registries: what is said, what is pushed, who sees a password.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::fs;
use std::path::{Path, PathBuf};

use program::{Home, Ran, images, tag_of};
use testkit::fixtures::{BuiltImage, Image, Index, attestation_entry, attestation_for, write_layout};
use testkit::registry::{DebianRegistry, RegistryOptions};
use testkit::transcript::Transcript;

const PASSWORD: &str = "hunter2-correct-horse";

/// A registry with images for three platforms in `acme/app`, each under its tag.
struct Scene {
    registry: DebianRegistry,
    home: Home,
    images: Vec<BuiltImage>,
}

impl Scene {
    fn start() -> Option<Self> {
        let registry = DebianRegistry::start(&RegistryOptions::default())?;
        let scene = Self { registry, home: Home::new(), images: images(&["linux/amd64", "linux/arm64", "linux/arm/v7"]) };
        scene.home.layout("parts", &scene.images.iter().collect::<Vec<_>>());
        for image in &scene.images {
            let tag = tag_of(image);
            scene.home.done(&["copy", &format!("oci:parts:{tag}"), &scene.name(&tag.replace('-', ""))]);
        }
        Some(scene)
    }

    fn name(&self, tag: &str) -> String {
        format!("{}/acme/app:{tag}", self.registry.host())
    }

    /// Runs manifest-tool's words.
    fn run(&self, words: &[&str]) -> Ran {
        self.home.run(&[&["manifest-tool", "--plain-http"], words].concat())
    }

    /// Puts an index into the registry that a layout holds, as it is.
    fn put(&self, tag: &str, index: &oci::RawManifest, images: &[&BuiltImage]) -> String {
        write_layout(&self.home.path().join(tag), &[(index, Some("it"))], images);
        self.home.done(&["copy", &format!("oci:{tag}:it"), &self.name(tag)]);
        self.name(tag)
    }

    fn raw(&self, name: &str) -> String {
        let ran = self.home.run(&["--quiet", "inspect", "--raw", name]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout
    }

    fn is_there(&self, name: &str) -> bool {
        self.home.run(&["digest", name]).code == 0
    }

    fn manifest(&self, number: usize) -> (String, usize) {
        (self.images[number].digest().to_string(), self.images[number].manifest.bytes().len())
    }
}

/// Returns what was said, with the time checked for its shape and taken out.
fn timeless(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix("time=\"") {
        Some(rest) => {
            let (time, rest) = rest.split_once('"').unwrap();
            assert!(time.len() == 20 && time.ends_with('Z') && time.contains('T'), "{line}");
            rest.trim_start().to_owned()
        }
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn failed(ran: &Ran, expected: &str) {
    let first = timeless(&ran.stderr);
    let first = first.lines().find(|line| line.starts_with("level=error")).unwrap_or_default();
    let expected = format!("level=error msg=\"manifest-tool failed with error: {}\"", expected.replace('"', "\\\""));
    assert_eq!((ran.code, first), (1, expected.as_str()), "{}", ran.stderr);
}

const NOT_VALID: &str = "level=warning msg=\"a Docker manifest list of OCI images is not valid, and Quay refuses it\"";

#[test]
fn a_spec_becomes_the_docker_list_that_manifest_tool_makes() {
    let Some(scene) = Scene::start() else { return };
    let spec = format!(
        "image: {}\ntags: [1.20, extra]\nmanifests:\n- image: {}\n- image: {}\n  platform: {{os: linux, architecture: arm64, variant: \
         v8}}\n- image: {}\n  platform:\n    architecture: arm\n    os: linux\n",
        scene.name("list"),
        scene.name("amd64"),
        scene.name("arm64"),
        scene.name("armv7"),
    );
    fs::write(scene.home.path().join("spec.yml"), spec).unwrap();
    let ran = scene.run(&["push", "from-spec", "spec.yml"]);
    let entry = |number: usize, architecture: &str, variant: &str| {
        let (digest, size) = scene.manifest(number);
        format!(
            r#"    {{
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "size": {size},
      "digest": "{digest}",
      "platform": {{
        "architecture": "{architecture}",
        "os": "linux"{variant}
      }}
    }}"#
        )
    };
    let level = |variant: &str| format!(",\n        \"variant\": \"{variant}\"");
    let expected = format!(
        r#"{{
  "schemaVersion": 2,
  "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
  "manifests": [
{},
{},
{}
  ]
}}"#,
        entry(0, "amd64", ""),
        entry(1, "arm64", &level("v8")),
        entry(2, "arm", &level("v7")),
    );
    let digest = oci::Digest::of(expected.as_bytes());
    assert_eq!((ran.code, ran.stdout.as_str()), (0, format!("Digest: {digest} {}\n", expected.len()).as_str()), "{}", ran.stderr);
    assert_eq!(timeless(&ran.stderr), NOT_VALID);
    for tag in ["list", "1.20", "extra"] {
        assert_eq!(scene.raw(&scene.name(tag)), expected, "{tag}");
    }
}

#[test]
fn arguments_become_the_oci_index_that_manifest_tool_makes() {
    let Some(scene) = Scene::start() else { return };
    let (template, target) = (scene.name("ARCHVARIANT"), scene.name("index"));
    let platforms = "linux/amd64,linux/arm/v7";
    let words = ["push", "--type", "oci", "from-args", "--platforms", platforms, "-template", &template, "--target", &target];
    let ran = scene.run(&[&words[..], &["--tags", "more", "--annotations", "b=2,a=<1>"]].concat());
    let ((amd64, amd64_size), (arm, arm_size)) = (scene.manifest(0), scene.manifest(2));
    let expected = format!(
        r#"{{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.index.v1+json",
  "manifests": [
    {{
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "{amd64}",
      "size": {amd64_size},
      "platform": {{
        "architecture": "amd64",
        "os": "linux"
      }}
    }},
    {{
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "{arm}",
      "size": {arm_size},
      "platform": {{
        "architecture": "arm",
        "os": "linux",
        "variant": "v7"
      }}
    }}
  ],
  "annotations": {{
    "a": "\u003c1\u003e",
    "b": "2"
  }}
}}"#
    );
    let digest = oci::Digest::of(expected.as_bytes());
    assert_eq!(ran.stdout, format!("Digest: {digest} {}\n", expected.len()), "{}", ran.stderr);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(scene.raw(&target), expected);
    assert_eq!(scene.raw(&scene.name("more")), expected);
}

#[test]
fn a_target_without_a_tag_moves_none() {
    let Some(scene) = Scene::start() else { return };
    let target = format!("{}/acme/app", scene.registry.host());
    let words = ["push", "--type=oci", "from-args", "--platforms", "linux/amd64", "--template", &scene.name("ARCH"), "--target", &target];
    let ran = scene.run(&words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let digest = ran.stdout.split_whitespace().nth(1).unwrap().to_owned();
    assert!(scene.is_there(&format!("{target}@{digest}")));
    assert!(!scene.is_there(&format!("{target}:latest")));
}

#[test]
fn what_is_missing_is_an_error_or_left_out_and_nothing_is_pushed_before_all_is_decided() {
    let Some(scene) = Scene::start() else { return };
    let (target, template) = (scene.name("new"), scene.name("ARCH"));
    let push = |more: &[&str], platforms: &str, template: &str| {
        let words = ["push", "--type", "oci", "from-args", "--platforms", platforms, "--template", template, "--target", &target];
        scene.run(&[&words[..], more].concat())
    };
    let absent = scene.name("s390x");
    let ran = push(&[], "linux/amd64,linux/s390x", &template);
    failed(&ran, &format!("pushing image failed: inspect of image \"{absent}\" failed with error: {absent}: not found"));
    assert!(!scene.is_there(&target));
    let ran = push(&["--ignore-missing"], "linux/s390x", &template);
    let skipped =
        format!("level=warning msg=\"Couldn't access image '\\\"{absent}\\\"'. Skipping due to 'ignore missing' configuration.\"");
    failed(&ran, "pushing image failed: all entries were skipped due to missing source image references; no manifest list to push");
    assert!(timeless(&ran.stderr).starts_with(&skipped), "{}", ran.stderr);
    let ran = push(&["--ignore-missing"], "linux/amd64,linux/s390x", &template);
    assert_eq!((ran.code, timeless(&ran.stderr).as_str()), (0, skipped.as_str()));
    assert!(scene.is_there(&target));
}

#[test]
fn platforms_are_real_true_and_each_there_once() {
    let Some(scene) = Scene::start() else { return };
    let target = scene.name("new");
    let push = |more: &[&str], platforms: &str, tag: &str| {
        let words = ["push", "--type", "oci", "from-args", "--platforms", platforms, "--template"];
        scene.run(&[&words[..], &[scene.name(tag).as_str(), "--target", &target], more].concat())
    };
    let (amd64, _) = scene.manifest(0);
    let image = scene.name("amd64");
    let nonsense = format!(
        "pushing image failed: unable to create platform object for manifest {amd64}: manifest entry for image {image} has unsupported \
         os/arch or os/arch/variant combination: linux/amd46/"
    );
    failed(&push(&[], "linux/amd46", "amd64"), &nonsense);
    failed(&push(&["--force-platform"], "linux/amd46", "amd64"), &nonsense);
    let twice = "pushing image failed: cannot include two manifests with the same platform; digest ";
    failed(
        &push(&[], "linux/amd64,linux/amd64", "amd64"),
        &format!("{twice}{amd64} already provides platform amd64-linux--- (this digest: {amd64})"),
    );
    let (arm64, _) = scene.manifest(1);
    failed(
        &push(&[], "linux/arm64,linux/arm64/v8", "arm64"),
        &format!("{twice}{arm64} already provides platform arm64-linux--- (this digest: {arm64})"),
    );
    let lie = push(&[], "linux/s390x", "amd64");
    failed(&lie, &format!("pushing image failed: {image} is not what it is said to be: expected linux/s390x, its config says linux/amd64"));
    assert!(lie.stderr.contains("--force-platform"), "{}", lie.stderr);
    assert!(!scene.is_there(&target));
    let forced = push(&["--force-platform"], "linux/s390x", "amd64");
    assert_eq!(forced.code, 0, "{}", forced.stderr);
    assert!(scene.raw(&target).contains("\"architecture\": \"s390x\""));
    // manifest-tool knows no levels of amd64; there are some.
    let level = push(&[], "linux/amd64/v2", "amd64");
    assert_eq!(level.code, 0, "{}", level.stderr);
    assert!(scene.raw(&target).contains("\"variant\": \"v2\""));
}

#[test]
fn indexes_are_taken_whole_attestations_last_and_nothing_panics() {
    let Some(scene) = Scene::start() else { return };
    let [amd64, arm64, arm] = [0, 1, 2].map(|number| &scene.images[number]);
    let attestation = attestation_for(amd64);
    let index = Index::new().image(amd64).add(attestation_entry(&attestation, amd64)).image(arm64).build();
    let attested = scene.put("attested", &index, &[amd64, arm64, &attestation]);
    let inner = Index::new().image(amd64).build();
    let unsaid = oci::Descriptor { platform: None, ..arm.descriptor() };
    let odd = Index::new().add(inner.descriptor()).add(unsaid).build();
    write_layout(&scene.home.path().join("odd"), &[(&odd, Some("it")), (&inner, Some("inner"))], &[amd64, arm]);
    let odd = scene.name("odd");
    scene.home.done(&["copy", "oci:odd:it", &odd]);
    let digests = |source: &str| -> Vec<String> {
        let target = scene.name("new");
        let words = ["push", "--type", "oci", "from-args", "--platforms", "linux/amd64", "--template", source, "--target", &target];
        let ran = scene.run(&words);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let raw: serde_json::Value = serde_json::from_str(&scene.raw(&target)).unwrap();
        let entries = raw["manifests"].as_array().unwrap().clone();
        assert!(entries.iter().all(|entry| entry["platform"]["os"].is_string()), "{raw:#}");
        entries.iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
    };
    let of = |images: &[&BuiltImage]| images.iter().map(|image| image.digest().to_string()).collect::<Vec<_>>();
    assert_eq!(digests(&attested), of(&[amd64, arm64, &attestation]));
    assert_eq!(digests(&odd), of(&[amd64, arm]));
    let shown = scene.run(&["inspect", &odd]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(shown.stdout.contains("\n[2] Platform:\n[2]    -      (no platform specified)\n[2] # Layers: 1\n"), "{}", shown.stdout);
    assert!(shown.stdout.contains("\nUnknown media type for further display: application/vnd.oci.image.index.v1+json\n"));
}

#[test]
fn sources_of_other_registries_and_of_this_disk_are_copied() {
    let (Some(scene), Some(other)) = (Scene::start(), DebianRegistry::start(&RegistryOptions::default())) else { return };
    let target = format!("{}/new/app:1", other.host());
    let spec = format!("image: {target}\nmanifests:\n- image: {}\n- image: oci:parts:arm64\n", scene.name("amd64"));
    fs::write(scene.home.path().join("spec.yml"), spec).unwrap();
    let ran = scene.run(&["push", "--type", "oci", "from-spec", "spec.yml"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    scene.home.done(&["copy", &target, "oci:back:1"]);
}

#[test]
fn words_that_make_no_sense_are_refused_in_manifest_tools_words() {
    let Some(scene) = Scene::start() else { return };
    let (template, target) = (scene.name("ARCH"), scene.name("new"));
    let ran = scene.run(&["push", "from-args", "--target", "x"]);
    failed(&ran, "Required flags \"platforms, template\" not set");
    assert!(ran.stdout.starts_with("NAME:\n   manifest-tool push from-args - push a manifest list to a registry via CLI arguments\n"));
    let arguments = |more: &[&str]| scene.run(&[&["push", "from-args", "--template", &template, "--target", &target], more].concat());
    failed(
        &arguments(&["--platforms", "amd64"]),
        "the --platforms argument must be a string slice where one value is of the form 'os/arch'",
    );
    failed(
        &arguments(&["--platforms", "linux/amd64", "--annotations", "a=b=c"]),
        "the --annotations argument must be a string in the form 'key=value': a=b=c",
    );
    let no_annotations = "manifest list (Docker media type) does not support annotations; use --type oci instead";
    failed(&arguments(&["--platforms", "linux/amd64", "--annotations", "a=b"]), &format!("pushing image failed: {no_annotations}"));
    failed(&arguments(&["--platforms", "linux/amd64", "--type", "bogus"]), "unknown manifest type \"bogus\": expected docker or oci");
    failed(
        &scene.run(&["push", "from-spec", "/nonexist"]),
        "cannot read YAML file \"/nonexist\": open /nonexist: no such file or directory",
    );
    fs::write(scene.home.path().join("slip.yml"), "image: a\nmanifests:\n  - image: b\n    platfrom: {os: linux}\n").unwrap();
    let slip = scene.run(&["push", "from-spec", "slip.yml"]);
    assert!(slip.stderr.contains("cannot unmarshal YAML file \\\"slip.yml\\\": line 4, column 5: unknown key"), "{}", slip.stderr);
    assert!(slip.stderr.ends_with("hint: did you mean \"platform\"?\n"), "{}", slip.stderr);
    let name = format!("{}/acme/app", scene.registry.host());
    failed(&scene.run(&["inspect", &name]), "image reference must include a tag or a digest; manifest-tool does not default to 'latest'");
    failed(&scene.run(&["inspect", "--expand-config", &target]), "the --expand-config flag is only valid when used with --raw");
    failed(&scene.run(&["inspect", &target]), &format!("error fetching image descriptor: {target}: not found"));
    let unknown = scene.run(&["push", "from-args", "--frob"]);
    failed(&unknown, "flag provided but not defined: -frob");
    assert!(unknown.stdout.starts_with("Incorrect Usage: flag provided but not defined: -frob\n\nNAME:\n"), "{}", unknown.stdout);
    let unknown = scene.run(&["frob"]);
    assert_eq!((unknown.code, unknown.stderr.as_str()), (3, "No help topic for 'frob'\n"));
    assert!(!scene.is_there(&target));
}

#[test]
fn inspect_prints_documents_of_its_own() {
    let Some(scene) = Scene::start() else { return };
    let name = scene.name("amd64");
    let raw = scene.run(&["inspect", "--raw", &name]);
    let (digest, _) = scene.manifest(0);
    let head = format!(
        "{{\n    \"name\": \"{name}\",\n    \"digest\": \"{digest}\",\n    \"os\": \"linux\",\n    \"architecture\": \"amd64\",\n    \
         \"schemaVersion\": 2,\n"
    );
    assert!(raw.code == 0 && raw.stdout.starts_with(&head) && raw.stdout.ends_with("\n}\n"), "{}", raw.stdout);
    let expanded = scene.run(&["inspect", "--raw", "--expand-config", &name]);
    assert!(expanded.stdout.contains("\n    \"config\": {\n        \"created\": "), "{}", expanded.stdout);
}

#[test]
fn a_given_password_is_for_one_registry_and_shown_nowhere() {
    let options = RegistryOptions { credentials: Some(("ann".to_owned(), PASSWORD.to_owned())), ..RegistryOptions::default() };
    let (Some(own), Some(other)) = (DebianRegistry::start(&options), DebianRegistry::start(&options)) else { return };
    let home = Home::new();
    home.layout("parts", &images(&["linux/amd64"]).iter().collect::<Vec<_>>());
    let target = format!("{}/acme/app:1", own.host());
    let spec = |name: &str, source: &str| {
        fs::write(home.path().join(name), format!("image: {target}\nmanifests: [{{image: '{source}'}}]\n")).unwrap();
    };
    spec("own.yml", "oci:parts:amd64");
    spec("other.yml", &format!("{}/acme/app:1", other.host()));
    let login = ["manifest-tool", "--plain-http", "--debug", "--username", "ann", "--password", PASSWORD];
    let secretless = |ran: Ran| {
        // hunter2- in base64, as Basic sends it behind `ann:`.
        assert!(![PASSWORD, "YW5uOmh1bnRlcjI"].iter().any(|secret| ran.stderr.contains(secret)), "{}", ran.stderr);
        ran
    };
    let pushed = secretless(home.run(&[&login[..], &["push", "from-spec", "own.yml"]].concat()));
    assert_eq!(pushed.code, 0, "{}", pushed.stderr);
    // Behind the command too.
    let shown = home.run(&["manifest-tool", "--plain-http", "inspect", "--username=ann", "-password", PASSWORD, &target]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    other.clear_log();
    let refused = secretless(home.run(&[&login[..], &["push", "from-spec", "other.yml"]].concat()));
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("no credentials for {}", other.host())), "{}", refused.stderr);
    let requests = other.requests();
    assert!(!requests.is_empty() && requests.iter().all(|request| request.ends_with(" 401")), "{requests:#?}");

    // A folder of docker's, or a file.
    fs::create_dir(home.path().join("docker")).unwrap();
    let auth = "YW5uOmh1bnRlcjItY29ycmVjdC1ob3JzZQ==";
    let config = format!(r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}}}"#, own.host());
    fs::write(home.path().join("docker/config.json"), &config).unwrap();
    fs::write(home.path().join("auth.json"), &config).unwrap();
    for path in ["docker", "docker/config.json", "auth.json"] {
        let shown = home.run(&["manifest-tool", "--plain-http", "--docker-cfg", path, "inspect", &target]);
        assert_eq!(shown.code, 0, "{path}: {}", shown.stderr);
    }
    // Variables that are not set are words left empty: whoever is logged in already stays so.
    fs::create_dir(home.path().join(".docker")).unwrap();
    fs::write(home.path().join(".docker/config.json"), &config).unwrap();
    for empty in [&["--username", "", "--password", ""][..], &["--username=", "--password="], &["--docker-cfg", ""], &["--docker-cfg="]] {
        let shown = home.run(&[&["manifest-tool", "--plain-http"], empty, &["inspect", &target]].concat());
        assert_eq!(shown.code, 0, "{empty:?}: {}", shown.stderr);
    }
    let absent = home.run(&["manifest-tool", "--plain-http", "--docker-cfg", "nowhere", "inspect", &target]);
    failed(&absent, "can't load docker config file nowhere: no such file or directory");
}

#[test]
fn mquery_asks_the_registry_itself() {
    let Some(scene) = Scene::start() else { return };
    let [amd64, arm] = [0, 2].map(|number| &scene.images[number]);
    let windows = Image::new("windows/amd64:10.0.20348.1").build();
    let attestation = attestation_for(amd64);
    let unsaid = oci::Descriptor { platform: None, ..arm.descriptor() };
    let index = Index::new().image(amd64).add(unsaid).image(&windows).add(attestation_entry(&attestation, amd64)).build();
    let name = scene.put("index", &index, &[amd64, arm, &windows, &attestation]);
    let media = "application/vnd.oci.image";
    let expected = format!(
        "Image: {name} (digest: {})\n * Manifest List: Yes (Image type: {media}.index.v1+json)\n * Supported platforms:\n   - \
         linux/amd64\n   - linux/arm/v7\n   - windows/amd64:10.0.20348.1\n\n",
        index.digest()
    );
    assert_eq!(scene.home.run(&["mquery", &name]).stdout, expected);
    let (name, (digest, _)) = (scene.name("armv7"), scene.manifest(2));
    let expected = format!(
        "Image: {name} (digest: {digest})\n * Manifest List: No (Image type: {media}.manifest.v1+json)\n * Supports: linux/arm\n\n"
    );
    assert_eq!(scene.home.run(&["mquery", &name]).stdout, expected);
    let nobody = scene.home.run(&["mquery", &scene.name("nobody")]);
    assert!(nobody.code == 1 && nobody.stdout.starts_with("ERROR: "), "{nobody:?}");
    let nameless = scene.home.run(&["mquery"]);
    assert_eq!((nameless.code, nameless.stdout.as_str()), (1, "ERROR: Must provide an image name as a command line parameter.\n"));
}

/// Runs a page of `docs/migrate`, in which the registry is called `reg.example.com`.
fn page(name: &str) {
    let Some(scene) = Scene::start() else { return };
    let page: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/migrate").join(name).canonicalize().unwrap();
    let folder = scene.home.path().display().to_string();
    let spec = "image: reg.example.com/acme/app:1.20\ntags: [1.20.3]\nmanifests:\n  - image: reg.example.com/acme/app:amd64\n  - image: \
                reg.example.com/acme/app:arm64\n    platfrom: {os: linux, architecture: arm64}\n";
    let spec = spec.replace("reg.example.com", &scene.registry.host());
    fs::write(scene.home.path().join("slip.yml"), &spec).unwrap();
    fs::write(scene.home.path().join("app.yml"), spec.replace("platfrom", "platform")).unwrap();
    let transcript = Transcript::new(&program::binary()).current_dir(scene.home.path()).env("HOME", &folder);
    transcript.replace(&scene.registry.host(), "reg.example.com").replace(&folder, "/home/me").run_file(&page);
}

#[test]
fn the_page_on_manifest_tool_is_true() {
    page("manifest-tool.md");
}

#[test]
fn the_page_on_mquery_is_true() {
    page("mquery.md");
}
