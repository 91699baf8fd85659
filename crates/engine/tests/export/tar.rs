//! One tar, of one or several platforms.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use engine::export::{ExportError, Options, write_tar, write_tar_file};
use fault::{Fault, Kind};
use layer::tar::{Device, Entry, EntryKind};

use super::fixture::{MERGED, SPLIT, bare, file, files, found, planned};

/// The entries of a tar, a line each, as another reader sees them.
fn lines(bytes: &[u8]) -> Vec<String> {
    let mut archive = ::tar::Archive::new(bytes);
    let lines = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        let (header, path) = (entry.header(), entry.path().unwrap().display().to_string());
        let link = entry.link_name().unwrap().map(|link| format!(" -> {}", link.display())).unwrap_or_default();
        let owner = format!("{}:{}", header.uid().unwrap(), header.gid().unwrap());
        format!("{:?} {path}{link} {:o} {owner} @{} {content}", header.entry_type(), header.mode().unwrap(), header.mtime().unwrap())
    });
    lines.collect()
}

/// Bytes that outlive who writes them.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn everything_is_in_it_as_it_is_below_the_folders_of_the_platforms() {
    let null = EntryKind::CharDevice(Device { major: 1, minor: 3 });
    let amd = files(vec![
        bare(Entry::directory("bin").mode(0o1777).mtime(30)),
        (Entry::file("bin/a", 3).mode(0o4755).owner(7, 8).mtime(99), b"amd".to_vec()),
        bare(Entry::hardlink("bin/b", "bin/a").mode(0o4755).owner(7, 8).mtime(99)),
        bare(Entry { kind: null, ..Entry::file("null", 0) }),
    ]);
    let arm = files(vec![bare(Entry::symlink("bin/a", "/x"))]);
    let options = Options { newest: Some(50), ..SPLIT };
    let images = [("linux/amd64", &amd), ("linux/arm/v7", &arm)];
    let output = Shared::default();
    let written = write_tar(planned(&images, options).await.unwrap(), Path::new("-"), output.clone()).await.unwrap();
    let bytes = output.0.lock().unwrap().clone();
    let expected = [
        "Directory linux_amd64/ 755 0:0 @50 ",
        "Directory linux_amd64/bin/ 1777 0:0 @30 ",
        "Regular linux_amd64/bin/a 4755 7:8 @50 amd",
        "Link linux_amd64/bin/b -> linux_amd64/bin/a 4755 7:8 @50 ",
        "Char linux_amd64/null 644 0:0 @0 ",
        "Directory linux_arm_v7/ 755 0:0 @0 ",
        "Directory linux_arm_v7/bin/ 755 0:0 @0 ",
        "Symlink linux_arm_v7/bin/a -> /x 777 0:0 @0 ",
    ];
    assert_eq!(lines(&bytes), expected);
    assert_eq!((written.entries, written.bytes), (8, 3));
    let again = Shared::default();
    write_tar(planned(&images, options).await.unwrap(), Path::new("-"), again.clone()).await.unwrap();
    assert_eq!(*again.0.lock().unwrap(), bytes);
}

#[tokio::test]
async fn a_file_has_its_name_when_it_is_whole() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("new/out.tar");
    let plan = planned(&[("linux/amd64", &files(vec![file("a", "one")]))], MERGED).await.unwrap();
    write_tar_file(plan, &path).await.unwrap();
    assert_eq!(lines(&fs::read(&path).unwrap()), ["Regular a 644 0:0 @0 one"]);
    let broken = files(vec![(Entry::file("a", 9), b"short".to_vec())]);
    let problem = write_tar_file(planned(&[("linux/amd64", &broken)], MERGED).await.unwrap(), &path).await.unwrap_err();
    assert!(problem.to_string().contains("expected 9 bytes, got 5"), "{problem}");
    assert_eq!(lines(&fs::read(&path).unwrap()), ["Regular a 644 0:0 @0 one"]);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_link_to_a_file_stays_one_and_a_folder_is_refused() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("real.tar"), "old").unwrap();
    let link = home.path().join("out.tar");
    std::os::unix::fs::symlink("real.tar", &link).unwrap();
    let plan = planned(&[("linux/amd64", &files(vec![file("a", "one")]))], MERGED).await.unwrap();
    write_tar_file(Arc::clone(&plan), &link).await.unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(lines(&fs::read(home.path().join("real.tar")).unwrap()).len(), 1);
    fs::create_dir(home.path().join("folder")).unwrap();
    let problem = write_tar_file(plan, &home.path().join("folder")).await.unwrap_err();
    assert!(matches!(problem, ExportError::NoFile(_)), "{problem}");
    assert!(found(&home.path().join("folder")).is_empty());
}

#[tokio::test]
async fn a_disk_that_is_full_is_named() {
    let plan = planned(&[("linux/amd64", &files(vec![file("a", "one")]))], MERGED).await.unwrap();
    let problem = write_tar_file(plan, Path::new("/dev/full")).await.unwrap_err();
    assert_eq!((problem.to_string().as_str(), problem.kind()), ("cannot write /dev/full: the disk is full", Kind::Place));
}
