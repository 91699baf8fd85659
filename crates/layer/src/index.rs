//! What is at which path of an image, without unpacking it.

mod accounts;
mod encode;
mod follow;
mod place;

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::error::{LayerError, Limit};
use crate::tar::{Entry, Limits, Reader, Rules};
pub use accounts::{Login, Owner};
pub use follow::{Destination, Follow, Met, follow_links};
pub use place::Placed;

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
        self.add_layer_with(tar, |_, _, _| Ok(()))
    }

    /// The same, and tells of each entry, in the order of the tar, what became of it. Its content may be read, or not.
    ///
    /// # Errors
    /// As [`add_layer`](Self::add_layer), and what `tell` returns.
    pub fn add_layer_with(
        &mut self,
        tar: impl Read,
        mut tell: impl FnMut(&Entry, &Placed, &mut dyn Read) -> io::Result<()>,
    ) -> Result<(), LayerError> {
        self.layers += 1;
        let mut reader = Reader::new(tar, self.limits.layer, Rules::of_layer());
        while let Some(entry) = reader.next_entry()? {
            let placed = self.place(&entry)?;
            let account = placed.at.clone().filter(|path| ACCOUNTS.contains(&path.as_slice()) && entry.size() > 0);
            let Some(path) = account else {
                tell(&entry, &placed, &mut reader.content()).map_err(LayerError::read)?;
                continue;
            };
            if entry.size() > self.limits.accounts {
                return Err(LayerError::limit(&path, Limit::Accounts, self.limits.accounts));
            }
            let mut content = Vec::new();
            reader.content().read_to_end(&mut content).map_err(LayerError::read)?;
            tell(&entry, &placed, &mut content.as_slice()).map_err(LayerError::read)?;
            self.accounts.insert(path, content);
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
        self.place(entry).map(drop)
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
}
