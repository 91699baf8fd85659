//! The cases that BuildKit was measured with: what each made of it, or the lines that we do not run yet.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::image::{Image, Layer};
use crate::lines::{Kind, Line};
use crate::program::Home;
use crate::tars;
use crate::world::{Outcome, base, put, put_layout, put_lines, run};

/// Cases whose outcome is another one here, and why.
const ON_PURPOSE: [(&str, &str); 1] =
    [("chown-unknown", "item 52: a name that no file has is an error, as BuildKit's documentation says, and not root")];

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nlp:x:4:7:lp:/var/spool/lpd:/bin/false\n";
const GROUP: &str = "root:x:0:\ndaemon:x:1:\nadm:x:4:\nlp:x:7:\n";

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("../../../dockerfile/tests/cases.json")).unwrap()
}

/// The base of these cases, as far as they look at it.
fn busybox() -> Vec<Line> {
    let folders = ["bin/", "etc/", "root/ [700]", "tmp/ [1777]", "usr/", "usr/bin/"].map(Line::read);
    let file = |path: &str, content: &str| Line { kind: Kind::File(content.to_owned()), ..Line::read(&format!("{path}:")) };
    folders.into_iter().chain([file("etc/passwd", PASSWD), file("etc/group", GROUP)]).collect()
}

fn build(case: &Value) -> Outcome {
    let home = Home::new();
    let files = case["files"].as_object().unwrap().iter().map(|(path, file)| {
        let text = file.as_str().or_else(|| file["text"].as_str()).unwrap();
        let kind = text.strip_prefix("->").map_or_else(|| Kind::File(text.to_owned()), |target| Kind::Link(target.to_owned()));
        let mode = file["mode"].as_str().map_or(kind.usual(), octal);
        Line { path: path.clone(), kind, mode, owner: (0, 0), time: None, records: BTreeMap::new() }
    });
    put_lines(&home.path().join("context"), &files.collect::<Vec<_>>());
    put(&home.path().join("context/Dockerfile"), case["dockerfile"].as_str().unwrap().as_bytes());
    let config = json!({"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["sh"]});
    put_layout(&home.path().join("busybox"), &[base("linux/amd64", &[tars::write(&busybox())], &config)]);
    let mut words = vec!["--platform=linux/amd64".to_owned(), "--build-context=busybox=oci-layout://busybox".to_owned()];
    let arguments = case["build_arguments"].as_object().into_iter().flatten();
    words.extend(arguments.map(|(key, value)| format!("--build-arg={key}={}", value.as_str().unwrap())));
    run(&home, &words)
}

fn octal(text: &str) -> u32 {
    u32::from_str_radix(text.trim_start_matches("0o"), 8).unwrap()
}

/// A layer as the cases have it: name, mode, owner, group, type, and size or link.
fn shown(layer: &Layer) -> Value {
    let entry = |line: &Line| {
        let (kind, last) = match &line.kind {
            Kind::File(content) => ("0", json!(content.len())),
            Kind::Folder => ("5", json!(0)),
            Kind::Link(target) => ("2", json!(target)),
            Kind::Name(target) => ("1", json!(target)),
        };
        json!([line.path, format!("0o{:o}", line.mode), line.owner.0, line.owner.1, kind, last])
    };
    layer.lines.iter().map(entry).collect()
}

/// What is to be compared: config, history and layers.
fn made(image: &Image) -> [(&'static str, Value); 3] {
    let lines = image.config["history"].as_array().unwrap().iter();
    let history = lines.map(|line| json!([line["created_by"], line["empty_layer"] == json!(true)])).collect();
    let base = image.config["history"][0]["created_by"] == "debian busybox-static";
    let layer = |(number, layer): (usize, &Layer)| if base && number == 0 { json!("BASE") } else { shown(layer) };
    let layers = image.layers.iter().enumerate().map(layer).collect();
    [("config", image.config["config"].clone()), ("history", history), ("layers", layers)]
}

/// Builds one case and says what is not as it was measured.
fn differences(case: &Value) -> Vec<String> {
    let outcome = build(case);
    let said = &outcome.ran.stderr;
    let expected = |text: &str| if said.contains(text) { Vec::new() } else { vec![format!("expected to be told {text}\n  got {said}")] };
    if let Some(runs) = case["runs"].as_array() {
        let lines = runs.iter().map(|run| format!("\n  context/Dockerfile:{}: {}", run[0], run[1].as_str().unwrap()));
        let count = runs.len();
        return expected(&format!("RUN is not supported yet, and {count} of them would have to run:{}\n", lines.collect::<String>()));
    }
    if let Some(error) = ["parse_error", "expand_error", "graph_error"].iter().find_map(|kind| case[kind].as_str()) {
        // What BuildKit says of a line, we show with the line.
        return match error.strip_prefix("dockerfile parse error on line ").and_then(|rest| rest.split_once(": ")) {
            Some((line, error)) => [expected(&format!("Dockerfile:{line}:")), expected(&format!(": {error}\n"))].concat(),
            None => expected(error),
        };
    }
    let Some(archive) = outcome.archive.as_ref() else {
        return if case["result"] == "failure" { Vec::new() } else { vec![format!("expected an image\n  got {said}")] };
    };
    let compare = |(what, ours): (&str, Value)| {
        // item 34: a list without anything is written as one, not as null.
        let theirs = if case[what].is_null() { json!([]) } else { case[what].clone() };
        (ours != theirs).then(|| format!("{what}\n  expected {theirs}\n  ours     {ours}"))
    };
    archive.images().iter().flat_map(made).filter_map(compare).collect()
}

#[test]
fn every_case_is_built_as_buildkit_builds_it_or_refused_with_the_lines_that_would_run() {
    let cases = cases();
    let (mut wrong, mut refused) = (String::new(), 0);
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let found = differences(case);
        refused += usize::from(case["runs"].is_array());
        match ON_PURPOSE.iter().find(|(other, _)| *other == name) {
            Some((_, why)) => assert!(!found.is_empty(), "{name} does not differ any more: {why}"),
            None => found.iter().for_each(|found| wrong += &format!("{name}: {found}\n")),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!((cases.len(), refused), (71, 39));
}
