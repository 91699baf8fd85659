//! Stages: which ones a target needs, and which names they have.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use dockerfile::{Base, Dockerfile, Graph, Provider, Source, Use, parse, parse_trigger};
use fault::Fault;

fn read(text: &str) -> Dockerfile {
    parse(&Source::new("Dockerfile", text)).unwrap()
}

fn graph(text: &str) -> Graph {
    Graph::new(&read(text), &[]).unwrap()
}

fn reached(text: &str, target: Option<&str>) -> Vec<usize> {
    let graph = graph(text);
    graph.reachable(graph.target(target).unwrap()).unwrap()
}

fn refused(text: &str) -> String {
    let graph = graph(text);
    graph.reachable(graph.target(None).unwrap()).unwrap_err().to_string()
}

#[test]
fn item_31_names_are_found_in_any_case() {
    assert_eq!(reached("FROM x AS BUG_stage\nFROM BUG_stage\n", None), [0, 1]);
    assert_eq!(reached("FROM x AS b\nFROM y\nCOPY --from=B a b\n", None), [0, 1]);
}

#[test]
fn item_32_a_base_is_an_earlier_stage_or_an_image() {
    let graph = graph("FROM b AS a\nFROM 0 AS b\nFROM x AS a\nFROM a\n");
    assert_eq!(graph.needs(0)[0].1, Provider::External("b".to_owned()), "a later stage is not meant");
    assert_eq!(graph.needs(1)[0].1, Provider::External("0".to_owned()), "a number is not meant");
    assert_eq!(graph.needs(3)[0].1, Provider::Stage(2), "the later of two counts");
    assert_eq!((graph.base(3), graph.base(0), graph.name(3), graph.name(0)), (Some(2), None, "stage-3".to_owned(), "a".to_owned()));
}

#[test]
fn item_33_a_platform_of_a_stage_means_nothing() {
    let file = read("FROM --platform=linux/arm64 x AS a\nFROM --platform=linux/amd64 a\n");
    assert_eq!(Graph::new(&file, &[]).unwrap().idle_platforms(&file), [1]);
}

#[test]
fn item_34_a_blank_base_is_refused() {
    let file = read("ARG x\nFROM ${x}\n");
    let error = Graph::new(&file, &[Base::Name(String::new())]).unwrap_err();
    assert_eq!(error.to_string(), "base name (${x}) should not be blank");
    assert!(error.hint().is_some());
}

#[test]
fn item_36_only_what_a_target_needs() {
    let text = "FROM a AS one\nFROM b AS two\nCOPY --from=one x y\nFROM c AS three\nRUN --mount=from=two,target=/x true\nFROM d AS four\n";
    assert_eq!(reached(text, None), [3]);
    assert_eq!(reached(text, Some("Three")), [0, 1, 2]);
    assert_eq!(reached(text, Some("1")), [0, 1]);
    let error = graph(text).target(Some("there")).unwrap_err();
    assert_eq!(error.to_string(), "target stage \"there\" could not be found");
    assert_eq!(error.hint().unwrap().to_string(), "did you mean three");
}

#[test]
fn item_37_a_later_stage_cannot_be_copied_from() {
    assert_eq!(
        refused("FROM x AS a\nCOPY --from=b /f /\nFROM a AS b\n"),
        "cannot copy from stage \"b\", it needs to be defined before current stage \"a\""
    );
    assert_eq!(refused("FROM x AS a\nCOPY --from=a /f /\n"), "circular dependency detected on stage: a");
    assert_eq!(refused("FROM x AS a\nCOPY --from=7 /f /\n"), "invalid stage index 7");
    assert!(refused("FROM x AS a\nRUN --mount=from=b,target=/x true\nFROM a AS b\n").starts_with("cannot mount from stage \"b\""));
    assert_eq!(reached("FROM x AS a\nCOPY --from=b /x /\nFROM y AS b\n", None), [1], "what nobody needs may be wrong");
}

#[test]
fn item_69_triggers_need_stages_too() {
    assert_eq!(reached("FROM x AS f\nFROM y AS p\nONBUILD COPY --from=f a b\nFROM p\n", None), [0, 1, 2]);
    let mut graph = graph("FROM x AS f\nFROM y\n");
    graph.add_triggers(1, &[parse_trigger("COPY --from=f a b").unwrap()]);
    assert_eq!(graph.reachable(1).unwrap(), [0, 1]);
    assert_eq!(graph.needs(1)[1].0.usage, Use::Copy);
    assert!(Graph::new(&read("FROM y AS p\nONBUILD COPPY a\nFROM p\n"), &[]).is_err());
}

#[test]
fn item_76_a_replaced_stage_needs_nothing() {
    let file = read("FROM x AS a\nFROM a AS b\nCOPY --from=a f g\nFROM b\n");
    let bases = [Base::Name("x".to_owned()), Base::Replaced, Base::Name("b".to_owned())];
    assert_eq!(Graph::new(&file, &bases).unwrap().reachable(2).unwrap(), [1, 2]);
}
