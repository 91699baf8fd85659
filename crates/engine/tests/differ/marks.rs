//! What an overlay's marks mean.

use engine::differ::{DiffError, DiffRules, Marks};
use engine::pack::{Contents, pack};
use graph::{Content, Laid, Lay};
use layer::index::PathIndex;
use layer::tar::{Entry, Limits, Reader, Rules};
use layer::{Inflate, InflateLimits, Settings};

use super::fixture::{Upper, base, rules};

fn there() -> PathIndex {
    let (folder, file) = (|path: &str| Entry::directory(path), |path: &str| Entry::file(path, 1));
    base(&[folder("d"), file("d/a"), file("d/b"), folder("d/e"), file("d/e/f"), file("d/e/g"), file("d-c"), file("z")])
}

fn without_attributes() {
    testkit::skip("the disk of temporary files keeps no attributes `user.*`");
}

#[test]
fn what_is_gone_is_said_where_the_base_has_it_only() {
    if !testkit::takes_marks() {
        return;
    }
    let upper = Upper::new();
    upper.folder("d").gone("d/a").gone("d/none").gone("d/e").gone("d-c").gone("never").then();
    let expected = ["d/ as it was", "d/.wh.a", "d/.wh.e", ".wh.d-c"];
    assert_eq!(upper.lines(&there(), &rules()), expected);
    // In the tar, whiteouts stand where what they hide would.
    let (lay, contents) = upper.diff(&there(), &rules()).unwrap();
    assert_eq!(names(&lay, contents.as_ref()), ["d", "d/.wh.a", "d/.wh.e", ".wh.d-c"]);
    let mut index = there();
    index.begin_layer();
    lay.values().for_each(|laid| index.insert(&laid.entry).unwrap());
    assert_eq!(index.below(b"").map(|(path, _)| path).collect::<Vec<_>>(), [b"d".as_slice(), b"d/b", b"z"]);
}

fn names(lay: &Lay, contents: &dyn Contents) -> Vec<String> {
    let mut blob = Vec::new();
    pack(lay, contents, Settings::default(), &mut blob).unwrap();
    let mut reader = Reader::new(Inflate::new(blob.as_slice(), InflateLimits::default()).unwrap(), Limits::default(), Rules::of_layer());
    let mut names = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        names.push(String::from_utf8(entry.path).unwrap());
    }
    names
}

#[test]
fn a_marked_file_without_content_is_gone_too() {
    let upper = Upper::new();
    upper.folder("d").file("d/a", "").file("d/b", "1").then();
    if !upper.attribute("d/a", "user.overlay.whiteout", b"y") {
        return without_attributes();
    }
    // A file with content is none, and `x` makes no folder opaque.
    assert!(upper.attribute("d/b", "user.overlay.whiteout", b"y") && upper.attribute("d", "user.overlay.opaque", b"x"));
    assert_eq!(upper.lines(&there(), &rules()), ["d/ as it was", "d/.wh.a", "d/b 1"]);
    // On an overlay that keeps its marks elsewhere, they are a program's own.
    let rules = DiffRules { marks: Marks::Trusted, keeps_user_attributes: true, ..rules() };
    assert_eq!(upper.lines(&there(), &rules), ["d/ as it was", "d/a 0", "d/b 1"]);
}

#[test]
fn an_opaque_folder_hides_all_that_is_not_in_it_one_by_one() {
    if !testkit::takes_marks() {
        return;
    }
    let upper = Upper::new();
    upper.folder("d").folder("d/e").file("d/e/f", "new").gone("d/b").then();
    if !upper.attribute("d", "user.overlay.opaque", b"y") {
        return without_attributes();
    }
    // What is below it hides what the base has there as well, unmarked as it is.
    assert_eq!(upper.lines(&there(), &rules()), ["d/ as it was", "d/.wh.a", "d/.wh.b", "d/e/ as it was", "d/e/f 3", "d/e/.wh.g"]);

    // Where the base has none, there is nothing to hide.
    assert_eq!(upper.lines(&base(&[Entry::file("d", 1)]), &rules()), ["d/", "d/e/", "d/e/f 3"]);
}

#[test]
fn attributes_of_programs_are_kept_as_the_rules_say() {
    let upper = Upper::new();
    upper.file("f", "1").folder("d").then();
    if !upper.attribute("f", "user.note", b"n") || !upper.attribute("d", "user.note", b"n") {
        return without_attributes();
    }
    assert!(upper.attribute("f", "user.overlay.origin", b"o"));
    let base = base(&[Entry::directory("d")]);
    assert_eq!(upper.lines(&base, &rules()), ["f 1"]);
    assert_eq!(upper.lines(&base, &DiffRules { keeps_user_attributes: true, ..rules() }), ["d/ user.note=n", "f 1 user.note=n"]);
}

#[test]
fn rights_of_a_program_are_always_kept() {
    let upper = Upper::new();
    upper.file("f", "1").then();
    let value = [[1, 0, 0, 2].as_slice(), &[4; 4], &[0; 12]].concat();
    if !upper.attribute("f", "security.capability", &value) {
        testkit::skip("only root may give a program rights");
        return;
    }
    let (lay, _) = upper.diff(&PathIndex::new(), &rules()).unwrap();
    let Some(Laid { entry, content: Content::Source(_) }) = lay.get(&"f".into()) else { panic!("{lay:?}") };
    assert_eq!(entry.xattrs, [(b"security.capability".to_vec(), value)].into());
}

#[test]
fn what_is_not_whole_is_refused() {
    let upper = Upper::new();
    upper.folder("d").then();
    if !upper.attribute("d", "user.overlay.redirect", b"/old") {
        return without_attributes();
    }
    let refused = upper.diff(&there(), &rules()).err().unwrap();
    assert!(matches!(&refused, DiffError::Partial { attribute, .. } if attribute == "user.overlay.redirect"), "{refused}");
}
