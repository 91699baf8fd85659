//! A folder of this machine: what is in it afterwards.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use engine::export::{ExportError, LeftOut, Omission};
use fault::{Fault, Kind};
use layer::tar::{Device, Entry, EntryKind};

use super::fixture::{bare, file, files, found, seen, write};

#[tokio::test]
async fn everything_is_as_it_is_in_the_image_but_its_owner() {
    let home = tempfile::tempdir().unwrap();
    let tool = (Entry::file("bin/tool", 4).mode(0o6751).owner(7, 8).mtime(1_000), b"tool".to_vec());
    let files = files(vec![
        bare(Entry::directory("bin").mode(0o555).mtime(500)),
        tool,
        bare(Entry::hardlink("bin/zool", "bin/tool")),
        bare(Entry::symlink("etc", "/bin").mtime(700)),
        bare(Entry { kind: EntryKind::Fifo, ..Entry::file("pipe", 0).mode(0o622).mtime(600) }),
        file("empty", ""),
        bare(Entry::directory("tmp").mode(0o1777).mtime(-5)),
        file("made/by/need", "x"),
    ]);
    let out = home.path().join("new/out");
    let written = write(&files, &out).await.unwrap();
    let lines =
        ["bin/", "bin/tool: tool", "bin/zool: tool", "empty: ", "etc -> /bin", "made/", "made/by/", "made/by/need: x", "pipe |", "tmp/"];
    assert_eq!(found(&out), lines);
    assert_eq!((written.entries, written.bytes, written.left_out.as_slice()), (10, 5, [].as_slice()));
    assert_eq!((seen(&out.join("bin")), seen(&out.join("bin/tool"))), ((0o555, 500), (0o6751, 1_000)));
    assert_eq!((seen(&out.join("tmp")), seen(&out.join("pipe")), seen(&out.join("etc")).1), ((0o1777, -5), (0o622, 600), 700));
    assert_eq!(seen(&out.join("made/by")), (0o755, 1_000), "as old as the newest of the image");
    let [tool, link] = ["bin/tool", "bin/zool"].map(|path| fs::metadata(out.join(path)).unwrap());
    assert_eq!((tool.ino(), tool.nlink()), (link.ino(), 2));
    assert_eq!(tool.uid(), fs::metadata(home.path()).unwrap().uid(), "it belongs to who writes it, root too");
}

#[tokio::test]
async fn what_is_there_is_merged_and_files_are_replaced_whole() {
    let home = tempfile::tempdir().unwrap();
    let at = |path: &str| home.path().join(path);
    fs::create_dir(at("usr")).unwrap();
    for name in ["mine", "usr/mine", "usr/old", "elsewhere"] {
        fs::write(at(name), "old").unwrap();
    }
    fs::hard_link(at("usr/old"), at("other-name")).unwrap();
    std::os::unix::fs::symlink("elsewhere", at("usr/link")).unwrap();
    let files = files(vec![bare(Entry::directory("usr").mode(0o711).mtime(4)), file("usr/link", "new"), file("usr/old", "new")]);
    write(&files, home.path()).await.unwrap();
    let lines = ["elsewhere: old", "mine: old", "other-name: old", "usr/", "usr/link: new", "usr/mine: old", "usr/old: new"];
    assert_eq!(found(home.path()), lines);
    assert_eq!(seen(&at("usr")), (0o711, 4));
}

#[tokio::test]
async fn it_can_be_written_again_though_a_folder_of_it_takes_no_files() {
    let home = tempfile::tempdir().unwrap();
    let entries = |content| {
        vec![bare(Entry::directory("closed").mode(0o500)), file("closed/a", content), bare(Entry::hardlink("closed/b", "closed/a"))]
    };
    write(&files(entries("one")), home.path()).await.unwrap();
    write(&files(entries("two")), home.path()).await.unwrap();
    assert_eq!(found(home.path()), ["closed/", "closed/a: two", "closed/b: two"]);
    assert_eq!(seen(&home.path().join("closed")).0, 0o500);
    assert_eq!(fs::metadata(home.path().join("closed/a")).unwrap().nlink(), 2);
    fs::set_permissions(home.path().join("closed"), fs::Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test]
async fn what_a_folder_does_not_take_is_told() {
    let home = tempfile::tempdir().unwrap();
    let device = Device { major: 1, minor: 3 };
    let files = files(vec![
        bare(Entry::directory("dev")),
        bare(Entry { kind: EntryKind::BlockDevice(device), ..Entry::file("dev/disk", 0) }),
        bare(Entry { kind: EntryKind::CharDevice(device), ..Entry::file("dev/null", 0) }),
        (Entry::file("labelled", 1).xattr("security.selinux", "any"), b"x".to_vec()),
    ]);
    let written = write(&files, home.path()).await.unwrap();
    let left = |path: &str, what| LeftOut { path: path.into(), what };
    let label = Omission::Attribute("security.selinux".to_owned());
    let expected = [left("dev/disk", Omission::Device), left("dev/null", Omission::Device), left("labelled", label)];
    assert_eq!((written.entries, written.left_out.as_slice()), (2, expected.as_slice()));
    assert_eq!(found(home.path()), ["dev/", "labelled: x"]);
    assert_eq!(expected[0].to_string(), "dev/disk: a device, left out");
}

#[tokio::test]
async fn a_folder_that_takes_nothing_is_named() {
    let home = tempfile::tempdir().unwrap();
    let files = files(vec![file("x", "new")]);
    let wrong = home.path().join("file");
    fs::write(&wrong, "old").unwrap();
    let problem = write(&files, &wrong).await.unwrap_err();
    assert_eq!(problem.to_string(), format!("{}: expected a folder to write to, got something else", wrong.display()));
    assert_eq!(problem.kind(), Kind::Place);
    if testkit::passes_modes() {
        return testkit::skip("root may write to any folder");
    }
    let closed = home.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    let problem = write(&files, &closed).await.unwrap_err();
    assert_eq!(problem.to_string(), format!("cannot write {}", closed.join("x").display()));
    assert!(problem.hint().is_some() && found(&closed).is_empty());
}

#[tokio::test]
async fn a_name_that_is_too_long_is_named_and_nothing_is_left() {
    let home = tempfile::tempdir().unwrap();
    let long = "n".repeat(300);
    let problem = write(&files(vec![file("a", "a"), file(&long, "x")]), home.path()).await.unwrap_err();
    assert!(matches!(&problem, ExportError::Write { path, .. } if path.ends_with(&long)), "{problem}");
    assert!(problem.hint().unwrap().to_string().contains("too long"));
    assert!(found(home.path()).is_empty(), "it was looked at before anything was written");
}

#[tokio::test]
async fn a_file_that_is_not_as_long_as_it_says_does_not_replace_another() {
    for size in [2, 9] {
        let home = tempfile::tempdir().unwrap();
        let files = files(vec![bare(Entry::directory("d").mode(0o700)), (Entry::file("d/x", size), b"new".to_vec()), file("z", "z")]);
        fs::create_dir(home.path().join("d")).unwrap();
        fs::write(home.path().join("d/x"), "old").unwrap();
        let problem = write(&files, home.path()).await.unwrap_err();
        assert!(matches!(problem, ExportError::Changed { expected, got: 3, .. } if expected == size), "{problem}");
        assert_eq!(found(home.path()), ["d/", "d/x: old"]);
        assert_eq!(seen(&home.path().join("d")).0, 0o700);
    }
}
