//! What is special to the local store: names, origins, versions, uploads, memory.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use content::{Error, Expected, Library, Recall, Tagged};
use fault::{Fault, Kind};
use oci::{Algorithm, Digest, Reference, Selector};
use store::{NameOrigin, Store, StoreError};
use tempfile::TempDir;
use testkit::fixtures::{Image, Index, put, put_index, random_bytes};

fn open(root: &Path) -> Store {
    Store::open(root.to_owned(), Arc::new(SystemTime::now)).unwrap()
}

fn fresh() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store"));
    (folder, store)
}

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

fn name(text: &str) -> Selector {
    Selector::Name(text.to_owned())
}

#[tokio::test]
async fn reading_a_store_that_is_not_there_makes_nothing() {
    let (folder, store) = fresh();
    let place = store.repository(&reference("hello"), NameOrigin::Made);
    let error = place.resolve(&name("1.0")).await.unwrap_err();
    assert_eq!(error.to_string(), "no tag 1.0 in hello (local store)");
    assert!(place.resolve(&Selector::Only).await.unwrap_err().to_string().starts_with("no tag latest in hello"));
    assert!(store.unname(&reference("hello:1.0")).await.unwrap_err().is_missing());
    assert!(place.remove(&name("1.0")).await.unwrap_err().is_missing());
    assert!(place.remove(&Selector::Digest(Digest::of(b""))).await.unwrap_err().is_missing());
    assert_eq!(store.list().await.unwrap().len(), 0);
    assert_eq!(store.check().await.unwrap(), []);
    assert_eq!(store.usage().await.unwrap().bytes, 0);
    assert_eq!(store.repositories().await.unwrap(), Vec::<String>::new());
    let plan = store.prune_plan(std::time::Duration::ZERO).await.unwrap();
    assert_eq!(store.prune(plan).await.unwrap().removed, 0);
    assert_eq!(store.pointed_at("x"), None);
    assert!(store.resolve_made(&reference("hello")).await.unwrap().is_none());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was made");
}

#[tokio::test]
async fn the_folder_is_for_its_owner_and_says_its_version() {
    let (_folder, store) = fresh();
    let image = Image::new("linux/amd64").build();
    put(&*store.repository(&reference("a"), NameOrigin::Made), &image, Some("1")).await;
    assert_eq!(fs::read_to_string(store.root().join("version")).unwrap(), "{\"polyarchStore\":1}\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(store.root()).unwrap().permissions().mode() & 0o777, 0o700);
    }
    assert_eq!(fs::read_dir(store.root().join("ingest")).unwrap().count(), 0);
}

#[test]
fn newer_stores_and_other_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = |path: &Path| Store::open(path.to_owned(), Arc::new(SystemTime::now)).unwrap_err();
    fs::write(folder.path().join("version"), "{\"polyarchStore\":2}").unwrap();
    assert!(matches!(error(folder.path()), StoreError::NewerStore { version: 2, .. }));
    assert!(error(folder.path()).hint().unwrap().to_string().contains("newer polyarch"));
    fs::write(folder.path().join("version"), "1.2.3").unwrap();
    assert!(error(folder.path()).to_string().ends_with("expected polyarchStore in the file version, got none"));
    fs::rename(folder.path().join("version"), folder.path().join("thesis.txt")).unwrap();
    assert!(error(folder.path()).to_string().ends_with("expected the file version, got a folder with thesis.txt"));
    assert!(error(&folder.path().join("thesis.txt")).to_string().ends_with("expected a folder, got a file"));
}

#[tokio::test]
async fn names_are_listed_with_platforms_and_size() {
    let (_folder, store) = fresh();
    let (amd64, arm) = (Image::new("linux/amd64").build(), Image::new("linux/arm/v7").build());
    let attestation = testkit::fixtures::attestation_for(&amd64);
    let index = Index::new().image(&amd64).image(&arm).add(testkit::fixtures::attestation_entry(&attestation, &amd64)).build();
    put_index(&*store.repository(&reference("ghcr.io/acme/api"), NameOrigin::Pulled), &[&amd64, &arm, &attestation], &index, Some("1.4"))
        .await;
    put(&*store.repository(&reference("hello"), NameOrigin::Made), &arm, Some("one")).await;
    let list = store.list().await.unwrap();
    let shown: Vec<String> = list
        .iter()
        .map(|entry| {
            let platforms =
                entry.platforms.iter().map(|platform| format!("{}/{}", platform.os, platform.architecture)).collect::<Vec<_>>().join(",");
            format!("{} {:?} {platforms} {}", entry.named.reference.familiar(), entry.named.origin, entry.whole)
        })
        .collect();
    assert_eq!(shown, ["ghcr.io/acme/api:1.4 Pulled linux/amd64,linux/arm true", "hello:one Made linux/arm true"]);
    let size = arm.blobs().map(|(blob, _)| blob.size).sum::<u64>() + arm.manifest.bytes().len() as u64;
    assert_eq!(list[1].size, size);
    let json = serde_json::to_value(&list[1]).unwrap();
    assert_eq!(json["reference"], "docker.io/library/hello:one");
    assert_eq!((&json["origin"], &json["platforms"][0]["variant"]), (&"made".into(), &"v7".into()));
    fs::remove_file(store.root().join("blobs/sha256").join(arm.config.0.digest.hex())).unwrap();
    assert!(store.list().await.unwrap().iter().all(|entry| !entry.whole));
    let usage = store.usage().await.unwrap();
    assert_eq!((usage.names, usage.ingest_bytes), (2, 0));
    assert_eq!(usage.blobs, usage_of(store.root()).0);
    assert_eq!(usage.bytes, usage_of(store.root()).1);
}

fn usage_of(root: &Path) -> (u64, u64) {
    let files = fs::read_dir(root.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
    files.fold((0, 0), |(count, bytes), length| (count + 1, bytes + length))
}

#[tokio::test]
async fn made_here_answers_before_what_was_pulled() {
    let (_folder, store) = fresh();
    let image = Image::new("linux/amd64").build();
    let (tag, digest) = (reference("hello:1.0"), reference(&format!("hello@{}", image.digest())));
    put(&*store.repository(&tag, NameOrigin::Pulled), &image, Some("1.0")).await;
    assert!(store.resolve_made(&tag).await.unwrap().is_none());
    assert!(store.resolve_made(&digest).await.unwrap().is_none());
    let descriptor = image.manifest.descriptor();
    assert_eq!(store.name(&tag, &descriptor, NameOrigin::Made, &Expected::Any).await.unwrap(), Tagged::Moved);
    assert_eq!(store.name(&tag, &descriptor, NameOrigin::Pulled, &Expected::Any).await.unwrap(), Tagged::Unchanged);
    assert_eq!(store.named(&tag).await.unwrap().unwrap().origin, NameOrigin::Made);
    for name in [&tag, &digest] {
        assert_eq!(store.resolve_made(name).await.unwrap().unwrap().digest, *image.digest(), "{name}");
    }
    let error = store.name(&digest, &descriptor, NameOrigin::Made, &Expected::Any).await.unwrap_err();
    assert_eq!(
        (error.to_string(), error.kind()),
        (format!("the local store keeps images by tag, got hello@{}", image.digest()), Kind::Usage)
    );
    assert_eq!(store.unname(&tag).await.unwrap().descriptor.digest, *image.digest());
    assert_eq!(fs::read_dir(store.root().join("names")).unwrap().count(), 0, "empty folders stay");
    assert!(store.resolve_made(&digest).await.unwrap().is_none());
}

#[tokio::test]
async fn only_means_latest() {
    let (_folder, store) = fresh();
    let image = Image::new("linux/amd64").build();
    let place = store.repository(&reference("hello:7"), NameOrigin::Made);
    put(&*place, &image, None).await;
    place.tag(&Selector::Only, &image.manifest, &Expected::Absent).await.unwrap();
    assert_eq!(place.tags().await.unwrap(), ["latest"]);
    assert_eq!(place.resolve(&Selector::Only).await.unwrap().digest, *image.digest());
    let error = place.tag(&name("not a tag"), &image.manifest, &Expected::Any).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.kind()), ("the local store cannot name an image \"not a tag\"", Kind::Usage));
}

#[tokio::test]
async fn a_manifest_needs_its_children_and_a_name_needs_all_below() {
    let (_folder, store) = fresh();
    let place = store.repository(&reference("hello"), NameOrigin::Made);
    let image = Image::new("linux/amd64").build();
    let index = Index::new().image(&image).build();
    let error = place.put_manifest(&image.manifest).await.unwrap_err();
    assert_eq!(error.to_string(), format!("no blob {} in hello (local store)", image.config.0.digest));
    let error = place.put_manifest(&index).await.unwrap_err();
    assert_eq!(error.to_string(), format!("no manifest {} in hello (local store)", image.digest()));
    put_index(&*place, &[&image], &index, None).await;
    let layer = store.root().join("blobs/sha256").join(image.layers[0].0.digest.hex());
    fs::write(&layer, "short").unwrap();
    let error = place.tag(&name("1"), &index, &Expected::Any).await.unwrap_err();
    assert!(matches!(error, Error::WrongSize { got: 5, .. }), "{error}");
    assert!(!place.has(&index.descriptor()).await.unwrap());
    assert_eq!(place.tags().await.unwrap(), Vec::<String>::new());
    // What was damaged is brought again.
    put_index(&*place, &[&image], &index, Some("1")).await;
    assert!(place.has(&index.descriptor()).await.unwrap());
}

#[tokio::test]
async fn content_that_another_repository_needs_stays() {
    let (_folder, store) = fresh();
    let image = Image::new("linux/amd64").build();
    let (one, two) =
        (store.repository(&reference("one"), NameOrigin::Made), store.repository(&reference("ghcr.io/acme/two"), NameOrigin::Made));
    put(&*one, &image, Some("1")).await;
    put(&*two, &image, Some("1")).await;
    let digest = Selector::Digest(image.digest().clone());
    one.remove(&digest).await.unwrap();
    assert_eq!((one.tags().await.unwrap().len(), two.tags().await.unwrap().len()), (0, 1));
    let error = one.remove(&digest).await.unwrap_err();
    assert_eq!(error.to_string(), format!("manifest {} is part of ghcr.io/acme/two:1", image.digest()));
    assert!(two.manifest(&name("1")).await.is_ok());
    two.remove(&digest).await.unwrap();
    assert!(two.manifest(&digest).await.unwrap_err().is_missing());
}

#[tokio::test]
async fn a_library_of_served_paths() {
    let (_folder, store) = fresh();
    let image = Image::new("linux/amd64").build();
    for path in ["hello", "acme/api", "ghcr.io/acme/api", "localhost:5000/a"] {
        put(&*store.open_path(path).await, &image, Some("1")).await;
    }
    assert_eq!(store.repositories().await.unwrap(), ["acme/api", "ghcr.io/acme/api", "hello", "localhost:5000/a"]);
    assert!(store.resolve_made(&reference("ghcr.io/acme/api:1")).await.unwrap().is_some());
    for path in ["", "Hello", "../x", "hello:1", "a//b", &format!("a@{}", image.digest())] {
        let error = Library::open(&store, path).await.err().unwrap();
        assert_eq!(error.kind(), Kind::Usage, "{path}: {error}");
    }
}

/// `Store::open` opens a store; this opens one of its repositories.
trait OpenPath {
    async fn open_path(&self, path: &str) -> Arc<dyn content::Place>;
}

impl OpenPath for Store {
    async fn open_path(&self, path: &str) -> Arc<dyn content::Place> {
        Library::open(self, path).await.unwrap()
    }
}

#[tokio::test]
async fn an_upload_is_seen_when_it_is_whole() {
    let (_folder, store) = fresh();
    let bytes = random_bytes(3, 3_500_000);
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = Digest::with(algorithm, &bytes);
        let mut draft = store.draft().await.unwrap();
        for start in (0..bytes.len()).step_by(300_000) {
            draft.write(bytes.slice(start..bytes.len().min(start + 300_000))).await.unwrap();
        }
        assert_eq!(draft.size(), bytes.len() as u64);
        let blob = draft.commit(&digest).await.unwrap();
        assert_eq!((&blob.digest, blob.size), (&digest, bytes.len() as u64));
        let place = store.repository(&reference("a"), NameOrigin::Made);
        assert_eq!(place.blob(&blob).await.unwrap().read_all(u64::MAX).await.unwrap(), bytes);
    }
    let mut draft = store.draft().await.unwrap();
    draft.write(bytes.clone()).await.unwrap();
    assert!(matches!(draft.commit(&Digest::of(b"other")).await, Err(Error::WrongDigest { .. })));
    let empty = store.draft().await.unwrap().commit(&Digest::of(b"")).await.unwrap();
    assert_eq!(empty.size, 0);
    let mut dropped = store.draft().await.unwrap();
    dropped.write(Bytes::from_static(b"half")).await.unwrap();
    assert_eq!(fs::read_dir(store.root().join("ingest")).unwrap().count(), 1);
    drop(dropped);
    assert_eq!(fs::read_dir(store.root().join("ingest")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_resting_upload_holds_no_file_open_and_goes_on() {
    let (_folder, store) = fresh();
    let bytes = random_bytes(5, 2_500_000);
    let mut draft = store.draft().await.unwrap();
    draft.rest().await.unwrap();
    for start in (0..bytes.len()).step_by(400_000) {
        draft.write(bytes.slice(start..bytes.len().min(start + 400_000))).await.unwrap();
        draft.rest().await.unwrap();
        draft.rest().await.unwrap();
        assert_eq!(open_files(&store.root().join("ingest")), 0);
        let file = fs::read_dir(store.root().join("ingest")).unwrap().next().unwrap().unwrap();
        assert_eq!(file.metadata().unwrap().len(), draft.size(), "all of it is on the disk");
    }
    let digest = Digest::of(&bytes);
    assert_eq!(draft.commit(&digest).await.unwrap().size, bytes.len() as u64);
    assert_eq!(store.check().await.unwrap(), []);
    let mut taken = store.draft().await.unwrap();
    taken.write(bytes.clone()).await.unwrap();
    taken.rest().await.unwrap();
    fs::remove_file(fs::read_dir(store.root().join("ingest")).unwrap().next().unwrap().unwrap().path()).unwrap();
    assert!(taken.commit(&digest).await.is_err(), "what was tidied away is no upload any more");
}

/// Counts the files below a folder that this process holds open.
fn open_files(folder: &Path) -> usize {
    let Ok(handles) = fs::read_dir("/proc/self/fd") else { return 0 };
    handles.filter_map(|handle| fs::read_link(handle.ok()?.path()).ok()).filter(|path| path.starts_with(folder)).count()
}

#[tokio::test]
async fn memory_of_registries_is_kept_and_never_an_error() {
    let (folder, store) = fresh();
    let document = Bytes::from_static(b"{}");
    let digest = Digest::of(&document);
    assert_eq!(store.document(&digest), None);
    store.keep_document(&digest, &document);
    store.keep_pointer("docker.io/library/hello:1.0", &digest);
    let again = open(store.root());
    assert_eq!(again.document(&digest), Some(document.clone()));
    assert_eq!(again.pointed_at("docker.io/library/hello:1.0"), Some(digest.clone()));
    assert_eq!(again.pointed_at("docker.io/library/hello:1.1"), None);
    store.keep_fact("ghcr.io", "uploads", "in pieces");
    assert_eq!(again.fact("ghcr.io", "uploads").as_deref(), Some("in pieces"));
    assert_eq!(again.fact("ghcr.io", "downloads"), None);
    again.keep_fact("ghcr.io", "uploads", "");
    assert_eq!(store.fact("ghcr.io", "uploads"), None);
    let large = Bytes::from(vec![b' '; 4 * 1024 * 1024 + 1]);
    store.keep_document(&Digest::of(&large), &large);
    assert_eq!(store.document(&Digest::of(&large)), None);
    let image = Image::new("linux/amd64").build();
    put(&*store.repository(&reference("a"), NameOrigin::Made), &image, None).await;
    assert_eq!(store.document(image.digest()).as_ref(), Some(image.manifest.bytes()));
    assert!(store.usage().await.unwrap().recall_bytes > 70);
    // Where nothing can be written, nothing is remembered.
    fs::write(folder.path().join("file"), "").unwrap();
    let blocked = Store::open(folder.path().join("missing"), Arc::new(SystemTime::now)).unwrap();
    fs::write(folder.path().join("missing"), "in the way").unwrap();
    blocked.keep_document(&digest, &document);
    assert_eq!(blocked.document(&digest), None);
}
