//! Files as lines of text, the same for what is put into a build and for what is expected of it.
//!
//! ```text
//! d/                     a folder
//! d/x: text\n            a file; `d/x:` is an empty one
//! d/y -> x               a symbolic link
//! d/z = d/x              another name of the same file
//! d/x [4755 7:8]: text   permissions in octal, owner and group, where they are not usual ones
//! ```
//!
//! Usual are 755 for a folder, 644 for a file, 777 for a link, and root's. More may stand in the brackets: `@1600000000` is a time, in
//! seconds since 1970, and `KEY=VALUE` a record of pax. What is no text is `(bytes)`.

use std::collections::BTreeMap;
use std::fmt;

/// A file, a folder or a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub path: String,
    pub kind: Kind,
    pub mode: u32,
    pub owner: (u64, u64),
    /// When it was changed; where nothing is said of it, nothing is compared.
    pub time: Option<u64>,
    /// Records of pax, as far as they are said.
    pub records: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Folder,
    File(String),
    Link(String),
    Name(String),
    /// A pipe or a device, by the letter of its type in a tar. Cases only find them.
    Special(&'static str),
}

impl Kind {
    /// Returns the permissions that need not be said.
    pub fn usual(&self) -> u32 {
        match self {
            Self::Folder => 0o755,
            Self::File(_) | Self::Name(_) | Self::Special(_) => 0o644,
            Self::Link(_) => 0o777,
        }
    }
}

impl Line {
    pub fn read(text: &str) -> Self {
        let (left, kind) = if let Some((left, target)) = text.split_once(" -> ") {
            (left, Kind::Link(target.to_owned()))
        } else if let Some((left, target)) = text.split_once(" = ") {
            (left, Kind::Name(target.to_owned()))
        } else if let Some((left, content)) = text.split_once(": ").or_else(|| Some((text.strip_suffix(':')?, ""))) {
            (left, Kind::File(unescaped(content)))
        } else {
            (text, Kind::Folder)
        };
        let (path, said) = match left.split_once(" [") {
            Some((path, said)) => (path, said.strip_suffix(']').unwrap_or_else(|| panic!("no ] in {text:?}"))),
            None => (left, ""),
        };
        let path = if kind == Kind::Folder {
            path.strip_suffix('/').unwrap_or_else(|| panic!("neither a folder/ nor a file: {text:?}"))
        } else {
            path
        };
        let (mode, path) = (kind.usual(), path.to_owned());
        let mut line = Self { path, kind, mode, owner: (0, 0), time: None, records: BTreeMap::new() };
        for word in said.split_whitespace() {
            line.say(word);
        }
        line
    }

    fn say(&mut self, word: &str) {
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("no number: {word:?}"));
        if let Some((key, value)) = word.split_once('=') {
            self.records.insert(key.to_owned(), value.to_owned());
        } else if let Some((user, group)) = word.split_once(':') {
            self.owner = (number(user), number(group));
        } else if let Some(time) = word.strip_prefix('@') {
            self.time = Some(number(time));
        } else {
            self.mode = u32::from_str_radix(word, 8).unwrap_or_else(|_| panic!("no permissions: {word:?}"));
        }
    }

    /// Forgets what another line does not speak of.
    pub fn as_far_as(&mut self, other: Option<&Self>) {
        self.time = self.time.filter(|_| other.is_some_and(|other| other.time.is_some()));
        self.records.retain(|key, _| other.is_some_and(|other| other.records.contains_key(key)));
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = Vec::new();
        if self.mode != self.kind.usual() {
            said.push(format!("{:o}", self.mode));
        }
        if self.owner != (0, 0) {
            said.push(format!("{}:{}", self.owner.0, self.owner.1));
        }
        said.extend(self.time.map(|time| format!("@{time}")));
        said.extend(self.records.iter().map(|(key, value)| format!("{key}={value}")));
        let said = if said.is_empty() { String::new() } else { format!(" [{}]", said.join(" ")) };
        let (slash, rest) = match &self.kind {
            Kind::Folder => ("/", String::new()),
            Kind::File(content) if content.is_empty() => ("", ":".to_owned()),
            Kind::File(content) => ("", format!(": {}", content.replace('\n', "\\n").replace('\t', "\\t"))),
            Kind::Link(target) => ("", format!(" -> {target}")),
            Kind::Name(target) => ("", format!(" = {target}")),
            Kind::Special(kind) => ("", format!(" of type {kind}")),
        };
        write!(formatter, "{}{slash}{said}{rest}", self.path)
    }
}

fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\t", "\t")
}
