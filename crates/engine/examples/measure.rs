//! Measures what remembering costs a first build and saves the next ones, in milliseconds.
//!
//! `cargo run --release -p polyarch-engine --example measure [FOLDER]` takes a folder, or makes one of 12,000 files of 26 kB.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use content::Memory;
use engine::cache::{Cache, KnownFiles, Reuse, Wanted};
use engine::context::{Folder, Visit, Walked};
use engine::pack::{Contents, pack_into};
use graph::{CopyStep, From, Times, lay_copy};
use layer::index::PathIndex;
use layer::{Compression, Settings};

#[tokio::main]
async fn main() {
    let made = std::env::temp_dir().join(format!("polyarch-measure-{}", std::process::id()));
    let given = std::env::args_os().nth(1);
    let folder = given.as_ref().map_or(made.as_path(), Path::new);
    if given.is_none() {
        generate(folder);
    }
    for compression in [Compression::default(), Compression::None] {
        let settings = Settings { compression, threads: 2, ..Settings::default() };
        println!("{}, threads 2:", compression.name());
        // Everything is in the memory of the system from the second round on.
        for _ in 0..3 {
            measure(folder, settings).await;
        }
    }
    if given.is_none() {
        std::fs::remove_dir_all(folder).unwrap();
    }
}

async fn measure(folder: &Path, settings: Settings) {
    let (files, lay) = look(folder);
    let (plain, memory) = (Memory::new(), Memory::new());
    let files = Arc::new(files);
    let begin = Instant::now();
    pack_into(&plain, lay.clone(), files, settings).await.unwrap();
    let pack = begin.elapsed();
    let mut times = Vec::new();
    for reuse in [Reuse::Allowed, Reuse::Allowed, Reuse::Never] {
        let (files, lay) = look(folder);
        let now = SystemTime::now() + Duration::from_secs(60);
        let cache = Cache::new(Arc::new(memory.clone()), Arc::new(move || now));
        let begin = Instant::now();
        let known = Arc::new(KnownFiles::load(Arc::new(files), Arc::new(memory.clone())));
        let loaded = begin.elapsed();
        let contents = Arc::clone(&known) as Arc<dyn Contents>;
        cache.layer(Wanted { lay, contents, settings, words: Vec::new(), reuse }, &memory).await.unwrap();
        known.save();
        times.push((loaded, begin.elapsed()));
    }
    let [(_, first), (load, again), (_, never)] = times.as_slice() else { return };
    println!("  packed {pack:.2?}; first build {first:.2?}, again {again:.1?} (of it {load:.1?} to load), made again {never:.2?}");
}

fn look(folder: &Path) -> ((Folder, Walked), Arc<graph::Lay>) {
    let folder = Folder::open(folder).unwrap();
    let walked = folder.walk(&|_, _| Visit::Take).unwrap();
    let step = CopyStep { sources: vec![".".to_owned()], destination: "/app/".to_owned(), ..CopyStep::default() };
    let from = From { tree: &walked.tree, keeps_owners: false, hides: &|_| false };
    let lay = lay_copy(&step, &mut PathIndex::new(), &from, Times::default()).unwrap();
    ((folder, walked), Arc::new(lay))
}

/// Texts of words, as sources are.
fn generate(folder: &Path) {
    let mut state = 1_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as usize
    };
    let words: Vec<String> = (0..3000).map(|_| (0..2 + next() % 9).map(|_| char::from(b'a' + (next() % 26) as u8)).collect()).collect();
    for number in 0..12_000 {
        let mut content = String::new();
        while content.len() < 26_000 {
            content.extend([words.get((next() % 3000).min(next() % 3000)).map_or("", String::as_str), " "]);
        }
        let below = folder.join(format!("{:03}", number / 100));
        std::fs::create_dir_all(&below).unwrap();
        std::fs::write(below.join(number.to_string()), content).unwrap();
    }
}
