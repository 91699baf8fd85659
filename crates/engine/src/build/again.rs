//! What a copy does again: files that an earlier step of the build has put there from the same place. They are not written twice, as
//! BuildKit finds when it compares.

use std::sync::Arc;

use graph::{Content, Laid, Lay, TreePath};
use layer::index::{Node, NodeKind, PathIndex};
use layer::tar::EntryKind;

use super::evaluate::Made;
use crate::pack::Contents;

/// Leaves out of a layer what is in the root `before` it already, put there by a step of `chain`, and the folders that then are
/// only on the way to nothing.
pub(super) fn leave_out(lay: &mut Lay, contents: &Arc<dyn Contents>, before: &PathIndex, chain: &[Made]) {
    let again: Vec<TreePath> =
        lay.iter().filter(|(path, laid)| is_there(path, laid, contents, before, chain)).map(|(path, _)| path.clone()).collect();
    if again.is_empty() {
        return;
    }
    again.iter().for_each(|path| drop(lay.remove(path)));
    let folders: Vec<TreePath> =
        lay.iter().filter(|(_, laid)| laid.entry.kind == EntryKind::Directory).map(|(path, _)| path.clone()).collect();
    // What is in a folder stands behind it.
    for path in folders.iter().rev() {
        let is_empty = lay.range(path.clone()..).nth(1).is_none_or(|(next, _)| next.below(path).is_none());
        if is_empty && lay.get(path).zip(before.at(path.bytes())).is_some_and(|(laid, node)| looks_the_same(laid, node)) {
            lay.remove(path);
        }
    }
}

/// Tells whether a file is one that the last step to put something there has put there, from the same place.
fn is_there(path: &TreePath, laid: &Laid, contents: &Arc<dyn Contents>, before: &PathIndex, chain: &[Made]) -> bool {
    if !matches!(laid.entry.kind, EntryKind::File { .. }) || !before.at(path.bytes()).is_some_and(|node| looks_the_same(laid, node)) {
        return false;
    }
    let Some((made, last)) = chain.iter().rev().find_map(|made| Some((made, made.lay.get(path)?))) else { return false };
    let is_source = matches!(laid.content, Content::Source(_)) && Arc::ptr_eq(&made.contents, contents);
    last == laid && (is_source || matches!(laid.content, Content::Inline(_)))
}

fn looks_the_same(laid: &Laid, node: &Node) -> bool {
    let entry = &laid.entry;
    let is_kind = match (&entry.kind, &node.kind) {
        (EntryKind::Directory, NodeKind::Directory) => true,
        (EntryKind::File { size }, NodeKind::File { size: other }) => size == other,
        _ => false,
    };
    is_kind && (entry.mode, entry.uid, entry.gid, entry.mtime) == (node.mode, node.uid, node.gid, node.mtime)
}
