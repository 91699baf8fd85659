//! The rooms as their `Cargo.toml`s describe them, and the rules for those.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::Finding;
use super::sources::{Part, SourceFile};
use crate::Trouble;

/// A crate of the workspace.
#[derive(Debug)]
pub(super) struct Room {
    /// The name of its folder below `crates/`.
    pub name: String,
    pub folder: PathBuf,
    /// Rooms it imports in what is shipped.
    pub imports: BTreeSet<String>,
    /// Every dependency by the name that source code has for it, with the table it stands in.
    dependencies: Vec<(String, Use)>,
    license: bool,
    lints: bool,
}

/// What a dependency is declared for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Shipped,
    Tests,
}

impl Room {
    /// Returns where its manifest is, for findings.
    pub fn manifest(&self) -> String {
        format!("crates/{}/Cargo.toml", self.name)
    }
}

/// Reads all crates; a manifest that is missing or broken is a finding.
pub(super) fn read(root: &Path, findings: &mut Vec<Finding>) -> Result<Vec<Room>, Trouble> {
    let workspace = parse(&root.join("Cargo.toml"), "Cargo.toml", findings).unwrap_or_default();
    if !get(&workspace, &["workspace", "package", "license"]).is_some_and(Value::is_str) {
        findings.push(Finding::new("Cargo.toml", "expected an SPDX licence under [workspace.package], got none"));
    }
    let folder = root.join("crates");
    let mut folders = Vec::new();
    for entry in fs::read_dir(&folder).map_err(Trouble::at(&folder))? {
        let path = entry.map_err(Trouble::at(&folder))?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    let names: BTreeSet<String> = folders.iter().map(|folder| file_name(folder)).collect();
    let mut rooms = Vec::new();
    for folder in folders {
        let name = file_name(&folder);
        let place = format!("crates/{name}/Cargo.toml");
        if let Some(manifest) = parse(&folder.join("Cargo.toml"), &place, findings) {
            rooms.push(room(name, folder, &manifest, &workspace, &names));
        }
    }
    Ok(rooms)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn parse(path: &Path, place: &str, findings: &mut Vec<Finding>) -> Option<Table> {
    let Ok(text) = fs::read_to_string(path) else {
        findings.push(Finding::new(place, "expected a readable manifest, got none"));
        return None;
    };
    let parsed = text.parse::<Table>();
    parsed.map_err(|error| findings.push(Finding::new(place, format!("broken: {}", error.message())))).ok()
}

fn get<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, key| value.get(key))
}

fn room(name: String, folder: PathBuf, manifest: &Table, workspace: &Table, names: &BTreeSet<String>) -> Room {
    let inherits = |path: &[&str]| get(manifest, path).and_then(Value::as_bool) == Some(true);
    let declared = declared(manifest);
    let shipped = declared.iter().filter(|(_, _, purpose)| *purpose == Use::Shipped);
    Room {
        imports: shipped.filter_map(|(key, value, _)| target(key, value, workspace)).filter(|target| names.contains(target)).collect(),
        dependencies: declared.iter().map(|(key, _, purpose)| (key.replace('-', "_"), *purpose)).collect(),
        license: inherits(&["package", "license", "workspace"]) || get(manifest, &["package", "license"]).is_some_and(Value::is_str),
        lints: inherits(&["lints", "workspace"]),
        name,
        folder,
    }
}

/// Lists the dependencies of all tables, those for one target only included.
fn declared(manifest: &Table) -> Vec<(&String, &Value, Use)> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let tables: Vec<&Table> = std::iter::once(manifest).chain(targets).collect();
    let mut found = Vec::new();
    for (name, purpose) in [("dependencies", Use::Shipped), ("build-dependencies", Use::Shipped), ("dev-dependencies", Use::Tests)] {
        for table in tables.iter().filter_map(|table| table.get(name)).filter_map(Value::as_table) {
            found.extend(table.iter().map(|(key, value)| (key, value, purpose)));
        }
    }
    found
}

/// Returns the folder name of the crate that a dependency means, where it is given by a path.
fn target(key: &str, value: &Value, workspace: &Table) -> Option<String> {
    let inherited = value.get("workspace").and_then(Value::as_bool) == Some(true);
    let value = if inherited { get(workspace, &["workspace", "dependencies", key])? } else { value };
    value.get("path").and_then(Value::as_str).map(|path| file_name(Path::new(path)))
}

/// Checks what every manifest must say, and that what it declares is used.
pub(super) fn check(rooms: &[Room], sources: &[SourceFile], findings: &mut Vec<Finding>) {
    for room in rooms {
        let mut say = |problem: String| findings.push(Finding::new(room.manifest(), problem));
        if !room.license {
            say("expected `license.workspace = true`".to_owned());
        }
        if !room.lints {
            say("expected `[lints] workspace = true`".to_owned());
        }
        for (name, purpose) in &room.dependencies {
            let mut own =
                sources.iter().filter(|source| source.room == room.name && (*purpose == Use::Tests || source.part != Part::Tests));
            if !own.any(|source| source.has_word(name)) {
                say(format!("{name} is declared and nothing here uses it"));
            }
        }
    }
}
