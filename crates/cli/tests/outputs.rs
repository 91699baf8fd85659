//! `build --output`: what each output gets, and under which name.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod program;

use std::fs;

use program::{Home, Ran, Serving};

/// A home with a build context in it, and one that is served.
fn world() -> (Home, Home, Serving) {
    let (home, served) = (Home::new(), Home::new());
    fs::create_dir(home.path().join("c")).unwrap();
    fs::write(home.path().join("c/Dockerfile"), "FROM scratch\nLABEL a=b\n").unwrap();
    let serving = Serving::start(&served, &[]);
    (home, served, serving)
}

fn build(home: &Home, words: &[&str]) -> Ran {
    home.run(&[&["build", "--platform", "linux/amd64,linux/arm64"], words, &["c"]].concat())
}

/// The `PUT`s of manifests that the registry saw.
fn manifests_put(serving: &Serving) -> Vec<String> {
    serving.requests().into_iter().filter(|line| line.contains("PUT") && line.contains("/manifests/")).collect()
}

#[test]
fn what_is_pushed_by_digest_is_there_and_no_tag_is() {
    let (home, served, serving) = world();
    let name = format!("{}/app", serving.host);
    let output = format!("type=image,name={name},push=true,push-by-digest=true");
    let ran = build(&home, &["-o", &output, "--metadata-file", "m.json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let by_digest = ran.stdout.trim_end();
    assert!(by_digest.starts_with(&format!("{name}@sha256:")), "{}", ran.stdout);
    assert!(ran.stderr.contains(&format!("pushed to {}, and no tag points at it", serving.host)), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("next: polyarch inspect {by_digest}")), "{}", ran.stderr);
    assert!(!ran.stderr.contains("prune"), "{}", ran.stderr);
    assert!(home.done(&["inspect", &format!("docker://{by_digest}")]).contains("linux/arm64"));
    let put = manifests_put(&serving);
    assert!(put.len() == 3 && put.iter().all(|line| line.contains("/manifests/sha256:")), "{put:#?}");
    assert_eq!(served.done(&["ls"]), "");
    let metadata = fs::read_to_string(home.path().join("m.json")).unwrap();
    assert!(metadata.contains(&format!("\"image.name\": \"{name}\"")), "{metadata}");

    let told = build(&home, &["--json", "-o", &output]);
    assert!(told.stdout.contains("\"state\": \"untagged\""), "{}{}", told.stdout, told.stderr);
}

#[test]
fn a_tag_is_not_pushed_by_digest() {
    let (home, _served, serving) = world();
    let name = format!("{}/app", serving.host);
    let tagged = format!("{name}:1");
    for words in [
        ["-o", &format!("type=registry,name={tagged},push-by-digest=true")].as_slice(),
        &["-t", &tagged, "-o", "type=registry,push-by-digest=true"],
    ] {
        let ran = build(&home, words);
        assert_eq!(ran.code, 2, "{words:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(&format!("{tagged} has a tag")), "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("hint: name={name}, or leave")), "{}", ran.stderr);
    }
    assert_eq!(serving.requests(), [""; 0]);
}

#[test]
fn a_digest_that_was_asked_for_is_the_only_one_that_is_pushed() {
    let (home, _served, serving) = world();
    let other = format!("{}/app@sha256:{}", serving.host, "0".repeat(64));
    let ran = build(&home, &["-o", &format!("type=registry,name={other},push-by-digest=true")]);
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stderr.contains(&"0".repeat(64)), "{}", ran.stderr);
    assert_eq!(manifests_put(&serving), [""; 0]);
}

#[test]
fn every_output_has_the_names_that_were_said_for_it() {
    let (home, served, serving) = world();
    let name = format!("{}/app:1", serving.host);
    let words = ["-o", &format!("type=registry,name={name}"), "-o", "type=oci,name=mine:2,dest=out.tar"];
    let ran = build(&home, &words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let pushed = served.done(&["ls"]);
    assert!(pushed.contains("app:1") && !pushed.contains("mine"), "{pushed}");
    assert!(home.done(&["inspect", "oci-archive:out.tar:docker.io/library/mine:2"]).contains("linux/arm64"));
    let absent = home.run(&["inspect", &format!("oci-archive:out.tar:{name}")]);
    assert!(absent.code != 0 && absent.stderr.contains(&format!("no tag {name}")), "{}{}", absent.stdout, absent.stderr);
}
