//! A tree of files without their bytes: what is where, of which kind, and whose.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::path::TreePath;

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file of so many bytes.
    File {
        /// Its length in bytes.
        size: u64,
    },
    /// A folder.
    Directory,
    /// A link to a path, which may be anything.
    Symlink {
        /// Where it leads, as it is written.
        target: Vec<u8>,
    },
    /// Another name of a file of the same tree, whose first name it names.
    HardLink {
        /// The first name.
        first: TreePath,
    },
    /// A named pipe.
    Fifo,
    /// A device.
    Device {
        /// A character device, and not a block device.
        character: bool,
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
}

/// One thing in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Permissions, with setuid, setgid and sticky (twelve bits).
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// When it was changed, in seconds since 1970.
    pub mtime: i64,
    /// Extended attributes.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Node {
    /// Makes a folder of root's.
    pub fn directory(mode: u32, mtime: i64) -> Self {
        Self { kind: Kind::Directory, mode, uid: 0, gid: 0, mtime, xattrs: BTreeMap::new() }
    }

    /// Makes a file of root's.
    pub fn file(mode: u32, size: u64, mtime: i64) -> Self {
        Self { kind: Kind::File { size }, mode, uid: 0, gid: 0, mtime, xattrs: BTreeMap::new() }
    }

    /// Tells whether it is a folder.
    pub const fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory)
    }
}

/// A tree. Its root is always a folder and need not be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    nodes: BTreeMap<TreePath, Node>,
}

impl Tree {
    /// Returns what lies at a path, links not followed.
    pub fn get(&self, path: &TreePath) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// Tells whether there is a folder at a path, links not followed. The root is one.
    pub fn is_directory(&self, path: &TreePath) -> bool {
        path.is_root() || self.get(path).is_some_and(Node::is_directory)
    }

    /// Puts something at a path. What is no folder takes the place of all that was there; a folder keeps
    /// what is in it.
    pub fn insert(&mut self, path: TreePath, node: Node) {
        if !node.is_directory() || self.get(&path).is_some_and(|old| !old.is_directory()) {
            self.remove(&path);
        }
        self.nodes.insert(path, node);
    }

    /// Takes away what lies at a path, and everything below it.
    pub fn remove(&mut self, path: &TreePath) {
        let gone: Vec<TreePath> = self.below(path).map(|(path, _)| path.clone()).collect();
        for path in gone {
            self.nodes.remove(&path);
        }
    }

    /// Walks a path and everything below it, in order; the root itself is left out where it is not listed.
    pub fn below<'a>(&'a self, folder: &'a TreePath) -> impl Iterator<Item = (&'a TreePath, &'a Node)> {
        let start = (Bound::Included(folder), Bound::Unbounded);
        self.nodes.range::<TreePath, _>(start).take_while(move |(path, _)| path.below(folder).is_some())
    }

    /// Lists what is in a folder, without what is below that.
    pub fn children<'a>(&'a self, folder: &'a TreePath) -> impl Iterator<Item = (&'a TreePath, &'a Node)> {
        self.below(folder).filter(move |(path, _)| path.below(folder).is_some_and(|rest| !rest.is_empty() && !rest.contains(&b'/')))
    }

    /// Returns how many things are in it.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Tells whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

impl FromIterator<(TreePath, Node)> for Tree {
    fn from_iter<T: IntoIterator<Item = (TreePath, Node)>>(nodes: T) -> Self {
        Self { nodes: nodes.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Tree {
        let node = |path: &str| if path.ends_with('/') { Node::directory(0o755, 0) } else { Node::file(0o644, 1, 0) };
        paths.iter().map(|path| (TreePath::from(*path), node(path))).collect()
    }

    fn names<'a>(nodes: impl Iterator<Item = (&'a TreePath, &'a Node)>) -> Vec<String> {
        nodes.map(|(path, _)| path.to_string()).collect()
    }

    #[test]
    fn a_folder_is_walked_without_its_neighbours() {
        let tree = tree(&["a/", "a/b/", "a/b/c", "a/d", "a-b", "ab", "z"]);
        assert_eq!(names(tree.below(&"a".into())), ["a", "a/b", "a/b/c", "a/d"]);
        assert_eq!(names(tree.children(&"a".into())), ["a/b", "a/d"]);
        assert_eq!(names(tree.children(&TreePath::default())), ["a", "a-b", "ab", "z"]);
    }

    #[test]
    fn a_file_takes_the_place_of_a_folder_and_a_folder_keeps_its_content() {
        let mut tree = tree(&["a/", "a/b", "c"]);
        tree.insert("a".into(), Node::directory(0o700, 1));
        assert_eq!(tree.len(), 3);
        tree.insert("a".into(), Node::file(0o644, 1, 0));
        assert_eq!(names(tree.below(&TreePath::default())), ["a", "c"]);
        tree.insert("c".into(), Node::directory(0o755, 0));
        assert!(tree.is_directory(&"c".into()) && tree.is_directory(&TreePath::default()));
    }
}
