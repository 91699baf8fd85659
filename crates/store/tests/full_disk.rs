//! A disk that is full: a clear error, and nothing partial.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

use content::{Events, Expected, Library, Limits, Place, Sink, Source, copy};
use fault::{Fault, Kind};
use oci::{Digest, Selector};
use store::{Layout, NameOrigin, Store};
use testkit::fixtures::{BuiltImage, Image, in_memory, put, random_bytes};

/// A disk of 64 MiB, unmounted at the end.
struct SmallDisk {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        std::fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(&path).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            Some(Self { path, _folder: folder })
        } else {
            testkit::skip("mounting a small tmpfs needs root");
            None
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

fn image(bytes: usize) -> BuiltImage {
    Image::new("linux/amd64").file("data", random_bytes(5, bytes)).uncompressed().build()
}

/// The files below a folder that are no folders, with their length.
fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push((entry.path(), entry.metadata().unwrap().len()));
        }
    }
    found.sort();
    found
}

async fn refuses(place: &dyn Place, folder: &Path) {
    let (old, new) = (image(1_000), image(80 * 1024 * 1024));
    let name = Selector::Name("1.0".to_owned());
    put(place, &old, Some("1.0")).await;
    let before = files(folder);
    let source = in_memory(&[&new], &[]).await;
    let error = copy(&source, place, &new.manifest, Limits::default(), &Events::none()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("no space left to write blob {} at {}", new.layers[0].0.digest, folder.display())), "{text}");
    assert_eq!(error.kind(), Kind::Place);
    let hint = error.hint().unwrap().to_string();
    assert!(hint.starts_with(&format!("free space on the disk of {}", folder.display())), "{hint}");
    assert!(!place.has(&new.layers[0].0).await.unwrap());
    assert!(place.tag(&name, &new.manifest, &Expected::Any).await.is_err());
    assert_eq!(place.resolve(&name).await.unwrap().digest, *old.digest());
    // The config may have come in time; beside it nothing is there that was not there before.
    let config = new.config.0.digest.hex();
    let after: Vec<_> = files(folder).into_iter().filter(|(path, _)| !path.ends_with(config)).collect();
    assert_eq!(after, before);
}

#[tokio::test]
async fn the_store_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount() else { return };
    let root = disk.path.join("store");
    let store = Store::open(root.clone(), Arc::new(SystemTime::now)).unwrap();
    // The lock is made with the first name.
    refuses(&*store.repository(&"hello".parse().unwrap(), NameOrigin::Made), &root).await;
    let mut upload = store.draft().await.unwrap();
    let chunk = random_bytes(6, 8 * 1024 * 1024);
    let mut outcome = Ok(());
    for _ in 0..10 {
        outcome = outcome.and(upload.write(chunk.clone()).await);
    }
    let outcome = match outcome {
        Ok(()) => upload.commit(&Digest::of(b"")).await.map(drop),
        Err(error) => Err(error),
    };
    assert!(outcome.unwrap_err().to_string().starts_with("no space left to write an upload"));
    assert_eq!(store.check().await.unwrap(), []);
    assert_eq!(store.usage().await.unwrap().ingest_bytes, 0);
    assert_eq!(store.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_layout_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount() else { return };
    let root = disk.path.join("layout");
    refuses(&Layout::create_or_open(&root).unwrap(), &root).await;
    // Not a byte left: the name stays, and index.json stays whole.
    let layout = Layout::open(&root).unwrap();
    let list = std::fs::read(root.join("index.json")).unwrap();
    fill(&disk.path);
    let old = layout.manifest(&Selector::Name("1.0".to_owned())).await.unwrap();
    let error = layout.tag(&Selector::Name("2.0".to_owned()), &old, &Expected::Any).await.unwrap_err();
    assert!(error.to_string().starts_with("no space left to write index.json"), "{error}");
    assert_eq!(std::fs::read(root.join("index.json")).unwrap(), list);
    assert_eq!(layout.tags().await.unwrap(), ["1.0"]);
}

fn fill(disk: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(disk.join("filler")).unwrap();
    for chunk in [1024 * 1024, 4096, 1] {
        while file.write_all(&vec![0; chunk]).is_ok() {}
    }
}
