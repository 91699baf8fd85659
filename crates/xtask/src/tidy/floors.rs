//! The floors hold: a room imports from lower floors only, and only what the map says.

use std::collections::BTreeSet;

use super::Finding;
use super::manifests::Room;
use super::map::{self, Floor, Map, MappedRoom};

/// What every room may import without a word in the map.
const FOR_ALL: [&str; 2] = ["fault", "oci"];

/// Compares the manifests with the map, both ways.
pub(super) fn check(rooms: &[Room], map: &Map, findings: &mut Vec<Finding>) {
    for mapped in &map.rooms {
        match rooms.iter().find(|room| room.name == mapped.name) {
            Some(room) => compare(room, mapped, map, findings),
            None => findings.push(map::at(mapped.line, format!("no crates/{} with a manifest", mapped.name))),
        }
    }
    for room in rooms.iter().filter(|room| map.room(&room.name).is_none()) {
        findings.push(Finding::new(room.manifest(), format!("{} is not on the map in {}", room.name, map::FILE)));
    }
}

fn compare(room: &Room, mapped: &MappedRoom, map: &Map, findings: &mut Vec<Finding>) {
    let listed: BTreeSet<&str> = mapped.imports.iter().map(String::as_str).collect();
    for import in &room.imports {
        let Some(other) = map.room(import) else { continue };
        let mut say = |problem: String| findings.push(Finding::new(room.manifest(), problem));
        match (mapped.floor, other.floor) {
            (_, Floor::Development) => say(format!("{import} is for development: it belongs in [dev-dependencies]")),
            (Floor::Number(own), Floor::Number(its)) if its >= own => {
                say(format!("{} stands on floor {own} and imports {import} of floor {its}, expected a lower floor", room.name));
            }
            _ => {}
        }
        if !listed.contains(import.as_str()) && !FOR_ALL.contains(&import.as_str()) {
            say(format!("{} imports {import}, which the map does not list", room.name));
        }
    }
    for import in listed {
        if !room.imports.contains(import) {
            findings.push(map::at(mapped.line, format!("{} does not import {import}", room.name)));
        }
    }
}
