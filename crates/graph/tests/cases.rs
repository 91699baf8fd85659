//! Small Dockerfiles without `RUN`, with the config, the history and the layers that BuildKit made of them
//! (measured on its dockerfile frontend 1.26). What differs on purpose is named.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fmt::Write;

use dockerfile::{Globals, Graph, Source, automatic_arguments, parse};
use graph::{From, Image, Lay, Recipe, Step, Times, Tree, TreePath, lay_copy, lay_workdir};
use layer::index::PathIndex;
use layer::tar::{Entry, EntryKind};
use oci::Platform;
use serde_json::{Value, json};

/// Cases whose result is another one here, and why.
const ON_PURPOSE: [(&str, &str); 1] = [("chown-unknown", "item 52: a name that no file has is an error, as BuildKit's documentation says")];

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nlp:x:4:7:lp:/var/spool/lpd:/bin/false\n";
const GROUP: &str = "root:x:0:\ndaemon:x:1:\nadm:x:4:\nlp:x:7:\n";

/// The root of the base of these cases, as far as they look at it.
fn busybox() -> PathIndex {
    let mut index = PathIndex::new();
    index.begin_layer();
    for (path, mode) in [("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777), ("usr", 0o755), ("usr/bin", 0o755)] {
        index.insert(&Entry::directory(path).mode(mode)).unwrap();
    }
    for (path, content) in [("etc/passwd", PASSWD), ("etc/group", GROUP)] {
        index.insert(&Entry::file(path, content.len() as u64)).unwrap();
        index.set_accounts(path.as_bytes(), content.as_bytes().to_vec());
    }
    index
}

fn busybox_image() -> Image {
    let config = json!({
        "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["sh"]},
        "history": [{"created": "2017-01-26T16:59:13Z", "created_by": "debian busybox-static"}],
    });
    Image::of_base(Platform::new("linux", "amd64", None), &config)
}

fn context(case: &Value) -> Tree {
    let mut entries = vec![Entry::file("Dockerfile", case["dockerfile"].as_str().unwrap().len() as u64)];
    for (path, file) in case["files"].as_object().unwrap() {
        for above in TreePath::from(path.as_str()).ancestors() {
            entries.push(Entry::directory(above.bytes()));
        }
        let text = file.as_str().or_else(|| file["text"].as_str()).unwrap();
        let mode = file["mode"].as_str().map_or(0o644, |mode| u32::from_str_radix(mode.trim_start_matches("0o"), 8).unwrap());
        entries.push(match text.strip_prefix("->") {
            Some(target) => Entry::symlink(path.as_str(), target),
            None => Entry::file(path.as_str(), text.len() as u64).mode(mode),
        });
    }
    entries.into_iter().collect()
}

/// What a build comes to.
struct Built {
    config: Value,
    history: Value,
    layers: Vec<Value>,
}

fn build(case: &Value) -> Result<Built, String> {
    let source = Source::new("Dockerfile", case["dockerfile"].as_str().unwrap());
    let file = parse(&source).map_err(|problems| problems.render().join("\n"))?;
    let graph = Graph::new(&file, &[]).map_err(|problem| problem.to_string())?;
    let target = graph.target(None).map_err(|problem| problem.to_string())?;
    graph.reachable(target).map_err(|problem| problem.to_string())?;
    let stage = &file.stages[target];
    let platform = Platform::new("linux", "amd64", None);
    let globals = Globals::new(automatic_arguments(&platform, &platform, None), Default::default());
    let (image, mut root, base) = match stage.base.text.as_str() {
        "scratch" => (Image::scratch(platform), PathIndex::new(), Vec::new()),
        _ => (busybox_image(), busybox(), vec![json!("BASE")]),
    };
    let mut recipe = Recipe::of_image(image);
    recipe.take(&stage.statements, &globals, file.directives.escape).map_err(|problem| problem.to_string())?;
    let context = context(case);
    let times = Times { made: 0 };
    let from = From { tree: &context, keeps_owners: false, hides: &|_| false };
    let mut layers = base;
    for placed in &recipe.steps {
        let lay = match &placed.step {
            Step::Copy(step) => lay_copy(step, &mut root, &from, times),
            Step::Workdir { path, user } => lay_workdir(path, user, &mut root, times),
            Step::Run(_) => unreachable!("there is no RUN in these cases"),
        };
        layers.push(shown(&lay.map_err(|problem| problem.to_string())?));
    }
    let document = recipe.image.document(&[], None);
    let lines = document["history"].as_array().unwrap().iter();
    let history = lines.map(|line| json!([line["created_by"], line["empty_layer"] == json!(true)])).collect();
    Ok(Built { config: document["config"].clone(), history, layers })
}

/// A layer as the cases have it: name, mode, owner, group, type, and size or link.
fn shown(lay: &Lay) -> Value {
    let entry = |laid: &graph::Laid| {
        let Entry { path, kind, mode, uid, gid, .. } = &laid.entry;
        let (kind, last) = match kind {
            EntryKind::File { size } => ("0", json!(size)),
            EntryKind::Directory => ("5", json!(0)),
            EntryKind::Symlink { target } => ("2", json!(String::from_utf8_lossy(target))),
            other => panic!("{other:?}"),
        };
        json!([String::from_utf8_lossy(path), format!("0o{mode:o}"), uid, gid, kind, last])
    };
    lay.values().map(entry).collect()
}

#[test]
fn config_history_and_layers_are_buildkit_s() {
    let mut cases: Vec<Value> = serde_json::from_str(include_str!("../../dockerfile/tests/cases.json")).unwrap();
    cases.retain(|case| case.get("runs").is_none());
    // Only the last stage is looked at here, so it has to begin with an image.
    cases.retain(|case| case["name"] != "cmd-entry2");
    let mut wrong = String::new();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let built = build(case);
        let succeeds = case["result"] == "success";
        if let Some((_, why)) = ON_PURPOSE.iter().find(|(other, _)| *other == name) {
            assert!(built.is_err() && succeeds, "{name} does not differ any more: {why}");
            continue;
        }
        match built {
            Err(_) if !succeeds => {}
            Ok(built) if succeeds => {
                for (what, ours, theirs) in [
                    ("config", &built.config, &case["config"]),
                    ("history", &built.history, &case["history"]),
                    ("layers", &Value::Array(built.layers), &case["layers"]),
                ] {
                    let theirs = if theirs.is_null() { json!([]) } else { theirs.clone() };
                    if *ours != theirs {
                        let _ = writeln!(wrong, "{name}: {what}\n  ours   {ours}\n  theirs {theirs}");
                    }
                }
            }
            Ok(_) => drop(writeln!(wrong, "{name}: expected a failure")),
            Err(problem) => drop(writeln!(wrong, "{name}: {problem}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(cases.len(), 31);
}
