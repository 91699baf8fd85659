//! The same entries give the same bytes: on any number of threads, on any processor, from one commit to the next.

use layer::tar::{Entry, Layout, Options};
use layer::{Compressed, Compression, GzipLevel, LayerError, LayerWriter, Settings, ZstdLevel, recompress};
use oci::Digest;

use crate::fixture::{entries, noise, program};

/// A layer with entries of every kind, many small ones, and large ones.
fn make(settings: Settings) -> (Compressed, Vec<u8>) {
    let mut blob = Vec::new();
    let mut layer = LayerWriter::create(&mut blob, settings);
    for (entry, content) in entries() {
        layer.append_bytes(&entry, &content).unwrap();
    }
    layer.append_empty(&Entry::directory("many")).unwrap();
    for number in 0..600 {
        let content = program(number * 37 % 9000, number as u64);
        layer.append_bytes(&Entry::file(format!("many/{number:04}"), content.len() as u64).mtime(1_600_000_000), &content).unwrap();
    }
    for (name, content) in [("program", program(5 << 20, 1)), ("noise", noise(1 << 20, 2)), ("zeros", vec![0; 3 << 20])] {
        layer.append_bytes(&Entry::file(name, content.len() as u64), &content).unwrap();
    }
    layer.whiteout(b"etc/gone").unwrap();
    let made = layer.finish().unwrap();
    assert_eq!((&made.digest, made.size), (&Digest::of(&blob), blob.len() as u64));
    (made, blob)
}

fn settings(compression: Compression, threads: usize) -> Settings {
    Settings { compression, threads, ..Settings::default() }
}

/// Whoever changes one of these changes every digest of every layer that is built: say so in the changelog.
const GOLDEN: [(Compression, &str); 3] = [
    (Compression::None, "sha256:549914c97c24b321c6c379c1ebe64d872e78434ab4a06ca433131e49ed6f76d7"),
    (GZIP, "sha256:4ede2b09cf80f5fe73f78d270792506135f8fda0003d95d4c3a2b45986bd6f73"),
    (ZSTD, "sha256:3841cefabdd7656a4672c1a667f7fe8ecdd7b327b9ecd0b4d2d791c9f54280aa"),
];
const GZIP: Compression = Compression::Gzip(GzipLevel::DEFAULT);
const ZSTD: Compression = Compression::Zstd(ZstdLevel::DEFAULT);

#[test]
fn digests_are_the_same_on_any_number_of_threads_and_every_machine() {
    for (compression, golden) in GOLDEN {
        for threads in [1, 2, 5] {
            let (made, _) = make(settings(compression, threads));
            assert_eq!(made.digest.to_string(), golden, "{} on {threads} threads", compression.name());
            assert_eq!(made.diff_id.0.to_string(), GOLDEN[0].1, "{}", compression.name());
        }
    }
}

#[test]
fn every_level_gives_the_same_bytes_on_any_number_of_threads() {
    let levels = [1, 9, 12].map(|level| Compression::Gzip(GzipLevel::new(level).unwrap()));
    for compression in levels.into_iter().chain([1, 7].map(|level| Compression::Zstd(ZstdLevel::new(level).unwrap()))) {
        assert_eq!(make(settings(compression, 1)).0, make(settings(compression, 3)).0, "{compression:?}");
    }
}

#[test]
fn a_layer_is_compressed_again_with_the_same_diff_id() {
    let (made, tar) = make(settings(Compression::None, 1));
    for threads in [1, 4] {
        let mut blob = Vec::new();
        let again = recompress(tar.as_slice(), &mut blob, settings(ZSTD, threads)).unwrap();
        assert_eq!((&again.diff_id, again.uncompressed, &again.digest), (&made.diff_id, made.uncompressed, &Digest::of(&blob)));
    }
}

#[test]
fn a_file_that_changed_is_named() {
    let mut layer = LayerWriter::create(Vec::new(), Settings::default());
    let short = layer.append(&Entry::file("a/b", 10), &b"123"[..]).unwrap_err();
    assert_eq!(short.to_string(), "a/b: file changed while it was read: expected 10 bytes, got 3");
    let mut layer = LayerWriter::create(Vec::new(), Settings::default());
    let long = layer.append(&Entry::file("a/b", 2), &b"123"[..]).unwrap_err();
    assert_eq!(long.to_string(), "a/b: file changed while it was read: expected 2 bytes, got more");
}

#[test]
fn names_that_no_layer_may_have_are_refused_and_the_layer_goes_on() {
    let mut blob = Vec::new();
    let mut layer = LayerWriter::create(&mut blob, settings(Compression::None, 1));
    layer.append_empty(&Entry::file("a", 0)).unwrap();
    for (entry, problem) in [
        (Entry::file("a", 0), "a: the name was written before"),
        (Entry::directory("a/"), "a: the name was written before"),
        (Entry::file("/etc/passwd", 0), "/etc/passwd: the name is absolute"),
        (Entry::file("../x", 0), "../x: the name has a part .."),
        (Entry::file("", 0), ": the name is empty"),
        (Entry::directory("./"), "./: the name is empty"),
        (Entry::file("x\0y", 0), "x\\u{0}y: there is a NUL in a name"),
        (Entry::file("x/.wh.y", 0), "x/.wh.y: the name would be taken for a whiteout"),
        (Entry::hardlink("x", "later"), "x: the hard link's target later does not come before it"),
        (Entry::hardlink("x", "../a"), "x: the link to ../a leads out of the archive"),
        (Entry::file("x", 0).xattr("user.a=b", ""), "x: bad name of an extended attribute: \"user.a=b\""),
    ] {
        let error = layer.append_empty(&entry).unwrap_err();
        assert!(matches!(error, LayerError::Entry { .. }), "{error:?}");
        assert_eq!(error.to_string(), problem);
    }
    layer.append_empty(&Entry::hardlink("x", "a")).unwrap();
    assert_eq!(layer.finish().unwrap().uncompressed, 2 * 512 + 1024);
}

#[test]
fn newer_times_are_clamped_and_older_ones_kept() {
    let options = Options { newest: Some(1000), ..Options::default() };
    let mut tar = layer::tar::Writer::with(Vec::new(), options);
    tar.append_empty(&Entry::file("new", 0).mtime(2000)).unwrap();
    tar.append_empty(&Entry::file("old", 0).mtime(10)).unwrap();
    tar.whiteout(b"gone").unwrap();
    let tar = tar.finish().unwrap();
    let mut reader = layer::tar::Reader::new(tar.as_slice(), layer::tar::Limits::default(), layer::tar::Rules::default());
    let mut times = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        times.push((String::from_utf8(entry.path).unwrap(), entry.mtime, entry.mode));
    }
    assert_eq!(times, [("new".to_owned(), 1000, 0o644), ("old".to_owned(), 10, 0o644), (".wh.gone".to_owned(), 0, 0)]);
}

#[test]
fn a_layer_for_windows_has_hives_files_and_what_windows_wants_to_know() {
    let options = Options { layout: Layout::Windows, newest: Some(7) };
    let mut tar = layer::tar::Writer::with(Vec::new(), options);
    tar.append_empty(&Entry::directory("app").mtime(9)).unwrap();
    tar.append_bytes(&Entry::file("app/a.txt", 1).mtime(3), b"a").unwrap();
    tar.append_empty(&Entry::hardlink("app/b.txt", "app/a.txt")).unwrap();
    tar.append_empty(&Entry::symlink("app/c", "a.txt")).unwrap();
    let tar = tar.finish().unwrap();
    // The reader of another crate, which shows records as they are.
    let mut archive = tar::Archive::new(tar.as_slice());
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let link = entry.link_name_bytes().map(|link| String::from_utf8(link.into_owned()).unwrap()).unwrap_or_default();
        let mode = entry.header().mode().unwrap();
        let records = entry.pax_extensions().unwrap().unwrap();
        let records: Vec<String> = records.map(|record| record.unwrap().key().unwrap().to_owned()).collect();
        found.push(format!("{path} {link} {mode:o} {}", records.join(",")));
    }
    assert_eq!(
        found,
        [
            "Hives/  40000 LIBARCHIVE.creationtime,MSWINDOWS.fileattr",
            "Files/  40000 LIBARCHIVE.creationtime,MSWINDOWS.fileattr",
            "Files/app/  40755 LIBARCHIVE.creationtime,MSWINDOWS.fileattr,MSWINDOWS.rawsd",
            "Files/app/a.txt  100644 LIBARCHIVE.creationtime,MSWINDOWS.fileattr,MSWINDOWS.rawsd",
            "Files/app/b.txt Files/app/a.txt 644 LIBARCHIVE.creationtime",
            "Files/app/c a.txt 777 LIBARCHIVE.creationtime",
        ]
    );
}
