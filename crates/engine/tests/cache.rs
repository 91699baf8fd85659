//! What is not done again, and what is.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use content::{Forgetful, Keep, Library, Memory, Shelf};
use dockerfile::PatternList;
use engine::cache::{Cache, Found, Reuse, Wanted};
use engine::context::Context;
use engine::pack::{Contents, Nowhere, PackError, Reading};
use graph::{CopyStep, From, Lay, Times, Tree, TreePath, lay_copy, lay_workdir};
use layer::Settings;
use layer::index::PathIndex;
use layer::tar::Entry;
use oci::Digest;

/// Contents whose files are counted as they are opened.
struct Counted {
    inner: Arc<dyn Contents>,
    reads: AtomicUsize,
}

impl Counted {
    fn new(inner: Arc<dyn Contents>) -> Arc<Self> {
        Arc::new(Self { inner, reads: AtomicUsize::new(0) })
    }

    /// How often a file was opened since this was asked.
    fn reads(&self) -> usize {
        self.reads.swap(0, Ordering::SeqCst)
    }
}

#[async_trait]
impl Contents for Counted {
    async fn prepare(&self, paths: &[TreePath]) -> Result<(), PackError> {
        self.inner.prepare(paths).await
    }

    fn read(&self, path: &TreePath, reading: Reading<'_>) -> Result<(), PackError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.read(path, reading)
    }

    fn identity(&self, path: &TreePath) -> Option<Digest> {
        self.inner.identity(path)
    }

    fn learn(&self, path: &TreePath, hash: &Digest, begun: SystemTime) {
        self.inner.learn(path, hash, begun);
    }
}

/// Files of which nobody knows what they hash to, and that are fetched each time.
#[derive(Default)]
struct Unknown {
    files: BTreeMap<TreePath, Mutex<Vec<u8>>>,
    prepared: Mutex<BTreeSet<TreePath>>,
}

impl Unknown {
    fn new(files: &[(&str, &str)]) -> Arc<Self> {
        let files = files.iter().map(|(path, text)| ((*path).into(), Mutex::new(text.as_bytes().to_vec()))).collect();
        Arc::new(Self { files, ..Self::default() })
    }
}

#[async_trait]
impl Contents for Unknown {
    async fn prepare(&self, paths: &[TreePath]) -> Result<(), PackError> {
        self.prepared.lock().unwrap().extend(paths.iter().cloned());
        Ok(())
    }

    fn read(&self, path: &TreePath, reading: Reading<'_>) -> Result<(), PackError> {
        assert!(self.prepared.lock().unwrap().remove(path), "{path} was not prepared");
        let content = self.files.get(path).ok_or_else(|| PackError::Missing(path.clone()))?.lock().unwrap().clone();
        reading(&mut content.as_slice())
    }
}

/// A file that is known, and never read.
struct Known(Digest);

impl Contents for Known {
    fn read(&self, path: &TreePath, _: Reading<'_>) -> Result<(), PackError> {
        panic!("{path} is read")
    }

    fn identity(&self, _: &TreePath) -> Option<Digest> {
        Some(self.0.clone())
    }
}

fn copied(tree: &Tree, root: &mut PathIndex) -> Lay {
    let step = CopyStep { sources: vec![".".to_owned()], destination: "/usr/app/".to_owned(), ..CopyStep::default() };
    lay_copy(&step, root, &From { tree, keeps_owners: false, hides: &|_| false }, Times { made: 9 }).unwrap()
}

fn wanted(lay: Lay, contents: Arc<dyn Contents>) -> Wanted {
    Wanted { lay: Arc::new(lay), contents, settings: Settings::default(), words: Vec::new(), reuse: Reuse::Allowed }
}

fn cache(keep: &Memory) -> Cache {
    Cache::new(Arc::new(keep.clone()), Arc::new(SystemTime::now))
}

/// A build of a folder that somebody left alone for a minute; tells how many files were read.
async fn build(folder: &Path, memory: &Memory) -> (Found, usize) {
    build_at(folder, memory, SystemTime::now() + Duration::from_secs(60)).await
}

async fn build_at(folder: &Path, memory: &Memory, now: SystemTime) -> (Found, usize) {
    let cache = Cache::new(Arc::new(memory.clone()), Arc::new(move || now));
    let context = Context::folder(folder, PatternList::default());
    let origin = context.origin(&cache).await.unwrap();
    let lay = copied(origin.tree(), &mut PathIndex::new());
    let files = Counted::new(origin);
    let found = cache.layer(wanted(lay, files.clone()), memory).await.unwrap();
    cache.save().await;
    (found, files.reads())
}

fn context() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("d")).unwrap();
    for (name, content) in [("a", "aa"), ("d/b", "bb"), ("d/run", "#!/bin/sh\n"), ("empty", "")] {
        fs::write(home.path().join(name), content).unwrap();
    }
    home
}

fn touch(path: &Path) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(77);
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[tokio::test]
async fn a_build_of_what_did_not_change_reads_nothing() {
    let (home, memory) = (context(), Memory::new());
    let (made, reads) = build(home.path(), &memory).await;
    assert_eq!((made.is_cached, reads), (false, 3));
    assert_eq!(made.packed.programs.len(), 1);
    let (found, reads) = build(home.path(), &memory).await;
    assert_eq!((found.is_cached, reads), (true, 0));
    assert_eq!(found.packed, made.packed);
    // A new file of the same content: it is read once, and found to be the same.
    touch(&home.path().join("a"));
    let (found, reads) = build(home.path(), &memory).await;
    assert_eq!((found.is_cached, reads), (true, 1));
    assert_eq!(build(home.path(), &memory).await.1, 0);
    // Another content of the same length is read to be hashed, and then into the layer; all others are read for the layer.
    fs::write(home.path().join("a"), "AA").unwrap();
    let (changed, reads) = build(home.path(), &memory).await;
    assert_eq!((changed.is_cached, reads), (false, 4));
    assert_ne!(changed.packed.layer.diff_id, made.packed.layer.diff_id);
    assert_eq!(build(home.path(), &memory).await, (Found { is_cached: true, ..changed }, 0));
    // A length that was never there needs no look.
    fs::write(home.path().join("a"), "longer").unwrap();
    assert_eq!(build(home.path(), &memory).await.1, 3);
    fs::set_permissions(home.path().join("a"), fs::Permissions::from_mode(0o755)).unwrap();
    let (found, reads) = build(home.path(), &memory).await;
    assert_eq!((found.is_cached, reads), (false, 3));
    assert_eq!(build(home.path(), &memory).await.1, 0);
}

#[tokio::test]
async fn files_that_just_changed_are_read_again() {
    let (home, memory) = (context(), Memory::new());
    let now = SystemTime::now();
    assert_eq!(build_at(home.path(), &memory, now).await.1, 3);
    let (found, reads) = build_at(home.path(), &memory, now + Duration::from_secs(60)).await;
    assert_eq!((found.is_cached, reads), (true, 3));
    assert_eq!(build(home.path(), &memory).await.1, 0);
}

#[tokio::test]
async fn files_of_which_nothing_is_known_are_read_once_in_any_case() {
    let tree: Tree = [Entry::file("a", 2), Entry::file("b", 2)].into_iter().collect();
    let memory = Memory::new();
    let unknown = Unknown::new(&[("a", "aa"), ("b", "bb")]);
    let files = Counted::new(unknown.clone());
    let step = || wanted(copied(&tree, &mut PathIndex::new()), files.clone());
    let made = cache(&memory).layer(step(), &memory).await.unwrap();
    assert_eq!((made.is_cached, files.reads()), (false, 2));
    let found = cache(&memory).layer(step(), &memory).await.unwrap();
    assert_eq!((found.is_cached, files.reads()), (true, 2));
    assert_eq!(found.packed, made.packed);
    // Not looked up, and kept all the same.
    unknown.files[&"a".into()].lock().unwrap().copy_from_slice(b"xx");
    let never = cache(&memory).layer(Wanted { reuse: Reuse::Never, ..step() }, &memory).await.unwrap();
    assert_eq!((never.is_cached, files.reads()), (false, 2));
    assert!(cache(&memory).layer(step(), &memory).await.unwrap().is_cached);
    let words = vec!["made at 7".to_owned()];
    assert!(!cache(&memory).layer(Wanted { words, ..step() }, &memory).await.unwrap().is_cached);
    // Where nothing is kept, everything works as ever.
    let forgetful = || Cache::new(Arc::new(Forgetful), Arc::new(SystemTime::now));
    files.reads();
    for _ in 0..2 {
        let found = forgetful().layer(step(), &memory).await.unwrap();
        assert_eq!((found.is_cached, files.reads()), (false, 2));
        assert_eq!(found.packed, never.packed);
    }
}

#[tokio::test]
async fn a_layer_that_is_gone_or_a_record_that_is_broken_is_made_again() {
    let (home, memory) = (context(), Memory::new());
    let (made, _) = build(home.path(), &memory).await;
    memory.forget(&made.packed.layer.digest);
    let (again, reads) = build(home.path(), &memory).await;
    assert_eq!((again.is_cached, reads), (false, 3));
    assert_eq!(again.packed, made.packed);
    assert!(build(home.path(), &memory).await.0.is_cached);
    /// A memory in which every record of a step is of another version.
    struct Other(Memory);
    impl Keep for Other {
        fn get(&self, shelf: Shelf, key: &Digest) -> Option<bytes::Bytes> {
            let kept = self.0.get(shelf, key)?;
            Some(if shelf == Shelf::Steps { [b"\xff", &kept[1..]].concat().into() } else { kept })
        }
        fn put(&self, _: Shelf, _: &Digest, _: &[u8]) {}
    }
    let cache = Cache::new(Arc::new(Other(memory.clone())), Arc::new(SystemTime::now));
    let lay = lay_workdir("/srv", "", &mut PathIndex::new(), Times::default()).unwrap();
    self::cache(&memory).layer(wanted(lay.clone(), Arc::new(Nowhere)), &memory).await.unwrap();
    assert!(!cache.layer(wanted(lay, Arc::new(Nowhere)), &memory).await.unwrap().is_cached);
}

#[tokio::test]
async fn steps_that_are_asked_for_at_once_run_once_and_end_alike() {
    let memory = Memory::new();
    let tree: Tree = [Entry::file("a", 2)].into_iter().collect();
    let files = Counted::new(Unknown::new(&[("a", "aa")]));
    let step = || wanted(copied(&tree, &mut PathIndex::new()), files.clone());
    let (one, library): (Cache, &dyn Library) = (cache(&memory), &memory);
    let (first, second, third) = tokio::join!(one.layer(step(), library), one.layer(step(), library), one.layer(step(), library));
    assert_eq!((first.unwrap(), files.reads()), (second.unwrap(), 1));
    assert!(!third.unwrap().is_cached);
    // Where it is known what is in them, it does not matter where they are.
    let made = cache(&memory).layer(step(), &memory).await.unwrap();
    let known = || Arc::new(Known(Digest::of(b"aa"))) as Arc<dyn Contents>;
    let of = |contents: Arc<dyn Contents>| wanted(copied(&tree, &mut PathIndex::new()), contents);
    let again = cache(&memory);
    let (first, second) = tokio::join!(again.layer(of(known()), library), again.layer(of(known()), library));
    assert_eq!((first.unwrap(), second.unwrap().packed), (Found { is_cached: true, ..made.clone() }, made.packed));
    // Other files under the same paths are another step.
    let others = Counted::new(Unknown::new(&[("a", "zz")]));
    let other = one.layer(wanted(copied(&tree, &mut PathIndex::new()), others), library).await.unwrap();
    assert!(!other.is_cached);
    // Nor are others of the same contents.
    let pair = Counted::new(Unknown::new(&[("a", "aa"), ("b", "bb")]));
    let of = |name: &str| {
        let tree: Tree = [Entry::file("a", 2), Entry::file("b", 2)].into_iter().collect();
        let step = CopyStep { sources: vec![name.to_owned()], destination: "/x".to_owned(), ..CopyStep::default() };
        let from = From { tree: &tree, keeps_owners: false, hides: &|_| false };
        wanted(lay_copy(&step, &mut PathIndex::new(), &from, Times::default()).unwrap(), pair.clone())
    };
    let (first, second) = tokio::join!(one.layer(of("a"), library), one.layer(of("b"), library));
    assert_ne!(first.unwrap().packed.layer, second.unwrap().packed.layer);
    // A failure is one for all.
    let missing: Arc<dyn Contents> = Counted::new(Unknown::new(&[]));
    let step = || wanted(copied(&tree, &mut PathIndex::new()), missing.clone());
    let one = Cache::new(Arc::new(Forgetful), Arc::new(SystemTime::now));
    let (first, second) = tokio::join!(one.layer(step(), library), one.layer(step(), library));
    assert_eq!(first.unwrap_err().to_string(), "/a: its content is not known here");
    assert!(matches!(second.unwrap_err(), PackError::Shared(problem) if matches!(*problem, PackError::Missing(_))));
}

/// Platforms whose bases differ in nothing but times: whoever comes first must not decide the other's layer.
#[tokio::test]
async fn times_of_a_base_s_folders_stay_those_of_the_base() {
    let memory = Memory::new();
    let tree: Tree = [Entry::file("a", 2)].into_iter().collect();
    let files: Arc<dyn Contents> = Unknown::new(&[("a", "aa")]);
    let step = |time: i64| {
        let mut root = PathIndex::new();
        root.begin_layer();
        root.insert(&Entry::directory("usr").mtime(time)).unwrap();
        wanted(copied(&tree, &mut root), files.clone())
    };
    let mut digests = Vec::new();
    for (build, order) in [[5, 6], [6, 5]].into_iter().enumerate() {
        let cache = cache(&memory);
        for time in order {
            let found = cache.layer(step(time), &memory).await.unwrap();
            assert_eq!(found.is_cached, build == 1);
            digests.push((time, found.packed.layer.digest));
        }
    }
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), 2);
}

/// The same files with other times, as two platforms have them: each its own, in whichever order they come, and each
/// time; whoever touches one gets what is there.
#[tokio::test]
async fn files_that_differ_in_their_times_alone_are_one_step_for_later_builds() {
    let memory = Memory::new();
    let step = |time: i64| {
        let tree: Tree = [Entry::file("a", 2).mtime(time)].into_iter().collect();
        wanted(copied(&tree, &mut PathIndex::new()), Arc::new(Known(Digest::of(b"aa"))))
    };
    let readable = |time: i64| Wanted { contents: Unknown::new(&[("a", "aa")]), ..step(time) };
    let mut digests = BTreeSet::new();
    let first = cache(&memory);
    for time in [5, 6] {
        let found = first.layer(readable(time), &memory).await.unwrap();
        assert!(!found.is_cached);
        digests.insert((time, found.packed.layer.digest));
    }
    for order in [[5, 6], [6, 5]] {
        let later = cache(&memory);
        for time in order {
            let found = later.layer(step(time), &memory).await.unwrap();
            assert!(found.is_cached && digests.contains(&(time, found.packed.layer.digest)));
        }
    }
    assert_eq!(digests.len(), 2);
    let touched = [cache(&memory).layer(step(7), &memory).await.unwrap(), cache(&memory).layer(step(8), &memory).await.unwrap()];
    assert!(touched.iter().all(|found| found.is_cached) && touched[0] == touched[1]);
    // Which one that is does not depend on the order either.
    let other = Memory::new();
    let reversed = cache(&other);
    for time in [6, 5] {
        reversed.layer(readable(time), &other).await.unwrap();
    }
    assert_eq!(cache(&other).layer(step(7), &other).await.unwrap(), touched[0]);
}
