//! Measures how fast layers are made, in megabytes of tar in a second.
//!
//! `cargo run --release -p polyarch-layer --example measure [FOLDER]` takes the files of a folder, or makes a tree of its own.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::io;
use std::path::Path;
use std::time::Instant;

use layer::tar::Entry;
use layer::{Compression, GzipLevel, LayerWriter, Settings, ZstdLevel};

fn main() {
    let files = std::env::args_os().nth(1).map_or_else(generated, |folder| read(Path::new(&folder)));
    let bytes: usize = files.iter().map(|(_, content)| content.len()).sum();
    println!("{} files, {:.1} MB", files.len(), bytes as f64 / 1e6);
    let gzip = |level| Compression::Gzip(GzipLevel::new(level).unwrap());
    let zstd = |level| Compression::Zstd(ZstdLevel::new(level).unwrap());
    for compression in [Compression::None, gzip(1), gzip(4), gzip(5), gzip(6), gzip(9), zstd(1), zstd(3), zstd(9)] {
        for threads in [1, 2] {
            let begin = Instant::now();
            let mut layer = LayerWriter::create(io::sink(), Settings { compression, threads, ..Settings::default() });
            for (name, content) in &files {
                layer.append_bytes(&Entry::file(name.as_bytes(), content.len() as u64), content).unwrap();
            }
            let made = layer.finish().unwrap();
            let speed = made.uncompressed as f64 / 1e6 / begin.elapsed().as_secs_f64();
            println!("{compression:?}, threads {threads}: {speed:.0} MB/s, ratio {:.4}", made.size as f64 / made.uncompressed as f64);
        }
    }
    // For comparison: one member by zlib-rs.
    let tar: Vec<u8> = files.iter().flat_map(|(_, content)| content.iter().copied()).collect();
    let begin = Instant::now();
    let made = layer::gzip(tar.as_slice(), io::sink()).unwrap();
    let speed = made.uncompressed as f64 / 1e6 / begin.elapsed().as_secs_f64();
    println!("gzip in one member: {speed:.0} MB/s, ratio {:.4}", made.size as f64 / made.uncompressed as f64);
}

/// Texts of words, as sources are, and noise among them, as pictures are.
fn generated() -> Vec<(String, Vec<u8>)> {
    let mut state = 1_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as usize
    };
    let words: Vec<String> = (0..3000).map(|_| (0..2 + next() % 9).map(|_| char::from(b'a' + (next() % 26) as u8)).collect()).collect();
    let make = |number: usize, next: &mut dyn FnMut() -> usize| {
        let length = if number.is_multiple_of(100) { 4 << 20 } else { next() % 60_000 };
        let mut content = Vec::with_capacity(length);
        while content.len() < length {
            if number.is_multiple_of(7) {
                content.push(next() as u8);
            } else {
                content.extend(words.get((next() % 3000).min(next() % 3000)).map(|word| word.as_bytes()).unwrap_or_default());
                content.push(b' ');
            }
        }
        (format!("tree/{number:05}"), content)
    };
    (0..2000).map(|number| make(number, &mut next)).collect()
}

fn read(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path()).collect();
        entries.sort();
        for path in entries {
            let Ok(metadata) = path.symlink_metadata() else { continue };
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.is_file() {
                let name = path.to_string_lossy().trim_start_matches('/').to_owned();
                files.extend(std::fs::read(&path).ok().map(|content| (name, content)));
            }
        }
    }
    files.sort();
    files
}
