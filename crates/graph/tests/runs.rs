//! Builds that would run commands for another machine, refused before anything is fetched.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use dockerfile::{Source, parse};
use fault::Fault;
use graph::{RunsNeeded, Wanted, WhyNot, outline, refuse_runs, runs_natively};
use oci::Platform;

fn refused(text: &str, target: Option<&str>, host: &str) -> Result<(), RunsNeeded> {
    let file = parse(&Source::new("Dockerfile", text)).unwrap();
    let (host, arm): (Platform, Platform) = (host.parse().unwrap(), "linux/arm64".parse().unwrap());
    let (arguments, contexts, also) = Default::default();
    let wanted = Wanted { build: &host, target: &arm, stage: target, also, arguments, contexts };
    let outline = outline(&file, &wanted).unwrap();
    refuse_runs("Dockerfile", &file, &outline.graph, &outline.stages.iter().collect::<Vec<_>>(), &|platform| {
        let why = WhyNot { reason: format!("it is {host}"), remedy: None };
        (!runs_natively(&host, platform)).then_some(why)
    })
}

const TEXT: &str = "FROM a AS tools
RUN make \\
    tools
FROM scratch AS files
COPY . /
FROM b AS unused
RUN never
FROM files
COPY --from=tools /x /x
RUN <<END
one
END
RUN [\"two\"]
";

#[test]
fn every_command_that_the_target_needs_is_listed() {
    let problem = refused(TEXT, None, "linux/amd64").unwrap_err();
    assert_eq!(
        problem.to_string(),
        "RUN for linux/arm64 does not run here, since it is linux/amd64:\n  Dockerfile:2: RUN make     tools\n  Dockerfile:10: RUN <<END\n  \
         Dockerfile:13: RUN [\"two\"]"
    );
    assert!(problem.hint().is_some());
}

#[test]
fn a_target_that_needs_none_is_not_refused() {
    assert_eq!(refused(TEXT, Some("files"), "linux/amd64"), Ok(()));
    assert_eq!(refused(TEXT, None, "linux/arm64/v8"), Ok(()), "this machine runs them itself");
    let cross = "FROM --platform=$BUILDPLATFORM a AS tools\nRUN make\nFROM scratch\nCOPY --from=tools /x /x\n";
    assert_eq!(refused(cross, None, "linux/amd64"), Ok(()), "what is made here is made by this machine");
    assert_eq!(refused("FROM scratch\nONBUILD RUN later\n", None, "linux/amd64"), Ok(()));
}

#[test]
fn the_triggers_of_an_earlier_stage_count() {
    let problem = refused("FROM scratch AS base\nONBUILD RUN later\nONBUILD COPY . /\nFROM base\n", None, "linux/amd64").unwrap_err();
    let lines: Vec<(usize, &str)> = problem.runs.iter().map(|run| (run.line, run.text.as_str())).collect();
    assert_eq!(lines, [(2, "RUN later")]);
}

#[test]
fn a_machine_runs_what_its_processor_and_its_system_do() {
    let runs = |host: &str, platform: &str| runs_natively(&host.parse().unwrap(), &platform.parse().unwrap());
    assert!(runs("linux/amd64", "linux/amd64/v2") && runs("linux/amd64", "linux/386") && runs("linux/arm/v7", "linux/arm/v6"));
    assert!(!runs("linux/386", "linux/amd64") && !runs("linux/amd64", "windows/amd64") && !runs("linux/arm64", "linux/arm/v7"));
    assert!(!runs("darwin/arm64", "darwin/arm64"), "there is no sandbox there");
}
