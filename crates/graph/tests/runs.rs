//! Builds that would run commands, refused before anything is fetched.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use dockerfile::{Graph, Source, parse};
use fault::Fault;
use graph::{RunsNeeded, refuse_runs};

fn refused(text: &str, target: Option<&str>) -> Result<(), RunsNeeded> {
    let file = parse(&Source::new("Dockerfile", text)).unwrap();
    let graph = Graph::new(&file, &[]).unwrap();
    let stages = graph.reachable(graph.target(target).unwrap()).unwrap();
    refuse_runs("Dockerfile", &file, &graph, &stages)
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
    let problem = refused(TEXT, None).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "RUN is not supported yet, and 3 of them would have to run:\n  Dockerfile:2: RUN make     tools\n  Dockerfile:10: RUN <<END\n  \
         Dockerfile:13: RUN [\"two\"]"
    );
    assert!(problem.hint().is_some());
}

#[test]
fn a_target_that_needs_none_is_not_refused() {
    assert_eq!(refused(TEXT, Some("files")), Ok(()));
    assert_eq!(refused("FROM scratch\nONBUILD RUN later\n", None), Ok(()));
}

#[test]
fn the_triggers_of_an_earlier_stage_count() {
    let problem = refused("FROM scratch AS base\nONBUILD RUN later\nONBUILD COPY . /\nFROM base\n", None).unwrap_err();
    let lines: Vec<(usize, &str)> = problem.runs.iter().map(|run| (run.line, run.text.as_str())).collect();
    assert_eq!(lines, [(2, "RUN later")]);
}
