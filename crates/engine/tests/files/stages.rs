//! What stages made, layer over layer.

use std::sync::Arc;

use engine::files::Files;
use engine::pack::{Contents, PackError};
use graph::{Content, Laid, Lay, Tree, TreePath};
use layer::tar::{Entry, EntryKind};

use super::fixture::{Kept, all, copied, lines, packed};

/// A lay whose files have their bytes at the same paths; where content is given, it stands in the Dockerfile.
fn lay(entries: &[(Entry, Option<&str>)]) -> Lay {
    let laid = |(entry, inline): &(Entry, Option<&str>)| {
        let path = TreePath::clean(&entry.path);
        let content = match (&entry.kind, inline) {
            (_, Some(text)) => Content::Inline(text.as_bytes().to_vec()),
            (EntryKind::File { .. }, None) => Content::Source(path.clone()),
            _ => Content::Nothing,
        };
        (path, Laid { entry: entry.clone(), content })
    };
    entries.iter().map(laid).collect()
}

fn file(path: &str) -> (Entry, Option<&str>) {
    (Entry::file(path, 3), None)
}

fn folder(path: &str) -> (Entry, Option<&str>) {
    (Entry::directory(path), None)
}

#[test]
fn layers_cover_each_other_and_bytes_stay_where_they_are() {
    let mut files = Files::new();
    let [one, two]: [Arc<dyn Contents>; 2] =
        [Kept::of(&[("a/x", "1ax"), ("a/y", "1ay"), ("b", "1bb")]), Kept::of(&[("a/x", "2ax"), ("b/c", "2bc")])];
    files.lay(&lay(&[folder("a"), file("a/x"), file("a/y"), file("b"), (Entry::file("text", 3), Some("abc"))]), &one);
    assert_eq!(all(&files), ["a/", "a/x: 1ax", "a/y: 1ay", "b: 1bb", "text: abc"]);
    files.lay(&lay(&[folder("a"), file("a/x"), folder("b"), file("b/c")]), &two);
    assert_eq!(all(&files), ["a/", "a/x: 2ax", "a/y: 1ay", "b/", "b/c: 2bc", "text: abc"]);
    files.lay(&lay(&[(Entry::symlink("a", "b"), None), (Entry::file("b", 1), Some("f"))]), &two);
    assert_eq!(all(&files), ["a -> b", "b: f", "text: abc"]);
    let gone = files.read(&"a/y".into(), &mut |_| Ok(()));
    assert!(matches!(gone, Err(PackError::Missing(path)) if path == "a/y".into()));
}

#[test]
fn what_a_layer_hides_is_gone_with_all_in_it_and_other_names_stay() {
    let contents: Arc<dyn Contents> = Kept::of(&[("a/x", "one"), ("b", "two")]);
    let mut files = Files::new();
    files.lay(&lay(&[folder("a"), file("a/x"), file("b"), (Entry::hardlink("c", "a/x"), None)]), &contents);
    let hidden = |path: &str| (TreePath::from(path), Laid { entry: Entry::whiteout(path), content: Content::Whiteout });
    files.lay(&[hidden("a"), hidden("b"), hidden("none")].into_iter().collect(), &contents);
    assert_eq!(all(&files), ["c: one"]);
}

#[test]
fn another_name_of_a_file_keeps_its_bytes_whatever_becomes_of_the_first() {
    let contents: Arc<dyn Contents> = Kept::of(&[("b", "old"), ("z", "new")]);
    let hard = |path: &'static str, target: &str| (Entry::hardlink(path, target), None);
    let mut files = Files::new();
    files.lay(&lay(&[file("b"), hard("c", "b"), hard("d", "b")]), &contents);
    assert_eq!(all(&files), ["b: old", "c = b", "d = b"]);
    // A name of what was there comes before it in the order of a walk.
    files.lay(&lay(&[hard("a", "c")]), &contents);
    assert_eq!(all(&files), ["a: old", "b = a", "c = a", "d = a"]);
    files.lay(&lay(&[(Entry::file("a", 3), Some("own"))]), &contents);
    assert_eq!(all(&files), ["a: own", "b: old", "c = b", "d = b"]);
    files.lay(&lay(&[folder("b"), (Entry::file("b/c", 1), Some("x")), hard("c", "a"), hard("nothing", "gone")]), &contents);
    assert_eq!(all(&files), ["a: own", "b/", "b/c: x", "c = a", "d: old"]);
    // A name takes the place of the folder that the first one is in.
    files.lay(&lay(&[hard("b", "b/c")]), &contents);
    assert_eq!(all(&files), ["a: own", "b: x", "c = a", "d: old"]);
}

#[test]
fn a_tree_is_taken_as_it_is_and_the_first_of_its_names_has_the_bytes() {
    let tree: Tree = [
        Entry::hardlink("a", "b/file").mode(0o600),
        Entry::directory("b"),
        Entry::file("b/file", 3).mode(0o600),
        Entry::hardlink("lost", "nowhere"),
        Entry::symlink("to", "a"),
    ]
    .into_iter()
    .collect();
    let files = Files::of(tree, Kept::of(&[("b/file", "abc")]));
    assert_eq!(all(&files), ["a: abc", "b/", "b/file = a", "to -> a"]);
}

#[tokio::test]
async fn a_layer_that_is_copied_from_a_stage_has_its_hard_links_and_asks_each_contents_once() {
    let (one, two) = (Kept::of(&[("app/a", "aaa"), ("app/b", "bbb"), ("other", "ooo")]), Kept::of(&[("app/c", "ccc")]));
    let mut files = Files::new();
    let link = (Entry::hardlink("app/link", "app/a"), None);
    let contents: Arc<dyn Contents> = one.clone();
    files.lay(&lay(&[folder("app"), file("app/a"), file("app/b"), link, file("other")]), &contents);
    let contents: Arc<dyn Contents> = two.clone();
    let empty = (Entry::file("app/empty", 0), None);
    files.lay(&lay(&[folder("app"), file("app/c"), empty]), &contents);
    let lay = copied(&files, &["app"], "/srv/");
    let found = packed(lay, Arc::new(files)).await.unwrap();
    assert_eq!(lines(&found), ["srv/", "srv/a: aaa", "srv/b: bbb", "srv/c: ccc", "srv/empty: ", "srv/link = srv/a"]);
    assert_eq!(*one.prepared.lock().unwrap(), [["app/a", "app/b"]]);
    assert_eq!(*two.prepared.lock().unwrap(), [["app/c"]]);
}
