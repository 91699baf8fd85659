//! The files of tars.

use std::error::Error;
use std::io::{self, Read};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use engine::files::{ArchiveError, Files, read_archive};
use layer::tar::{Device, Entry, EntryKind, Writer};
use layer::{Compression, LayerWriter, Settings, ZstdLevel};

use super::fixture::{all, tar};

/// The file `a` with the content `hello`, by `tar -c a | xz -9` and `tar -c a | bzip2 -9`, in base64.
const XZ: &str = "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AF5dADCAM1AYaImDAdzibiEFV321TqOW3inCBgJ6TiUL13zW45MqAK1tE1uxXZ/JhejMJPliIaOhMGRQDHxyfRAwTpIeSkVvg9J8pA2RNRIWvN8sUmqKaTDJASkXAG7pbgAAAAByGN1fIkVz9AABeoBQAAAASkUHE7HEZ/sCAAAAAARZWg==";
const BZIP2: &str = "QlpoOTFBWSZTWWHvq1kAAG/7hMkAAEJAAFeAAADiRJ4AAACACCAAVDSAAABoJKZTQxDQMjW/5k7oQexASKbam9ZZnEEkDBAazM6S6cgnEEWQt6mKGLbPnRUZG4cNYM2ERAfF3JFOFCQYe+rWQA==";

fn read(bytes: &[u8]) -> Result<Option<Files>, ArchiveError> {
    let scratch = tempfile::tempdir().unwrap();
    read_archive(bytes, "it.tar", scratch.path())
}

/// All that is in the tar of some lines.
fn taken(lines: &[&str]) -> Vec<String> {
    all(&read(&tar(lines)).unwrap().unwrap())
}

fn cause(problem: &ArchiveError) -> String {
    assert_eq!(problem.to_string(), "it.tar cannot be unpacked");
    problem.source().unwrap().to_string()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    layer::gzip(bytes, &mut packed).unwrap();
    packed
}

#[test]
fn content_tells_how_an_archive_is_compressed() {
    let plain = tar(&["f a hello"]);
    let mut zstd = Vec::new();
    let settings = Settings { compression: Compression::Zstd(ZstdLevel::DEFAULT), ..Settings::default() };
    let mut writer = LayerWriter::create(&mut zstd, settings);
    writer.append_bytes(&Entry::file("a", 5), b"hello").unwrap();
    writer.finish().unwrap();
    let [xz, bzip2] = [XZ, BZIP2].map(|text| BASE64_STANDARD.decode(text).unwrap());
    for bytes in [gzip(&plain), plain, zstd, xz, bzip2] {
        assert_eq!(all(&read(&bytes).unwrap().unwrap()), ["a: hello"], "{:?}", &bytes[..6]);
    }
}

#[test]
fn what_is_no_tar_is_none_be_it_compressed_or_not() {
    for bytes in
        [&b""[..], b"text", &[0; 1024], &[b'x'; 600], &[0x1f, 0x8b], &gzip(b""), &gzip(&[b'x'; 600]), &gzip(&tar(&["f a b"]))[..40]]
    {
        assert!(read(bytes).unwrap().is_none(), "{bytes:?}");
    }
}

#[test]
fn a_reader_that_fails_is_no_sign_of_another_file() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the cable is out"))
        }
    }
    let (packed, scratch) = (gzip(&tar(&["f a b"])), tempfile::tempdir().unwrap());
    for length in [0, 3, 40] {
        let problem = read_archive(packed[..length].chain(Broken), "it.tar", scratch.path()).err().unwrap();
        assert_eq!(cause(&problem), "reading an archive failed: the cable is out");
    }
}

#[test]
fn entries_keep_what_they_are_and_the_last_of_a_name_counts() {
    let entries = [
        Entry::directory("d").mode(0o1777).owner(1, 2).mtime(3),
        Entry::file("d/file", 2).mode(0o4755).owner(3, 4).mtime(-5).xattr("user.color", *b"red"),
        Entry { kind: EntryKind::CharDevice(Device { major: 1, minor: 3 }), ..Entry::file("d/null", 0) },
        Entry { kind: EntryKind::Fifo, ..Entry::file("d/pipe", 0) },
        Entry::symlink("link", "../../etc"),
    ];
    let mut writer = Writer::new(Vec::new());
    entries.iter().for_each(|entry| writer.append_bytes(entry, &b"hi"[..entry.size() as usize]).unwrap());
    let files = read(&writer.finish().unwrap()).unwrap().unwrap();
    assert_eq!(files.tree().below(&"".into()).map(|(_, entry)| entry.clone()).collect::<Vec<_>>(), entries);
    assert_eq!(taken(&["f a one", "f a two", "h b a", "f a three", "d b/", "f b/c d"]), ["a: three", "b/", "b/c: d"]);
    assert_eq!(taken(&["f a one", "h b a", "f a two", "h 0 b"]), ["0: one", "a: two", "b = 0"]);
    assert_eq!(taken(&["d ./", "f ./x/y z"]), ["x/", "x/y: z"]);
}

#[test]
fn nothing_leads_out() {
    assert_eq!(taken(&["f /etc/x y", "h //z /etc/x"]), ["etc/", "etc/x: y", "z = etc/x"]);
    assert_eq!(taken(&["l out ../../..", "f out/x y", "l abs /", "f abs/z z"]), ["abs -> /", "out -> ../../..", "x: y", "z: z"]);
    for (lines, expected) in [
        (&["f ../x y"][..], "../x: the name has a part .."),
        (&["f a/../../x y"], "a/../../x: the name has a part .."),
        (&["l a ..", "f a/../x y"], "a/../x: the name has a part .."),
        (&["h x ../../etc/passwd"], "x: the link to ../../etc/passwd leads out of the archive"),
        (&["h x etc/passwd"], "x: the hard link's target etc/passwd does not come before it"),
        (&["d d", "h x d"], "x: the hard link's target d does not come before it"),
        (&["f a 1", "f a/b 2"], "a/b: a is not a directory"),
        (&["l a b", "l b a", "f a/x y"], "a/x: too many symbolic links"),
        (&["d d", "w d/x"], "d/.wh.x: the name would be taken for a whiteout"),
    ] {
        assert_eq!(cause(&read(&tar(lines)).err().unwrap()), expected);
    }
}

#[test]
fn what_is_cut_short_or_damaged_is_refused() {
    let plain = tar(&["f a hello", "f b world"]);
    assert_eq!(cause(&read(&plain[..1200]).err().unwrap()), "damaged archive at byte 1200: it ends within a header");
    assert_eq!(cause(&read(&plain[..515]).err().unwrap()), "damaged archive at byte 515: it ends within an entry");
    let mut packed = gzip(&plain);
    let checksum = packed.len() - 6;
    packed[checksum] ^= 1;
    assert!(cause(&read(&packed).err().unwrap()).starts_with("reading an archive failed: "));
}

#[test]
fn a_scratch_folder_that_takes_nothing_is_named() {
    let problem = read_archive(tar(&["f a b"]).as_slice(), "it.tar", "/nowhere/to/be/found".as_ref()).err().unwrap();
    assert_eq!(problem.to_string(), "cannot write to the scratch folder /nowhere/to/be/found");
}
