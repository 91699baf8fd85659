//! Two processes at once, and processes that are killed.
//!
//! The tests start this very test program again; what the started one does is in `child`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use content::{Error, Events, Expected, Limits, Place, copy};
use oci::{Reference, Selector};
use store::{Layout, NameOrigin, Store};
use testkit::fixtures::{BuiltImage, Image, in_memory, random_bytes};

const TASK: &str = "POLYARCH_STORE_TEST_TASK";
const ROUNDS: usize = 100;

fn hello() -> Reference {
    "hello".parse().unwrap()
}

fn store(root: &Path) -> Store {
    Store::open(root.to_owned(), Arc::new(SystemTime::now)).unwrap()
}

fn place(kind: &str, root: &Path) -> Arc<dyn Place> {
    match kind {
        "store" => store(root).repository(&hello(), NameOrigin::Made),
        _ => Arc::new(Layout::create_or_open(root).unwrap()),
    }
}

fn racer(number: &str) -> BuiltImage {
    Image::new("linux/amd64").text(&format!("racer {number}")).build()
}

fn large() -> BuiltImage {
    Image::new("linux/amd64").file("data", random_bytes(11, 24 * 1024 * 1024)).uncompressed().build()
}

async fn bring(place: &dyn Place, image: &BuiltImage) {
    let source = in_memory(&[image], &[]).await;
    copy(&source, place, &image.manifest, Limits::default(), &Events::none()).await.unwrap();
}

fn start(task: &str, kind: &str, root: &Path, more: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture", "--test-threads=1"]).env(TASK, format!("{task}\n{kind}\n{}\n{more}", root.display()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap()
}

/// What a started process does; nothing where this is the test program itself.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(task) = std::env::var(TASK) else { return };
    let words: Vec<&str> = task.split('\n').collect();
    let [task, kind, root, more] = words[..] else { panic!("bad task {task:?}") };
    let root = PathBuf::from(root);
    match task {
        "race" => race(&*place(kind, &root), &racer(more), &root.with_extension(more)).await,
        "write" => loop {
            // Until it is killed: everything anew, every time.
            let folder = root.join(std::process::id().to_string());
            bring(&*place(kind, &folder), &large()).await;
            std::fs::remove_dir_all(&folder).unwrap();
        },
        "once" => bring(&*place(kind, &root), &large()).await,
        other => panic!("unknown task {other:?}"),
    }
}

/// Counts its wins into a file; every loss has to name the other's digest.
async fn race(place: &dyn Place, image: &BuiltImage, report: &Path) {
    bring(place, image).await;
    let mut wins = 0;
    for round in 0..ROUNDS {
        let name = Selector::Name(format!("round-{round}"));
        match place.tag(&name, &image.manifest, &Expected::Absent).await {
            Ok(_) => wins += 1,
            Err(Error::Moved { found: Some(found), .. }) => assert_eq!(found, place.resolve(&name).await.unwrap().digest),
            Err(other) => panic!("{other:?}"),
        }
    }
    std::fs::write(report, wins.to_string()).unwrap();
}

async fn two_processes_race(kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("place");
    let children = ["a", "b"].map(|letter| start("race", kind, &root, letter));
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let wins = ["a", "b"].map(|letter| std::fs::read_to_string(root.with_extension(letter)).unwrap().parse::<usize>().unwrap());
    assert_eq!(wins[0] + wins[1], ROUNDS, "{wins:?}");
    assert_eq!(place(kind, &root).tags().await.unwrap().len(), ROUNDS);
}

#[tokio::test]
async fn of_two_processes_one_wins_each_name_of_the_store() {
    two_processes_race("store").await;
}

#[tokio::test]
async fn of_two_processes_one_wins_each_name_of_a_layout() {
    two_processes_race("layout").await;
}

#[tokio::test]
async fn processes_write_the_same_blobs_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["store", "layout"] {
        let root = folder.path().join(kind);
        for mut child in [0, 1, 2].map(|_| start("once", kind, &root, "")) {
            assert!(child.wait().unwrap().success());
        }
        let (place, image) = (place(kind, &root), large());
        assert!(place.has(&image.manifest.descriptor()).await.unwrap());
        place.blob(&image.layers[0].0).await.unwrap().read_all(u64::MAX).await.unwrap();
    }
    let store = store(&folder.path().join("store"));
    assert_eq!(store.check().await.unwrap(), []);
    assert_eq!(store.usage().await.unwrap().ingest_bytes, 0);
}

/// Kills writers at many moments: what is there is whole, what is not whole is not there, and the
/// next writer succeeds.
#[tokio::test]
async fn killed_writers_leave_nothing_partial_visible() {
    let image = large();
    for kind in ["store", "layout"] {
        let folder = tempfile::tempdir().unwrap();
        let mut leftovers = 0;
        for wait in [20, 60, 90, 120, 160, 200].into_iter().chain(201..240) {
            // By time alone no kill may come in the middle of a write: then it waits for one to begin.
            let watch = wait > 200;
            if watch && leftovers > 0 {
                break;
            }
            let mut child = start("write", kind, folder.path(), "");
            let root = folder.path().join(child.id().to_string());
            let begin = std::time::Instant::now();
            while !root.exists() && begin.elapsed() < Duration::from_secs(30) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_millis(wait)).await;
            let under_way = || {
                let files = std::fs::read_dir(if kind == "store" { root.join("ingest") } else { root.clone() });
                files.map_or(0, |files| files.flatten().filter(|file| file.file_name().to_string_lossy().starts_with('.')).count())
            };
            while watch && under_way() == 0 && begin.elapsed() < Duration::from_secs(30) {
                std::thread::yield_now();
            }
            child.kill().unwrap();
            child.wait().unwrap();
            leftovers += under_way();
            if kind == "store" && root.exists() {
                // A killed removal may leave a folder without its version; that is the test's doing.
                if !root.join("version").exists() {
                    continue;
                }
                assert_eq!(store(&root).check().await.unwrap(), []);
            }
            for (blob, _) in image.blobs() {
                if root.join("blobs/sha256").join(blob.digest.hex()).exists() {
                    place(kind, &root).blob(blob).await.unwrap().read_all(u64::MAX).await.unwrap();
                }
            }
            let again = folder.path().join(format!("{wait}"));
            if std::fs::rename(&root, &again).is_ok() && (kind == "store" || again.join("oci-layout").exists()) {
                let place = place(kind, &again);
                bring(&*place, &image).await;
                place.tag(&Selector::Name("1".to_owned()), &image.manifest, &Expected::Absent).await.unwrap();
                assert!(place.has(&image.manifest.descriptor()).await.unwrap());
            }
        }
        assert!(leftovers > 0, "no kill came in the middle of a write, so nothing was tested");
    }
}
