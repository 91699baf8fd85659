//! The cases that BuildKit was measured with: what it made of each, and what commands wrote.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::image::{Image, Layer};
use crate::lines::{Kind, Line};
use crate::program::Home;
use crate::world::{Outcome, base, put, put_layout, put_lines, run};

/// Cases whose outcome is another one here, and why.
const ON_PURPOSE: [(&str, &str); 2] = [
    ("chown-unknown", "item 52: a name that no file has is an error, as BuildKit's documentation says, and not root"),
    ("mount-cache", "item 41: the platform is part of a cache's default id, so one with an id of its own is another"),
];

/// When every file of these cases was changed, and every one of their base: some set one's time to another's.
const THEN: u64 = 1_485_449_953;

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("../../../dockerfile/tests/cases.json")).unwrap()
}

fn build(case: &Value, busybox: &[u8]) -> Outcome {
    let home = Home::new();
    let files = case["files"].as_object().unwrap().iter().map(|(path, file)| {
        let text = file.as_str().or_else(|| file["text"].as_str()).unwrap();
        let kind = text.strip_prefix("->").map_or_else(|| Kind::File(text.to_owned()), |target| Kind::Link(target.to_owned()));
        let mode = file["mode"].as_str().map_or(kind.usual(), octal);
        Line { path: path.clone(), kind, mode, owner: (0, 0), time: Some(THEN), records: BTreeMap::new() }
    });
    put_lines(&home.path().join("context"), &files.collect::<Vec<_>>());
    put(&home.path().join("context/Dockerfile"), case["dockerfile"].as_str().unwrap().as_bytes());
    let config = json!({"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["sh"]});
    put_layout(&home.path().join("busybox"), &[base("linux/amd64", &[busybox.to_vec()], &config)]);
    let mut words = vec!["--platform=linux/amd64".to_owned(), "--build-context=busybox=oci-layout://busybox".to_owned()];
    let arguments = case["build_arguments"].as_object().into_iter().flatten();
    words.extend(arguments.map(|(key, value)| format!("--build-arg={key}={}", value.as_str().unwrap())));
    put(&home.path().join("secret"), b"vm\n");
    words.extend(case["secret"].as_str().map(|id| format!("--secret=id={id},src=secret")));
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
            Kind::Special(kind) => (*kind, json!(0)),
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

/// Lists the lines that commands were to write and have not. Those with a time are another one each time.
fn unwritten(case: &Value, said: &str) -> Vec<String> {
    let mut written: Vec<&str> =
        said.lines().filter_map(|line| line.strip_prefix("[linux/amd64")?.split_once("] ").map(|(_, line)| line)).collect();
    let expected = case["stdout"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let timeless = expected.filter(|line| !line.contains(':') || !line.contains(" root ") && !line.contains(" 0 "));
    let missing = timeless.filter(|line| match written.iter().position(|written| written == line) {
        Some(at) => {
            written.remove(at);
            false
        }
        None => true,
    });
    missing.map(|line| format!("expected a command to write {line:?}\n  got {said}")).collect()
}

/// Builds one case and says what is not as it was measured.
fn differences(case: &Value, busybox: &[u8]) -> Vec<String> {
    let outcome = build(case, busybox);
    let said = &outcome.ran.stderr;
    let expected = |text: &str| if said.contains(text) { Vec::new() } else { vec![format!("expected to be told {text}\n  got {said}")] };
    if let Some(error) = ["parse_error", "expand_error", "graph_error"].iter().find_map(|kind| case[kind].as_str()) {
        // What BuildKit says of a line, we show with the line.
        return match error.strip_prefix("dockerfile parse error on line ").and_then(|rest| rest.split_once(": ")) {
            Some((line, error)) => [expected(&format!("Dockerfile:{line}:")), expected(&format!(": {error}\n"))].concat(),
            None => expected(error),
        };
    }
    let Some(archive) = outcome.archive.as_ref() else {
        if case["result"] != "failure" {
            return vec![format!("expected an image\n  got {said}")];
        }
        let status = case["error"].as_str().filter(|error| error.contains("exit code:"));
        return [unwritten(case, said), status.map_or_else(Vec::new, expected)].concat();
    };
    let compare = |(what, ours): (&str, Value)| {
        // item 34: a list without anything is written as one, not as null.
        let theirs = if case[what].is_null() { json!([]) } else { case[what].clone() };
        (ours != theirs).then(|| format!("{what}\n  expected {theirs}\n  ours     {ours}"))
    };
    let images = archive.images();
    let different = images.iter().flat_map(made).filter_map(compare);
    different.chain(unwritten(case, said)).collect()
}

#[test]
fn every_case_is_built_as_buildkit_builds_it() {
    let Some(busybox) = testkit::busybox_layer() else { return testkit::skip("no busybox: apt-get install busybox-static") };
    if !testkit::contains() {
        return;
    }
    let cases = cases();
    let mut wrong = String::new();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        if name == "fifo-sock-dev" && !testkit::is_root() {
            testkit::skip("fifo-sock-dev: only this machine's root makes devices");
            continue;
        }
        let found = differences(case, &busybox);
        match ON_PURPOSE.iter().find(|(other, _)| *other == name) {
            Some((_, why)) => assert!(!found.is_empty(), "{name} does not differ any more: {why}"),
            None => found.iter().for_each(|found| wrong += &format!("{name}: {found}\n")),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(cases.len(), 71);
}
