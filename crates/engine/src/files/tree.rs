//! Files: a tree, and where the bytes of each file in it are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use graph::{Content, Lay, Tree, TreePath};
use layer::tar::{Entry, EntryKind};
use oci::Digest;

use super::{Span, Spool};
use crate::pack::{Contents, PackError, Reading};

/// A tree of files with their bytes, from any number of contents: what `COPY --from` reads.
///
/// Of a file with several names, the first one in the order of a walk has the bytes, and the others are hard links to it. A name
/// that is overwritten leaves the others what they were.
#[derive(Clone, Default)]
pub struct Files {
    tree: Tree,
    /// The file that each name of a regular one means.
    names: HashMap<TreePath, usize>,
    files: Vec<File>,
    contents: Vec<Arc<dyn Contents>>,
    /// The names of files that have, or had, several.
    linked: HashMap<usize, BTreeSet<TreePath>>,
    /// Those of them whose names changed: the tree does not say yet which of them is the first.
    unsettled: BTreeSet<usize>,
}

/// A regular file.
#[derive(Clone)]
struct File {
    size: u64,
    bytes: Bytes,
}

/// Where the bytes of a file are.
#[derive(Clone)]
pub(super) enum Bytes {
    /// At this path of one of the contents.
    There { contents: usize, path: TreePath },
    /// In a spool.
    Kept(Arc<Spool>, Span),
    /// Here.
    Here(Arc<[u8]>),
}

impl Files {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a tree whose bytes are at the same paths of `contents`. A hard link to what is no file of it is left out.
    pub fn of(tree: Tree, contents: Arc<dyn Contents>) -> Self {
        let mut files = Self { tree, ..Self::default() };
        let contents = files.join(contents);
        let mut links = Vec::new();
        for (path, entry) in files.tree.below(&TreePath::default()) {
            match &entry.kind {
                EntryKind::File { size } => {
                    files.names.insert(path.clone(), files.files.len());
                    files.files.push(File { size: *size, bytes: Bytes::There { contents, path: path.clone() } });
                }
                EntryKind::Hardlink { target } => links.push((path.clone(), TreePath::clean(target))),
                _ => {}
            }
        }
        for (path, target) in links {
            match files.names.get(&target) {
                Some(file) => files.name(path, *file, Some(target)),
                None => drop(files.tree.take(&path)),
            }
        }
        files.settle();
        files
    }

    /// Returns the tree.
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Returns the length of a regular file, whichever of its names is asked for.
    pub fn size(&self, path: &TreePath) -> Option<u64> {
        self.names.get(path).and_then(|file| self.files.get(*file)).map(|file| file.size)
    }

    /// Puts a layer on top whose bytes are in `contents`. A hard link may be to what was there; one to what is no file is left
    /// out, as no layer can have it.
    pub fn lay(&mut self, lay: &Lay, contents: &Arc<dyn Contents>) {
        let contents = self.join(Arc::clone(contents));
        for (path, laid) in lay {
            let entry = &laid.entry;
            match (&entry.kind, &laid.content) {
                (_, Content::Whiteout) => self.hide(path),
                (EntryKind::Hardlink { target }, _) => self.link(&entry.path, &TreePath::clean(target)),
                (EntryKind::File { .. }, Content::Source(path)) => self.put(entry.clone(), Bytes::There { contents, path: path.clone() }),
                (EntryKind::File { .. }, Content::Inline(bytes)) => self.put(entry.clone(), Bytes::Here(bytes.as_slice().into())),
                _ => self.put(entry.clone(), Bytes::Here(Arc::default())),
            }
        }
        self.settle();
    }

    /// Adds contents, and returns their number.
    pub(super) fn join(&mut self, contents: Arc<dyn Contents>) -> usize {
        self.contents.push(contents);
        self.contents.len() - 1
    }

    /// Puts an entry that is no hard link where it says; the bytes are those of a regular file.
    pub(super) fn put(&mut self, entry: Entry, bytes: Bytes) {
        let path = TreePath::clean(&entry.path);
        if entry.kind == EntryKind::Directory {
            self.forget(&path);
        } else {
            self.forget_below(&path);
        }
        if let EntryKind::File { size } = entry.kind {
            self.names.insert(path, self.files.len());
            self.files.push(File { size, bytes });
        }
        self.tree.insert(entry);
    }

    /// Gives what is at a path another name, if it is there and no folder.
    pub(super) fn link(&mut self, path: &[u8], target: &TreePath) {
        let (path, Some(entry)) = (TreePath::clean(path), self.tree.get(target)) else { return };
        if entry.kind == EntryKind::Directory || path == *target {
            return;
        }
        let entry = Entry { path: path.bytes().to_vec(), ..entry.clone() };
        let file = self.names.get(target).copied();
        self.forget_below(&path);
        self.tree.insert(entry);
        if let Some(file) = file {
            // The other name may have been below what this one takes the place of.
            let target = self.names.contains_key(target).then(|| target.clone());
            self.name(path, file, target);
        }
    }

    /// Takes away what is at a path, and what is below it.
    fn hide(&mut self, path: &TreePath) {
        self.forget_below(path);
        self.tree.remove(path);
    }

    /// Takes away what is at a path, not what is below it.
    pub(super) fn take(&mut self, path: &TreePath) {
        self.forget(path);
        self.tree.take(path);
    }

    /// Makes the tree say which names of a file are links to which: asked when all names are known.
    pub(super) fn settle(&mut self) {
        for file in std::mem::take(&mut self.unsettled) {
            let (Some(names), Some(size)) = (self.linked.get(&file), self.files.get(file).map(|file| file.size)) else { continue };
            let mut kind = EntryKind::File { size };
            for name in names {
                if let Some(entry) = self.tree.get(name).filter(|entry| entry.kind != kind) {
                    self.tree.insert(Entry { kind: kind.clone(), ..entry.clone() });
                }
                if matches!(kind, EntryKind::File { .. }) {
                    kind = EntryKind::Hardlink { target: name.bytes().to_vec() };
                }
            }
        }
    }

    /// Notes one more name of a file, and the one that it had before.
    fn name(&mut self, path: TreePath, file: usize, other: Option<TreePath>) {
        self.names.insert(path.clone(), file);
        self.linked.entry(file).or_default().extend(other.into_iter().chain([path]));
        self.unsettled.insert(file);
    }

    /// Forgets that a name means a file.
    fn forget(&mut self, path: &TreePath) {
        let Some(file) = self.names.remove(path) else { return };
        if let Some(names) = self.linked.get_mut(&file) {
            names.remove(path);
            self.unsettled.insert(file);
        }
    }

    fn forget_below(&mut self, path: &TreePath) {
        let below: Vec<TreePath> = self.tree.below(path).map(|(path, _)| path.clone()).collect();
        below.iter().for_each(|path| self.forget(path));
    }

    fn bytes(&self, path: &TreePath) -> Result<&Bytes, PackError> {
        let file = self.names.get(path).and_then(|file| self.files.get(*file));
        file.map(|file| &file.bytes).ok_or_else(|| PackError::Missing(path.clone()))
    }
}

#[async_trait]
impl Contents for Files {
    async fn prepare(&self, paths: &[TreePath]) -> Result<(), PackError> {
        let mut wanted: BTreeMap<usize, Vec<TreePath>> = BTreeMap::new();
        for path in paths {
            if let Bytes::There { contents, path } = self.bytes(path)? {
                wanted.entry(*contents).or_default().push(path.clone());
            }
        }
        for (number, paths) in wanted {
            if let Some(contents) = self.contents.get(number) {
                contents.prepare(&paths).await?;
            }
        }
        Ok(())
    }

    fn read(&self, path: &TreePath, reading: Reading<'_>) -> Result<(), PackError> {
        match self.bytes(path)? {
            Bytes::Here(bytes) => reading(&mut &bytes[..]),
            Bytes::Kept(spool, span) => reading(&mut spool.read(*span)),
            Bytes::There { contents, path: there } => match self.contents.get(*contents).map(|contents| contents.read(there, reading)) {
                // The path there may be one that nobody knows.
                None | Some(Err(PackError::Missing(_))) => Err(PackError::Missing(path.clone())),
                Some(read) => read,
            },
        }
    }

    fn identity(&self, path: &TreePath) -> Option<Digest> {
        match self.bytes(path).ok()? {
            Bytes::Here(bytes) => Some(Digest::of(bytes)),
            Bytes::Kept(..) => None,
            Bytes::There { contents, path } => self.contents.get(*contents)?.identity(path),
        }
    }

    fn learn(&self, path: &TreePath, hash: &Digest, begun: SystemTime) {
        if let Ok(Bytes::There { contents, path }) = self.bytes(path)
            && let Some(contents) = self.contents.get(*contents)
        {
            contents.learn(path, hash, begun);
        }
    }
}
