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

/// What a walk over links meets at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met<'a> {
    /// A symbolic link: where it leads, as it stands.
    Link(&'a [u8]),
    /// Something that nothing can be below.
    End,
    /// A directory, or nothing yet.
    Way,
}

/// Follows the links of a path from a root, and never out of it: what `look` meets at paths without links, in the form of
/// [`Entry::path`](crate::tar::Entry::path), decides. What does not exist is taken as it is written.
///
/// # Errors
/// [`PathProblem::Loop`] for more links than Linux follows, [`PathProblem::NotDirectory`] for a way over an end.
pub fn follow_links<'a>(path: &[u8], follow: Follow, look: impl Fn(&[u8]) -> Met<'a>) -> Result<Vec<u8>, PathProblem> {
    let parts = |path: &[u8]| path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let mut ahead: VecDeque<Vec<u8>> = parts(path).into();
    let mut here: Vec<u8> = Vec::new();
    let mut links = 0;
    while let Some(part) = ahead.pop_front() {
        if part == b"." {
            continue;
        }
        // `..` is above what was reached, not above what was written; above the root is the root.
        if part == b".." {
            here.truncate(here.iter().rposition(|byte| *byte == b'/').unwrap_or(0));
            continue;
        }
        let parent = here.len();
        if parent > 0 {
            here.push(b'/');
        }
        here.extend_from_slice(&part);
        match look(&here) {
            Met::Link(target) if follow == Follow::All || !ahead.is_empty() => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(PathProblem::Loop);
                }
                here.truncate(if target.first() == Some(&b'/') { 0 } else { parent });
                for part in parts(target).into_iter().rev() {
                    ahead.push_front(part);
                }
            }
            Met::End if !ahead.is_empty() => return Err(PathProblem::NotDirectory(shown(&here))),
            _ => {}
        }
    }
    Ok(here)
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
        let look = |here: &[u8]| match self.nodes.get(here).map(|node| &node.kind) {
            Some(NodeKind::Symlink { target }) => Met::Link(target),
            Some(NodeKind::File { .. } | NodeKind::Special) => Met::End,
            _ => Met::Way,
        };
        follow_links(path, follow, look).map_err(bad)
    }
}
