//! Following links inside a tree, and never out of it.

use layer::index::{Follow, Met, follow_links};
use layer::tar::EntryKind;

use crate::error::CopyError;
use crate::path::TreePath;
use crate::tree::Tree;

/// Follows the links of a path. What does not exist is taken as it is written: a link may lead to
/// where something is about to be made.
pub(crate) fn follow(tree: &Tree, path: &TreePath) -> Result<TreePath, CopyError> {
    // That nothing is below a file is said where something is looked for there.
    let look = |here: &[u8]| match tree.get(&TreePath::clean(here)).map(|entry| &entry.kind) {
        Some(EntryKind::Symlink { target }) => Met::Link(target),
        _ => Met::Way,
    };
    let real = follow_links(path.bytes(), Follow::All, look).map_err(|_| CopyError::Loop { path: path.clone() })?;
    Ok(TreePath::clean(&real))
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
