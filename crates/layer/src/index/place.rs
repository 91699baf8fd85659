//! Where an entry of a layer comes to be, and what it takes away.

use super::{Node, NodeKind, PathIndex};
use crate::error::{LayerError, Limit, Problem, shown};
use crate::tar::{Entry, EntryKind, Whiteout};

/// What became of an entry that was put into an index, for those who keep more of files than an index does.
///
/// All paths are real ones, in the form of [`Entry::path`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// Where it came to be; none of a whiteout. Empty is the root.
    pub at: Option<Vec<u8>>,
    /// Where the file is that a hard link is another name of. It may be among those that are gone.
    pub linked: Option<Vec<u8>>,
    /// Directories above it that nobody wrote and that came to be with it.
    pub implied: Vec<Vec<u8>>,
    /// What is no longer there, each path for itself.
    pub gone: Vec<Vec<u8>>,
}

impl PathIndex {
    /// Puts one entry into the uppermost layer, as [`insert`](Self::insert) does, and returns what became of it.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn place(&mut self, entry: &Entry) -> Result<Placed, LayerError> {
        let mut placed = Placed::default();
        match entry.as_whiteout() {
            Some(Whiteout::Hides(path)) => {
                let path = self.real_parent(&path)?;
                placed.gone = self.remove(&path, true, Some(self.layers));
                return Ok(placed);
            }
            Some(Whiteout::Empties(directory)) => {
                let directory = self.resolve(&directory)?;
                placed.gone = self.remove(&directory, false, Some(self.layers));
                return Ok(placed);
            }
            Some(Whiteout::Nothing) => return Ok(placed),
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
                let kind = linked.kind.clone();
                placed.linked = Some(target);
                kind
            }
            EntryKind::Fifo | EntryKind::CharDevice(_) | EntryKind::BlockDevice(_) => NodeKind::Special,
        };
        if entry.path.is_empty() {
            self.root = node;
            placed.at = Some(Vec::new());
            return Ok(placed);
        }
        let path = self.real_parent(&entry.path)?;
        if !node.is_directory() {
            placed.gone = self.remove(&path, true, None);
        }
        let parents: Vec<&[u8]> = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').filter_map(|(at, _)| path.get(..at)).collect();
        for parent in parents.into_iter().rev() {
            if self.nodes.contains_key(parent) {
                break;
            }
            self.put(parent.to_vec(), Node::implied(self.layers))?;
            placed.implied.push(parent.to_vec());
        }
        self.put(path.clone(), node)?;
        placed.at = Some(path);
        Ok(placed)
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
    /// from below that layer (OCI image-spec 1.1, "Whiteouts": they hide lower layers only, wherever they stand), and no
    /// directory that the layer put something into. Returns what was removed.
    fn remove(&mut self, path: &[u8], itself: bool, below: Option<u32>) -> Vec<Vec<u8>> {
        let is_older = |node: &Node| below.is_none_or(|layer| node.layer < layer);
        let goes = |path: &[u8], node: &Node| is_older(node) && !(node.is_directory() && self.below(path).any(|(_, node)| !is_older(node)));
        let mut gone: Vec<Vec<u8>> = self.below(path).filter(|(path, node)| goes(path, node)).map(|(path, _)| path.to_vec()).collect();
        if itself && self.nodes.get(path).is_some_and(|node| goes(path, node)) {
            gone.push(path.to_vec());
        }
        for path in &gone {
            self.nodes.remove(path);
            self.accounts.remove(path);
        }
        gone
    }
}
