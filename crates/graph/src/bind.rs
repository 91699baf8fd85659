//! What a mount shows of a tree: a folder or a file of it, as the only layer of an image of its own.

use layer::index::PathIndex;

use crate::copy::Times;
use crate::error::CopyError;
use crate::lay::{From, Lay, lay_copy};
use crate::link::follow;
use crate::path::TreePath;
use crate::stage::CopyStep;

/// Lays what is at a path of a tree into an empty root, and says where it is there; the root itself for a folder.
///
/// # Errors
/// Where nothing is at the path.
pub fn lay_bind(source: &str, from: &From<'_>, times: Times) -> Result<(Lay, TreePath), CopyError> {
    let real = follow(from.tree, &TreePath::from(source))?;
    let is_folder = real.is_root() || from.tree.is_directory(&real);
    let inside = if is_folder { TreePath::default() } else { TreePath::clean(real.name()) };
    let sources = vec![if real.is_root() { ".".to_owned() } else { literal(source) }];
    let step = CopyStep { sources, destination: format!("/{inside}"), working: "/".to_owned(), ..CopyStep::default() };
    Ok((lay_copy(&step, &mut PathIndex::new(), from, times)?, inside))
}

/// Writes a path as a pattern that means it alone.
fn literal(path: &str) -> String {
    let mut pattern = String::new();
    for letter in path.chars() {
        if matches!(letter, '*' | '?' | '[' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
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
