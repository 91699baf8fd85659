//! The map lists every source file, and no other.

use std::collections::BTreeSet;

use super::Finding;
use super::map::{self, Map};
use super::sources::{Part, SourceFile};

/// Compares the files below every `src` with the map, both ways.
pub(super) fn check(sources: &[SourceFile], map: &Map, findings: &mut Vec<Finding>) {
    let real: BTreeSet<&str> = sources.iter().filter(|source| source.part == Part::Source).map(|source| source.path.as_str()).collect();
    let listed: BTreeSet<String> = map.files.iter().map(|file| format!("crates/{}/src/{}", file.room, file.path)).collect();
    for file in &map.files {
        let path = format!("crates/{}/src/{}", file.room, file.path);
        if !real.contains(path.as_str()) {
            findings.push(map::at(file.line, format!("no {path}")));
        }
    }
    for path in real.into_iter().filter(|path| !listed.contains(*path)) {
        findings.push(Finding::new(path, format!("not on the map in {}", map::FILE)));
    }
}
