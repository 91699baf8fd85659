//! ADD of files and archives.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use engine::context::{ContextError, Folder, Origin, Visit};
use engine::files::{AddError, AddFrom, Files, add};
use engine::pack::{Contents, PackError};
use graph::{CopyStep, Lay, Times, Tree, TreePath};
use layer::index::PathIndex;
use layer::tar::{Entry, EntryKind};

use super::fixture::{Kept, MADE, lines, packed, step, tar};

/// Files in memory, with the folders above them.
fn context(files: &[(&str, Vec<u8>)]) -> (Arc<dyn Origin>, Arc<Kept>) {
    let path = |(path, content): &(&str, Vec<u8>)| (TreePath::from(*path), content.clone());
    let kept = Arc::new(Kept { files: files.iter().map(path).collect(), ..Kept::default() });
    let folders = kept.files.keys().flat_map(TreePath::ancestors).map(|path| Entry::directory(path.bytes()));
    let all = folders.chain(kept.files.iter().map(|(path, content)| Entry::file(path.bytes(), content.len() as u64)));
    let tree: Tree = all.collect();
    (Arc::new(Files::of(tree, kept.clone())), kept)
}

async fn added(files: &Arc<dyn Origin>, step: CopyStep) -> Result<(Lay, Arc<dyn Contents>), AddError> {
    let scratch = tempfile::tempdir().unwrap();
    let from = AddFrom { files, keeps_owners: false, hides: &|_| false, far: &BTreeMap::new(), scratch: scratch.path() };
    add(&CopyStep { add: true, ..step }, &mut PathIndex::new(), from, Times { made: MADE }).await
}

/// What is in the layer of an ADD.
async fn layer(files: &Arc<dyn Origin>, step: CopyStep) -> Vec<(Entry, String)> {
    let (lay, contents) = added(files, step).await.unwrap();
    packed(lay, contents).await.unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    layer::gzip(bytes, &mut packed).unwrap();
    packed
}

#[tokio::test]
async fn archives_are_unpacked_and_all_else_is_copied() {
    let (files, kept) = context(&[
        ("1.tar", tar(&["d bin", "f bin/sh one", "h bin/ash bin/sh", "l sh bin/sh"])),
        ("2.tar", gzip(&tar(&["f bin/x two", "f etc/y three"]))),
        ("3.tar", b"no tar at all".to_vec()),
        ("4.tar", Vec::new()),
        ("d/in.tar", tar(&["f never x"])),
        ("other", b"o".to_vec()),
    ]);
    let found = layer(&files, step(&["*.tar", "other"], "/to")).await;
    let expected = [
        "to/",
        "to/3.tar: no tar at all",
        "to/4.tar: ",
        "to/bin/",
        "to/bin/ash: one",
        "to/bin/sh = to/bin/ash",
        "to/bin/x: two",
        "to/etc/",
        "to/etc/y: three",
        "to/other: o",
        "to/sh -> bin/sh",
    ];
    assert_eq!(lines(&found), expected);
    let [bin, etc] = ["to/bin", "to/etc"].map(|path| &found.iter().find(|(entry, _)| entry.path == path.as_bytes()).unwrap().0);
    assert_eq!((bin.mode, bin.uid, bin.gid, bin.mtime), (0o750, 5, 6, 7));
    assert_eq!((etc.mode, etc.uid, etc.gid, etc.mtime), (0o755, 0, 0, MADE));
    assert_eq!(*kept.prepared.lock().unwrap(), [vec!["1.tar", "2.tar", "3.tar", "other"], vec!["3.tar", "other"]]);
    // A folder comes with the archives in it, and --unpack=false copies.
    let found = layer(&files, step(&["d"], "/")).await;
    assert_eq!(found.iter().map(|(entry, _)| entry.path.as_slice()).collect::<Vec<_>>(), [b"in.tar"]);
    let found = layer(&files, CopyStep { unpack: Some(false), ..step(&["1.tar"], "/") }).await;
    assert!(matches!(found.as_slice(), [(Entry { path, kind: EntryKind::File { .. }, .. }, _)] if path == b"1.tar"));
}

#[tokio::test]
async fn folders_that_an_archive_does_not_list_may_be_links_of_the_root() {
    let (files, _) = context(&[("a.tar", tar(&["f lib/x X"]))]);
    let mut root = PathIndex::new();
    for entry in [Entry::directory("usr"), Entry::directory("usr/lib"), Entry::symlink("lib", "usr/lib")] {
        root.insert(&entry).unwrap();
    }
    let scratch = tempfile::tempdir().unwrap();
    let from = AddFrom { files: &files, keeps_owners: false, hides: &|_| false, far: &BTreeMap::new(), scratch: scratch.path() };
    let (lay, contents) = add(&CopyStep { add: true, ..step(&["a.tar"], "/") }, &mut root, from, Times::default()).await.unwrap();
    assert_eq!(lines(&packed(lay, contents).await.unwrap()), ["usr/", "usr/lib/", "usr/lib/x: X"]);
}

#[tokio::test]
async fn another_name_of_a_context_s_archive_is_one_too() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("a.tar"), tar(&["f x X"])).unwrap();
    fs::hard_link(home.path().join("a.tar"), home.path().join("b.tar")).unwrap();
    let folder = Folder::open(home.path()).unwrap();
    let walked = folder.walk(&|_, _| Visit::Take).unwrap();
    let files: Arc<dyn Origin> = Arc::new((folder, walked));
    assert_eq!(lines(&layer(&files, step(&["b.tar"], "/")).await), ["x: X"]);
    fs::write(home.path().join("a.tar"), "changed").unwrap();
    let problem = added(&files, step(&["b.tar"], "/")).await.err().unwrap();
    assert!(matches!(problem, AddError::Read(PackError::Context(ContextError::Changed { .. }))), "{problem}");
}

#[tokio::test]
async fn what_is_wrong_with_an_archive_is_said_with_its_path() {
    let (files, _) = context(&[("d/bad.tar", tar(&["f ../../etc/passwd x"]))]);
    let problem = added(&files, step(&["d/bad.tar"], "/")).await.err().unwrap();
    assert_eq!(problem.to_string(), "d/bad.tar cannot be unpacked");
    assert!(matches!(added(&files, step(&["d/none.tar"], "/")).await.err().unwrap(), AddError::Copy(_)));
}

#[test]
fn an_add_can_be_laid_on_any_thread() {
    fn is_send(_: &impl Send) {}
    let (files, _) = context(&[]);
    let (step, mut root) = (CopyStep::default(), PathIndex::new());
    let from = AddFrom { files: &files, keeps_owners: false, hides: &|_| false, far: &BTreeMap::new(), scratch: "".as_ref() };
    is_send(&add(&step, &mut root, from, Times::default()));
}
