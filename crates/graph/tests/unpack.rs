//! What ADD does with archives, and which files it would unpack.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use dockerfile::Chmod;
use graph::{Archives, Content, CopyStep, Fars, From, Lay, Times, Tree, TreePath, find_added, lay_add};
use layer::index::PathIndex;
use layer::tar::{Entry, EntryKind};

fn root(entries: &[Entry]) -> PathIndex {
    let mut index = PathIndex::new();
    index.begin_layer();
    entries.iter().for_each(|entry| index.insert(entry).unwrap());
    index
}

fn step(sources: &[&str], destination: &str) -> CopyStep {
    let sources = sources.iter().map(|source| (*source).to_owned()).collect();
    CopyStep { add: true, sources, destination: destination.to_owned(), ..CopyStep::default() }
}

/// A context of two archives, a folder with one, a link to one, and a text.
fn context() -> Tree {
    let files = ["a.tar", "b.tar", "d/c.tar", "text"].map(|path| Entry::file(path, 9));
    let others = [Entry::directory("d"), Entry::symlink("link", "a.tar"), Entry::hardlink("z.tar", "a.tar")];
    files.into_iter().chain(others).collect()
}

/// Lays a step; `archives` are by their paths.
fn lay(step: &CopyStep, root: &mut PathIndex, archives: &[(&str, &Tree)]) -> Lay {
    let archives: Archives<'_> = archives.iter().map(|(path, tree)| (TreePath::from(*path), *tree)).collect();
    let tree = context();
    lay_add(step, root, &From { tree: &tree, keeps_owners: false, hides: &|_| false }, &Fars::new(), &archives, Times { made: 9 }).unwrap()
}

fn shown(lay: &Lay) -> Vec<String> {
    let line = |(path, laid): (&TreePath, &graph::Laid)| {
        let Entry { kind, mode, uid, gid, mtime, .. } = &laid.entry;
        let what = match (kind, &laid.content) {
            (EntryKind::Directory, _) => "/".to_owned(),
            (EntryKind::Symlink { target }, _) => format!(" -> {}", String::from_utf8_lossy(target)),
            (EntryKind::Hardlink { target }, _) => format!(" = {}", String::from_utf8_lossy(target)),
            (_, Content::Source(source)) => format!(" < {source}"),
            _ => String::new(),
        };
        format!("{path}{what} {mode:o} {uid}:{gid} {mtime}")
    };
    lay.iter().map(line).collect()
}

fn archive() -> Tree {
    let entries = [
        Entry::directory("d").mode(0o700),
        Entry::file("d/a", 3).mode(0o4755).xattr("security.capability", *b"c"),
        Entry::hardlink("d/b", "d/a").mode(0o4755),
        Entry::symlink("d/s", "a"),
    ];
    entries.into_iter().map(|entry| entry.owner(5, 6).mtime(7)).collect()
}

#[test]
fn item_57_what_comes_keeps_all_that_it_is_but_for_chown() {
    let expected = ["d/ 700 5:6 7", "d/a < a.tar/d/a 4755 5:6 7", "d/b = new/to/d/a 4755 5:6 7", "d/s -> a 777 5:6 7"];
    let below = |owner: &str| -> Vec<String> {
        let folders = [format!("new/ 755 {} 9", owner.replace("5:6", "0:0")), format!("new/to/ 755 {} 9", owner.replace("5:6", "0:0"))];
        folders.into_iter().chain(expected.map(|line| format!("new/to/{}", line.replace("5:6", owner)))).collect()
    };
    let plain = lay(&step(&["a.tar"], "/new/to"), &mut PathIndex::new(), &[("a.tar", &archive())]);
    assert_eq!(shown(&plain), below("5:6"));
    assert_eq!(plain[&"new/to/d/a".into()].entry.xattrs[&b"security.capability"[..]], b"c");
    let changed = CopyStep { chown: Some("1:2".to_owned()), chmod: Some(Chmod::Octal(0o604)), ..step(&["link"], "/new/to/") };
    assert_eq!(shown(&lay(&changed, &mut PathIndex::new(), &[("a.tar", &archive())])), below("1:2"));
}

#[test]
fn folders_that_the_archive_does_not_list_are_root_s_whatever_chown_says() {
    let archive: Tree = [Entry::file("in/deep/file", 1).owner(5, 6).mtime(7)].into_iter().collect();
    let changed = CopyStep { chown: Some("1:2".to_owned()), ..step(&["a.tar"], "/new/") };
    let expected = ["new/ 755 1:2 9", "new/in/ 755 0:0 9", "new/in/deep/ 755 0:0 9", "new/in/deep/file < a.tar/in/deep/file 644 1:2 7"];
    assert_eq!(shown(&lay(&changed, &mut PathIndex::new(), &[("a.tar", &archive)])), expected);
}

#[test]
fn item_57_what_is_no_archive_is_copied_beside() {
    let laid = lay(&step(&["*.tar", "text", "d"], "/to/"), &mut PathIndex::new(), &[("b.tar", &archive())]);
    let names: Vec<String> = laid.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["to", "to/a.tar", "to/c.tar", "to/d", "to/d/a", "to/d/b", "to/d/s", "to/text", "to/z.tar"]);
    assert_eq!(laid[&"to/c.tar".into()].content, Content::Source("d/c.tar".into()));
}

#[test]
fn what_is_there_gives_way_but_folders_for_folders() {
    let there = [
        Entry::directory("w").mode(0o711),
        Entry::directory("w/d").mode(0o711),
        Entry::file("w/d/old", 1),
        Entry::directory("w/d/a"),
        Entry::file("w/d/a/gone", 1),
        Entry::file("w/d/s", 1),
    ];
    let mut target = root(&there);
    let laid = lay(&step(&["a.tar"], "/w"), &mut target, &[("a.tar", &archive())]);
    let expected = ["w/ 711 0:0 0", "w/d/ 700 5:6 7", "w/d/a < a.tar/d/a 4755 5:6 7", "w/d/b = w/d/a 4755 5:6 7", "w/d/s -> a 777 5:6 7"];
    assert_eq!(shown(&laid), expected);
    assert!(target.at(b"w/d/old").is_some() && target.at(b"w/d/a/gone").is_none());
    // A folder takes the place of a link or a file; one that the archive does not list is where the link leads.
    let links = [Entry::directory("usr"), Entry::symlink("lib", "usr"), Entry::symlink("bin", "usr"), Entry::file("etc", 0)];
    let listed: Tree =
        [Entry::directory("lib"), Entry::file("lib/x", 1), Entry::file("bin/y/z", 1), Entry::directory("etc")].into_iter().collect();
    let names: Vec<String> =
        lay(&step(&["a.tar"], "/"), &mut root(&links), &[("a.tar", &listed)]).keys().map(ToString::to_string).collect();
    assert_eq!(names, ["etc", "lib", "lib/x", "usr", "usr/y", "usr/y/z"]);
}

#[test]
fn a_later_archive_covers_an_earlier_one() {
    let second: Tree = [Entry::directory("d"), Entry::file("d/a", 4), Entry::hardlink("d/c", "d/a")].into_iter().collect();
    let laid = lay(&step(&["a.tar", "b.tar"], "/"), &mut PathIndex::new(), &[("a.tar", &archive()), ("b.tar", &second)]);
    let expected = ["d/ 755 0:0 0", "d/a < b.tar/d/a 644 0:0 0", "d/b < a.tar/d/a 4755 5:6 7", "d/c = d/a 644 0:0 0", "d/s -> a 777 5:6 7"];
    assert_eq!(shown(&laid), expected);
    let file: Tree = [Entry::file("d", 4)].into_iter().collect();
    let laid = lay(&step(&["a.tar", "b.tar"], "/"), &mut PathIndex::new(), &[("a.tar", &archive()), ("b.tar", &file)]);
    assert_eq!(shown(&laid), ["d < b.tar/d 644 0:0 0"]);
}

#[test]
fn with_link_the_root_below_is_not_asked() {
    let linked = CopyStep { link: true, ..step(&["a.tar"], "/lib") };
    let mut target = root(&[Entry::directory("usr"), Entry::symlink("lib", "usr")]);
    let laid = lay(&linked, &mut target, &[("a.tar", &archive())]);
    assert_eq!(shown(&laid)[..2], ["lib/ 755 0:0 9", "lib/d/ 700 5:6 7"]);
    assert!(target.at(b"lib/d/a").is_some() && target.at(b"usr/d").is_none());
}

#[test]
fn files_that_are_named_may_be_archives_and_no_others() {
    let tree = context();
    let from = From { tree: &tree, keeps_owners: false, hides: &|_| false };
    let found = |step: &CopyStep| find_added(step, &from).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(found(&step(&["*.tar", "link", "d", "/text"], "/")), ["a.tar", "b.tar", "text", "z.tar"]);
    assert_eq!(found(&step(&["d/*"], "/")), ["d/c.tar"]);
    assert_eq!(found(&CopyStep { unpack: Some(true), ..step(&["text"], "/") }), ["text"]);
    assert!(found(&CopyStep { unpack: Some(false), ..step(&["a.tar"], "/") }).is_empty());
    assert!(found(&CopyStep { add: false, ..step(&["a.tar"], "/") }).is_empty());
    assert!(find_added(&step(&["none.tar"], "/"), &from).is_err());
}
