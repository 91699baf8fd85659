//! Following links inside a tree, and never out of it.

use std::collections::VecDeque;

use crate::error::CopyError;
use crate::path::TreePath;
use crate::tree::{Kind, Tree};

/// As many links as Linux follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Follows the links of a path. What does not exist is taken as it is written: a link may lead to
/// where something is about to be made.
pub(crate) fn follow(tree: &Tree, path: &TreePath) -> Result<TreePath, CopyError> {
    let mut rest: VecDeque<Vec<u8>> = path.parts().map(<[u8]>::to_vec).collect();
    let mut at = TreePath::default();
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        // `..` is above what was reached, not above what was written; above the root is the root.
        if part == b".." {
            at = at.parent();
            continue;
        }
        let next = at.join(&part);
        let target = match tree.get(&next).map(|node| &node.kind) {
            Some(Kind::Symlink { target }) => target,
            _ => {
                at = next;
                continue;
            }
        };
        links += 1;
        if links > MAX_LINKS {
            return Err(CopyError::Loop { path: path.clone() });
        }
        if target.starts_with(b"/") {
            at = TreePath::default();
        }
        for part in target.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").rev() {
            rest.push_front(part.to_vec());
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::tree::Node;

    fn link(target: &str) -> Node {
        let kind = Kind::Symlink { target: target.as_bytes().to_vec() };
        Node { kind, mode: 0o777, uid: 0, gid: 0, mtime: 0, xattrs: BTreeMap::new() }
    }

    #[test]
    fn links_lead_nowhere_out_of_the_tree() {
        let tree: Tree = [
            ("lib", link("usr/lib")),
            ("usr", Node::directory(0o755, 0)),
            ("usr/lib", Node::directory(0o755, 0)),
            ("usr/up", link("../../../../etc")),
            ("usr/lib/here", link("/usr/lib")),
            ("loop", link("loop/x")),
            ("round", link("about")),
            ("about", link("/round")),
            ("new", link("/not/there")),
        ]
        .map(|(path, node)| (TreePath::from(path), node))
        .into_iter()
        .collect();
        let to = |path: &str| follow(&tree, &path.into()).map(|path| path.to_string());
        for (path, expected) in [
            ("lib/x", "usr/lib/x"),
            ("usr/up/passwd", "etc/passwd"),
            ("lib/here/here/y", "usr/lib/y"),
            ("new/z", "not/there/z"),
            ("usr/lib", "usr/lib"),
        ] {
            assert_eq!(to(path).ok().as_deref(), Some(expected), "{path}");
        }
        assert!(matches!(follow(&tree, &"loop".into()), Err(CopyError::Loop { .. })));
        assert!(matches!(follow(&tree, &"about/x".into()), Err(CopyError::Loop { .. })));
    }
}
