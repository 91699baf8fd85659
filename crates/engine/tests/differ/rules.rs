//! What belongs to a layer, and what does not.

use std::collections::BTreeSet;
use std::os::unix::net::UnixListener;

use engine::context::ContextError;
use engine::differ::{DiffError, DiffRules, Lower, Owners};
use engine::pack::{PackError, pack};
use graph::TreePath;
use layer::Settings;
use layer::index::PathIndex;
use layer::tar::Entry;

use super::fixture::{THEN, Upper, base, lines, rules};

#[test]
fn what_is_new_is_there_parents_first_and_sockets_are_not() {
    let upper = Upper::new();
    upper.folder("a").file("a/f", "12").folder("a/b").file("a/b/g", "").link("a/l", "/etc/passwd").file("a-b", "1");
    std::fs::hard_link(upper.at("a/f"), upper.at("a/again")).unwrap();
    drop(UnixListener::bind(upper.at("a/socket")).unwrap());
    upper.then();
    let (lay, _) = upper.diff(&PathIndex::new(), &rules()).unwrap();
    assert_eq!(lines(&lay), ["a/", "a/again 2", "a/b/", "a/b/g 0", "a/f = a/again", "a/l -> /etc/passwd", "a-b 1"]);
    assert!(lay.values().all(|laid| laid.entry.mtime == THEN));
}

#[test]
fn folders_that_are_as_they_were_come_with_a_change_in_them_only() {
    let upper = Upper::new();
    upper.folder("same/deep").folder("way/deep").file("way/deep/f", "1").folder("way/else").folder("mode").mode("mode", 0o700);
    upper.folder("time").then().touch("time", 5);
    let there = ["same", "same/deep", "way", "way/deep", "way/else", "mode", "time"].map(Entry::directory);
    let expected = ["mode/ 700", "time/", "way/ as it was", "way/deep/ as it was", "way/deep/f 1"];
    assert_eq!(upper.lines(&base(&there), &rules()), expected);
}

#[test]
fn links_are_compared_with_the_base_and_files_with_the_folders_below() {
    let upper = Upper::new();
    upper.link("same", "x").link("other", "y").file("f", "one").file("g", "two").file("h", "three").file("i", "four").then();
    let links = [Entry::symlink("same", "x"), Entry::symlink("other", "x")];
    let files = [Entry::file("f", 3), Entry::file("g", 3), Entry::file("h", 5), Entry::file("i", 4).mode(0o600)];
    let base = base(&[links.as_slice(), &files].concat());
    // Nobody can say that a file is what it was.
    assert_eq!(upper.lines(&base, &rules()), ["f 3", "g 3", "h 5", "i 4", "other -> y"]);

    let lower = [Upper::new(), Upper::new()];
    lower[0].file("f", "one").link("h", "f");
    lower[1].file("f", "two").file("g", "owt").file("h", "three").file("i", "four");
    let lower = lower.each_ref().map(|folder| Lower::open(folder.home.path()).unwrap());
    let rules = DiffRules { lower: &lower, ..rules() };
    assert_eq!(upper.lines(&base, &rules), ["g 3", "h 5", "i 4", "other -> y"]);
}

#[test]
fn a_file_that_got_another_name_is_in_the_layer_with_it() {
    let upper = Upper::new();
    upper.file("f", "one");
    std::fs::hard_link(upper.at("f"), upper.at("g")).unwrap();
    upper.then();
    let lower = Upper::new();
    lower.file("f", "one");
    let lower = [Lower::open(lower.home.path()).unwrap()];
    let rules = DiffRules { lower: &lower, ..rules() };
    assert_eq!(upper.lines(&base(&[Entry::file("f", 3)]), &rules), ["f 3", "g = f"]);
}

#[test]
fn stubs_are_left_out_unless_something_came_into_them() {
    let upper = Upper::new();
    upper.folder("etc").file("etc/hosts", "").file("etc/own", "1").folder("run/secrets").folder("mnt/cache").file("mnt/kept", "1").then();
    let stubs: BTreeSet<TreePath> = ["etc/hosts", "run", "run/secrets", "mnt", "mnt/cache"].map(TreePath::from).into_iter().collect();
    let rules = DiffRules { stubs: &stubs, ..rules() };
    assert_eq!(upper.lines(&base(&[Entry::directory("etc")]), &rules), ["etc/ as it was", "etc/own 1", "mnt/", "mnt/kept 1"]);
}

#[test]
fn owners_are_those_of_the_image_or_refused() {
    struct Recorded;
    impl Owners for Recorded {
        fn in_image(&self, path: &TreePath, _: u64, _: u64) -> Option<(u64, u64)> {
            (*path != "b".into()).then_some((33, 34))
        }

        fn is_root(&self, _: u64) -> bool {
            false
        }
    }
    let upper = Upper::new();
    upper.file("a", "1").then();
    let rules = DiffRules { owners: &Recorded, ..rules() };
    assert_eq!(upper.lines(&base(&[Entry::file("a", 1)]), &rules), ["a 1 33:34"]);
    upper.file("b", "1");
    let refused = upper.diff(&PathIndex::new(), &rules).err().unwrap();
    assert!(matches!(&refused, DiffError::Owner { path, .. } if *path == "b".into()), "{refused}");
}

#[test]
fn the_bytes_come_along_and_must_stay_what_they_were() {
    let upper = Upper::new();
    upper.file("a", "bytes").then();
    let (lay, contents) = upper.diff(&PathIndex::new(), &rules()).unwrap();
    let mut text = String::new();
    let mut read = |reader: &mut dyn std::io::Read| {
        text = std::io::read_to_string(reader).unwrap();
        Ok(())
    };
    contents.read(&"a".into(), &mut read).unwrap();
    assert_eq!(text, "bytes");
    upper.file("a", "others");
    let refused = pack(&lay, contents.as_ref(), Settings::default(), Vec::new()).unwrap_err();
    assert!(matches!(refused, PackError::Diff(DiffError::Unreadable(ContextError::Changed { .. }))), "{refused}");
}
