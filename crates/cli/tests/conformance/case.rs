//! Cases as text: what is built, and what is expected of it.
//!
//! ```text
//! == item 47: a folder is copied by its content
//!
//! Dockerfile:
//!     FROM scratch
//!     COPY d /new
//! context:
//!     d/x: text
//! layers:
//!     new/
//!     new/x: text
//! ```
//!
//! A part begins with a word at the start of a line and ends with a colon; what belongs to it is indented. What goes in:
//!
//! | part | what it is |
//! |---|---|
//! | `Dockerfile` | the Dockerfile in the context |
//! | `file PATH` | any other file, its text as it stands |
//! | `context`, `folder PATH` | files of the context, or of a folder beside it, in the form of `lines.rs` |
//! | `tar PATH [COMPRESSION]` | a tar of such files |
//! | `base NAME [PLATFORM...]` | an image of such files, given by `--build-context`; `config Key: JSON` is a field of its config, `---` stands between layers |
//! | `flags` | words of the command line |
//!
//! What is expected: `layers [PLATFORM]` (those of a base are `BASE`, a layer without anything is `EMPTY`), `config [PLATFORM]` and
//! `history [PLATFORM]` in part, `shared` (numbers of layers that are the same blob in every image), lines that are `told`, or those of an `error`.

use serde_json::Value;

use crate::lines::Line;

/// What stands before a field of a base's config.
const FIELD: &str = "config ";

/// One case.
#[derive(Clone, Debug, Default)]
pub struct Case {
    pub name: String,
    pub parts: Vec<Part>,
}

/// What stands under one heading.
#[derive(Clone, Debug)]
pub struct Part {
    /// `base`
    pub kind: String,
    /// `acme/base linux/amd64`
    pub words: Vec<String>,
    pub body: String,
}

impl Case {
    /// Reads the cases of a file.
    pub fn all(text: &str) -> Vec<Self> {
        let mut cases: Vec<Self> = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("== ") {
                cases.push(Self { name: name.to_owned(), parts: Vec::new() });
                continue;
            }
            let Some(case) = cases.last_mut() else { continue };
            if let Some(line) = line.strip_prefix("    ") {
                let part = case.parts.last_mut().unwrap_or_else(|| panic!("{}: a line belongs to nothing: {line}", case.name));
                part.body += line;
                part.body.push('\n');
            } else if let Some(heading) = line.strip_suffix(':') {
                let mut words = heading.split_whitespace().map(str::to_owned);
                let kind = words.next().unwrap_or_default();
                case.parts.push(Part { kind, words: words.collect(), body: String::new() });
            } else if line.is_empty() {
                // An empty line in a Dockerfile is part of it; at its end it means nothing.
                if let Some(part) = case.parts.last_mut().filter(|part| !part.body.is_empty()) {
                    part.body.push('\n');
                }
            } else {
                panic!("{}: neither a heading nor indented: {line}", case.name);
            }
        }
        for part in cases.iter_mut().flat_map(|case| &mut case.parts) {
            part.body.truncate(part.body.trim_end_matches('\n').len());
            if !part.body.is_empty() {
                part.body.push('\n');
            }
        }
        cases
    }

    /// Returns the parts of a kind.
    pub fn parts<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Part> {
        self.parts.iter().filter(move |part| part.kind == kind)
    }

    /// Returns what is expected of the image for a platform: what is said for it, or else for every one.
    pub fn expected(&self, kind: &str, platform: &str) -> Option<&Part> {
        let mut parts = self.parts.iter().filter(|part| part.kind == kind);
        let named = parts.clone().find(|part| part.words.iter().any(|word| word == platform));
        named.or_else(|| parts.find(|part| part.words.is_empty()))
    }

    /// Returns the words of the command line.
    pub fn flags(&self) -> Vec<String> {
        self.parts("flags").flat_map(|part| part.body.split_whitespace().map(str::to_owned)).collect()
    }
}

impl Part {
    /// Returns its lines that are files.
    pub fn files(&self) -> Vec<Line> {
        self.body.lines().filter(|line| !line.starts_with(FIELD)).map(Line::read).collect()
    }

    /// Returns its files, layer by layer.
    pub fn layers(&self) -> Vec<Vec<Line>> {
        let files = |body: &str| Self { body: body.to_owned(), ..self.clone() }.files();
        self.body.split("---\n").map(files).collect()
    }

    /// Returns its lines that are fields of a config.
    pub fn fields(&self) -> Vec<(&str, Value)> {
        let is_base = self.kind == "base";
        let lines = self.body.lines().filter_map(|line| if is_base { line.strip_prefix(FIELD) } else { Some(line) });
        let read = |line| {
            let (key, value): (&str, &str) = line_split(line);
            (key, serde_json::from_str(value).unwrap_or_else(|error| panic!("{line}: {error}")))
        };
        lines.map(read).collect()
    }

    /// Returns its first word, such as a path.
    pub fn name(&self) -> &str {
        self.words.first().unwrap_or_else(|| panic!("a name is missing behind {}", self.kind))
    }
}

fn line_split(line: &str) -> (&str, &str) {
    line.split_once(": ").unwrap_or_else(|| panic!("no field of a config: {line}"))
}
