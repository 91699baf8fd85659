//! Several platforms: beside each other, or together.

use std::fs;

use engine::export::{ExportError, Options, platform_folder, write_folder};
use fault::Fault;
use layer::tar::{Entry, EntryKind};
use oci::Platform;

use super::fixture::{MERGED, SPLIT, bare, file, files, found, planned, seen};

#[test]
fn folders_are_called_as_buildkit_calls_them_and_are_one_name() {
    let named = |text: &str| platform_folder(&text.parse().unwrap());
    assert_eq!(named("linux/amd64"), "linux_amd64");
    assert_eq!(named("linux/arm/v6"), "linux_arm_v6");
    assert_eq!(named("linux/arm64/v8"), "linux_arm64");
    assert_eq!(named("windows/amd64"), "windows_amd64");
    let versioned = Platform { os_version: Some("10.0.20348.1".to_owned()), ..Platform::new("windows", "amd64", None) };
    assert_eq!(platform_folder(&versioned), "windows(10.0.20348.1)_amd64");
    assert_eq!(platform_folder(&Platform::new("..", "../x", Some("\\y"))), ".._.._x__y");
}

#[tokio::test]
async fn each_platform_has_its_folder() {
    let home = tempfile::tempdir().unwrap();
    let amd = files(vec![file("app", "amd"), bare(Entry::hardlink("again", "app"))]);
    let arm = files(vec![(Entry::file("app", 3).mtime(90), b"arm".to_vec())]);
    let plan = planned(&[("linux/amd64", &amd), ("linux/arm/v7", &arm)], Options { newest: Some(50), ..SPLIT }).await.unwrap();
    assert_eq!((plan.size(), plan.entries().count()), (6, 5));
    write_folder(plan, home.path()).await.unwrap();
    let lines = ["linux_amd64/", "linux_amd64/again: amd", "linux_amd64/app: amd", "linux_arm_v7/", "linux_arm_v7/app: arm"];
    assert_eq!(found(home.path()), lines);
    assert_eq!((seen(&home.path().join("linux_arm_v7")), seen(&home.path().join("linux_arm_v7/app"))), ((0o755, 50), (0o644, 50)));
}

#[tokio::test]
async fn merged_platforms_share_folders_and_files_that_are_the_same() {
    let home = tempfile::tempdir().unwrap();
    let amd = files(vec![bare(Entry::directory("doc").mode(0o700)), file("doc/license", "MIT"), file("app-amd64", "1")]);
    let license = (Entry::file("doc/license", 3).mtime(8), b"MIT".to_vec());
    let arm = files(vec![bare(Entry::directory("doc").mode(0o711)), license, file("doc/arm", "2")]);
    let plan = planned(&[("linux/amd64", &amd), ("linux/arm64", &arm)], MERGED).await.unwrap();
    let written = write_folder(plan, home.path()).await.unwrap();
    assert_eq!(found(home.path()), ["app-amd64: 1", "doc/", "doc/arm: 2", "doc/license: MIT"]);
    assert_eq!((written.entries, seen(&home.path().join("doc")).0, seen(&home.path().join("doc/license")).1), (4, 0o700, 0));
}

#[tokio::test]
async fn what_is_not_the_same_is_refused_with_both_platforms() {
    let amd = files(vec![file("bin/app", "one"), file("later", "z")]);
    let others = [
        vec![file("bin/app", "two")],
        vec![file("bin/app", "more")],
        vec![(Entry::file("bin/app", 3).mode(0o755), b"one".to_vec())],
        vec![bare(Entry::symlink("bin/app", "x"))],
        vec![bare(Entry::directory("bin/app"))],
        vec![file("bin/app/x", "one")],
        vec![bare(Entry { kind: EntryKind::Fifo, ..Entry::file("bin/app", 0) })],
    ];
    for other in others {
        let arm = files(other);
        let problem = planned(&[("linux/amd64", &amd), ("linux/arm/v7", &arm)], MERGED).await.err().unwrap();
        let text = "/bin/app of linux/amd64 is not that of linux/arm/v7, and both would be written to it";
        assert_eq!(problem.to_string(), text);
        assert!(problem.hint().unwrap().to_string().contains("platform-split"));
    }
    let arm = files(vec![file("bin", "file")]);
    let problem = planned(&[("linux/amd64", &amd), ("linux/arm/v7", &arm)], MERGED).await.err().unwrap();
    assert!(matches!(problem, ExportError::Collision { path, .. } if path == "bin".into()));
}

#[tokio::test]
async fn a_tree_with_something_in_a_file_and_names_with_nul_are_refused() {
    let odd = files(vec![file("a", "file"), file("a/x", "x")]);
    let problem = planned(&[("linux/amd64", &odd)], MERGED).await.err().unwrap();
    assert_eq!(problem.to_string(), "/a of linux/amd64 cannot be written: there is something in it, and it is no folder");
    let leads_out = files(vec![bare(Entry::symlink("a", "/tmp")), file("a/x", "x")]);
    assert!(matches!(planned(&[("linux/amd64", &leads_out)], MERGED).await.err().unwrap(), ExportError::Path { .. }));
    let nul = files(vec![file("a\0b", "x")]);
    assert!(matches!(planned(&[("linux/amd64", &nul)], SPLIT).await.err().unwrap(), ExportError::Path { .. }));
}

#[tokio::test]
async fn a_root_that_is_listed_changes_nothing_of_the_folder() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    fs::create_dir(&out).unwrap();
    let mode = seen(&out).0;
    let files = files(vec![bare(Entry::directory("").mode(0o711).mtime(1)), file("x", "x")]);
    write_folder(planned(&[("linux/amd64", &files)], MERGED).await.unwrap(), &out).await.unwrap();
    assert_eq!((seen(&out).0, found(&out)), (mode, vec!["x: x".to_owned()]));
}
