//! Reads the map in `ARCHITECTURE.md`: two fenced blocks, opened by ```` ```text floors ```` and
//! ```` ```text files ````.

use std::path::Path;

use super::Finding;

/// The file the map stands in.
pub(super) const FILE: &str = "ARCHITECTURE.md";

/// What the map says.
#[derive(Debug, Default)]
pub(super) struct Map {
    pub rooms: Vec<MappedRoom>,
    pub files: Vec<MappedFile>,
}

/// A line of the floors: `3  store  content, layer  what it is`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MappedRoom {
    pub name: String,
    pub floor: Floor,
    /// The rooms it may import besides `fault` and `oci`.
    pub imports: Vec<String>,
    pub line: usize,
}

/// Where a room stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Floor {
    /// A room of the product; it imports from lower floors only.
    Number(u32),
    /// For development; nothing that is shipped imports it.
    Development,
}

/// A line of the files: `store/  blobs.rs  what it holds`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MappedFile {
    pub room: String,
    /// From the room's `src` folder.
    pub path: String,
    pub line: usize,
}

impl Map {
    pub fn room(&self, name: &str) -> Option<&MappedRoom> {
        self.rooms.iter().find(|room| room.name == name)
    }
}

/// Reads the map; what cannot be read is a finding.
pub(super) fn read(root: &Path, findings: &mut Vec<Finding>) -> Map {
    let Ok(text) = std::fs::read_to_string(root.join(FILE)) else { return Map::default() };
    let floors = block(&text, "floors", findings);
    let files = block(&text, "files", findings);
    Map { rooms: parse_rooms(&floors, findings), files: parse_files(&files, findings) }
}

/// Returns the numbered lines of the one block of a kind.
fn block<'a>(text: &'a str, kind: &str, findings: &mut Vec<Finding>) -> Vec<(usize, &'a str)> {
    let opening = format!("```text {kind}");
    let lines = || text.lines().enumerate().map(|(at, line)| (at + 1, line));
    match lines().filter(|(_, line)| *line == opening).count() {
        1 => {
            let inside = lines().skip_while(|(_, line)| *line != opening).skip(1);
            inside.take_while(|(_, line)| *line != "```").filter(|(_, line)| !line.trim().is_empty()).collect()
        }
        count => {
            findings.push(Finding::new(FILE, format!("expected one block that opens with {opening}, got {count}")));
            Vec::new()
        }
    }
}

/// Cuts a line where two or more blanks stand.
fn columns(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect()
}

fn parse_rooms(lines: &[(usize, &str)], findings: &mut Vec<Finding>) -> Vec<MappedRoom> {
    let mut rooms: Vec<MappedRoom> = Vec::new();
    for (line, text) in lines.iter().skip(1) {
        let [floor, name, imports, _purpose] = columns(text)[..] else {
            findings.push(at(*line, "expected four columns, two blanks apart: floor, room, imports, what it is"));
            continue;
        };
        let floor = match (floor, floor.parse()) {
            ("dev", _) => Floor::Development,
            (_, Ok(number)) => Floor::Number(number),
            _ => {
                findings.push(at(*line, format!("expected the number of a floor, or dev, got {floor}")));
                continue;
            }
        };
        let imports = imports.split(',').map(str::trim).filter(|name| *name != "-").map(str::to_owned).collect();
        if rooms.iter().any(|room| room.name == name) {
            findings.push(at(*line, format!("the room {name} stands here twice")));
        }
        rooms.push(MappedRoom { name: name.to_owned(), floor, imports, line: *line });
    }
    rooms
}

fn parse_files(lines: &[(usize, &str)], findings: &mut Vec<Finding>) -> Vec<MappedFile> {
    let mut files: Vec<MappedFile> = Vec::new();
    let mut room = String::new();
    for (line, text) in lines {
        let mut words = text.split_whitespace().peekable();
        if !text.starts_with(' ') {
            let name = words.next().and_then(|word| word.strip_suffix('/'));
            let Some(name) = name else {
                findings.push(at(*line, "expected the name of a room with a slash behind it, such as store/"));
                continue;
            };
            name.clone_into(&mut room);
        }
        let path = words.next().filter(|path| has_rust_name(path));
        let (Some(path), Some(_purpose)) = (path, words.peek()) else {
            findings.push(at(*line, "expected the name of a .rs file and what it holds"));
            continue;
        };
        if files.iter().any(|file| file.room == room && file.path == path) {
            findings.push(at(*line, format!("{room}/{path} stands here twice")));
        }
        files.push(MappedFile { room: room.clone(), path: path.to_owned(), line: *line });
    }
    files
}

fn has_rust_name(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

/// Makes a finding at a line of the map.
pub(super) fn at(line: usize, problem: impl Into<String>) -> Finding {
    Finding::new(format!("{FILE}:{line}"), problem)
}

#[cfg(test)]
mod tests {
    use super::{Floor, MappedFile, block, parse_files, parse_rooms};

    const TEXT: &str = "# Map\n```text floors\nfloor  room  imports  what it is\n3  store  content, layer  disk\n0  fault  -  what went wrong\n\
                        dev  xtask  -  chores\n```\n```text files\nfault/  lib.rs   the trait\n        exit.rs  the codes\nstore/  lib.rs  disk\n```\n";

    #[test]
    fn reads_floors() {
        let mut findings = Vec::new();
        let rooms = parse_rooms(&block(TEXT, "floors", &mut findings), &mut findings);
        assert_eq!(findings, []);
        assert_eq!(rooms[0].floor, Floor::Number(3));
        assert_eq!(rooms[0].imports, ["content", "layer"]);
        assert_eq!(rooms[1].imports, [""; 0]);
        assert_eq!((rooms[2].floor, rooms[2].line), (Floor::Development, 6));
    }

    #[test]
    fn reads_files() {
        let mut findings = Vec::new();
        let files = parse_files(&block(TEXT, "files", &mut findings), &mut findings);
        assert_eq!(findings, []);
        assert_eq!(files.len(), 3);
        assert_eq!(files[1], MappedFile { room: "fault".to_owned(), path: "exit.rs".to_owned(), line: 10 });
    }

    #[test]
    fn says_which_line_it_cannot_read() {
        let mut findings = Vec::new();
        parse_rooms(&[(1, "floor room"), (2, "x  store  -  disk"), (3, "3 store")], &mut findings);
        parse_files(&[(7, "store  lib.rs  disk"), (8, "store/  lib.rs"), (9, "store/  lib.txt  disk")], &mut findings);
        let places: Vec<&str> = findings.iter().map(|finding| finding.place.as_str()).collect();
        let expected = ["ARCHITECTURE.md:2", "ARCHITECTURE.md:3", "ARCHITECTURE.md:7", "ARCHITECTURE.md:8", "ARCHITECTURE.md:9"];
        assert_eq!(places, expected);
    }
}
