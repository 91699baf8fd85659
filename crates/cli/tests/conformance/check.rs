//! Compares what was made with what a case expects, and says both where they differ.

use std::fmt::Write;

use serde_json::Value;

use crate::case::{Case, Part};
use crate::image::{Image, Layer};
use crate::world::{Outcome, build};

/// Builds every case of a file, several at once.
pub fn all(text: &str) {
    let cases = Case::all(text);
    assert!(!cases.is_empty());
    let next = std::sync::atomic::AtomicUsize::new(0);
    let wrong = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    let found = differences(case);
                    if !found.is_empty() {
                        wrong.lock().unwrap().push(format!("== {}\n{found}", case.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} cases differ\n\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn differences(case: &Case) -> String {
    let outcome = build(case);
    let mut found = String::new();
    let said = &outcome.ran.stderr;
    let expected: Vec<&str> = case.parts("error").flat_map(|part| part.body.lines()).collect();
    let told = case.parts("told").flat_map(|part| part.body.lines());
    for line in expected.iter().copied().chain(told).filter(|line| !said.contains(line)) {
        let _ = writeln!(found, "expected to be told:\n  {line}");
    }
    match (&outcome.archive, expected.is_empty()) {
        (None, true) => drop(writeln!(found, "expected an image")),
        (Some(_), false) => drop(writeln!(found, "expected no image")),
        (None, false) => assert!((1..70).contains(&outcome.ran.code), "exit code {}", outcome.ran.code),
        (Some(_), true) => images(case, &outcome, &mut found),
    }
    if !found.is_empty() {
        let _ = writeln!(found, "exit code {}, stderr:\n{}", outcome.ran.code, indented(said));
    }
    found
}

fn images(case: &Case, outcome: &Outcome, found: &mut String) {
    let images = outcome.archive.as_ref().map(super::image::Archive::images).unwrap_or_default();
    let mut looked_at = 0;
    for image in &images {
        if let Some(part) = case.expected("layers", &image.platform) {
            compare(&format!("layers of {}", image.platform), &part.body, &layers(image, part), found);
            looked_at += 1;
        }
        if let Some(part) = case.expected("config", &image.platform) {
            for (key, expected) in part.fields() {
                let ours = field(&image.config, key);
                if ours != expected {
                    let _ = writeln!(found, "{key} of {}:\n    expected {expected}\n    ours     {ours}", image.platform);
                }
            }
            looked_at += 1;
        }
        if let Some(part) = case.expected("history", &image.platform) {
            compare(&format!("history of {}", image.platform), &part.body, &history(image), found);
            looked_at += 1;
        }
    }
    for part in case.parts.iter().filter(|part| matches!(part.kind.as_str(), "layers" | "config" | "history")) {
        for platform in part.words.iter().filter(|word| !images.iter().any(|image| image.platform == **word)) {
            let _ = writeln!(found, "expected an image for {platform}");
        }
    }
    for number in case.parts("shared").flat_map(|part| part.body.split_whitespace()) {
        let number: usize = number.parse().unwrap();
        let digests: Vec<&str> = images.iter().map(|image| image.layers[number].digest.as_str()).collect();
        if images.len() < 2 || digests.iter().any(|digest| *digest != digests[0]) {
            let _ = writeln!(found, "expected layer {number} to be the same blob in {} images: {digests:?}", images.len());
        }
        looked_at += 1;
    }
    assert!(looked_at > 0, "{}: nothing is expected", case.name);
}

/// Returns a field of what docker calls the config, or with a dot of what is around it.
fn field(config: &Value, key: &str) -> Value {
    match key.strip_prefix('.') {
        Some(key) => config[key].clone(),
        None => config["config"][key].clone(),
    }
}

fn history(image: &Image) -> String {
    let lines = image.config["history"].as_array().unwrap().iter();
    let line = |line: &Value| {
        let kind = if line["empty_layer"] == true { "empty" } else { "layer" };
        format!("{kind} {}\n", line["created_by"].as_str().unwrap_or_default())
    };
    lines.map(line).collect()
}

/// Writes layers as the case does: one after the other, with `---` between, and nothing that the case does not speak of.
fn layers(image: &Image, part: &Part) -> String {
    let expected: Vec<&str> = part.body.split("---\n").collect();
    let write = |(number, layer): (usize, &Layer)| {
        let theirs = expected.get(number).copied().unwrap_or_default();
        if theirs == "BASE\n" {
            return theirs.to_owned();
        }
        if layer.lines.is_empty() {
            return "EMPTY\n".to_owned();
        }
        let theirs: Vec<_> = theirs.lines().filter(|line| *line != "EMPTY").map(super::lines::Line::read).collect();
        let line = |line: &super::lines::Line| {
            let mut line = line.clone();
            line.as_far_as(theirs.iter().find(|other| other.path == line.path));
            format!("{line}\n")
        };
        layer.lines.iter().map(line).collect()
    };
    image.layers.iter().enumerate().map(write).collect::<Vec<_>>().join("---\n")
}

fn compare(what: &str, expected: &str, ours: &str, found: &mut String) {
    if expected != ours {
        let _ = writeln!(found, "{what}, expected:\n{}\n{what}, ours:\n{}", indented(expected), indented(ours));
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}
