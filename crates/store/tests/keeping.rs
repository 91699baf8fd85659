//! What builds remember, on the disk of the local store.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use content::{Keep, MAX_KEPT_SIZE, Shelf};
use oci::Digest;
use store::{CacheItem, CacheWish, Store};
use tempfile::TempDir;

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

    fn get(&self, name: &str) -> Option<String> {
        self.store.get(Shelf::Steps, &key(name)).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn put(&self, name: &str, text: &str) {
        self.store.put(Shelf::Steps, &key(name), text.as_bytes());
    }

    fn file(&self, name: &str) -> PathBuf {
        let hex = key(name).hex().to_owned();
        self.store.root().join("cache/steps").join(&hex[..2]).join(hex)
    }

    /// The names among `names` that a wish lets go, in its order.
    async fn goes(&self, names: &[&'static str], wish: CacheWish) -> Vec<&'static str> {
        let plan = self.store.cache_plan(wish).await.unwrap();
        let name = |item: &CacheItem| *names.iter().find(|name| self.file(name) == item.path).unwrap();
        plan.items.iter().map(name).collect()
    }
}

fn key(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

#[test]
fn a_document_comes_back_as_it_was_put_and_only_from_its_shelf() {
    let fixture = Fixture::new();
    assert_eq!(fixture.get("a"), None);
    assert!(!fixture.store.root().exists(), "asking makes nothing");
    fixture.put("a", "one");
    fixture.put("b", "");
    assert_eq!((fixture.get("a").as_deref(), fixture.get("b").as_deref(), fixture.get("c")), (Some("one"), Some(""), None));
    assert_eq!(fixture.store.get(Shelf::Shapes, &key("a")), None);
    fixture.put("a", "two");
    assert_eq!(fixture.get("a").as_deref(), Some("two"));
    let now = Arc::new(SystemTime::now);
    assert_eq!(Store::open(fixture.store.root().to_owned(), now).unwrap().get(Shelf::Steps, &key("a")).as_deref(), Some(&b"two"[..]));
    let long = vec![0; usize::try_from(MAX_KEPT_SIZE).unwrap() + 1];
    fixture.store.put(Shelf::Steps, &key("long"), &long);
    assert!(!fixture.file("long").exists());
}

#[test]
fn a_damaged_file_is_none() {
    let fixture = Fixture::new();
    let document = "a document".repeat(100);
    fixture.put("a", &document);
    let whole = fs::read(fixture.file("a")).unwrap();
    for at in [0, 7, 8, 11, 12, whole.len() - 1] {
        let mut harmed = whole.clone();
        harmed[at] ^= 0x10;
        fs::write(fixture.file("a"), harmed).unwrap();
        assert_eq!(fixture.get("a"), None, "byte {at}");
    }
    for length in [0, 5, 8, 11, 12, whole.len() - 1] {
        fs::write(fixture.file("a"), &whole[..length]).unwrap();
        assert_eq!(fixture.get("a"), None, "{length} bytes");
    }
    // One that lies under another's name.
    fs::create_dir_all(fixture.file("b").parent().unwrap()).unwrap();
    fs::write(fixture.file("b"), &whole).unwrap();
    assert_eq!(fixture.get("b"), None);
    fs::remove_file(fixture.file("a")).unwrap();
    fs::create_dir(fixture.file("a")).unwrap();
    assert_eq!(fixture.get("a"), None);
    fixture.put("a", "again");
    fs::remove_dir(fixture.file("a")).unwrap();
    fixture.put("a", &document);
    assert_eq!(fixture.get("a"), Some(document));
}

#[test]
fn where_nothing_can_be_written_nothing_is_said() {
    let fixture = Fixture::new();
    fs::create_dir_all(fixture.store.root()).unwrap();
    // Not even root writes below a file.
    fixture.put("a", "a");
    fs::remove_dir_all(fixture.store.root().join("cache")).unwrap();
    fs::write(fixture.store.root().join("cache"), "a file").unwrap();
    fixture.put("a", "a");
    assert_eq!(fixture.get("a"), None);
    assert_eq!(fs::read_dir(fixture.store.root().join("ingest")).unwrap().count(), 0, "it leaves nothing behind");
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

#[tokio::test]
async fn what_is_used_counts_as_used_at_most_once_a_day() {
    let fixture = Fixture::new();
    fixture.put("a", "a");
    let put = modified(&fixture.file("a"));
    fixture.wait(23);
    fixture.get("a");
    assert_eq!(modified(&fixture.file("a")), put);
    fixture.wait(2);
    fixture.get("a");
    assert_eq!(modified(&fixture.file("a")), put + 25 * HOUR);
}

#[tokio::test]
async fn what_was_used_longest_ago_goes_first() {
    let fixture = Fixture::new();
    let names = ["a", "b", "c"];
    for name in names {
        fixture.put(name, name);
        fixture.wait(30);
    }
    fixture.get("a");
    let each = fs::metadata(fixture.file("a")).unwrap().len();
    assert_eq!(fixture.goes(&names, CacheWish::default()).await, ["b", "c", "a"]);
    let until = |hours: u32| CacheWish { unused_for: Some(HOUR * hours), most_bytes: None };
    assert_eq!(fixture.goes(&names, until(60)).await, ["b"]);
    assert_eq!(fixture.goes(&names, until(61)).await, [""; 0]);
    let most = |bytes: u64| CacheWish { unused_for: None, most_bytes: Some(bytes) };
    assert_eq!(fixture.goes(&names, most(3 * each)).await, [""; 0]);
    assert_eq!(fixture.goes(&names, most(3 * each - 1)).await, ["b"]);
    assert_eq!(fixture.goes(&names, most(0)).await, ["b", "c", "a"]);
    assert_eq!(fixture.goes(&names, CacheWish { most_bytes: Some(0), ..until(30) }).await, ["b", "c"]);
}

#[tokio::test]
async fn what_is_used_after_the_plan_stays() {
    let fixture = Fixture::new();
    fixture.put("a", "a");
    fixture.put("b", "b");
    fixture.store.put(Shelf::Files, &key("a"), b"stamps");
    let usage = fixture.store.cache_usage().await.unwrap();
    let told: Vec<(&str, u64)> = usage.iter().map(|usage| (usage.shelf.as_str(), usage.documents)).collect();
    assert_eq!(told, [("steps", 2), ("shapes", 0), ("files", 1), ("paths", 0), ("fetched", 0)]);
    let bytes: u64 = usage.iter().map(|usage| usage.bytes).sum();
    assert_eq!(fixture.store.usage().await.unwrap().cache_bytes, bytes);
    fixture.wait(48);
    let plan = fixture.store.cache_plan(CacheWish::default()).await.unwrap();
    assert_eq!((plan.items.len(), plan.bytes(), plan.kept, plan.kept_bytes), (3, bytes, 0, 0));
    fixture.get("a");
    let pruned = fixture.store.cache_prune(plan).await.unwrap();
    assert_eq!((pruned.removed, pruned.spared), (2, 1));
    assert_eq!((fixture.get("a").as_deref(), fixture.get("b")), (Some("a"), None));
}

#[tokio::test]
async fn tidying_the_store_takes_what_was_not_used_for_a_month() {
    let fixture = Fixture::new();
    fixture.put("old", "old");
    fixture.put("used", "used");
    fixture.wait(24 * 29);
    fixture.get("used");
    fixture.wait(48);
    let plan = fixture.store.prune_plan(HOUR).await.unwrap();
    assert_eq!(plan.items.iter().map(|item| item.path.clone()).collect::<Vec<_>>(), [fixture.file("old")]);
    assert_eq!(fixture.store.prune(plan).await.unwrap().removed, 1);
    assert_eq!((fixture.get("old"), fixture.get("used").as_deref()), (None, Some("used")));
}

#[tokio::test]
async fn what_commands_stand_on_goes_where_nobody_uses_it() {
    let fixture = Fixture::new();
    let standing = fixture.store.root().join("roots/root");
    let old = standing.join("layers/aa");
    for (folder, bytes) in [("layers/aa/files/usr", 5), ("layers/bb/files", 7), ("caches/cc/files", 11), ("work/dd", 13)] {
        let folder = standing.join(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("f"), vec![0; bytes]).unwrap();
    }
    let lock = fs::File::create(standing.join("lock")).unwrap();
    fs::File::open(&old).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let usage = fixture.store.cache_usage().await.unwrap();
    let of = |name: &str| usage.iter().find(|usage| usage.shelf == name).map(|usage| (usage.documents, usage.bytes));
    assert_eq!((of("layers"), of("caches"), of("work")), (Some((2, 12)), Some((1, 11)), None));

    let month = CacheWish { unused_for: Some(Duration::from_secs(30 * 86_400)), most_bytes: None };
    let plan = fixture.store.cache_plan(month).await.unwrap();
    assert_eq!(plan.items.iter().map(|item| &item.path).collect::<Vec<_>>(), [&old]);
    lock.lock_shared().unwrap();
    let pruned = fixture.store.cache_prune(plan.clone()).await.unwrap();
    assert_eq!((pruned.removed, pruned.spared), (0, 1), "a build stands on it");
    lock.unlock().unwrap();
    let pruned = fixture.store.cache_prune(plan).await.unwrap();
    assert_eq!((pruned.removed, pruned.bytes, old.exists()), (1, 5, false));
    let all = fixture.store.cache_plan(CacheWish::default()).await.unwrap();
    fixture.store.cache_prune(all).await.unwrap();
    assert!(!standing.join("caches/cc").exists() && standing.join("work/dd/f").exists());
}

#[tokio::test]
async fn twenty_logs_stay_and_those_that_somebody_writes() {
    let fixture = Fixture::new();
    let mut first = fixture.store.begin_log().unwrap();
    let next = |_| {
        fixture.wait(1);
        fixture.store.begin_log().unwrap().id().to_owned()
    };
    let ids: Vec<String> = (0..24).map(next).collect();
    let kept = fixture.store.logs().await.unwrap();
    assert!(ids.is_sorted() && first.id() < ids[0].as_str(), "each has an ID of its own, in their order: {ids:?}");
    let mut expected = vec![(first.id().to_owned(), true)];
    expected.extend(ids[4..].iter().map(|id| (id.clone(), false)));
    assert_eq!(kept.iter().map(|log| (log.id.clone(), log.is_open)).collect::<Vec<_>>(), expected);
    first.add("a line").unwrap();
    first.add("another").unwrap();
    assert_eq!(fs::read_to_string(&kept[0].path).unwrap(), "a line\nanother\n");
    let usage = fixture.store.cache_usage().await.unwrap();
    assert_eq!(usage.last().map(|usage| (usage.shelf.as_str(), usage.documents, usage.bytes)), Some(("logs", 21, 15)));
    let all = fixture.store.cache_plan(CacheWish::default()).await.unwrap();
    let pruned = fixture.store.cache_prune(all).await.unwrap();
    assert_eq!((pruned.removed, pruned.spared), (20, 1));
    drop(first);
    let all = fixture.store.cache_plan(CacheWish::default()).await.unwrap();
    assert_eq!(fixture.store.cache_prune(all).await.unwrap().bytes, 15);
    assert_eq!(fixture.store.logs().await.unwrap(), []);
}
