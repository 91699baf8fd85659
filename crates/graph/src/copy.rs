//! What COPY, ADD and WORKDIR do to a tree, and which entries the layer has that comes of it.
//!
//! The rules are those of BuildKit, measured: a layer has what changed, and before it every folder on
//! the way there, those that were there with what they were.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use layer::index::{Follow, PathIndex};
use layer::tar::{Entry, EntryKind};

use crate::error::CopyError;
use crate::link::follow;
use crate::path::TreePath;
use crate::tree::Tree;

/// The mode of folders that are made.
pub(crate) const MADE_MODE: u32 = 0o755;

/// Trees of archives, by the paths that the archives have in the tree they are copied from, behind its prefix.
pub type Archives<'a> = BTreeMap<TreePath, &'a Tree>;

/// Files that an address leads to, and which of them a copy takes.
#[derive(Clone, Debug)]
pub struct Far<'a> {
    /// The files.
    pub tree: &'a Tree,
    /// What of them is copied; of the root, what is in it.
    pub named: TreePath,
    /// What stands before their paths, where it is said whose bytes an entry has: no file of another tree is below it.
    pub prefix: TreePath,
}

/// What addresses lead to, by the addresses.
pub type Fars<'a> = BTreeMap<String, Far<'a>>;

/// Whose the copied files are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owner {
    /// Root's, as what comes from a context.
    #[default]
    Root,
    /// As they were, as what comes from another stage.
    Kept,
    /// Somebody's: --chown.
    Is {
        /// The user's number.
        uid: u64,
        /// The group's number.
        gid: u64,
    },
}

/// The times of folders that a step makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Seconds since 1970.
    pub made: i64,
}

/// One source of a copy: a path in a tree, found already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picked {
    /// The path as it was named, whose last part a file is called by.
    pub named: TreePath,
}

/// Where copies go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The path, from the root.
    pub path: TreePath,
    /// It is a folder in any case: it was written with `/` or `/.` at its end.
    pub is_folder: bool,
}

impl Destination {
    /// Reads a destination, below the working folder where it does not begin with `/`.
    pub fn read(text: &[u8], working: &TreePath) -> Self {
        let is_folder = text.is_empty() || text.ends_with(b"/") || text.ends_with(b"/.") || text == b"." || text == b"..";
        let path = if text.starts_with(b"/") {
            TreePath::clean(text)
        } else {
            // Cleaned together, so that `..` leads out of the working folder.
            TreePath::clean(&[working.bytes(), b"/", text].concat())
        };
        Self { path, is_folder }
    }
}

/// Tells by a path below the copied folder, and whether it is a folder, what is left out.
pub type Excludes<'a> = dyn Fn(&[u8], bool) -> bool + 'a;

/// How files are copied.
pub struct Copying<'a> {
    /// Whose they are.
    pub owner: Owner,
    /// What becomes of permissions: --chmod.
    pub mode: Option<&'a dyn Fn(u32, bool) -> u32>,
    /// The mode that made folders get by --chmod, where it gives them one.
    pub made_mode: Option<u32>,
    /// Which paths below a copied folder are left out: --exclude.
    pub excluded: Option<&'a Excludes<'a>>,
    /// The times of what is made.
    pub times: Times,
}

/// An entry of a layer that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The entry.
    pub entry: Entry,
    /// The path in the source's tree whose bytes it has; `None` for what has none, and for folders that
    /// were there or were made.
    pub source: Option<TreePath>,
    /// A folder on the way that was there, with what it was.
    pub was_there: bool,
}

/// What a step changed, in the order of its layer.
pub type Changes = BTreeMap<TreePath, Change>;

/// Copies sources into a root. The root's index is changed, and what changed is returned.
///
/// # Errors
/// Says which path cannot be.
pub fn copy(target: &mut PathIndex, from: &Tree, sources: &[Picked], to: &Destination, how: &Copying<'_>) -> Result<Changes, CopyError> {
    let sources: Vec<Far<'_>> = sources.iter().map(|picked| near(from, picked.named.clone())).collect();
    copy_or_unpack(target, &Archives::new(), &sources, to, how)
}

/// Returns a source that is in the tree which most of them are in.
pub(crate) fn near(tree: &Tree, named: TreePath) -> Far<'_> {
    Far { tree, named, prefix: TreePath::default() }
}

/// The same, of several trees, where some files of them are archives that are unpacked.
pub(crate) fn copy_or_unpack(
    target: &mut PathIndex,
    archives: &Archives<'_>,
    sources: &[Far<'_>],
    to: &Destination,
    how: &Copying<'_>,
) -> Result<Changes, CopyError> {
    target.begin_layer();
    let mut layer = Layer::new(target, how);
    for source in sources {
        layer.source += 1;
        layer.prefix.clone_from(&source.prefix);
        let from = source.tree;
        let real = follow(from, &source.named)?;
        let is_folder = from.is_directory(&real);
        if !is_folder && from.get(&real).is_none() {
            return Err(CopyError::NotFound { path: source.named.clone(), nearest: None, ignored: false });
        }
        let mut at = layer.real(&to.path)?;
        if let Some(archive) = archives.get(&source.prefix.join(real.bytes())) {
            layer.unpack(archive, &real, &at)?;
            continue;
        }
        if to.is_folder {
            layer.make(&at)?;
        }
        if is_folder {
            layer.folder(from, &real, &at)?;
            continue;
        }
        if layer.is_directory(&at) {
            // The very link is replaced, if there is one.
            at = at.join(source.named.name());
        }
        layer.make(&at.parent())?;
        layer.file(from, &real, &at)?;
    }
    Ok(layer.finish())
}

/// Makes a folder and those above it, where they are missing; returns what was made, with every
/// folder on the way.
///
/// # Errors
/// Where something else is in the way.
pub fn make_directories(target: &mut PathIndex, path: &TreePath, owner: Owner, times: Times) -> Result<Changes, CopyError> {
    let how = Copying { owner, mode: None, made_mode: None, excluded: None, times };
    target.begin_layer();
    let mut layer = Layer::new(target, &how);
    let at = layer.real(path)?;
    layer.make(&at)?;
    Ok(layer.finish())
}

/// The layer that is being made, over the root that it changes.
pub(crate) struct Layer<'a> {
    pub(crate) target: &'a mut PathIndex,
    pub(crate) changes: Changes,
    pub(crate) how: &'a Copying<'a>,
    /// The number of the source that is copied now, from 1.
    source: usize,
    /// What stands before its paths.
    prefix: TreePath,
    /// Which file of which source the names of files with several names are.
    pub(crate) names: HashMap<TreePath, (usize, TreePath)>,
}

impl<'a> Layer<'a> {
    fn new(target: &'a mut PathIndex, how: &'a Copying<'a>) -> Self {
        Self { target, changes: Changes::new(), how, source: 0, prefix: TreePath::default(), names: HashMap::new() }
    }

    /// Returns what changed. Of each file that a source had under several names, the first in the order of the layer is the file,
    /// and the others are links to it.
    fn finish(mut self) -> Changes {
        let mut firsts: HashMap<&(usize, TreePath), &TreePath> = HashMap::new();
        for (path, change) in &mut self.changes {
            let Some(file) = self.names.get(path) else { continue };
            match firsts.get(file) {
                Some(first) => {
                    change.entry.kind = EntryKind::Hardlink { target: first.bytes().to_vec() };
                    change.source = None;
                }
                None => drop(firsts.insert(file, path)),
            }
        }
        self.changes
    }

    /// Follows the links of a path in the root.
    pub(crate) fn real(&self, path: &TreePath) -> Result<TreePath, CopyError> {
        let place = self.target.destination(path.bytes(), Follow::All).map_err(|problem| CopyError::Target(Box::new(problem)))?;
        Ok(TreePath::clean(&place.path))
    }

    pub(crate) fn is_directory(&self, path: &TreePath) -> bool {
        self.target.at(path.bytes()).is_some_and(layer::index::Node::is_directory)
    }

    /// Makes a folder and those above it, where they are missing.
    fn make(&mut self, path: &TreePath) -> Result<(), CopyError> {
        self.make_with(path, self.how.made_mode.unwrap_or(MADE_MODE))
    }

    /// The same, with a mode for those that are made.
    pub(crate) fn make_with(&mut self, path: &TreePath, mode: u32) -> Result<(), CopyError> {
        self.make_for(path, mode, self.owner(0, 0))
    }

    /// The same, with an owner too.
    pub(crate) fn make_for(&mut self, path: &TreePath, mode: u32, (uid, gid): (u64, u64)) -> Result<(), CopyError> {
        if self.is_directory(path) {
            return Ok(());
        }
        for path in path.ancestors().chain([path.clone()]) {
            match self.target.at(path.bytes()) {
                Some(node) if node.is_directory() => {}
                Some(_) => return Err(CopyError::NoDirectory { path }),
                None => {
                    let folder = Entry::directory(path.bytes()).mode(mode);
                    self.put(folder.owner(uid, gid).mtime(self.how.times.made), None)?;
                }
            }
        }
        Ok(())
    }

    /// Puts an entry into root and layer, behind the folders on its way.
    pub(crate) fn put(&mut self, entry: Entry, source: Option<TreePath>) -> Result<(), CopyError> {
        let path = TreePath::clean(&entry.path);
        let mut above = path.parent();
        // Above a folder that is in the layer, every one is.
        while !above.is_root() && !self.changes.contains_key(&above) {
            let next = above.parent();
            if let Some(node) = self.target.at(above.bytes()) {
                let folder = Entry::directory(above.bytes()).mode(node.mode).owner(node.uid, node.gid).mtime(node.mtime);
                self.changes.insert(above, Change { entry: folder, source: None, was_there: true });
            }
            above = next;
        }
        self.target.insert(&entry).map_err(|problem| CopyError::Target(Box::new(problem)))?;
        self.names.remove(&path);
        let source = source.map(|source| self.prefix.join(source.bytes()));
        self.changes.insert(path, Change { entry, source, was_there: false });
        Ok(())
    }

    /// Notes that a path is one name of a file of the source, which has several.
    pub(crate) fn name(&mut self, path: TreePath, file: TreePath) {
        self.names.insert(path, (self.source, file));
    }

    fn owner(&self, uid: u64, gid: u64) -> (u64, u64) {
        match self.how.owner {
            Owner::Root => (0, 0),
            Owner::Kept => (uid, gid),
            Owner::Is { uid, gid } => (uid, gid),
        }
    }

    /// Returns a copied entry as it will be, at its new path.
    fn changed(&self, entry: &Entry, at: &TreePath) -> Entry {
        let (uid, gid) = self.owner(entry.uid, entry.gid);
        let mode = match (&entry.kind, self.how.mode) {
            (EntryKind::Symlink { .. }, _) | (_, None) => entry.mode,
            (kind, Some(change)) => change(entry.mode, *kind == EntryKind::Directory),
        };
        Entry { path: at.bytes().to_vec(), uid, gid, mode, ..entry.clone() }
    }

    fn file(&mut self, from: &Tree, real: &TreePath, at: &TreePath) -> Result<(), CopyError> {
        let Some(entry) = from.get(real) else { return Ok(()) };
        if self.is_directory(at) {
            return Err(CopyError::IsDirectory { path: at.clone() });
        }
        let mut copied = self.changed(entry, at);
        // Each name is a file of its own, until all names are known.
        let source = match &entry.kind {
            EntryKind::Hardlink { target } => {
                let first = TreePath::clean(target);
                if let Some(file) = from.get(&first) {
                    copied.kind = file.kind.clone();
                }
                first
            }
            _ => real.clone(),
        };
        self.put(copied, Some(source))
    }

    /// Copies what is in a folder.
    fn folder(&mut self, from: &Tree, real: &TreePath, at: &TreePath) -> Result<(), CopyError> {
        let was_there = self.is_directory(at);
        self.make(at)?;
        if was_there && !at.is_root() {
            // A folder that was there keeps what it is, and gets the time of the one that comes over it.
            self.stamp(from, real, at)?;
        }
        // Folders that are left out, unless something in them is not.
        let mut waiting: Vec<(&TreePath, Entry)> = Vec::new();
        let linked = linked(from, real);
        // The folders that lead to where the walk is, and where they are in the root.
        let mut way: Vec<(&TreePath, TreePath)> = Vec::new();
        for (path, entry) in from.below(real) {
            let Some(rest) = path.below(real).filter(|rest| !rest.is_empty()) else { continue };
            waiting.retain(|(folder, _)| path.below(folder).is_some());
            while way.last().is_some_and(|(folder, _)| path.below(folder).is_none()) {
                way.pop();
            }
            let parent = path.parent();
            let to = match way.last() {
                Some((folder, to)) if **folder == parent => to.join(path.name()),
                _ => self.real(&at.join(rest).parent())?.join(path.name()),
            };
            let is_folder = entry.kind == EntryKind::Directory;
            if is_folder {
                way.push((path, to.clone()));
            }
            if self.how.excluded.is_some_and(|excluded| excluded(rest, is_folder)) {
                if is_folder {
                    waiting.push((path, self.changed(entry, &to)));
                }
                continue;
            }
            for (_, folder) in std::mem::take(&mut waiting) {
                self.inner_folder(folder)?;
            }
            if is_folder {
                let folder = self.changed(entry, &to);
                self.inner_folder(folder)?;
                continue;
            }
            self.file(from, path, &to)?;
            if let Some(file) = first_name(path, entry, &linked) {
                self.name(to, file);
            }
        }
        Ok(())
    }

    /// Copies a folder that is in a copied folder: where there was one, its mode and owner become those of
    /// the copy.
    fn inner_folder(&mut self, folder: Entry) -> Result<(), CopyError> {
        let path = TreePath::clean(&folder.path);
        match self.target.at(&folder.path) {
            Some(old) if !old.is_directory() => Err(CopyError::NoDirectory { path }),
            _ => {
                self.make(&path.parent())?;
                self.put(folder, None)
            }
        }
    }

    /// Gives a folder that was there the time of the one that is copied over it.
    fn stamp(&mut self, from: &Tree, real: &TreePath, at: &TreePath) -> Result<(), CopyError> {
        let (Some(over), Some(node)) = (from.get(real), self.target.at(at.bytes())) else { return Ok(()) };
        let folder = Entry::directory(at.bytes()).mode(node.mode).owner(node.uid, node.gid).mtime(over.mtime);
        self.put(folder, None)
    }
}

/// Lists the files that have another name below a folder.
pub(crate) fn linked(from: &Tree, folder: &TreePath) -> BTreeSet<TreePath> {
    let target = |entry: &Entry| match &entry.kind {
        EntryKind::Hardlink { target } => Some(TreePath::clean(target)),
        _ => None,
    };
    from.below(folder).filter_map(|(_, entry)| target(entry)).collect()
}

/// Returns the first name of a file that has several.
pub(crate) fn first_name(path: &TreePath, entry: &Entry, linked: &BTreeSet<TreePath>) -> Option<TreePath> {
    match &entry.kind {
        EntryKind::Hardlink { target } => Some(TreePath::clean(target)),
        _ => linked.contains(path).then(|| path.clone()),
    }
}
