//! The files of an image, laid over each other or found on disk, in lines that can be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use layer::tar::{EntryKind, Limits, Reader, Rules};
use layer::{Inflate, InflateLimits};
use oci::Digest;

/// Names, kinds, modes, owners, link targets and contents, and when files and links were changed: what a folder says of that is
/// whoever's who unpacked it.
#[derive(Clone, Default)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
    /// How many files there were, hard links not counted: the number of the next one.
    files: u64,
}

#[derive(Clone)]
struct Node {
    line: String,
    /// The same for names of one file.
    file: u64,
}

impl Tree {
    /// Lays a tar over it, compressed or not, and returns the paths of its entries.
    ///
    /// # Panics
    /// Where an entry stands below none or below something that is no folder, and where it takes something away: no
    /// build here does.
    pub fn lay(&mut self, bytes: &[u8]) -> BTreeSet<String> {
        let inflated = Inflate::new(bytes, InflateLimits::default()).unwrap();
        let mut reader = Reader::new(inflated, Limits::default(), Rules::of_layer());
        let mut paths = BTreeSet::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            let path = String::from_utf8(entry.path.clone()).unwrap().trim_matches('/').to_owned();
            assert!(entry.as_whiteout().is_none(), "{path} takes something away");
            paths.insert(path.clone());
            let owner = (entry.uid, entry.gid);
            let line = match &entry.kind {
                EntryKind::Directory => folder(entry.mode, owner),
                EntryKind::Symlink { target } => link(&String::from_utf8_lossy(target), owner, entry.mtime),
                EntryKind::File { .. } => {
                    let mut content = Vec::new();
                    reader.content().read_to_end(&mut content).unwrap();
                    file(entry.mode, owner, entry.mtime, &content)
                }
                EntryKind::Hardlink { target } => {
                    let target = String::from_utf8_lossy(target);
                    let node = self.nodes.get(target.trim_matches('/')).unwrap_or_else(|| panic!("{path} is {target}: no such file"));
                    self.nodes.insert(path, node.clone());
                    continue;
                }
                _ => other(entry.mode, owner),
            };
            self.put(path, line, None);
        }
        paths
    }

    /// Reads what is below a folder.
    pub fn of_folder(folder: &Path) -> Self {
        let mut tree = Self::default();
        tree.read(folder, "");
        tree
    }

    fn read(&mut self, root: &Path, below: &str) {
        let mut entries: Vec<_> = fs::read_dir(root.join(below)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        entries.sort();
        for name in entries {
            let name = name.into_string().unwrap();
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            let on_disk = root.join(&path);
            let found = fs::symlink_metadata(&on_disk).unwrap();
            let (mode, owner) = (found.mode() & 0o7777, (found.uid().into(), found.gid().into()));
            let kind = found.file_type();
            let line = if kind.is_dir() {
                folder(mode, owner)
            } else if kind.is_symlink() {
                link(&fs::read_link(&on_disk).unwrap().to_string_lossy(), owner, found.mtime())
            } else if kind.is_fifo() || kind.is_socket() || kind.is_block_device() || kind.is_char_device() {
                other(mode, owner)
            } else {
                file(mode, owner, found.mtime(), &fs::read(&on_disk).unwrap())
            };
            self.put(path.clone(), line, Some(found.ino()));
            if kind.is_dir() {
                self.read(root, &path);
            }
        }
    }

    fn put(&mut self, path: String, line: String, file: Option<u64>) {
        if path.is_empty() {
            return;
        }
        if let Some((above, _)) = path.rsplit_once('/') {
            let above = self.nodes.get(above).unwrap_or_else(|| panic!("{path} has nothing above it"));
            assert!(above.line.starts_with("folder"), "{path} is below no folder, but a {}", above.line);
        }
        if !line.starts_with("folder") {
            let below = format!("{path}/");
            self.nodes.retain(|name, _| !name.starts_with(&below));
        }
        self.files += 1;
        self.nodes.insert(path, Node { line, file: file.unwrap_or(self.files) });
    }

    /// Leaves out a path and what is below it.
    #[must_use]
    pub fn without(mut self, path: &str) -> Self {
        let below = format!("{path}/");
        self.nodes.retain(|name, _| name != path && !name.starts_with(&below));
        self
    }

    /// Returns a line for each path.
    pub fn lines(&self) -> BTreeMap<String, String> {
        let mut names: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for (path, node) in &self.nodes {
            names.entry(node.file).or_default().push(path);
        }
        let line = |(path, node): (&String, &Node)| {
            let mut line = node.line.clone();
            for same in names[&node.file].iter().filter(|same| *same != path) {
                write!(line, " = {same}").unwrap();
            }
            (path.clone(), line)
        };
        self.nodes.iter().map(line).collect()
    }

    /// Tells what another tree has otherwise: `PATH: OURS, but THEIRS`.
    pub fn differences(&self, theirs: &Self) -> Vec<String> {
        let (ours, theirs) = (self.lines(), theirs.lines());
        let nothing = "nothing".to_owned();
        let mut paths: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
        paths.sort();
        paths.dedup();
        let pairs = paths.into_iter().map(|path| (path, ours.get(path).unwrap_or(&nothing), theirs.get(path).unwrap_or(&nothing)));
        pairs.filter(|(_, one, other)| one != other).map(|(path, one, other)| format!("{path}: {one}, but {other}")).collect()
    }
}

type Owner = (u64, u64);

fn folder(mode: u32, (uid, gid): Owner) -> String {
    format!("folder {mode:o} {uid}:{gid}")
}

fn file(mode: u32, (uid, gid): Owner, mtime: i64, content: &[u8]) -> String {
    let content = if content.len() < 80 { format!("{:?}", String::from_utf8_lossy(content)) } else { Digest::of(content).short() };
    format!("file {mode:o} {uid}:{gid} {content} of {mtime}")
}

/// The mode of a link means nothing, and every tool writes another one.
fn link(target: &str, (uid, gid): Owner, mtime: i64) -> String {
    format!("link {uid}:{gid} -> {target} of {mtime}")
}

fn other(mode: u32, (uid, gid): Owner) -> String {
    format!("other {mode:o} {uid}:{gid}")
}
