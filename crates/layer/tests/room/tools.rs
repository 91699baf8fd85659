//! What other tools make of our tars and blobs.

use std::io::Read;
use std::process::Command;

use layer::tar::{Device, Entry, EntryKind, Limits, Reader, Rules};
use layer::{Compression, LayerWriter, Settings, ZstdLevel};
use oci::Digest;
use proptest::prelude::*;

use crate::fixture::{any_entries, entries, noise, program, run, tar};

/// Reads a tar from standard input and writes a line for each entry.
const PYTHON: &str = r#"
import hashlib, io, sys, tarfile
kinds = {b'0': 'file', b'1': 'hardlink', b'2': 'symlink', b'3': 'char', b'4': 'block', b'5': 'directory', b'6': 'fifo'}
raw = lambda text: text.encode('utf-8', 'surrogateescape').hex()
with tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read())) as tar:
    for member in tar:
        content = tar.extractfile(member).read() if member.isreg() else b''
        xattrs = sorted((raw(key[13:]), raw(value)) for key, value in member.pax_headers.items() if key.startswith('SCHILY.xattr.'))
        print(kinds[member.type], raw(member.name), raw(member.linkname), oct(member.mode), member.uid, member.gid, int(member.mtime),
              member.size, member.devmajor, member.devminor, hashlib.sha256(content).hexdigest(), *(f'{key}={value}' for key, value in xattrs))
"#;

/// Reads a tar and writes it again, entry by entry, with the format of each left open.
const GO: &str = r#"
package main

import ("archive/tar"; "io"; "os"; "strings")

func main() {
	reader, writer := tar.NewReader(os.Stdin), tar.NewWriter(os.Stdout)
	for {
		header, err := reader.Next()
		if err == io.EOF { break }
		if err != nil { panic(err) }
		header.Format = tar.FormatUnknown
		for key := range header.PAXRecords {
			if !strings.HasPrefix(key, "SCHILY.") && !strings.HasPrefix(key, "MSWINDOWS.") && !strings.HasPrefix(key, "LIBARCHIVE.") { delete(header.PAXRecords, key) }
		}
		if err := writer.WriteHeader(header); err != nil { panic(err) }
		if _, err := io.Copy(writer, reader); err != nil { panic(err) }
	}
	if err := writer.Close(); err != nil { panic(err) }
}
"#;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The line that Python is to write.
fn line(entry: &Entry, content: &[u8]) -> String {
    let (kind, link, device) = match &entry.kind {
        EntryKind::File { .. } => ("file", &b""[..], Device::default()),
        EntryKind::Directory => ("directory", &b""[..], Device::default()),
        EntryKind::Symlink { target } => ("symlink", target.as_slice(), Device::default()),
        EntryKind::Hardlink { target } => ("hardlink", target.as_slice(), Device::default()),
        EntryKind::Fifo => ("fifo", &b""[..], Device::default()),
        EntryKind::CharDevice(device) => ("char", &b""[..], *device),
        EntryKind::BlockDevice(device) => ("block", &b""[..], *device),
    };
    let mut line = format!(
        "{kind} {} {} 0o{:o} {} {} {} {} {} {} {}",
        hex(&entry.path),
        hex(link),
        entry.mode,
        entry.uid,
        entry.gid,
        entry.mtime,
        entry.size(),
        device.major,
        device.minor,
        Digest::of(content).hex()
    );
    for (name, value) in &entry.xattrs {
        line.push_str(&format!(" {}={}", hex(name), hex(value)));
    }
    line
}

fn read_by_python(tar: &[u8]) -> Option<Vec<String>> {
    let python = testkit::binary("python3")?;
    let output = run(Command::new(python).args(["-c", PYTHON]), tar).unwrap();
    Some(String::from_utf8(output).unwrap().lines().map(str::to_owned).collect())
}

fn read_by_us(tar: &[u8]) -> Vec<(Entry, Vec<u8>)> {
    let mut reader = Reader::new(tar, Limits::default(), Rules::of_layer());
    let mut found = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let mut content = Vec::new();
        reader.content().read_to_end(&mut content).unwrap();
        found.push((entry, content));
    }
    found
}

#[test]
fn python_reads_every_entry_as_it_was() {
    let entries = entries();
    let Some(lines) = read_by_python(&tar(&entries)) else { return testkit::skip("no python3") };
    assert_eq!(lines, entries.iter().map(|(entry, content)| line(entry, content)).collect::<Vec<_>>());
}

#[test]
fn we_read_every_entry_as_it_was() {
    let entries = entries();
    assert_eq!(read_by_us(&tar(&entries)), entries);
}

#[test]
fn gnu_tar_reads_every_name_and_content() {
    let Some(program) = testkit::binary("tar") else { return testkit::skip("no tar") };
    let entries = entries();
    let tar = tar(&entries);
    let list =
        run(Command::new(&program).args(["--list", "--file=-", "--quoting-style=literal", "--show-transformed-names"]), &tar).unwrap();
    let name = |entry: &Entry| [entry.path.as_slice(), if entry.kind == EntryKind::Directory { b"/" } else { b"" }].concat();
    let names: Vec<Vec<u8>> = entries.iter().map(|(entry, _)| name(entry)).collect();
    assert_eq!(list.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>(), names);
    let contents = run(Command::new(&program).args(["--extract", "--to-stdout", "--file=-"]), &tar).unwrap();
    // The first hard link repeats its target's content there.
    assert!(contents.windows(1000).any(|window| window == [7; 1000]));
}

#[test]
fn go_writes_the_same_bytes() {
    let Some(program) = testkit::binary("go") else { return testkit::skip("no go") };
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("main.go");
    std::fs::write(&source, GO).unwrap();
    let built = folder.path().join("rewrite");
    let mut build = Command::new(program);
    build.arg("build").arg("-o").arg(&built).arg(&source).env("CGO_ENABLED", "0");
    if std::env::var_os("HOME").is_none() {
        build.env("GOCACHE", folder.path().join("cache"));
    }
    let status = build.output();
    let status = status.unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    let ours = tar(&entries());
    let theirs = run(&mut Command::new(&built), &ours).unwrap();
    let differs = ours.iter().zip(&theirs).position(|(one, other)| one != other);
    assert_eq!((ours.len(), differs), (theirs.len(), None));
}

/// A layer with small and large files.
fn layer(settings: Settings) -> (Vec<u8>, Vec<u8>) {
    let mut blob = Vec::new();
    let mut layer = LayerWriter::create(&mut blob, settings);
    let mut plain = layer::tar::Writer::new(Vec::new());
    for (entry, content) in entries() {
        layer.append_bytes(&entry, &content).unwrap();
        plain.append_bytes(&entry, &content).unwrap();
    }
    for (name, content) in [("b", program(3 << 20, 1)), ("c", noise(2 << 20, 2)), ("d", program(700_000, 3)), ("e", program(900_000, 4))] {
        let entry = Entry::file(name, content.len() as u64);
        layer.append(&entry, content.as_slice()).unwrap();
        plain.append(&entry, content.as_slice()).unwrap();
    }
    layer.finish().unwrap();
    (blob, plain.finish().unwrap())
}

#[test]
fn every_reader_of_gzip_sees_the_whole_layer() {
    let (blob, tar) = layer(Settings { threads: 2, ..Settings::default() });
    let members = blob.windows(10).filter(|bytes| *bytes == [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]).count();
    assert!(members > 3, "{members}");
    let mut back = Vec::new();
    flate2::read::MultiGzDecoder::new(blob.as_slice()).read_to_end(&mut back).unwrap();
    assert!(back == tar);
    let mut back = Vec::new();
    layer::gunzip(blob.as_slice(), &mut back, u64::MAX).unwrap();
    assert!(back == tar);
    match testkit::binary("gzip") {
        Some(gzip) => {
            run(Command::new(&gzip).arg("-t"), &blob).unwrap();
            assert!(run(Command::new(&gzip).arg("-dc"), &blob).unwrap() == tar);
        }
        None => testkit::skip("no gzip"),
    }
    match testkit::binary("python3") {
        Some(python) => {
            let script = "import gzip, sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))";
            assert!(run(Command::new(python).args(["-c", script]), &blob).unwrap() == tar);
        }
        None => testkit::skip("no python3"),
    }
}

#[test]
fn every_reader_of_zstd_sees_the_whole_layer() {
    let compression = Compression::Zstd(ZstdLevel::default());
    let (blob, tar) = layer(Settings { threads: 2, compression, ..Settings::default() });
    let mut back = Vec::new();
    layer::Inflate::new(blob.as_slice(), layer::InflateLimits::default()).unwrap().read_to_end(&mut back).unwrap();
    assert!(back == tar);
    match testkit::binary("zstd") {
        Some(zstd) => {
            run(Command::new(&zstd).arg("-t"), &blob).unwrap();
            assert!(run(Command::new(&zstd).arg("-dc"), &blob).unwrap() == tar);
        }
        None => testkit::skip("no zstd"),
    }
}

#[test]
fn whatever_another_tool_compressed_is_inflated() {
    let content = program(300_000, 5);
    for (name, format) in [
        ("gzip", layer::CompressionFormat::Gzip),
        ("bzip2", layer::CompressionFormat::Bzip2),
        ("xz", layer::CompressionFormat::Xz),
        ("zstd", layer::CompressionFormat::Zstd),
    ] {
        let Some(program) = testkit::binary(name) else {
            testkit::skip(&format!("no {name}"));
            continue;
        };
        // Twice behind each other, as parallel compressors write.
        let once = run(Command::new(program).arg("-c"), &content).unwrap();
        let twice = [once.as_slice(), &once].concat();
        let mut inflate = layer::Inflate::new(twice.as_slice(), layer::InflateLimits::default()).unwrap();
        assert_eq!(inflate.format(), format);
        let mut back = Vec::new();
        inflate.read_to_end(&mut back).unwrap();
        assert!(back == [content.as_slice(), &content].concat(), "{name}: {} bytes", back.len());
        let mut stump = layer::Inflate::new(&once[..once.len() - 20], layer::InflateLimits::default()).unwrap();
        assert!(stump.read_to_end(&mut Vec::new()).is_err(), "{name}: a stump");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_entries_are_read_as_they_were(entries in any_entries()) {
        let tar = tar(&entries);
        prop_assert_eq!(&read_by_us(&tar), &entries);
        if let Some(lines) = read_by_python(&tar) {
            prop_assert_eq!(lines, entries.iter().map(|(entry, content)| line(entry, content)).collect::<Vec<_>>());
        }
    }
}
