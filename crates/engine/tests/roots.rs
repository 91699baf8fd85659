//! Layers as folders that overlayfs lays over each other.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use content::Memory;
use engine::base::Layers;
use engine::roots::{Roots, RootsError, Stack, Standing};
use layer::index::PathIndex;
use layer::tar::{Device, Entry, EntryKind, Whiteout};
use layer::{Compression, LayerWriter, Settings};
use oci::{Descriptor, DiffId, MediaType};

/// Who runs the tests.
fn standing() -> Standing {
    if testkit::is_root() { Standing::Root } else { Standing::Single }
}

/// A layer of entries; what a file holds is its own path.
fn layer(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let settings = Settings { compression: Compression::None, threads: 1, options: Default::default() };
    let mut writer = LayerWriter::create(&mut bytes, settings);
    for entry in entries {
        match entry.kind {
            _ if let Some(Whiteout::Hides(path)) = entry.as_whiteout() => writer.whiteout(&path).unwrap(),
            EntryKind::File { .. } if entry.size() > 0 => writer.append(entry, &mut entry.path.as_slice()).unwrap(),
            _ => writer.append_empty(entry).unwrap(),
        }
    }
    writer.finish().unwrap();
    bytes
}

fn file(path: &str) -> Entry {
    Entry::file(path, path.len() as u64).mtime(77)
}

/// Unpacks layers over each other, each into a folder.
async fn unpacked(home: &Path, layers: &[&[Entry]]) -> Result<(Roots, Stack), RootsError> {
    unpacked_tars(home, &layers.iter().map(|entries| layer(entries)).collect::<Vec<_>>()).await
}

async fn unpacked_tars(home: &Path, layers: &[Vec<u8>]) -> Result<(Roots, Stack), RootsError> {
    let roots = Roots::open(home, standing()).unwrap();
    let (mut stack, mut index) = (Stack::default(), PathIndex::new());
    for bytes in layers {
        let described = (Descriptor::of(MediaType::OciLayer, bytes), DiffId(oci::Digest::of(bytes)));
        let memory = Memory::new();
        memory.insert_blob(bytes.clone().into());
        stack = roots.over(&stack, &index, &Layers::new("test", Arc::new(memory), vec![described])).await?;
        index.add_layer(bytes.as_slice()).unwrap();
    }
    Ok((roots, stack))
}

fn is_gone(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_char_device() && found.rdev() == 0)
}

fn is_opaque(path: &Path) -> bool {
    let name = if standing() == Standing::Root { "trusted.overlay.opaque" } else { "user.overlay.opaque" };
    let mut value = [0; 8];
    rustix::fs::getxattr(path, name, &mut value).is_ok_and(|length| value.get(..length) == Some(b"y".as_slice()))
}

fn whiteout(path: &str) -> Entry {
    Entry::whiteout(path.as_bytes())
}

#[tokio::test]
async fn files_are_as_their_layer_says() {
    let home = tempfile::tempdir().unwrap();
    let device = Entry { kind: EntryKind::CharDevice(Device { major: 1, minor: 3 }), ..Entry::file("dev/null", 0) };
    let mark = Entry { kind: EntryKind::CharDevice(Device { major: 0, minor: 0 }), ..Entry::file("dev/zero", 0) };
    let lower = [
        Entry::directory("a").mode(0o750).owner(5, 6).mtime(5),
        file("a/f").mode(0o4755).owner(7, 8).xattr("user.note", "kept"),
        Entry::hardlink("a/g", "a/f").mode(0o4755).owner(7, 8).mtime(77),
        Entry::symlink("a/l", "../etc/passwd").mtime(9),
        Entry { kind: EntryKind::Fifo, ..Entry::file("a/p", 0) }.mode(0o622),
        device,
        mark,
        file("deep/er/x"),
    ];
    let (_roots, stack) = unpacked(home.path(), &[&lower]).await.unwrap();
    let at = |path: &str| stack.folders()[0].join(path);
    let found = |path: &str| fs::symlink_metadata(at(path)).unwrap();
    assert_eq!(fs::read(at("a/f")).unwrap(), b"a/f");
    assert_eq!((found("a/f").mode() & 0o7777, found("a/f").mtime(), found("a/f").nlink()), (0o4755, 77, 2));
    assert_eq!(found("a/f").ino(), found("a/g").ino());
    assert_eq!((found("a").mode() & 0o7777, found("a").mtime()), (0o750, 5), "a folder gets its time when all is in it");
    assert_eq!((fs::read_link(at("a/l")).unwrap(), found("a/l").mtime()), (PathBuf::from("../etc/passwd"), 9));
    assert!(found("a/p").file_type().is_fifo());
    assert_eq!((found("deep").mode() & 0o7777, found("deep/er").mtime()), (0o755, 0), "folders that nobody wrote");
    assert!(fs::symlink_metadata(at("dev/zero")).is_err(), "an overlay would take it for a mark");
    let mut value = [0; 16];
    let length = rustix::fs::getxattr(at("a/f"), "user.note", &mut value).unwrap();
    assert_eq!(value.get(..length), Some(b"kept".as_slice()));
    if standing().has_owners() {
        assert_eq!((found("a/f").uid(), found("a/f").gid(), found("a").uid(), found("a").gid()), (7, 8, 5, 6));
        assert!(found("dev/null").file_type().is_char_device());
    }
}

#[tokio::test]
async fn what_a_layer_takes_away_is_marked_as_overlayfs_has_it() {
    if !testkit::takes_marks() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let lower = [
        Entry::directory("etc").mode(0o711).mtime(3),
        file("etc/old"),
        Entry::directory("d").mtime(3),
        file("d/x"),
        file("e/x"),
        Entry::symlink("lib", "usr/lib"),
        Entry::directory("usr/lib").mtime(3),
        file("usr/lib/so"),
        file("turns"),
        file("tree/leaf"),
    ];
    let upper = [
        whiteout("etc/old"),
        // Taken away, and made again: nothing of the old one shows.
        whiteout("d"),
        Entry::directory("d").mtime(4),
        file("d/new"),
        // Taken away behind what is new in it.
        file("e/new"),
        whiteout("e"),
        whiteout("lib/so"),
        Entry::directory("turns").mtime(4),
        file("tree"),
    ];
    let (_roots, stack) = unpacked(home.path(), &[&lower, &upper]).await.unwrap();
    let at = |path: &str| stack.folders()[1].join(path);
    assert!(is_gone(&at("etc/old")) && is_gone(&at("usr/lib/so")), "by their real paths");
    let etc = fs::metadata(at("etc")).unwrap();
    assert_eq!((etc.mode() & 0o7777, etc.mtime()), (0o711, 3), "a folder on the way is as it was");
    assert!(is_opaque(&at("d")) && at("d/new").is_file() && !at("d/x").exists());
    assert!(!is_opaque(&at("e")) && at("e/new").is_file() && is_gone(&at("e/x")));
    assert!(at("turns").is_dir() && at("tree").is_file());
    assert!(fs::symlink_metadata(at("lib")).is_err(), "nothing is made through a link");
}

#[tokio::test]
async fn a_link_to_a_file_of_a_lower_layer_brings_that_file() {
    let home = tempfile::tempdir().unwrap();
    let lower = layer(&[file("etc/file").mode(0o600), Entry::symlink("etc/link", "file").mtime(7)]);
    // No layer that we write has such links, but others may.
    let mut upper = tar::Builder::new(Vec::new());
    for (path, target) in [("linked", "etc/file"), ("etc/again", "linked"), ("way", "etc/link")] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Link);
        header.set_size(0);
        upper.append_link(&mut header, path, target).unwrap();
    }
    let (_roots, stack) = unpacked_tars(home.path(), &[lower, upper.into_inner().unwrap()]).await.unwrap();
    let at = |path: &str| stack.folders()[1].join(path);
    assert_eq!(fs::read(at("linked")).unwrap(), b"etc/file");
    let found = fs::metadata(at("linked")).unwrap();
    assert_eq!((found.mode() & 0o7777, found.mtime(), found.nlink()), (0o600, 77, 3), "three names, one of them where it was");
    assert_eq!(found.ino(), fs::metadata(at("etc/again")).unwrap().ino());
    assert_eq!(fs::read_link(at("way")).unwrap(), Path::new("file"));
}

#[tokio::test]
async fn a_layer_is_unpacked_once_and_by_its_chain() {
    if !testkit::takes_marks() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let (one, two) = ([file("one")], [file("two")]);
    let (_, first) = unpacked(home.path(), &[&one, &two]).await.unwrap();
    let marked = first.folders()[1].join("mark");
    fs::write(&marked, "").unwrap();
    let (_, again) = unpacked(home.path(), &[&one, &two]).await.unwrap();
    assert_eq!(again.folders(), first.folders());
    assert!(marked.exists(), "it is the one that was there");
    let (_, alone) = unpacked(home.path(), &[&two]).await.unwrap();
    assert_ne!(alone.folders()[0], first.folders()[1], "the same layer over another is another folder");
    assert_eq!(fs::read_dir(home.path().join(standing().name()).join("work")).unwrap().count(), 0, "nothing is left under way");
}

#[tokio::test]
async fn what_a_broken_build_left_is_taken_away_and_what_is_in_use_stays() {
    if !testkit::takes_marks() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let roots = Roots::open(home.path(), standing()).unwrap();
    let held = roots.scratch().unwrap();
    fs::write(held.path().join("mine"), "").unwrap();
    let left = home.path().join(standing().name()).join("work/left");
    fs::create_dir_all(left.join("content/upper")).unwrap();
    fs::write(left.join("lock"), "").unwrap();
    let _other = Roots::open(home.path(), standing()).unwrap();
    assert!(!left.exists() && held.path().join("mine").exists());
    let place = held.path();
    drop(held);
    assert!(!place.exists());
}

#[tokio::test]
async fn a_layer_that_cannot_be_unpacked_leaves_nothing() {
    if !testkit::takes_marks() {
        return;
    }
    if !testkit::is_root() {
        return testkit::skip("only root gives files to others");
    }
    let home = tempfile::tempdir().unwrap();
    let huge = [file("a"), file("b").owner(u64::from(u32::MAX), 0)];
    let problem = unpacked(home.path(), &[&huge]).await.err().expect("no user has this number");
    assert_eq!(problem.to_string(), "/b of a layer belongs to 4294967295:0, and there are not so many users here");
    for folder in ["work", "layers"] {
        assert_eq!(fs::read_dir(home.path().join("root").join(folder)).unwrap().count(), 0, "{folder}");
    }
}
