//! Following links inside a tree, and never out of it.

use std::collections::VecDeque;

use layer::tar::EntryKind;

use crate::error::CopyError;
use crate::path::TreePath;
use crate::tree::Tree;

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
        let target = match tree.get(&next).map(|entry| &entry.kind) {
            Some(EntryKind::Symlink { target }) => target,
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
    use layer::tar::Entry;

    use super::*;

    #[test]
    fn links_lead_nowhere_out_of_the_tree() {
        let tree: Tree = [
            Entry::symlink("lib", "usr/lib"),
            Entry::directory("usr"),
            Entry::directory("usr/lib"),
            Entry::symlink("usr/up", "../../../../etc"),
            Entry::symlink("usr/lib/here", "/usr/lib"),
            Entry::symlink("loop", "loop/x"),
            Entry::symlink("round", "about"),
            Entry::symlink("about", "/round"),
            Entry::symlink("new", "/not/there"),
        ]
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
