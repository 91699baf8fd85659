//! Checking and tidying the local store.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use content::{Expected, Library, Place, Placed, Recall};
use fault::Fault;
use oci::{ChainId, DiffId, Digest, Reference, Selector};
use store::{Finding, NameOrigin, PrunePlan, Store, Why};
use tempfile::TempDir;
use testkit::fixtures::{BuiltImage, Image, Index, attestation_entry, attestation_for, in_memory, put, put_index};

const HOUR: Duration = Duration::from_secs(3600);

/// A store whose clock goes as the test wants it.
struct Fixture {
    store: Store,
    hours: Arc<AtomicU64>,
    _folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hours = Arc::new(AtomicU64::new(0));
        let (start, clock) = (SystemTime::now(), hours.clone());
        let now = Arc::new(move || start + HOUR * u32::try_from(clock.load(Ordering::SeqCst)).unwrap());
        Self { store: Store::open(folder.path().join("store"), now).unwrap(), hours, _folder: folder }
    }

    fn wait(&self, hours: u64) {
        self.hours.fetch_add(hours, Ordering::SeqCst);
    }

    fn place(&self) -> Arc<dyn Place> {
        self.store.repository(&"hello".parse::<Reference>().unwrap(), NameOrigin::Made)
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        self.store.root().join("blobs/sha256").join(digest.hex())
    }

    async fn plan(&self) -> PrunePlan {
        self.store.prune_plan(HOUR).await.unwrap()
    }

    /// Tidies, and tells how many files went.
    async fn prune(&self) -> u64 {
        self.store.prune(self.plan().await).await.unwrap().removed
    }
}

fn image(text: &str) -> BuiltImage {
    Image::new("linux/amd64").text(text).build()
}

#[tokio::test]
async fn all_that_a_name_leads_to_stays() {
    let fixture = Fixture::new();
    let place = fixture.place();
    let (amd64, arm64, dead) = (image("amd64"), Image::new("linux/arm64").build(), image("dead"));
    let attestation = attestation_for(&amd64);
    let inner = Index::new().image(&arm64).build();
    let index = Index::new().image(&amd64).add(attestation_entry(&attestation, &amd64)).add(inner.descriptor()).build();
    put_index(&*place, &[&arm64], &inner, None).await;
    put_index(&*place, &[&amd64, &attestation], &index, Some("1.0")).await;
    let signature =
        Image::new("linux/amd64").artifact("application/vnd.example.signature").subject(arm64.descriptor()).file("s", "signed").build();
    let counter = Image::new("linux/amd64")
        .artifact("application/vnd.example.signature")
        .subject(signature.descriptor())
        .file("s", "counter-signed")
        .build();
    let lost =
        Image::new("linux/amd64").artifact("application/vnd.example.signature").subject(dead.descriptor()).file("s", "of nothing").build();
    for referrer in [&signature, &counter, &lost, &dead] {
        put(&*place, referrer, None).await;
    }
    assert_eq!(fixture.plan().await.items, []);
    fixture.wait(2);
    let plan = fixture.plan().await;
    let mut planned: Vec<&Digest> = plan.items.iter().map(|item| item.digest.as_ref().unwrap()).collect();
    let mut expected = vec![dead.digest(), &dead.config.0.digest, &dead.layers[0].0.digest, lost.digest(), &lost.layers[0].0.digest];
    planned.sort();
    expected.sort();
    assert_eq!(planned, expected);
    assert!(plan.items.iter().all(|item| item.why == Why::Unnamed && item.path.is_file()));
    let bytes = plan.bytes();
    let pruned = fixture.store.prune(plan).await.unwrap();
    assert_eq!((pruned.removed, pruned.bytes, pruned.spared), (5, bytes, 0));
    assert!(place.has(&index.descriptor()).await.unwrap());
    assert_eq!(place.referrers(arm64.digest()).await.unwrap().len(), 1);
    assert_eq!(place.referrers(signature.digest()).await.unwrap().len(), 1);
    assert_eq!(place.referrers(dead.digest()).await.unwrap(), []);
    assert_eq!(fs::read_dir(fixture.store.root().join("referrers")).unwrap().count(), 2, "notes of what is gone stay");
    assert_eq!(fixture.store.check().await.unwrap(), []);

    place.remove(&Selector::Name("1.0".to_owned())).await.unwrap();
    fixture.wait(2);
    fixture.prune().await;
    assert_eq!(fixture.store.usage().await.unwrap().blobs, 0);
    assert_eq!(fs::read_dir(fixture.store.root().join("referrers")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_was_asked_for_lately_stays() {
    let fixture = Fixture::new();
    let place = fixture.place();
    let (asked, put_again, tagged, old) = (image("asked"), image("put again"), image("tagged"), image("old"));
    for image in [&asked, &put_again, &tagged, &old] {
        put(&*place, image, None).await;
    }
    fixture.wait(2);
    let plan = fixture.plan().await;
    assert_eq!(plan.items.len(), 12);
    // Between plan and deed, three of them are wanted again.
    assert!(place.has(&asked.manifest.descriptor()).await.unwrap());
    let source = in_memory(&[&put_again], &[]).await;
    for (blob, _) in put_again.blobs() {
        assert_eq!(place.put_blob(blob, &source).await.unwrap(), Placed::Present);
    }
    assert_eq!(place.put_manifest(&put_again.manifest).await.unwrap(), Placed::Present);
    place.tag(&Selector::Only, &tagged.manifest, &Expected::Any).await.unwrap();
    let pruned = fixture.store.prune(plan).await.unwrap();
    assert_eq!((pruned.removed, pruned.spared), (3, 9));
    for image in [&asked, &put_again, &tagged] {
        assert!(place.has(&image.manifest.descriptor()).await.unwrap());
    }
    assert!(!place.has(&old.manifest.descriptor()).await.unwrap());
    let kept = fixture.plan().await.kept;
    assert_eq!((kept.blobs, kept.young_blobs), (3, 6));
    fixture.wait(2);
    assert_eq!(fixture.prune().await, 6);
    assert_eq!(fs::read_dir(fixture.store.root().join("ingest")).unwrap().count(), 0);
}

#[tokio::test]
async fn leftovers_go_and_uploads_that_live_stay() {
    let fixture = Fixture::new();
    let mut upload = fixture.store.draft().await.unwrap();
    upload.write("half".into()).await.unwrap();
    let dead = fixture.store.root().join("ingest/.polyarch-dead");
    fs::write(&dead, "12345").unwrap();
    fixture.store.keep_pointer("docker.io/library/hello:1", &Digest::of(b""));
    assert_eq!(fixture.plan().await.items, []);
    assert!(fixture.store.usage().await.unwrap().ingest_bytes >= 5);
    fixture.wait(2);
    let pruned = fixture.store.prune(fixture.plan().await).await.unwrap();
    assert_eq!((pruned.removed, pruned.bytes, pruned.spared), (1, 5, 1));
    assert!(!dead.exists());
    upload.commit(&Digest::of(b"half")).await.unwrap();
    fixture.wait(24 * 30);
    let plan = fixture.plan().await;
    assert!(plan.items.iter().any(|item| item.why == Why::Old), "{plan:?}");
    fixture.store.prune(plan).await.unwrap();
    assert_eq!(fixture.store.pointed_at("docker.io/library/hello:1"), None);
}

#[tokio::test]
async fn where_needs_cannot_be_told_nothing_goes() {
    let fixture = Fixture::new();
    let place = fixture.place();
    let (kept, dead) = (image("kept"), image("dead"));
    put(&*place, &kept, Some("1.0")).await;
    put(&*place, &dead, None).await;
    fixture.wait(2);
    let plan = fixture.plan().await;
    let manifest = fixture.file(kept.digest());
    fs::write(&manifest, vec![b'x'; kept.manifest.bytes().len()]).unwrap();
    let error = fixture.store.prune_plan(HOUR).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot tell what hello:1.0 needs");
    assert!(error.hint().unwrap().to_string().contains("polyarch rm hello:1.0"));
    assert!(fixture.store.prune(plan.clone()).await.is_err());
    assert!(fixture.file(dead.digest()).exists());
    // Of a manifest that is gone nothing is known to be needed, and nothing can be lost.
    fs::remove_file(&manifest).unwrap();
    fixture.store.prune_plan(HOUR).await.unwrap();
    let name = fixture.store.root().join("names/docker.io/library/hello/_tags/1.0.json");
    fs::write(&name, "{\"polyarchName\":2}").unwrap();
    let error = fixture.store.prune_plan(HOUR).await.unwrap_err();
    assert!(error.to_string().ends_with("has version 2, expected at most 1"), "{error}");
    fs::write(&name, "{").unwrap();
    assert!(fixture.store.prune(plan).await.unwrap_err().to_string().ends_with("is broken"));
    assert!(fixture.file(dead.digest()).exists());
}

#[tokio::test]
async fn a_check_finds_every_kind_of_damage() {
    let fixture = Fixture::new();
    let place = fixture.place();
    let (image, gone) = (image("damaged"), Image::new("linux/arm64").layer_count(2).build());
    put(&*place, &image, Some("1.0")).await;
    put(&*place, &gone, Some("2.0")).await;
    put(&*place, &gone, Some("3.0")).await;
    assert_eq!(fixture.store.check().await.unwrap(), []);
    let layer = &image.layers[0].0;
    let zeros = vec![0; usize::try_from(layer.size).unwrap()];
    fs::write(fixture.file(&layer.digest), &zeros).unwrap();
    fs::remove_file(fixture.file(&gone.layers[1].0.digest)).unwrap();
    let names = fixture.store.root().join("names/docker.io/library/hello/_tags");
    fs::rename(names.join("3.0.json"), names.join("4.0.json")).unwrap();
    fs::write(names.join("5.0.json"), "garbage").unwrap();
    let stray = fixture.store.root().join("blobs/sha256/notes.txt");
    fs::write(&stray, "").unwrap();
    let findings = fixture.store.check().await.unwrap();
    let missing = |name: &str| Finding::Incomplete {
        name: name.to_owned(),
        digest: gone.layers[1].0.digest.clone(),
        problem: format!("no blob {} in the local store", gone.layers[1].0.digest),
    };
    let expected = [
        Finding::Damaged { digest: layer.digest.clone(), path: fixture.file(&layer.digest), got: Digest::of(&zeros) },
        Finding::Stray { path: stray },
        Finding::Incomplete {
            name: "hello:1.0".to_owned(),
            digest: layer.digest.clone(),
            problem: format!("blob {} is damaged", layer.digest),
        },
        missing("hello:2.0"),
        Finding::BadName {
            path: names.join("4.0.json"),
            problem: format!("it says it is hello:3.0, which belongs in {}", names.join("3.0.json").display()),
        },
        missing("hello:3.0"),
    ];
    assert_eq!(findings[..6], expected);
    assert_eq!(findings.len(), 7);
    assert!(
        matches!(&findings[6], Finding::BadName { path, problem } if *path == names.join("5.0.json") && problem.contains("expected value")),
        "{:?}",
        findings[6]
    );
    assert_eq!(serde_json::to_value(&findings[1]).unwrap()["kind"], "stray");
    assert_eq!(fixture.store.list().await.unwrap().len(), 3, "a broken name hides others");
}

/// Whoever is told that content is here finds it here for the time of grace, even where tidying
/// had begun to take it away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_to_be_here_is_not_tidied_away() {
    let fixture = Fixture::new();
    let place = fixture.place();
    let image = image("wanted");
    let source = in_memory(&[&image], &[]).await;
    let blob = &image.layers[0].0;
    let mut kept = 0;
    // How long tidying takes here, so that the questions fall on every part of it.
    let mut takes = Duration::from_micros(500);
    for round in 0..400 {
        place.put_blob(blob, &source).await.unwrap();
        let file = fs::File::open(fixture.file(&blob.digest)).unwrap();
        file.set_modified(SystemTime::now() - 2 * HOUR).unwrap();
        let plan = fixture.plan().await;
        let asker = tokio::spawn({
            let (place, blob) = (place.clone(), blob.clone());
            async move {
                let begin = Instant::now();
                while begin.elapsed() < takes * (round % 40) / 40 {
                    std::hint::spin_loop();
                }
                place.has(&blob).await.unwrap()
            }
        });
        let begin = Instant::now();
        fixture.store.prune(plan).await.unwrap();
        takes = begin.elapsed();
        if asker.await.unwrap() {
            kept += 1;
            assert!(fixture.file(&blob.digest).exists(), "round {round}: it was said to be here, and is gone");
        }
    }
    assert!(kept > 0, "no question came before the blob was gone, so nothing was tested");
}

/// Docker's `--allow-nondistributable-artifacts` pushes what nobody has to hold.
#[tokio::test]
async fn a_foreign_layer_that_was_pushed_stays_with_its_image() {
    let fixture = Fixture::new();
    let place = fixture.place();
    let image = Image::new("windows/amd64")
        .docker()
        .manifest(|tree| tree["layers"][0]["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip".into())
        .build();
    put(&*place, &image, Some("1.0")).await;
    let layer = &image.layers[0].0;
    place.put_blob(layer, &in_memory(&[&image], &[]).await).await.unwrap();
    fixture.wait(2);
    assert_eq!(fixture.plan().await.items, []);
    place.remove(&Selector::Name("1.0".to_owned())).await.unwrap();
    assert_eq!(fixture.prune().await, 3);
}

/// A client that pushes asks `polyarch serve` for digests alone, and brings nothing that is here.
#[tokio::test]
async fn what_a_client_of_the_server_asked_for_stays() {
    let fixture = Fixture::new();
    let place = fixture.place();
    let image = image("asked");
    put(&*place, &image, None).await;
    fixture.wait(2);
    let plan = fixture.plan().await;
    for (blob, _) in image.blobs() {
        assert_eq!(place.blob_size(&blob.digest).await.unwrap(), Some(blob.size));
    }
    place.resolve(&Selector::Digest(image.digest().clone())).await.unwrap();
    assert_eq!(fixture.store.prune(plan).await.unwrap().removed, 0);
    assert!(place.has(&image.manifest.descriptor()).await.unwrap());
}

/// Who makes a store makes its folder first, and may be killed before its version is there.
#[tokio::test]
async fn tidying_a_store_that_was_never_made_leaves_a_store() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.store.root()).unwrap();
    fs::write(fixture.store.root().join(".polyarch-dead"), "").unwrap();
    fixture.wait(2);
    assert_eq!(fixture.prune().await, 1);
    Store::open(fixture.store.root().to_owned(), Arc::new(SystemTime::now)).unwrap();
}

#[tokio::test]
async fn unpacked_layers_go_that_no_named_image_has() {
    let fixture = Fixture::new();
    let place = fixture.place();
    let image = Image::new("linux/amd64").layer_count(2).build();
    put(&*place, &image, Some("1.0")).await;
    let config: serde_json::Value = serde_json::from_slice(&image.config.1).unwrap();
    let mut chains: Vec<ChainId> = Vec::new();
    for diff_id in config["rootfs"]["diff_ids"].as_array().unwrap() {
        chains.push(ChainId::over(chains.last(), &DiffId(diff_id.as_str().unwrap().parse().unwrap())));
    }
    let standing = fixture.store.root().join("roots/single");
    let folder = |name: &str| standing.join("layers").join(name);
    let other = Digest::of(b"other");
    for name in [chains[0].0.hex(), chains[1].0.hex(), other.hex()] {
        fs::create_dir_all(folder(name).join("files/usr")).unwrap();
        fs::write(folder(name).join("files/usr/f"), [0; 5]).unwrap();
    }
    fs::create_dir_all(standing.join("caches/cc")).unwrap();
    let lock = fs::File::create(standing.join("lock")).unwrap();
    assert!(fixture.plan().await.items.is_empty(), "it was used a moment ago");

    fixture.wait(2);
    let plan = fixture.plan().await;
    let found: Vec<_> = plan.items.iter().map(|item| (item.path.clone(), item.size, item.why)).collect();
    assert_eq!(found, [(folder(other.hex()), 5, Why::Unneeded)]);
    lock.lock_shared().unwrap();
    let pruned = fixture.store.prune(plan.clone()).await.unwrap();
    assert_eq!((pruned.removed, pruned.spared), (0, 1), "a build stands on it");
    lock.unlock().unwrap();
    let pruned = fixture.store.prune(plan).await.unwrap();
    assert_eq!((pruned.removed, pruned.bytes), (1, 5));
    assert!(!folder(other.hex()).exists() && folder(chains[1].0.hex()).exists() && standing.join("caches/cc").exists());

    // Without its name, the image needs nothing any more.
    place.remove(&Selector::Name("1.0".to_owned())).await.unwrap();
    fixture.prune().await;
    assert!(!folder(chains[0].0.hex()).exists() && !folder(chains[1].0.hex()).exists());
}
