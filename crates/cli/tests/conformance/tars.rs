//! Tars of lines, and lines of tars: by a library that is no part of the program.

use std::io::{Read, Write};

use tar::{Builder, EntryType, Header};

use crate::lines::{Kind, Line};

/// When everything that has no time of its own was changed, in seconds since 1970.
pub const THEN: u64 = 1_600_000_000;

/// Writes a tar.
pub fn write(lines: &[Line]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for line in lines {
        let mut header = Header::new_gnu();
        header.set_mode(line.mode);
        header.set_uid(line.owner.0);
        header.set_gid(line.owner.1);
        header.set_mtime(line.time.unwrap_or(THEN));
        header.set_size(0);
        match &line.kind {
            Kind::Folder => {
                header.set_entry_type(EntryType::Directory);
                tar.append_data(&mut header, format!("{}/", line.path), &[][..]).unwrap();
            }
            Kind::File(content) => {
                header.set_entry_type(EntryType::Regular);
                header.set_size(content.len() as u64);
                tar.append_data(&mut header, &line.path, content.as_bytes()).unwrap();
            }
            Kind::Link(target) => {
                header.set_entry_type(EntryType::Symlink);
                tar.append_link(&mut header, &line.path, target).unwrap();
            }
            Kind::Name(target) => {
                header.set_entry_type(EntryType::Link);
                tar.append_link(&mut header, &line.path, target).unwrap();
            }
            Kind::Special(_) => panic!("{}: no case begins with one", line.path),
        }
    }
    tar.into_inner().unwrap()
}

/// Compresses by the name of a way to do so.
pub fn compress(bytes: &[u8], how: &str) -> Vec<u8> {
    match how {
        "none" => bytes.to_vec(),
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "bzip2" => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "xz" => {
            let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => zstd::encode_all(bytes, 1).unwrap(),
        other => panic!("no compression: {other}"),
    }
}

/// Reads a tar that may be compressed with gzip.
pub fn read(bytes: &[u8]) -> Vec<Line> {
    let mut plain = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    } else {
        plain.extend_from_slice(bytes);
    }
    let mut archive = tar::Archive::new(&plain[..]);
    let mut lines = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let path = text(&entry.path_bytes()).trim_end_matches('/').to_owned();
        let target = entry.link_name_bytes().map(|target| text(&target)).unwrap_or_default();
        let header = entry.header();
        let (mode, owner, time) = (header.mode().unwrap(), (header.uid().unwrap(), header.gid().unwrap()), header.mtime().unwrap());
        let kind = match header.entry_type() {
            EntryType::Directory => Kind::Folder,
            EntryType::Symlink => Kind::Link(target),
            EntryType::Link => Kind::Name(target),
            EntryType::Regular => Kind::File(String::new()),
            EntryType::Fifo => Kind::Special("6"),
            EntryType::Char => Kind::Special("3"),
            other => panic!("{path}: {other:?}"),
        };
        let records = entry.pax_extensions().unwrap().into_iter().flatten().map(|record| {
            let record = record.unwrap();
            (text(record.key_bytes()), text(record.value_bytes()))
        });
        let mut line = Line { path, kind, mode, owner, time: Some(time), records: records.collect() };
        if let Kind::File(content) = &mut line.kind {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            *content = String::from_utf8(bytes).unwrap_or_else(|_| "(bytes)".to_owned());
        }
        lines.push(line);
    }
    lines
}
