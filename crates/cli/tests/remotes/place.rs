//! A folder to build in, and what came of it.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::program::{Home, Ran};

/// Writes a Dockerfile into the context `c`.
pub fn write(home: &Home, text: &str) {
    fs::create_dir_all(home.path().join("c")).unwrap();
    fs::write(home.path().join("c/Dockerfile"), text).unwrap();
}

/// Builds with these words behind it, and writes the files of the image to `out`.
pub fn build(home: &Home, words: &[&str]) -> Ran {
    build_with(home, words, &[])
}

/// The same, with variables.
pub fn build_with(home: &Home, words: &[&str], variables: &[(&str, &str)]) -> Ran {
    let out = home.path().join("out");
    let _ = fs::remove_dir_all(&out);
    let mut command = home.command(&["build", "--platform", "linux/amd64", "-t", "x:1", "-o", "type=local,dest=out", "-o", "type=image"]);
    Ran::from(command.args(words).envs(variables.iter().copied()).stdin(Stdio::null()).output().unwrap())
}

/// Builds what must succeed.
pub fn built(home: &Home, words: &[&str]) -> Ran {
    let ran = build(home, words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran
}

/// Reads a file of the image.
pub fn file(home: &Home, path: &str) -> String {
    fs::read_to_string(home.path().join("out").join(path)).unwrap_or_else(|problem| panic!("{path}: {problem}"))
}

/// Lists whatever of a text is in a file of the store, or in its name.
pub fn traces(home: &Home, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(&home.path().join(".local"), &mut |path, bytes| {
        let is_in = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        if is_in(bytes) || path.contains(text) {
            found.push(path.to_owned());
        }
    });
    found
}

/// Counts the blobs of the store, and what is on its way there.
pub fn kept(home: &Home) -> usize {
    let mut count = 0;
    for folder in ["blobs", "ingest"] {
        walk(&home.path().join(".local/share/polyarch").join(folder), &mut |_, _| count += 1);
    }
    count
}

fn walk(folder: &Path, seen: &mut dyn FnMut(&str, &[u8])) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), seen);
        } else {
            seen(&entry.path().display().to_string(), &fs::read(entry.path()).unwrap_or_default());
        }
    }
}
