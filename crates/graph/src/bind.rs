//! What a mount shows of a tree: a folder or a file of it, as the only layer of an image of its own.

use layer::index::PathIndex;

use crate::copy::{Copying, Destination, Owner, Picked, Times, copy};
use crate::error::CopyError;
use crate::lay::{From, Lay, check_there, sourced};
use crate::link::follow;
use crate::path::TreePath;

/// Lays what is at a path of a tree into an empty root, and says where it is there; the root itself for a folder.
///
/// # Errors
/// Where nothing is at the path.
pub fn lay_bind(source: &str, from: &From<'_>, times: Times) -> Result<(Lay, TreePath), CopyError> {
    let named = TreePath::clean(source.as_bytes());
    check_there(&named, from)?;
    let real = follow(from.tree, &named)?;
    let inside = if from.tree.is_directory(&real) { TreePath::default() } else { TreePath::clean(real.name()) };
    let owner = if from.keeps_owners { Owner::Kept } else { Owner::Root };
    let how = Copying { owner, mode: None, made_mode: None, excluded: None, times };
    let to = Destination { path: inside.clone(), is_folder: false };
    let changes = copy(&mut PathIndex::new(), from.tree, &[Picked { named }], &to, &how)?;
    Ok((sourced(changes), inside))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use layer::tar::Entry;

    use super::*;
    use crate::tree::Tree;

    fn bound(source: &str) -> Result<(Vec<String>, String), CopyError> {
        let tree: Tree = [
            Entry::directory("app"),
            Entry::file("app/main.c", 3),
            Entry::file("app/[x]", 1),
            Entry::symlink("here", "app"),
            Entry::file("f", 1),
        ]
        .into_iter()
        .collect();
        let from = From { tree: &tree, keeps_owners: true, hides: &|_| false };
        let (lay, inside) = lay_bind(source, &from, Times { made: 0 })?;
        Ok((lay.keys().map(ToString::to_string).collect(), inside.to_string()))
    }

    #[test]
    fn a_folder_is_the_root_and_a_file_is_in_it() {
        let is = |source: &str, paths: &[&str], inside: &str| {
            assert_eq!(bound(source).unwrap(), (paths.iter().map(ToString::to_string).collect(), inside.to_owned()), "{source}");
        };
        is("", &["app", "app/[x]", "app/main.c", "f", "here"], "");
        is("/", &["app", "app/[x]", "app/main.c", "f", "here"], "");
        is("app", &["[x]", "main.c"], "");
        is("/here/", &["[x]", "main.c"], "");
        is("../app/main.c", &["main.c"], "main.c");
        is("app/[x]", &["[x]"], "[x]");
        assert!(matches!(bound("none"), Err(CopyError::NotFound { .. })));
        assert!(matches!(bound("*"), Err(CopyError::NotFound { .. })), "a mount knows no patterns");
    }
}
