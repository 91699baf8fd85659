//! What COPY, ADD and WORKDIR do to a tree, and which entries the layer has that comes of it.
//!
//! The rules are those of BuildKit, measured: a layer has what changed, and before it every folder on
//! the way there, those that were there with what they were.

use std::collections::BTreeMap;

use crate::error::CopyError;
use crate::link::follow;
use crate::path::TreePath;
use crate::tree::{Kind, Node, Tree};

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
        uid: u32,
        /// The group's number.
        gid: u32,
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

/// How files are copied.
pub struct Copying<'a> {
    /// Whose they are.
    pub owner: Owner,
    /// What becomes of permissions: --chmod.
    pub mode: Option<&'a dyn Fn(u32, bool) -> u32>,
    /// The mode that made folders get by --chmod, where it gives them one.
    pub made_mode: Option<u32>,
    /// Which paths below a copied folder are left out: --exclude.
    pub excluded: Option<&'a dyn Fn(&[u8], bool) -> bool>,
    /// The times of what is made.
    pub times: Times,
}

/// An entry of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is there now.
    pub node: Node,
    /// The path in the source's tree whose bytes it has; `None` for what has none, and for folders that
    /// were there or were made.
    pub source: Option<TreePath>,
}

/// Copies sources into a tree. The tree is changed, and what changed is returned in the order of a layer.
///
/// # Errors
/// Says which path cannot be.
pub fn copy(
    target: &mut Tree,
    from: &Tree,
    sources: &[Picked],
    to: &Destination,
    how: &Copying<'_>,
) -> Result<BTreeMap<TreePath, Change>, CopyError> {
    let mut layer = Layer { target, changes: BTreeMap::new(), how };
    for source in sources {
        let real = follow(from, &source.named)?;
        let is_folder = from.is_directory(&real);
        if !is_folder && from.get(&real).is_none() {
            return Err(CopyError::NotFound { path: source.named.clone(), nearest: None, ignored: false });
        }
        let mut at = follow(layer.target, &to.path)?;
        if to.is_folder {
            layer.make(&at)?;
        }
        if is_folder {
            layer.folder(from, &real, &at)?;
            continue;
        }
        if layer.target.is_directory(&at) {
            // The very link is replaced, if there is one.
            at = at.join(source.named.name());
        }
        layer.make(&at.parent())?;
        layer.file(from, &real, &at)?;
    }
    Ok(layer.changes)
}

/// Makes a folder and those above it, where they are missing; returns what was made, with every
/// folder on the way.
///
/// # Errors
/// Where something else is in the way.
pub fn make_directories(target: &mut Tree, path: &TreePath, owner: Owner, times: Times) -> Result<BTreeMap<TreePath, Change>, CopyError> {
    let how = Copying { owner, mode: None, made_mode: None, excluded: None, times };
    let at = follow(target, path)?;
    let mut layer = Layer { target, changes: BTreeMap::new(), how: &how };
    layer.make(&at)?;
    Ok(layer.changes)
}

/// The layer that is being made, over the tree that it changes.
struct Layer<'a> {
    target: &'a mut Tree,
    changes: BTreeMap<TreePath, Change>,
    how: &'a Copying<'a>,
}

impl Layer<'_> {
    /// Makes a folder and those above it, where they are missing.
    fn make(&mut self, path: &TreePath) -> Result<(), CopyError> {
        if path.is_root() {
            return Ok(());
        }
        let all: Vec<TreePath> = path.ancestors().chain([path.clone()]).collect();
        if all.iter().all(|path| self.target.is_directory(path)) {
            return Ok(());
        }
        for path in all {
            match self.target.get(&path) {
                Some(node) if node.is_directory() => {}
                Some(_) => return Err(CopyError::NoDirectory { path }),
                None => {
                    let (uid, gid) = self.owner(0, 0);
                    let mode = self.how.made_mode.unwrap_or(0o755);
                    let node = Node { uid, gid, ..Node::directory(mode, self.how.times.made) };
                    self.put(path, node, None);
                }
            }
        }
        Ok(())
    }

    /// Puts an entry into tree and layer, behind the folders on its way.
    fn put(&mut self, path: TreePath, node: Node, source: Option<TreePath>) {
        for above in path.ancestors() {
            if let Some(node) = self.target.get(&above).filter(|_| !self.changes.contains_key(&above)) {
                self.changes.insert(above, Change { node: node.clone(), source: None });
            }
        }
        self.target.insert(path.clone(), node.clone());
        self.changes.insert(path, Change { node, source });
    }

    fn owner(&self, uid: u32, gid: u32) -> (u32, u32) {
        match self.how.owner {
            Owner::Root => (0, 0),
            Owner::Kept => (uid, gid),
            Owner::Is { uid, gid } => (uid, gid),
        }
    }

    /// Returns a copied thing as it will be.
    fn changed(&self, node: &Node) -> Node {
        let (uid, gid) = self.owner(node.uid, node.gid);
        let mode = match (&node.kind, self.how.mode) {
            (Kind::Symlink { .. }, _) | (_, None) => node.mode,
            (_, Some(change)) => change(node.mode, node.is_directory()),
        };
        Node { uid, gid, mode, ..node.clone() }
    }

    fn file(&mut self, from: &Tree, real: &TreePath, at: &TreePath) -> Result<(), CopyError> {
        let Some(node) = from.get(real) else { return Ok(()) };
        if self.target.is_directory(at) {
            return Err(CopyError::IsDirectory { path: at.clone() });
        }
        let mut node = self.changed(node);
        // Outside of its folder another name of a file is a file.
        let source = match &node.kind {
            Kind::HardLink { first } => {
                let first = first.clone();
                if let Some(file) = from.get(&first) {
                    node.kind = file.kind.clone();
                }
                first
            }
            _ => real.clone(),
        };
        self.put(at.clone(), node, Some(source));
        Ok(())
    }

    /// Copies what is in a folder.
    fn folder(&mut self, from: &Tree, real: &TreePath, at: &TreePath) -> Result<(), CopyError> {
        match self.target.get(at) {
            Some(node) if !node.is_directory() => return Err(CopyError::NoDirectory { path: at.clone() }),
            _ => {}
        }
        // A folder that was there keeps what it is, and gets the time of the one that comes over it.
        let was_there = self.target.is_directory(at);
        self.make(at)?;
        if was_there && !at.is_root() {
            self.stamp(from, real, at);
        }
        // Folders that are left out, unless something in them is not.
        let mut waiting: Vec<(&TreePath, TreePath, &Node)> = Vec::new();
        let mut first_names: BTreeMap<TreePath, TreePath> = BTreeMap::new();
        for (path, node) in from.below(real) {
            let Some(rest) = path.below(real).filter(|rest| !rest.is_empty()) else { continue };
            waiting.retain(|(folder, ..)| path.below(folder).is_some());
            let to = follow(self.target, &at.join(rest).parent())?.join(path.name());
            if self.how.excluded.is_some_and(|excluded| excluded(rest, node.is_directory())) {
                if node.is_directory() {
                    waiting.push((path, to, node));
                }
                continue;
            }
            for (_, to, node) in std::mem::take(&mut waiting) {
                self.inner_folder(node, &to)?;
            }
            if node.is_directory() {
                self.inner_folder(node, &to)?;
                continue;
            }
            match &node.kind {
                // Its first name was copied before it, so it stays another name of it.
                Kind::HardLink { first } if first_names.contains_key(first) => {
                    let mut link = self.changed(node);
                    if let Some(first) = first_names.get(first) {
                        link.kind = Kind::HardLink { first: first.clone() };
                    }
                    self.put(to, link, None);
                }
                Kind::HardLink { first } => {
                    let first = first.clone();
                    self.file(from, path, &to)?;
                    first_names.insert(first, to);
                }
                _ => {
                    self.file(from, path, &to)?;
                    first_names.insert(path.clone(), to);
                }
            }
        }
        Ok(())
    }

    /// Copies a folder that is in a copied folder: where there was one, its mode and owner become those of
    /// the copy.
    fn inner_folder(&mut self, node: &Node, to: &TreePath) -> Result<(), CopyError> {
        match self.target.get(to) {
            Some(old) if !old.is_directory() => Err(CopyError::NoDirectory { path: to.clone() }),
            _ => {
                let node = self.changed(node);
                self.put(to.clone(), node, None);
                Ok(())
            }
        }
    }

    /// Gives a folder that was there the time of the one that is copied over it.
    fn stamp(&mut self, from: &Tree, real: &TreePath, at: &TreePath) {
        let Some(mtime) = from.get(real).map(|node| node.mtime) else { return };
        if let Some(node) = self.target.get(at).cloned() {
            self.put(at.clone(), Node { mtime, ..node }, None);
        }
    }
}
