//! Paths that lead over symbolic links, followed inside the tree.

use std::collections::VecDeque;

use super::{Node, NodeKind, PathIndex};
use crate::error::{LayerError, PathProblem, shown};

/// How many links a kernel follows for one path (Linux: MAXSYMLINKS).
const MOST_LINKS: usize = 40;

/// What becomes of a symbolic link at the end of a path. Those on the way are always followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// It is followed, too: what `COPY` does with its destination.
    All,
    /// It is what is asked for: what an entry of a layer does, which replaces it.
    Parents,
}

/// Where something is to come to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination<'a> {
    /// The path without links, in the form of [`Entry::path`](crate::tar::Entry::path); empty is the root.
    pub path: Vec<u8>,
    /// What is there now.
    pub node: Option<&'a Node>,
    /// The directories above it that do not exist, the outermost first.
    pub missing: Vec<Vec<u8>>,
}

impl Destination<'_> {
    /// Tells whether a directory is there.
    pub fn is_directory(&self) -> bool {
        self.node.is_some_and(Node::is_directory)
    }
}

impl PathIndex {
    /// Follows a path from the root: absolute or not, with `.` and `..`, which never lead above the root.
    ///
    /// A link to nothing is followed to where it leads.
    ///
    /// # Errors
    /// [`LayerError::Path`] for links in a circle, for a way over what is no directory, and for a NUL.
    pub fn destination(&self, path: &[u8], follow: Follow) -> Result<Destination<'_>, LayerError> {
        let real = self.walk(path, follow)?;
        let node = self.at(&real);
        let mut missing = Vec::new();
        let slashes = real.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        missing.extend(slashes.filter_map(|(at, _)| real.get(..at)).filter(|parent| self.at(parent).is_none()).map(<[u8]>::to_vec));
        Ok(Destination { path: real, node, missing })
    }

    /// Returns what is at a path, after all links.
    ///
    /// # Errors
    /// As [`destination`](Self::destination).
    pub fn find(&self, path: &[u8]) -> Result<Option<&Node>, LayerError> {
        Ok(self.at(&self.walk(path, Follow::All)?))
    }

    /// The real path of a directory that a layer names.
    pub(super) fn resolve(&self, path: &[u8]) -> Result<Vec<u8>, LayerError> {
        self.walk(path, Follow::All)
    }

    /// The real path of an entry: links above it are followed, and the entry replaces what is there.
    pub(super) fn real_parent(&self, path: &[u8]) -> Result<Vec<u8>, LayerError> {
        self.walk(path, Follow::Parents)
    }

    fn walk(&self, path: &[u8], follow: Follow) -> Result<Vec<u8>, LayerError> {
        let bad = |problem| LayerError::Path { path: shown(path), problem };
        if path.contains(&0) {
            return Err(bad(PathProblem::Nul));
        }
        let parts = |path: &[u8]| path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let mut ahead: VecDeque<Vec<u8>> = parts(path).into();
        let mut here: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(part) = ahead.pop_front() {
            if part == b"." {
                continue;
            }
            let up = here.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            if part == b".." {
                here.truncate(up);
                continue;
            }
            let parent = here.len();
            if parent > 0 {
                here.push(b'/');
            }
            here.extend_from_slice(&part);
            match self.nodes.get(&here).map(|node| &node.kind) {
                Some(NodeKind::Symlink { target }) if follow == Follow::All || !ahead.is_empty() => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(bad(PathProblem::Loop));
                    }
                    here.truncate(if target.first() == Some(&b'/') { 0 } else { parent });
                    for part in parts(target).into_iter().rev() {
                        ahead.push_front(part);
                    }
                }
                Some(NodeKind::File { .. } | NodeKind::Special) if !ahead.is_empty() => {
                    return Err(bad(PathProblem::NotDirectory(shown(&here))));
                }
                _ => {}
            }
        }
        Ok(here)
    }
}
