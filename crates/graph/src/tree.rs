//! A tree of files without their bytes: where files are copied from.

use std::collections::BTreeMap;
use std::ops::Bound;

use layer::tar::{Entry, EntryKind};

use crate::path::TreePath;

/// A tree of entries, in the order of a walk. Its root is always a folder and need not be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<TreePath, Entry>,
}

impl Tree {
    /// Returns what lies at a path, links not followed.
    pub fn get(&self, path: &TreePath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Tells whether there is a folder at a path, links not followed. The root is one.
    pub fn is_directory(&self, path: &TreePath) -> bool {
        path.is_root() || self.get(path).is_some_and(|entry| entry.kind == EntryKind::Directory)
    }

    /// Puts an entry where it says. What is no folder takes the place of all that was there; a folder
    /// keeps what is in it.
    pub fn insert(&mut self, entry: Entry) {
        let path = TreePath::clean(&entry.path);
        if entry.kind != EntryKind::Directory || self.get(&path).is_some_and(|old| old.kind != EntryKind::Directory) {
            self.remove(&path);
        }
        self.entries.insert(path, entry);
    }

    /// Takes away what lies at a path, and everything below it.
    pub fn remove(&mut self, path: &TreePath) {
        let gone: Vec<TreePath> = self.below(path).map(|(path, _)| path.clone()).collect();
        for path in gone {
            self.entries.remove(&path);
        }
    }

    /// Takes away what lies at a path, not what is below it, and returns it.
    pub fn take(&mut self, path: &TreePath) -> Option<Entry> {
        self.entries.remove(path)
    }

    /// Walks a path and everything below it, in order; the root itself is left out where it is not listed.
    pub fn below<'a>(&'a self, folder: &'a TreePath) -> impl Iterator<Item = (&'a TreePath, &'a Entry)> {
        let start = (Bound::Included(folder), Bound::Unbounded);
        self.entries.range::<TreePath, _>(start).take_while(move |(path, _)| path.below(folder).is_some())
    }

    /// Returns how many entries are in it.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Tells whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl FromIterator<Entry> for Tree {
    fn from_iter<T: IntoIterator<Item = Entry>>(entries: T) -> Self {
        let mut tree = Self::default();
        entries.into_iter().for_each(|entry| tree.insert(entry));
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Tree {
        let entry = |path: &&str| match path.strip_suffix('/') {
            Some(path) => Entry::directory(path),
            None => Entry::file(*path, 1),
        };
        paths.iter().map(entry).collect()
    }

    fn names<'a>(entries: impl Iterator<Item = (&'a TreePath, &'a Entry)>) -> Vec<String> {
        entries.map(|(path, _)| path.to_string()).collect()
    }

    #[test]
    fn a_folder_is_walked_without_its_neighbours() {
        let tree = tree(&["a/", "a/b/", "a/b/c", "a/d", "a-b", "ab", "z"]);
        assert_eq!(names(tree.below(&"a".into())), ["a", "a/b", "a/b/c", "a/d"]);
        assert_eq!(names(tree.below(&TreePath::default())), ["a", "a/b", "a/b/c", "a/d", "a-b", "ab", "z"]);
    }

    #[test]
    fn a_file_takes_the_place_of_a_folder_and_a_folder_keeps_its_content() {
        let mut tree = tree(&["a/", "a/b", "c"]);
        tree.insert(Entry::directory("a").mode(0o700));
        assert_eq!(tree.len(), 3);
        tree.insert(Entry::file("a", 1));
        assert_eq!(names(tree.below(&TreePath::default())), ["a", "c"]);
        tree.insert(Entry::directory("c"));
        assert!(tree.is_directory(&"c".into()) && tree.is_directory(&TreePath::default()));
    }
}
