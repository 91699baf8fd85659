//! Every input that was ever of interest, again: without an engine, in seconds.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fuzz::{TARGETS, Target};

/// No input is worth more, also in a build without optimisation on a machine that does other things.
const LONGEST: Duration = Duration::from_secs(5);
/// The corpora are part of every checkout.
const LARGEST: u64 = 2 << 20;

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Runs every input of a target and returns those that break a property, which has said so itself.
fn broken(target: &Target) -> Vec<PathBuf> {
    let holds = |input: &PathBuf| {
        let bytes = std::fs::read(input).unwrap();
        let begin = Instant::now();
        std::panic::catch_unwind(|| (target.run)(&bytes)).is_ok() && begin.elapsed() < LONGEST
    };
    inputs(&corpora().join(target.name)).into_iter().filter(|input| !holds(input)).collect()
}

#[test]
fn every_input_holds() {
    let threads: Vec<_> = TARGETS.iter().map(|target| std::thread::spawn(move || broken(target))).collect();
    let found: Vec<PathBuf> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert!(found.is_empty(), "these break a property of their target, or take longer than {LONGEST:?}: {found:#?}");
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert!(names.is_sorted(), "{names:?}");
    let folders: BTreeSet<String> = inputs(&corpora())
        .iter()
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(folders, names.iter().map(|name| (*name).to_owned()).collect());
    let mut size = 0;
    for name in names {
        let files = inputs(&corpora().join(name));
        assert!(!files.is_empty(), "{name} has no input");
        size += files.iter().map(|file| file.metadata().unwrap().len()).sum::<u64>();
    }
    assert!(size <= LARGEST, "the corpora have {size} bytes: expected at most {LARGEST}");
}
