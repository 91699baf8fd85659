//! What a build for one platform is made of.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};

use dockerfile::{Source, parse};
use fault::Fault;
use graph::{Begins, Outline, OutlineError, Wanted, context_name, outline};
use oci::Platform;

fn read(text: &str, stage: Option<&str>, arguments: &[(&str, &str)]) -> Result<Outline, OutlineError> {
    let file = parse(&Source::new("Dockerfile", text)).unwrap();
    let (build, target) = (Platform::new("linux", "amd64", None), Platform::new("linux", "arm", Some("v7")));
    let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    outline(&file, &Wanted { build: &build, target: &target, stage, also: BTreeSet::new(), arguments, contexts: BTreeSet::new() })
}

fn shown(text: &str, stage: Option<&str>, arguments: &[(&str, &str)]) -> Vec<String> {
    let outline = read(text, stage, arguments).unwrap();
    let line = |stage: &graph::Outlined| {
        let begins = match &stage.begins {
            Begins::Nothing => "nothing".to_owned(),
            Begins::Stage(index) => format!("stage {index}"),
            Begins::Image(name) => name.clone(),
            Begins::Context(name) => format!("context {name}"),
        };
        format!("{} {begins} {} {}", stage.index, stage.platform, stage.takes.join(","))
    };
    outline.stages.iter().map(|stage| line(stage).trim_end().to_owned()).collect()
}

const TEXT: &str = "ARG VERSION=1.2
ARG IMAGE=acme/base
FROM --platform=$BUILDPLATFORM golang:${VERSION} AS build
COPY --from=acme/tools /x /x
FROM build AS more
FROM $NOWHERE AS unused
FROM ${IMAGE}:$TARGETARCH$TARGETVARIANT
COPY --from=more /app /app
COPY --from=acme/tools /y /y
COPY --from=acme/tools /z /z
";

#[test]
fn platforms_and_bases_are_those_of_each_stage() {
    // The blank base is an error as soon as the graph is made, needed or not: it has no name.
    let text = TEXT.replace("FROM $NOWHERE", "FROM scratch");
    assert_eq!(
        shown(&text, None, &[]),
        ["0 golang:1.2 linux/amd64 acme/tools", "1 stage 0 linux/amd64", "3 acme/base:armv7 linux/arm/v7 acme/tools"]
    );
    assert_eq!(shown(&text, Some("build"), &[("VERSION", "9")]), ["0 golang:9 linux/amd64 acme/tools"]);
    assert_eq!(shown("FROM --platform=windows/amd64 scratch\n", None, &[]), ["0 nothing windows/amd64"]);
}

#[test]
fn moby_52050_a_last_stage_for_the_machine_that_builds_is_known_before_it_is_built() {
    let checked = |text: &str| read(text, None, &[]).unwrap().check_target(&parse(&Source::new("Dockerfile", text)).unwrap());
    // A stage that only begins with such a stage is for that machine, too.
    for text in ["FROM --platform=$BUILDPLATFORM acme/base\n", "FROM --platform=$BUILDPLATFORM acme/base AS base\nFROM base\n"] {
        let problem = checked(text).unwrap_err();
        assert_eq!(problem.to_string(), "the stage that becomes the image is for linux/amd64, expected linux/arm/v7");
        let hint = problem.hint().unwrap().to_string();
        assert_eq!(hint, "leave --platform out of line 1, or build the image for linux/amd64 with `--platform linux/amd64`");
    }
    assert!(checked("FROM --platform=$BUILDPLATFORM a AS build\nFROM b\nCOPY --from=build /x /x\n").is_ok());
    assert!(checked("FROM --platform=linux/arm scratch\n").is_ok());
}

#[test]
fn what_makes_no_sense_is_named_with_its_line() {
    let problem = |text: &str| read(text, None, &[]).unwrap_err().to_string();
    assert!(matches!(read(TEXT, None, &[]), Err(OutlineError::Graph(_))));
    assert!(problem("FROM scratch\nFROM --platform=vax scratch\n").starts_with("failed to parse platform \"vax\": "));
    assert!(problem("FROM --platform=$WHAT scratch\n").starts_with("failed to parse platform \"\": "));
    assert!(problem("FROM ${a:?missing}\n").contains("missing"));
    assert_eq!(read("FROM a\n", Some("b"), &[]).unwrap_err().to_string(), "target stage \"b\" could not be found");
}

#[test]
fn item_76_a_context_stands_in_for_an_image_and_for_a_stage() {
    let text = "FROM nowhere/at-all AS build\nRUN make\nFROM docker.io/library/alpine:latest\nCOPY --from=build /x /x\n";
    let file = parse(&Source::new("Dockerfile", text)).unwrap();
    let platform = Platform::new("linux", "amd64", None);
    let contexts = ["build", "alpine"].map(context_name).into();
    let wanted = Wanted { build: &platform, target: &platform, stage: None, also: BTreeSet::new(), arguments: BTreeMap::new(), contexts };
    let begins: Vec<Begins> = outline(&file, &wanted).unwrap().stages.into_iter().map(|stage| stage.begins).collect();
    assert_eq!(begins, [Begins::Context("build".into()), Begins::Context("alpine".into())]);
    assert_eq!(context_name("alpine:3.20"), "alpine:3.20");
}
