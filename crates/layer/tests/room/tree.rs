//! The tree that layers make.

use layer::index::{Follow, IndexLimits, Node, NodeKind, Owner, PathIndex, Placed};
use layer::tar::{Entry, Writer};
use layer::{LayerError, Limit};
use proptest::prelude::*;

/// A layer of lines: `d NAME`, `f NAME`, `l NAME TARGET`, `h NAME TARGET`, `w NAME`, `o NAME`.
fn layer(lines: &[&str]) -> Vec<u8> {
    let mut tar = Writer::new(Vec::new());
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["d", name] => tar.append_empty(&Entry::directory(*name)).unwrap(),
            ["f", name] => tar.append_empty(&Entry::file(*name, 0)).unwrap(),
            ["l", name, target] => tar.append_empty(&Entry::symlink(*name, *target)).unwrap(),
            ["h", name, target] => tar.append_empty(&Entry::hardlink(*name, *target)).unwrap(),
            ["w", name] => tar.whiteout(name.as_bytes()).unwrap(),
            ["o"] => tar.opaque(b"").unwrap(),
            ["o", name] => tar.opaque(name.as_bytes()).unwrap(),
            _ => panic!("{line}"),
        }
    }
    tar.finish().unwrap()
}

fn index(layers: &[&[&str]]) -> PathIndex {
    let mut index = PathIndex::new();
    for lines in layers {
        index.add_layer(layer(lines).as_slice()).unwrap();
    }
    index
}

fn paths(index: &PathIndex) -> Vec<String> {
    index.below(b"").map(|(path, _)| String::from_utf8_lossy(path).into_owned()).collect()
}

#[test]
fn whiteouts_hide_lower_layers_only_wherever_they_stand() {
    let base: &[&str] = &["d a", "f a/1", "f a/2", "d a/b", "f a/b/3", "f c", "f a-b"];
    assert_eq!(paths(&index(&[base, &["w a/1", "w c"]])), ["a", "a-b", "a/2", "a/b", "a/b/3"]);
    assert_eq!(paths(&index(&[base, &["w a"]])), ["a-b", "c"]);
    // Made anew in the layer that hides it, before and after.
    assert_eq!(paths(&index(&[base, &["w a", "d a", "f a/new"]])), ["a", "a-b", "a/new", "c"]);
    assert_eq!(paths(&index(&[base, &["d a", "f a/new", "w a"]])), ["a", "a-b", "a/new", "c"]);
    assert_eq!(paths(&index(&[base, &["d a", "f a/new", "o a"]])), ["a", "a-b", "a/new", "c"]);
    assert_eq!(paths(&index(&[base, &["o"]])), [""; 0]);
    // A folder that the layer put something into stays, listed in the layer or not.
    assert_eq!(paths(&index(&[base, &["f a/b/new", "w a"]])), ["a", "a-b", "a/b", "a/b/new", "c"]);
    // A file in the place of a directory hides what was below it; a directory in the place of a directory does not.
    assert_eq!(paths(&index(&[base, &["f a"]])), ["a", "a-b", "c"]);
    assert_eq!(paths(&index(&[base, &["d a"]])).len(), 7);
    assert_eq!(index(&[base, &["f c"]]).at(b"c").unwrap().layer, 2);
}

#[test]
fn entries_go_where_links_lead_and_never_outside() {
    let base: &[&str] = &["d usr", "d usr/lib", "l lib usr/lib", "l up ../../usr", "l abs /usr/lib"];
    let tree = index(&[base, &["f lib/x", "f up/y", "f abs/z"]]);
    assert_eq!(paths(&tree), ["abs", "lib", "up", "usr", "usr/lib", "usr/lib/x", "usr/lib/z", "usr/y"]);
    let tree = index(&[base, &["f usr/lib/x"], &["w lib/x"], &["d lib", "f lib/own"]]);
    assert_eq!(paths(&tree), ["abs", "lib", "lib/own", "up", "usr", "usr/lib"]);
}

#[test]
fn hard_links_are_what_they_link_to() {
    let mut tar = Writer::new(Vec::new());
    tar.append_bytes(&Entry::file("a", 3).mode(0o755).owner(7, 8), b"abc").unwrap();
    tar.append_empty(&Entry::hardlink("b", "a")).unwrap();
    let mut tree = PathIndex::new();
    tree.add_layer(tar.finish().unwrap().as_slice()).unwrap();
    assert_eq!(tree.at(b"b"), Some(&Node { kind: NodeKind::File { size: 3 }, mode: 0o755, uid: 7, gid: 8, mtime: 0, layer: 1 }));
    let error = tree.insert(&Entry::hardlink("c", "nothing")).unwrap_err();
    assert_eq!(error.to_string(), "c: the hard link's target nothing does not come before it");
}

#[test]
fn what_becomes_of_each_entry_is_told() {
    let mut tree = index(&[&["d usr", "f usr/a", "l bin usr", "d d", "f d/x", "f d/y"]]);
    tree.begin_layer();
    let entries = [
        Entry::file("bin/new/b", 0),
        Entry::hardlink("bin/c", "bin/a"),
        Entry::whiteout("d/x"),
        Entry::file("d", 0),
        Entry::hardlink("usr/a", "usr/a"),
    ];
    let told: Vec<Placed> = entries.iter().map(|entry| tree.place(entry).unwrap()).collect();
    let placed = |at: Option<&str>, linked: Option<&str>, implied: &[&str], gone: &[&str]| {
        let path = |text: &&str| text.as_bytes().to_vec();
        let (at, linked) = (at.as_ref().map(path), linked.as_ref().map(path));
        Placed { at, linked, implied: implied.iter().map(path).collect(), gone: gone.iter().map(path).collect() }
    };
    let expected = [
        placed(Some("usr/new/b"), None, &["usr/new"], &[]),
        placed(Some("usr/c"), Some("usr/a"), &[], &[]),
        placed(None, None, &[], &["d/x"]),
        placed(Some("d"), None, &[], &["d/y", "d"]),
        placed(Some("usr/a"), Some("usr/a"), &[], &["usr/a"]),
    ];
    assert_eq!(told, expected);
}

#[test]
fn destinations_are_real_paths_with_what_is_missing() {
    let tree =
        index(&[&["d usr", "d usr/bin", "f usr/bin/sh", "l bin usr/bin", "l loop loop", "l one two", "l two one", "l gone nowhere/deep"]]);
    let all = |path: &str| {
        let place = tree.destination(path.as_bytes(), Follow::All).unwrap();
        let missing: Vec<String> = place.missing.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
        (String::from_utf8_lossy(&place.path).into_owned(), place.is_directory(), missing)
    };
    assert_eq!(all("/"), (String::new(), true, vec![]));
    assert_eq!(all("/bin/"), ("usr/bin".into(), true, vec![]));
    assert_eq!(all("bin/sh"), ("usr/bin/sh".into(), false, vec![]));
    assert_eq!(all("/bin/../lib/x"), ("usr/lib/x".into(), false, vec!["usr/lib".into()]));
    assert_eq!(all("/../../new/a/b"), ("new/a/b".into(), false, vec!["new".into(), "new/a".into()]));
    assert_eq!(all("/gone"), ("nowhere/deep".into(), false, vec!["nowhere".into()]));
    assert_eq!(tree.destination(b"bin", Follow::Parents).unwrap().path, b"bin");
    assert_eq!(tree.find(b"/bin/sh").unwrap().map(|node| &node.kind), Some(&NodeKind::File { size: 0 }));
    assert_eq!(tree.find(b"/bin/none").unwrap(), None);
    for (path, message) in [
        ("/loop", "/loop: too many symbolic links"),
        ("/one/x", "/one/x: too many symbolic links"),
        ("/bin/sh/x", "/bin/sh/x: usr/bin/sh is not a directory"),
    ] {
        assert_eq!(tree.destination(path.as_bytes(), Follow::All).unwrap_err().to_string(), message);
    }
}

#[test]
fn owners_are_found_by_the_rules() {
    let passwd = b"root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/:/x\nbroken:x:y\n";
    let group = b"root:x:0:\nstaff:x:50:\n";
    let mut tar = Writer::new(Vec::new());
    tar.append_bytes(&Entry::file("etc/passwd", passwd.len() as u64), passwd).unwrap();
    tar.append_bytes(&Entry::file("etc/group", group.len() as u64), group).unwrap();
    let mut tree = PathIndex::new();
    tree.add_layer(tar.finish().unwrap().as_slice()).unwrap();
    for (text, uid, gid) in [
        ("7", 7, 7),
        ("web", 33, 34),
        ("web:staff", 33, 50),
        ("7:staff", 7, 50),
        ("web:", 33, 0),
        (":staff", 0, 50),
        (":9", 0, 9),
        ("7:8", 7, 8),
    ] {
        assert_eq!(tree.owner(text).unwrap(), Owner { uid, gid }, "{text}");
    }
    for (text, message) in [
        ("nobody", "nobody: no user of that name in /etc/passwd"),
        ("broken", "broken: no user of that name in /etc/passwd"),
        ("web:nobody", "nobody: no group of that name in /etc/group"),
        ("-1", "-1: no user of that name in /etc/passwd"),
        ("4294967295", "4294967295: no user of that name in /etc/passwd"),
        ("4294967296", "4294967296: no user of that name in /etc/passwd"),
        ("", "bad owner \"\": expected USER, USER:GROUP or :GROUP"),
        (":", "bad owner \":\": expected USER, USER:GROUP or :GROUP"),
        ("a:b:c", "bad owner \"a:b:c\": expected USER, USER:GROUP or :GROUP"),
    ] {
        assert_eq!(tree.owner(text).unwrap_err().to_string(), message);
    }
    assert_eq!(PathIndex::new().owner("7:8").unwrap(), Owner { uid: 7, gid: 8 });
    assert!(matches!(PathIndex::new().owner("web"), Err(LayerError::Unknown { .. })));
    assert_eq!(PathIndex::new().owner("root:root").unwrap(), Owner { uid: 0, gid: 0 });
    // A layer above takes the file away, or puts a link in its place.
    tree.add_layer(layer(&["w etc/passwd", "l etc/group ../usr/group"]).as_slice()).unwrap();
    assert!(tree.owner("web").is_err() && tree.owner(":staff").is_err());
}

#[test]
fn an_index_is_bounded() {
    let limits = IndexLimits { paths: 2, ..IndexLimits::default() };
    let error = PathIndex::with(limits).add_layer(layer(&["d a", "f a/b", "f a/c"]).as_slice()).unwrap_err();
    assert!(matches!(error, LayerError::Limit { limit: Limit::Entries, allowed: 2, .. }), "{error}");
    let mut tar = Writer::new(Vec::new());
    tar.append_bytes(&Entry::file("etc/passwd", 100), &[b'x'; 100]).unwrap();
    let limits = IndexLimits { accounts: 99, ..IndexLimits::default() };
    let error = PathIndex::with(limits).add_layer(tar.finish().unwrap().as_slice()).unwrap_err();
    assert!(matches!(error, LayerError::Limit { limit: Limit::Accounts, .. }), "{error}");
}

proptest! {
    #[test]
    fn any_owner_has_an_answer(text in "\\PC{0,20}|[0-9:a]{0,12}") {
        if let Ok(owner) = PathIndex::new().owner(&text) {
            prop_assert!(owner.uid < u64::from(u32::MAX) && owner.gid < u64::from(u32::MAX));
        }
    }

    #[test]
    fn an_index_comes_back_from_its_bytes(entries in crate::fixture::any_entries(), cut in 0..10_000_usize, noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut tree = PathIndex::new();
        if tree.add_layer(crate::fixture::tar(&entries).as_slice()).is_ok() {
            let bytes = tree.to_bytes();
            prop_assert_eq!(&PathIndex::from_bytes(&bytes, IndexLimits::default()).unwrap(), &tree);
            prop_assert!(PathIndex::from_bytes(&bytes[..cut % bytes.len()], IndexLimits::default()).is_err());
        }
        drop(PathIndex::from_bytes(&[b"PIX1", noise.as_slice()].concat(), IndexLimits::default()));
    }
}
