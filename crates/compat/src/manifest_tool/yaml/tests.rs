//! What is read, and what is said of everything that is wrong.

use fault::Fault;
use proptest::prelude::*;

use super::*;

const GOOD: &str = "\
image: reg.lan/app:1
tags: [1.20, '2', yes, 1e3]
annotations:
  version: 1.20
  empty:
manifests:
  - image: reg.lan/app:amd64
    platform:
      architecture: amd64
      os: linux
  - image: reg.lan/app:386
    platform: {os: linux, architecture: 386, variant: }
  - image: reg.lan/app:win
    platform:
      os: windows
      architecture: amd64
      os.version: 10.0
      os.features: [win32k]
  - image: reg.lan/app:plain
";

fn parsed(text: &str) -> Result<Spec, String> {
    Spec::parse(text.as_bytes()).map_err(|error| match error.hint() {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    })
}

#[test]
fn values_stay_the_text_they_are() {
    let spec = parsed(GOOD).unwrap();
    assert_eq!(spec.image, "reg.lan/app:1");
    assert_eq!(spec.tags, ["1.20", "2", "yes", "1e3"]);
    let annotations: Vec<(&str, &str)> = spec.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(annotations, [("empty", ""), ("version", "1.20")]);
    let platforms: Vec<String> = spec.manifests.iter().map(|member| member.platform.to_string()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/386", "windows(10.0+win32k)/amd64", "unknown"]);
    assert_eq!(spec.manifests.last().unwrap().stated(), None);
    let old = GOOD.replace("os.version", "osversion").replace("os.features", "osfeatures");
    assert_eq!(parsed(&old).unwrap(), spec);
}

#[test]
fn anchors_and_merges_are_read() {
    let text = "image: &name a/b:1\nmanifests:\n- image: *name\n  platform: &p {os: linux, architecture: arm}\n\
                - image: a/b:2\n  platform: {<<: *p, variant: v7}\n";
    let spec = parsed(text).unwrap();
    assert_eq!(spec.manifests[0].image, "a/b:1");
    assert_eq!(spec.manifests[1].platform.to_string(), "linux/arm/v7");
}

#[test]
fn every_fault_is_said_with_its_place() {
    for (text, expected) in [
        ("", "the file is empty: expected image: and manifests:"),
        ("# nothing\n---\n", "the file is empty: expected image: and manifests:"),
        ("image: a\n", "manifests: is missing or empty: expected at least one image"),
        ("image: a\nmanifests:\n", "manifests: is missing or empty: expected at least one image"),
        ("manifests: [{image: a}]\n", "image: is missing: expected the name of the list to be made"),
        ("image: a\nmanifests:\n  - platform: {os: linux}\n", "line 3, column 5: expected an image: in this entry of manifests:"),
        (
            "image: a\nmanifests:\n  - image: b\n    platfrom: {os: linux}\n",
            "line 4, column 5: unknown key \"platfrom\": expected image or platform (did you mean \"platform\"?)",
        ),
        (
            "image: a\nmanifests:\n  - image: b\n    platform: {OS: linux}\n",
            "line 4, column 16: unknown key \"OS\": expected os, architecture, variant, osversion or osfeatures (did you mean \"os\"?)",
        ),
        ("image: a\nimage: b\nmanifests: [{image: c}]\n", "line 2, column 1: the key \"image\" stands here twice"),
        ("image: a\nmanifests:\n\t- image: b\n", "line 3, column 2: expected spaces before the text, got a tab"),
        ("image: a\ntags: latest\n", "line 2, column 7: expected a list: lines that begin with -, or [a, b]"),
        ("image: a\nmanifests:\n  - b\n", "line 3, column 5: expected keys with values: key: value"),
        ("image: [a]\n", "line 1, column 8: expected one text"),
        ("image: *a\n", "line 1, column 8: an alias (*) of a name that nothing above has (&)"),
        ("image: a\nmanifests: [{image: b}]\n---\na: b\n", "line 4, column 1: expected one document, got a second one behind ---"),
        ("image: a\nannotations: {1: b, '1': c}\nmanifests: [{image: b}]\n", "line 2, column 21: the key \"1\" stands here twice"),
        (
            "image: a\nannotations: {'': b}\nmanifests: [{image: b}]\n",
            "line 2, column 15: expected a key in annotations:, got an empty one",
        ),
        ("image: a\ntags: [~]\nmanifests: [{image: b}]\n", "line 2, column 8: expected a tag, got nothing"),
        ("image: a\ntags:\n  - x\n  -\nmanifests: [{image: b}]\n", "line 4, column 4: expected a tag, got nothing"),
        ("image: a\nmanifests: [{image: b, platform: {osfeatures: [null]}}]\n", "line 2, column 48: expected a feature, got nothing"),
        ("colour: red\nimage: a\n", "line 1, column 1: unknown key \"colour\": expected image, tags, annotations or manifests"),
    ] {
        assert_eq!(parsed(text), Err(expected.to_owned()), "{text:?}");
    }
}

#[test]
fn long_keys_are_cut() {
    let long = "x".repeat(1_000_000);
    for text in [
        format!("image: b\n? {long}\n: a\n"),
        format!("annotations:\n  ? {long}\n  : a\n  ? {long}\n  : b\n"),
        format!("image: a\nmanifests: [{{image: b}}]\nannotations:\n  ? {long}\n  : a\n  ? '{long}'\n  : b\n"),
    ] {
        let said = parsed(&text).unwrap_err();
        assert!(said.len() < 1_300 && said.contains("xxx"), "{:.200}", said);
    }
}

#[test]
fn what_the_parser_says_has_a_line_and_a_column() {
    for (text, line) in [
        ("image: a\nmanifests:\n\t- image: b\n", 3),
        ("image: a\ntags: latest\nmanifests: [{image: b}]\n", 2),
        ("image: [a]\nmanifests: [{image: b}]\n", 1),
        ("image: a\nmanifests:\n  - b\n", 3),
        ("image: 'a\n", 1),
        ("image: a\nmanifests: [{image: *nobody}]\n", 2),
        ("image: a\nmanifests: [{image: b}]\n---\nimage: c\n", 3),
        ("image: a\nmanifests: [{image: b, platform: {os: l, os.version: 1, osversion: 2}}]\n", 2),
        ("- image: a\n", 1),
    ] {
        let error = Spec::parse(text.as_bytes()).unwrap_err();
        assert!(error.place.is_some_and(|(at, column)| at.abs_diff(line) <= 1 && column > 0), "{text:?}: {error:?}");
        assert!(!error.problem.is_empty() && !error.problem.contains('\n') && !error.problem.contains("line "), "{error:?}");
    }
    assert_eq!(Spec::parse(b"image: \xff").unwrap_err().to_string(), "expected text in UTF-8");
}

#[test]
fn a_bomb_of_aliases_is_defused_and_depth_has_an_end() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let refers = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{refers}]\n"));
    }
    assert!(Spec::parse(format!("tags: [*a8]\n{bomb}").as_bytes()).is_err());
    let inside = "image: a\ntags: &t [x, x, x, x, x, x, x, x, x, x]\nannotations:\n";
    let many: String = (0..5_000).map(|number| format!("  k{number}: *t\n")).collect();
    assert!(Spec::parse(format!("{inside}{many}manifests: [{{image: b}}]\n").as_bytes()).is_err());
    let deep = format!("image: {}a{}\n", "[".repeat(5_000), "]".repeat(5_000));
    assert!(Spec::parse(deep.as_bytes()).unwrap_err().place.is_some());
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,200}") {
        let _ = Spec::parse(text.as_bytes());
    }

    #[test]
    fn no_damage_to_a_good_file_panics(at in 0..GOOD.len(), with in "[\\t\\n:\\-\\[\\]{}&*!|>'\"%@`a-z0-9 ]{0,6}", cut in 0..20_usize) {
        let end = (at + cut).min(GOOD.len());
        let text = format!("{}{with}{}", &GOOD[..at], &GOOD[end..]);
        if let Ok(spec) = Spec::parse(text.as_bytes()) {
            prop_assert!(!spec.image.is_empty() && !spec.manifests.is_empty());
        }
    }
}
