//! Words that make no sense, input that is broken: refused in buildx's words, and nothing is pushed.

use std::fs;

use crate::program::Home;
use crate::world::World;

#[test]
fn error_words_are_those_of_buildx() {
    let Some(world) = World::new() else { return };
    let (nosuch, digest) = (world.name("nosuch"), world.arm64.digest().to_string());
    let valid = "valid sources are digests, references and descriptors";
    for (words, expected) in [
        (&["create"][..], "no sources specified".to_owned()),
        (&["create", ":amd64"], "can't push with no tags specified, please set --tag or --dry-run".to_owned()),
        (&["create", "--dry-run", &digest], "no repositories specified, please set a reference in tag or source".to_owned()),
        (&["create", "-t", "a/b:1", ":amd64", &digest], format!("multiple repositories specified, cannot infer repository for {digest:?}")),
        (&["create", "-t", ":b", ":amd64", ":nosuch"], format!("{nosuch}: not found")),
        (&["create", "--append", "-t", ":nosuch", ":amd64"], format!("{nosuch}: not found")),
        (&["inspect", ":nosuch"], format!("{nosuch}: not found")),
        (&["create", "--annotation", "a=b", "-t", ":b", ":amd64"], r#""" annotations are not supported yet"#.to_owned()),
        (&["create", "--annotation", "manifest:a=b", "-t", ":b", ":amd64"], r#""manifest" annotations are not supported yet"#.to_owned()),
        (
            &["create", "--annotation", "index-descriptor:a=b", "-t", ":b", ":amd64"],
            r#""index-descriptor" annotations are invalid while creating an image"#.to_owned(),
        ),
        (&["create", "-f", "/dev/null", "-t", ":b"], format!(r#"failed to parse source "", {valid}: invalid reference format"#)),
        (
            &["create", "-t", ":b", r#"{"schemaVersion":2,"mediaType":"x"}"#],
            format!(
                r#"failed to parse source "{{\"schemaVersion\":2,\"mediaType\":\"x\"}}", {valid}: expected an OCI content descriptor, got a manifest or index (schemaVersion 2)"#
            ),
        ),
        (&["inspect", "--raw", "--format", "{{.Name}}", ":amd64"], "format and raw cannot be used together".to_owned()),
        (&["inspect", "A:B:C"], "invalid reference format".to_owned()),
    ] {
        let said = world.refused(words);
        assert_eq!(said.lines().next().unwrap(), format!("ERROR: {expected}"), "{words:?}");
        assert!(said.lines().skip(1).all(|line| line.starts_with("hint: ")), "{said}");
    }
}

#[test]
fn broken_descriptors_and_templates_push_nothing() {
    let Some(world) = World::new() else { return };
    let (digest, size) = (world.arm64.digest(), world.arm64.manifest.bytes().len());
    let file = world.home.path().join("d.json");
    for garbage in [
        "{".to_owned(),
        "{}".to_owned(),
        r#"{"digest":"sha256:1"}"#.to_owned(),
        r#"{"digest":["#.to_owned(),
        "\u{0}\u{1b}[31m".to_owned(),
        "[]".to_owned(),
        format!(r#"{{"digest":"{digest}","size":{}}}"#, size + 1),
        format!(r#"{{"digest":"{digest}","mediaType":"application/json"}}"#),
        format!(r#"{{"digest":"{}","annotations":{{"a":"b"}}}}"#, world.multi().digest()),
        format!(r#"{{"digest":"sha256:{}"}}"#, "0".repeat(64)),
    ] {
        fs::write(&file, &garbage).unwrap();
        let said = world.refused(&["create", "-f", &file.display().to_string(), "-t", ":b"]);
        assert!(!said.contains('\u{1b}'), "{garbage}: {said}");
    }
    world.refused(&["create", "-f", "nowhere.json", "-t", ":b"]);
    world.refused(&["create", "-f", "/dev/zero", "-t", ":b"]);
    world.refused(&["create", "--metadata-file", "no/such/folder", "-t", ":b", ":amd64"]);
    for format in ["{{.Nme}}", "{{range .Manifest}}", "{{.Name", "{{nosuch .}}", "{{.Manifest", "{{json .Nope}}", "{{end}}"] {
        world.refused(&["inspect", "--format", format, ":amd64"]);
    }
    assert_eq!(world.run(&["inspect", ":b"]).code, 1);
}

#[test]
fn an_index_without_entries_is_no_image() {
    let Some(world) = World::new() else { return };
    world.put("empty", &testkit::fixtures::Index::new().build(), &[]);
    for words in [&["create", "-t", ":b", ":empty"][..], &["create", "--append", "-t", ":b", ":empty"]] {
        world.refused(words);
    }
    let shown = world.done(&["inspect", ":empty"]);
    assert!(shown.ends_with("Manifests: \n"), "{shown}");
    assert!(world.done(&["inspect", "--format", "{{json .Manifest}}", ":empty"]).contains("\"manifests\": []"));
}

#[test]
fn words_that_are_no_words_end_as_docker_ends() {
    let home = Home::new();
    for (words, code, begin) in [
        (&["imagetools", "create", "--frob"][..], 125, "unknown flag: --frob\n"),
        (&["imagetools", "create", "--dry-run=x", "a"], 125, "invalid argument \"x\" for \"--dry-run\" flag"),
        (&["imagetools", "create", "-t"], 125, "flag needs an argument: "),
        (&["imagetools", "inspect"], 1, "ERROR: docker: 'docker buildx imagetools inspect' requires 1 argument\n"),
        (&["imagetools", "inspect", "a", "b"], 1, "ERROR: docker: 'docker buildx imagetools inspect' requires 1 argument\n"),
        (&["version"], 1, "ERROR: buildx version is not here: "),
        (&["imagetools", "frob"], 1, "docker: unknown command: docker buildx imagetools frob\n"),
        (
            &["build", "-t", "x", "."],
            1,
            "ERROR: buildx build is not here: of docker buildx, polyarch has imagetools only\nhint: `polyarch build` ",
        ),
        (&["bake"], 1, "ERROR: buildx bake is not here: "),
        (&["ls"], 1, "ERROR: buildx ls is not here: "),
        (&["imagetools", "create", "--progress", "rawjson", "-t", "a", "b"], 1, "ERROR: --progress rawjson is not supported: "),
    ] {
        let ran = home.run(&[&["buildx"][..], words].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{words:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with(begin), "{words:?}: {}", ran.stderr);
    }
    for words in [&["buildx"][..], &["buildx", "imagetools"], &["buildx", "imagetools", "create", "--help"]] {
        let ran = home.run(words);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{words:?}");
        assert!(ran.stdout.contains("Usage: docker buildx"), "{}", ran.stdout);
    }
}
