//! The source files, and the rules that hold inside them.

use std::fs;
use std::path::Path;

use super::Finding;
use super::manifests::Room;
use super::mask::mask;
use crate::Trouble;

/// The most lines of a source file. Past this it holds two things.
const MAX_LINES: usize = 500;

/// Names that say nothing of what is inside.
const JUNK_DRAWERS: [&str; 5] = ["util", "utils", "common", "helpers", "misc"];

/// Macros that promise code instead of being some.
const PROMISES: [&str; 2] = ["todo", "unimplemented"];

/// Macros that print.
const PRINTS: [&str; 4] = ["print", "println", "eprint", "eprintln"];

/// Rooms that may print.
const MAY_PRINT: [&str; 3] = ["cli", "testkit", "xtask"];

/// The room for which others have a door of the same name to what they keep private.
const MAY_USE_DOORS: &str = "fuzz";

/// The module in which all `unsafe` stands: a file, and those below it.
const MAY_BE_UNSAFE: &str = "crates/sandbox/src/kernel";

/// Which part of a room a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Below `src`.
    Source,
    /// The build script.
    Build,
    /// Below `tests`, `benches` or `examples`.
    Tests,
}

/// A Rust file of a room.
#[derive(Debug)]
pub(super) struct SourceFile {
    pub room: String,
    pub part: Part,
    /// From the root of the checkout, with slashes.
    pub path: String,
    text: String,
    code: String,
}

impl SourceFile {
    /// Tells whether a word stands in the code, outside of comments and text.
    pub fn has_word(&self, word: &str) -> bool {
        self.lines_with(word, |_| true).next().is_some()
    }

    /// Lists the lines on which a word stands whose following code is as wanted.
    fn lines_with<'a>(&'a self, word: &'a str, follows: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = usize> + 'a {
        let part_of_word = |character: char| character.is_alphanumeric() || character == '_';
        self.code.lines().enumerate().filter_map(move |(number, line)| {
            let hit = line.match_indices(word).any(|(at, _)| {
                let (before, rest) = (line.get(..at).unwrap_or_default(), line.get(at + word.len()..).unwrap_or_default());
                !before.ends_with(part_of_word) && !rest.starts_with(part_of_word) && follows(rest)
            });
            hit.then_some(number + 1)
        })
    }
}

/// Reads every Rust file of every room.
pub(super) fn read(root: &Path, rooms: &[Room]) -> Result<Vec<SourceFile>, Trouble> {
    let mut files = Vec::new();
    for room in rooms {
        for (folder, part) in [("src", Part::Source), ("tests", Part::Tests), ("benches", Part::Tests), ("examples", Part::Tests)] {
            read_folder(root, &room.folder.join(folder), &room.name, part, &mut files)?;
        }
        let build = room.folder.join("build.rs");
        if build.is_file() {
            files.push(read_file(root, &build, &room.name, Part::Build)?);
        }
    }
    Ok(files)
}

fn read_folder(root: &Path, folder: &Path, room: &str, part: Part, files: &mut Vec<SourceFile>) -> Result<(), Trouble> {
    if !folder.is_dir() {
        return Ok(());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(Trouble::at(folder))? {
        paths.push(entry.map_err(Trouble::at(folder))?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read_folder(root, &path, room, part, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(read_file(root, &path, room, part)?);
        }
    }
    Ok(())
}

fn read_file(root: &Path, path: &Path, room: &str, part: Part) -> Result<SourceFile, Trouble> {
    let text = fs::read_to_string(path).map_err(Trouble::at(path))?;
    let relative = path.strip_prefix(root).unwrap_or(path);
    let path = relative.components().map(|component| component.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
    Ok(SourceFile { room: room.to_owned(), part, path, code: mask(&text), text })
}

/// Checks every file by itself.
pub(super) fn check(sources: &[SourceFile], findings: &mut Vec<Finding>) {
    for source in sources {
        if source.path == format!("crates/{}/src/lib.rs", source.room) && !source.text.starts_with("//!") {
            findings.push(Finding::new(&source.path, "expected it to open with `//!`: what this room does, never does, where to start"));
        }
        let lines = source.text.lines().count();
        if lines > MAX_LINES {
            findings.push(Finding::new(&source.path, format!("expected at most {MAX_LINES} lines, got {lines}")));
        }
        check_names(source, findings);
        check_words(source, findings);
        check_doors(source, findings);
    }
}

fn check_names(source: &SourceFile, findings: &mut Vec<Finding>) {
    let own = source.path.trim_end_matches(".rs").split('/').skip(2);
    for name in own.filter(|name| JUNK_DRAWERS.contains(name)) {
        findings.push(Finding::new(&source.path, format!("expected a name that says what is inside, got {name}")));
    }
    for name in JUNK_DRAWERS {
        let opens = |rest: &str| rest.trim_start().starts_with('{');
        for line in source.lines_with(name, opens).filter(|line| source.line(*line).trim_start_matches("pub ").starts_with("mod ")) {
            findings.push(source.at(line, format!("expected a name that says what is inside, got {name}")));
        }
    }
}

fn check_words(source: &SourceFile, findings: &mut Vec<Finding>) {
    let called = |rest: &str| rest.starts_with('!');
    for name in PROMISES {
        findings.extend(source.lines_with(name, called).map(|line| source.at(line, format!("{name}! promises code that is not there"))));
    }
    let in_module = |rest: &str| rest == ".rs" || rest.starts_with('/');
    if !source.path.strip_prefix(MAY_BE_UNSAFE).is_some_and(in_module) {
        let problem = format!("unsafe code belongs in {MAY_BE_UNSAFE}.rs, or below it");
        findings.extend(source.lines_with("unsafe", |_| true).map(|line| source.at(line, &problem)));
    }
    if source.part == Part::Source && !MAY_PRINT.contains(&source.room.as_str()) {
        for name in PRINTS {
            findings.extend(
                source.lines_with(name, called).map(|line| source.at(line, format!("{name}! in a library: only the front prints"))),
            );
        }
    }
}

fn check_doors(source: &SourceFile, findings: &mut Vec<Finding>) {
    if source.room == MAY_USE_DOORS {
        return;
    }
    let doors = format!("::{MAY_USE_DOORS}");
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    for (number, line) in source.code.lines().enumerate() {
        if line.split(&doors).skip(1).any(ends) {
            findings.push(source.at(number + 1, format!("a door for crates/{MAY_USE_DOORS}, and for nobody else")));
        }
    }
}

impl SourceFile {
    /// Returns a line of the code, without what leads it in.
    fn line(&self, number: usize) -> &str {
        self.code.lines().nth(number - 1).unwrap_or_default().trim_start()
    }

    fn at(&self, line: usize, problem: impl Into<String>) -> Finding {
        Finding::new(format!("{}:{line}", self.path), problem)
    }
}
