//! What a copy puts into a layer, as BuildKit was seen to do it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use graph::{
    Changes, Content, CopyError, CopyStep, Copying, Destination, From, Owner, Picked, Times, Tree, TreePath, copy, lay_copy,
    make_directories,
};
use layer::index::PathIndex;
use layer::tar::{Entry, EntryKind};

/// Reads `path/`, `path`, `path 0600`, `path -> target`, with the folders above them.
fn entries(lines: &[&str]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in lines {
        let (path, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mode = u32::from_str_radix(rest, 8).ok();
        let clean = TreePath::from(path);
        for above in clean.ancestors() {
            if !entries.iter().any(|entry| entry.path == above.bytes()) {
                entries.push(Entry::directory(above.bytes()).mtime(7));
            }
        }
        entries.retain(|entry| entry.path != clean.bytes());
        entries.push(match (rest.strip_prefix("-> "), path.ends_with('/')) {
            (Some(target), _) => Entry::symlink(clean.bytes(), target),
            (None, true) => Entry::directory(clean.bytes()).mode(mode.unwrap_or(0o755)).mtime(7),
            (None, false) => Entry::file(clean.bytes(), 1).mode(mode.unwrap_or(0o644)).mtime(7),
        });
    }
    entries
}

fn root(lines: &[&str]) -> PathIndex {
    let mut index = PathIndex::new();
    index.begin_layer();
    entries(lines).iter().for_each(|entry| index.insert(entry).unwrap());
    index
}

fn shown(changes: &Changes) -> Vec<String> {
    let line = |(path, change): (&TreePath, &graph::Change)| {
        let Entry { kind, mode, uid, gid, .. } = &change.entry;
        let what = match kind {
            EntryKind::Directory => "/".to_owned(),
            EntryKind::Symlink { target } => format!(" -> {}", String::from_utf8_lossy(target)),
            EntryKind::Hardlink { target } => format!(" = {}", String::from_utf8_lossy(target)),
            _ => String::new(),
        };
        format!("{path}{what} {mode:o} {uid}:{gid}")
    };
    changes.iter().map(line).collect()
}

struct Step<'a> {
    target: PathIndex,
    from: Tree,
    how: Copying<'a>,
}

impl Step<'_> {
    fn new(target: &[&str], from: &[&str]) -> Self {
        let how = Copying { owner: Owner::Root, mode: None, made_mode: None, excluded: None, times: Times { made: 9 } };
        Self { target: root(target), from: entries(from).into_iter().collect(), how }
    }

    fn run(&mut self, sources: &[&str], to: &str) -> Result<Vec<String>, CopyError> {
        let picked: Vec<Picked> = sources.iter().map(|source| Picked { named: TreePath::from(*source) }).collect();
        let to = Destination::read(to.as_bytes(), &TreePath::from("w"));
        copy(&mut self.target, &self.from, &picked, &to, &self.how).map(|changes| shown(&changes))
    }
}

#[test]
fn item_47_a_file_goes_to_a_path_or_into_a_folder_and_a_folder_s_content_into_one() {
    let from = ["f", "d/x"];
    for (target, source, to, expected) in [
        (&[][..], "f", "/x", &["x 644 0:0"][..]),
        (&[], "f", "/new/dir/", &["new/ 755 0:0", "new/dir/ 755 0:0", "new/dir/f 644 0:0"]),
        (&["w/"], "f", ".", &["w/ 755 0:0", "w/f 644 0:0"]),
        (&["w/"], "f", "./g", &["w/ 755 0:0", "w/g 644 0:0"]),
        (&["w/"], "d", "./", &["w/ 755 0:0", "w/x 644 0:0"]),
        (&["w/"], "d/.", "k/", &["w/ 755 0:0", "w/k/ 755 0:0", "w/k/x 644 0:0"]),
        (&["w/"], "f", "d2/", &["w/ 755 0:0", "w/d2/ 755 0:0", "w/d2/f 644 0:0"]),
        (&[], "d", "/new", &["new/ 755 0:0", "new/x 644 0:0"]),
        (&["d/"], "f", "/d", &["d/ 755 0:0", "d/f 644 0:0"]),
        (&[], "../f", "/x", &["x 644 0:0"]),
    ] {
        assert_eq!(Step::new(target, &from).run(&[source], to).unwrap(), expected, "{source} {to}");
    }
}

#[test]
fn item_47_several_sources_to_one_name_overwrite_each_other() {
    assert_eq!(Step::new(&[], &["a", "b 0600"]).run(&["a", "b"], "/dst").unwrap(), ["dst 600 0:0"]);
}

#[test]
fn item_48_named_links_are_followed_and_others_are_copied() {
    let from = ["a", "l -> a", "d/l2 -> ../a", "ld -> d"];
    assert_eq!(Step::new(&[], &from).run(&["l"], "/x").unwrap(), ["x 644 0:0"]);
    assert_eq!(Step::new(&[], &from).run(&["d"], "/y").unwrap(), ["y/ 755 0:0", "y/l2 -> ../a 777 0:0"]);
    assert_eq!(Step::new(&[], &from).run(&["ld"], "/z").unwrap(), ["z/ 755 0:0", "z/l2 -> ../a 777 0:0"]);
    // In a folder a file is called as it was named.
    assert_eq!(Step::new(&["w/"], &from).run(&["l"], "/w/").unwrap(), ["w/ 755 0:0", "w/l 644 0:0"]);
}

#[test]
fn item_48_links_of_the_target_are_followed_inside_of_its_root() {
    let target = ["lib -> usr/lib", "usr/lib/", "out -> ../../../etc"];
    assert_eq!(Step::new(&target, &["f"]).run(&["f"], "/lib/").unwrap(), ["usr/ 755 0:0", "usr/lib/ 755 0:0", "usr/lib/f 644 0:0"]);
    assert_eq!(Step::new(&target, &["f"]).run(&["f"], "/out/g").unwrap(), ["etc/ 755 0:0", "etc/g 644 0:0"]);
    assert!(matches!(Step::new(&target, &["d/lib/x"]).run(&["d"], "/"), Err(CopyError::NoDirectory { path }) if path == "lib".into()));
    let circle = ["a -> b", "b -> a"];
    assert!(matches!(Step::new(&circle, &["f"]).run(&["f"], "/a/"), Err(CopyError::Target(_))));
}

#[test]
fn item_50_made_folders_have_the_mode_of_an_octal_chmod() {
    let mut step = Step::new(&[], &["f"]);
    let octal = |_: u32, _: bool| 0o644;
    step.how = Copying { mode: Some(&octal), made_mode: Some(0o644), owner: Owner::Root, excluded: None, times: Times { made: 9 } };
    assert_eq!(step.run(&["f"], "/new/dir/").unwrap(), ["new/ 644 0:0", "new/dir/ 644 0:0", "new/dir/f 644 0:0"]);
    let mut step = Step::new(&[], &["d/x 600", "d/s/ 700", "d/s/y 600"]);
    let symbolic = |mode: u32, folder: bool| if folder || mode & 0o111 != 0 { 0o755 } else { 0o644 };
    step.how = Copying { mode: Some(&symbolic), made_mode: None, owner: Owner::Root, excluded: None, times: Times { made: 9 } };
    assert_eq!(step.run(&["d"], "/e").unwrap(), ["e/ 755 0:0", "e/s/ 755 0:0", "e/s/y 644 0:0", "e/x 644 0:0"]);
}

#[test]
fn item_50_a_folder_that_was_there_keeps_mode_and_owner_and_gets_the_other_s_time() {
    let mut step = Step::new(&["t/ 1777"], &["d/x"]);
    let to = Destination::read(b"/t", &TreePath::default());
    let changes = copy(&mut step.target, &step.from, &[Picked { named: "d".into() }], &to, &step.how).unwrap();
    let folder = &changes[&TreePath::from("t")].entry;
    assert_eq!((folder.mode, folder.mtime), (0o1777, 7));
    // A folder that is made has the step's own time.
    let changes =
        copy(&mut step.target, &step.from, &[Picked { named: "d".into() }], &Destination::read(b"/new", &TreePath::default()), &step.how);
    assert_eq!(changes.unwrap()[&TreePath::from("new")].entry.mtime, 9);
}

#[test]
fn item_51_files_and_folders_do_not_replace_each_other() {
    let refused = |target: &str, from: &str, source: &str, to: &str| match Step::new(&[target], &[from]).run(&[source], to) {
        Err(CopyError::NoDirectory { path }) => format!("no folder {path}"),
        Err(CopyError::IsDirectory { path }) => format!("a folder {path}"),
        other => format!("{other:?}"),
    };
    assert_eq!(refused("x", "d/y", "d", "/x"), "no folder x");
    assert_eq!(refused("t/f/", "d/f", "d", "/t"), "a folder t/f");
    assert!(refused("x", "f", "f", "/x/y").contains("Target"));
    assert!(matches!(Step::new(&[], &["f"]).run(&["none"], "/"), Err(CopyError::NotFound { path, .. }) if path == "none".into()));
}

#[test]
fn item_49_owners_are_root_s_kept_or_given_and_names_of_one_file_stay_together() {
    let mut step = Step::new(&["w/"], &["d/a", "d/s -> a", "e/b"]);
    step.from.insert(Entry::file("d/a", 3).mode(0o4755).owner(5, 6));
    step.from.insert(Entry::hardlink("d/b", "d/a").mode(0o4755).owner(5, 6));
    step.from.insert(Entry::hardlink("e/c", "d/a").mode(0o4755).owner(5, 6));
    assert_eq!(step.run(&["d"], "/o").unwrap(), ["o/ 755 0:0", "o/a 4755 0:0", "o/b = o/a 4755 0:0", "o/s -> a 777 0:0"]);
    step.how.owner = Owner::Kept;
    assert_eq!(step.run(&["d/b"], "/p").unwrap(), ["p 4755 5:6"]);
    step.how.owner = Owner::Is { uid: 1, gid: 2 };
    // What has its first name elsewhere is a file here.
    assert_eq!(step.run(&["e"], "/q/").unwrap(), ["q/ 755 1:2", "q/b 644 1:2", "q/c 4755 1:2"]);
}

#[test]
fn item_49_the_first_name_in_the_layer_is_the_file_whatever_came_first() {
    // What has its first name overwritten keeps its bytes.
    let mut step = Step::new(&[], &["one/a 600", "two/a"]);
    for name in ["one/b", "one/c"] {
        step.from.insert(Entry::hardlink(name, "one/a").mode(0o600));
    }
    let lay = step.run(&["one", "two"], "/o/").unwrap();
    assert_eq!(lay, ["o/ 755 0:0", "o/a 644 0:0", "o/b 600 0:0", "o/c = o/b 600 0:0"]);
    // A tree may have the bytes at a later name.
    let mut step = Step::new(&[], &["d/b"]);
    step.from.insert(Entry::hardlink("d/a", "d/b"));
    assert_eq!(step.run(&["d"], "/o/").unwrap(), ["o/ 755 0:0", "o/a 644 0:0", "o/b = o/a 644 0:0"]);
}

#[test]
fn item_49_text_that_covers_a_file_leaves_its_other_names_what_they_were() {
    let mut from = Step::new(&[], &["d/a"]).from;
    for name in ["d/b", "d/c"] {
        from.insert(Entry::hardlink(name, "d/a"));
    }
    let inline = vec![("a".to_owned(), "text".to_owned())];
    let step = CopyStep { sources: vec!["d".to_owned()], inline, destination: "/".to_owned(), ..CopyStep::default() };
    let lay = lay_copy(&step, &mut PathIndex::new(), &From { tree: &from, keeps_owners: false, hides: &|_| false }, Times::default());
    let shown: Vec<_> = lay.unwrap().into_values().map(|laid| (laid.entry.kind, laid.content)).collect();
    let link = EntryKind::Hardlink { target: b"b".to_vec() };
    let expected = [
        (EntryKind::File { size: 4 }, Content::Inline(b"text".to_vec())),
        (EntryKind::File { size: 1 }, Content::Source("d/a".into())),
        (link, Content::Nothing),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn item_56_what_is_left_out_is_not_there_and_a_folder_comes_with_what_is_not() {
    let mut step = Step::new(&[], &["a.txt", "keep.txt", "d/b.txt", "d/c", "e/ 700", "e/x/y", "e/z"]);
    let excluded = |path: &[u8], _: bool| path == b"a.txt" || path.starts_with(b"e") && path != b"e/x/y";
    step.how.excluded = Some(&excluded);
    assert_eq!(
        step.run(&["."], "/o/").unwrap(),
        [
            "o/ 755 0:0",
            "o/d/ 755 0:0",
            "o/d/b.txt 644 0:0",
            "o/d/c 644 0:0",
            "o/e/ 700 0:0",
            "o/e/x/ 755 0:0",
            "o/e/x/y 644 0:0",
            "o/keep.txt 644 0:0"
        ]
    );
}

#[test]
fn item_61_a_working_folder_is_made_for_its_user_and_only_once() {
    let mut tree = root(&["var/"]);
    let owner = Owner::Is { uid: 7, gid: 8 };
    let made = make_directories(&mut tree, &"var/a/b".into(), owner, Times { made: 9 }).unwrap();
    assert_eq!(shown(&made), ["var/ 755 0:0", "var/a/ 755 7:8", "var/a/b/ 755 7:8"]);
    assert!(make_directories(&mut tree, &"var/a/b".into(), owner, Times { made: 9 }).unwrap().is_empty());
}

#[test]
fn what_was_probably_meant_is_named() {
    let tree: Tree = entries(&["src/Main.rs", "src/lib.rs", "README.md"]).into_iter().collect();
    let nearest = |source: &str| {
        let step = CopyStep { sources: vec![source.to_owned()], destination: "/x".to_owned(), ..CopyStep::default() };
        let from = From { tree: &tree, keeps_owners: false, hides: &|_| false };
        match lay_copy(&step, &mut PathIndex::new(), &from, Times::default()) {
            Err(CopyError::NotFound { nearest, .. }) => nearest.map(|path| path.to_string()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(nearest("readme.md").as_deref(), Some("README.md"));
    assert_eq!(nearest("src/libs.rs").as_deref(), Some("src/lib.rs"));
    assert_eq!(nearest("src/other"), None);
    assert_eq!(nearest("nowhere/lib.rs"), None);
}

#[test]
fn folders_on_the_way_are_told_from_those_that_a_step_brings() {
    let tree: Tree = entries(&["src/a/x", "src/b/y"]).into_iter().collect();
    let from = From { tree: &tree, keeps_owners: false, hides: &|_| false };
    let mut step = CopyStep { sources: vec!["src/./a".into(), "src/./b".into()], destination: "/usr/new/".into(), ..CopyStep::default() };
    let of_root = |step: &CopyStep| {
        let lay = lay_copy(step, &mut root(&["usr/new/a/"]), &from, Times { made: 9 }).unwrap();
        let there = lay.iter().filter(|(_, laid)| laid.content == Content::Root);
        there.map(|(path, _)| path.to_string()).collect::<Vec<_>>()
    };
    step.parents = true;
    // usr/new was there too, and gets a time from the context; so does usr/new/a, which becomes what it is there.
    assert_eq!(of_root(&step), ["usr"]);
    step.inline = vec![("z".into(), String::new())];
    assert_eq!(of_root(&step), ["usr"]);
}

#[test]
fn a_deep_tree_is_copied_in_time() {
    let path = |depth: usize| vec!["x"; depth].join("/");
    let from: Tree = (1..=2000).map(|depth| Entry::directory(path(depth))).collect();
    let (mut root, how) =
        (PathIndex::new(), Copying { owner: Owner::Root, mode: None, made_mode: None, excluded: None, times: Times::default() });
    let sources = [Picked { named: TreePath::default() }];
    let begun = std::time::Instant::now();
    let changes = copy(&mut root, &from, &sources, &Destination::read(b"/d/", &TreePath::default()), &how).unwrap();
    assert_eq!(changes.len(), 2001);
    // A minute and more, where every folder looks at each of those above it.
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}
