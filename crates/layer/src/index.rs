//! What is at which path of an image, without unpacking it.

mod accounts;
mod encode;
mod follow;

use std::collections::BTreeMap;
use std::io::Read;

use crate::error::{LayerError, Limit, Problem, shown};
use crate::tar::{Entry, EntryKind, Limits, Reader, Rules, Whiteout};
pub use accounts::Owner;
pub use follow::{Destination, Follow, Met, follow_links};

/// The files of accounts, whose content is kept.
const ACCOUNTS: [&[u8]; 2] = [PASSWD, GROUP];
const PASSWD: &[u8] = b"etc/passwd";
const GROUP: &[u8] = b"etc/group";

/// The tree that the layers of an image make: names, types, modes, owners and link targets, no contents.
///
/// Layers go in from the lowest up, as uncompressed tars; whiteouts take away what lower layers had. A path that leads over
/// a symbolic link is followed inside the tree, as those that unpack images do. Of the contents, only `/etc/passwd` and
/// `/etc/group` are kept.
///
/// ```
/// use layer::index::{Follow, PathIndex};
/// use layer::tar::{Entry, Writer};
///
/// let mut tar = Writer::new(Vec::new());
/// tar.append_empty(&Entry::directory("usr"))?;
/// tar.append_empty(&Entry::directory("usr/bin"))?;
/// tar.append_empty(&Entry::symlink("bin", "usr/bin"))?;
/// let tar = tar.finish()?;
///
/// let mut index = PathIndex::new();
/// index.add_layer(tar.as_slice())?;
/// let place = index.destination(b"/bin/tools/new", Follow::All)?;
/// assert_eq!(place.path, b"usr/bin/tools/new");
/// assert_eq!(place.missing, [b"usr/bin/tools".to_vec()]);
/// # Ok::<(), layer::LayerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathIndex {
    nodes: BTreeMap<Vec<u8>, Node>,
    root: Node,
    accounts: BTreeMap<Vec<u8>, Vec<u8>>,
    limits: IndexLimits,
    layers: u32,
}

/// How much an index holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexLimits {
    /// Paths. Each needs about two hundred bytes of memory.
    pub paths: usize,
    /// Bytes of `/etc/passwd`, and of `/etc/group`.
    pub accounts: u64,
    /// What holds for each layer.
    pub layer: Limits,
}

/// Two million paths, and a mebibyte for accounts.
impl Default for IndexLimits {
    fn default() -> Self {
        Self { paths: 2_000_000, accounts: 1 << 20, layer: Limits::default() }
    }
}

impl IndexLimits {
    /// A path may be longer than the name that led to it, by what links add.
    const fn longest_path(&self) -> u64 {
        self.layer.name.saturating_mul(2)
    }
}

/// What is kept of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is. A hard link is what it links to.
    pub kind: NodeKind,
    /// The permissions: at most 0o7777.
    pub mode: u32,
    /// The number of the owner.
    pub uid: u64,
    /// The number of the group.
    pub gid: u64,
    /// When it was modified, in seconds since 1970.
    pub mtime: i64,
    /// The number of the layer that it comes from, from 1; 0 for what nobody wrote.
    pub layer: u32,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A regular file.
    File {
        /// Its length.
        size: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Where it leads, as it stands.
        target: Vec<u8>,
    },
    /// A device or a pipe.
    Special,
}

impl Node {
    /// A directory that nobody wrote and that has to be there.
    const fn implied(layer: u32) -> Self {
        Self { kind: NodeKind::Directory, mode: 0o755, uid: 0, gid: 0, mtime: 0, layer }
    }

    /// Tells whether it is a directory.
    pub const fn is_directory(&self) -> bool {
        matches!(self.kind, NodeKind::Directory)
    }
}

impl Default for PathIndex {
    fn default() -> Self {
        Self::new()
    }
}

impl PathIndex {
    /// Starts with an empty tree, as `FROM scratch` does, and the usual limits.
    pub fn new() -> Self {
        Self::with(IndexLimits::default())
    }

    /// Starts with an empty tree.
    pub const fn with(limits: IndexLimits) -> Self {
        Self { nodes: BTreeMap::new(), root: Node::implied(0), accounts: BTreeMap::new(), limits, layers: 0 }
    }

    /// Puts a layer on top: an uncompressed tar, which is read to its end.
    ///
    /// # Errors
    /// What [`Reader`] returns, [`LayerError::Limit`] for too many paths or too long a file of accounts, and
    /// [`LayerError::Path`] for an entry below what is no directory. After an error the index is of no use.
    pub fn add_layer(&mut self, tar: impl Read) -> Result<(), LayerError> {
        self.layers += 1;
        let mut reader = Reader::new(tar, self.limits.layer, Rules::of_layer());
        while let Some(entry) = reader.next_entry()? {
            let path = self.apply(&entry)?;
            let Some(path) = path.filter(|path| ACCOUNTS.contains(&path.as_slice())) else { continue };
            if let EntryKind::File { size } = entry.kind {
                if size > self.limits.accounts {
                    return Err(LayerError::limit(&path, Limit::Accounts, self.limits.accounts));
                }
                let mut content = Vec::new();
                reader.content().read_to_end(&mut content).map_err(LayerError::read)?;
                self.accounts.insert(path, content);
            }
        }
        Ok(())
    }

    /// Starts a layer that has no tar yet: entries that follow by [`insert`](Self::insert) belong to it. For a build that
    /// goes on while its layer is written.
    pub const fn begin_layer(&mut self) {
        self.layers += 1;
    }

    /// Puts one entry into the uppermost layer. Give the content of `/etc/passwd` and `/etc/group` with
    /// [`set_accounts`](Self::set_accounts).
    ///
    /// # Errors
    /// [`LayerError::Limit`] for too many paths, [`LayerError::Path`] for an entry below what is no directory, and
    /// [`LayerError::Entry`] for a hard link to nothing.
    pub fn insert(&mut self, entry: &Entry) -> Result<(), LayerError> {
        self.apply(entry).map(drop)
    }

    /// Tells the content of `etc/passwd` or `etc/group`; that of any other path is not kept.
    pub fn set_accounts(&mut self, path: &[u8], content: Vec<u8>) {
        if ACCOUNTS.contains(&path) {
            self.accounts.insert(path.to_vec(), content);
        }
    }

    /// Returns what is at a path as it stands: no link is followed. The path has the form of [`Entry::path`]; empty is the
    /// root.
    pub fn at(&self, path: &[u8]) -> Option<&Node> {
        if path.is_empty() { Some(&self.root) } else { self.nodes.get(path) }
    }

    /// Returns everything there is below a directory, in the order of bytes, with paths from the root.
    pub fn below<'a>(&'a self, directory: &[u8]) -> impl Iterator<Item = (&'a [u8], &'a Node)> + use<'a> {
        let prefix = if directory.is_empty() { Vec::new() } else { [directory, b"/"].concat() };
        let nodes = self.nodes.range(prefix.clone()..);
        nodes.take_while(move |(path, _)| path.starts_with(&prefix)).map(|(path, node)| (path.as_slice(), node))
    }

    /// Returns the number of paths.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Tells whether there is nothing but the root.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Puts an entry into the tree and returns where it came to be, unless it is a whiteout.
    fn apply(&mut self, entry: &Entry) -> Result<Option<Vec<u8>>, LayerError> {
        match entry.as_whiteout() {
            Some(Whiteout::Hides(path)) => {
                let path = self.real_parent(&path)?;
                self.remove(&path, true, Some(self.layers));
                return Ok(None);
            }
            Some(Whiteout::Empties(directory)) => {
                let directory = self.resolve(&directory)?;
                self.remove(&directory, false, Some(self.layers));
                return Ok(None);
            }
            Some(Whiteout::Nothing) => return Ok(None),
            None => {}
        }
        let mut node =
            Node { kind: NodeKind::Special, mode: entry.mode, uid: entry.uid, gid: entry.gid, mtime: entry.mtime, layer: self.layers };
        node.kind = match &entry.kind {
            EntryKind::File { size } => NodeKind::File { size: *size },
            EntryKind::Directory => NodeKind::Directory,
            EntryKind::Symlink { target } => NodeKind::Symlink { target: target.clone() },
            EntryKind::Hardlink { target } => {
                let missing = || LayerError::entry(&entry.path, Problem::LinkMissing(shown(target)));
                let target = self.real_parent(target)?;
                let linked = self.nodes.get(&target).filter(|node| !node.is_directory()).ok_or_else(missing)?;
                (node.mode, node.uid, node.gid, node.mtime) = (linked.mode, linked.uid, linked.gid, linked.mtime);
                linked.kind.clone()
            }
            EntryKind::Fifo | EntryKind::CharDevice(_) | EntryKind::BlockDevice(_) => NodeKind::Special,
        };
        if entry.path.is_empty() {
            self.root = node;
            return Ok(Some(Vec::new()));
        }
        let path = self.real_parent(&entry.path)?;
        if !node.is_directory() {
            self.remove(&path, true, None);
        }
        let parents: Vec<&[u8]> = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').filter_map(|(at, _)| path.get(..at)).collect();
        for parent in parents.into_iter().rev() {
            if self.nodes.contains_key(parent) {
                break;
            }
            self.put(parent.to_vec(), Node::implied(self.layers))?;
        }
        self.put(path.clone(), node)?;
        Ok(Some(path))
    }

    fn put(&mut self, path: Vec<u8>, node: Node) -> Result<(), LayerError> {
        if path.len() as u64 > self.limits.longest_path() {
            return Err(LayerError::limit(&path, Limit::Name, self.limits.longest_path()));
        }
        if self.nodes.len() >= self.limits.paths && !self.nodes.contains_key(&path) {
            return Err(LayerError::limit(&path, Limit::Entries, self.limits.paths as u64));
        }
        self.nodes.insert(path, node);
        Ok(())
    }

    /// Removes what is below a path, and the path itself where that is wanted; of one layer's whiteout, only what comes
    /// from below that layer (OCI image-spec 1.1, "Whiteouts": they hide lower layers only, wherever they stand).
    fn remove(&mut self, path: &[u8], itself: bool, below: Option<u32>) {
        let is_older = |node: &Node| below.is_none_or(|layer| node.layer < layer);
        let mut gone: Vec<Vec<u8>> = self.below(path).filter(|(_, node)| is_older(node)).map(|(path, _)| path.to_vec()).collect();
        if itself && self.nodes.get(path).is_some_and(is_older) {
            gone.push(path.to_vec());
        }
        for path in gone {
            self.nodes.remove(&path);
            self.accounts.remove(&path);
        }
    }
}
