//! Archives: tars of layouts, what `docker save` wrote in ten years, and whatever else calls itself one.

use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::LazyLock;

use content::{Events, Expected, Limits, Memory, Sink, Source};
use oci::{Digest, Platform, RawManifest, Selector};
use store::archive::{Archive, Input, Settings};
use tokio::runtime::Runtime;

use crate::memory_folder;
use crate::records::{self, Record};

/// What inflating may make of one input: enough for every seed, nothing for a bomb.
const INFLATED: u64 = 1 << 20;

/// An archive of any bytes keeps what an archive promises.
pub fn bytes(bytes: &[u8]) {
    read_every_way(bytes);
}

/// The same for archives whose headers and digests are right, so that what they say of each other is
/// read, too. Each record is an entry: `NAME`, or `NAME -> TARGET` for a link. One called `!gzip`
/// compresses the whole.
pub fn images(bytes: &[u8]) {
    let records = records::read(bytes);
    let mut tar = Vec::new();
    for record in records.iter().filter(|record| !record.name.starts_with(b"!")) {
        append(&mut tar, record);
    }
    tar.resize(tar.len() + 1024, 0);
    if records.iter().any(|record| record.name == b"!gzip") {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&tar).unwrap();
        tar = packed.finish().unwrap();
    }
    read_every_way(&tar);
}

/// Whichever kind it is taken for: no manifest without its digest, no blob without its bytes, and
/// what can be copied comes back from a new archive as it was.
fn read_every_way(bytes: &[u8]) {
    static WORK: LazyLock<(Runtime, tempfile::TempDir)> = LazyLock::new(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        (runtime, memory_folder())
    });
    let (runtime, folder) = &*WORK;
    let mut settings = Settings::new(folder.path(), Platform::new("linux", "amd64", None));
    settings.inflated = INFLATED;
    for open in [Archive::layout, Archive::docker, Archive::docker_classic] {
        let archive = open(Input::Reader(Box::new(Cursor::new(bytes.to_vec()))), settings.clone());
        runtime.block_on(read(&archive, folder.path(), &settings));
    }
}

async fn read(archive: &Archive, folder: &Path, settings: &Settings) {
    let Ok(names) = archive.tags().await else { return };
    assert!(names.is_sorted(), "{names:?}");
    let selectors = names.into_iter().map(Selector::Name).chain([Selector::Only]);
    for selector in selectors.take(4) {
        let Ok(root) = archive.manifest(&selector).await else { continue };
        assert_eq!(*root.digest(), Digest::with(root.digest().algorithm(), root.bytes()), "{selector:?}");
        let descriptor = archive.resolve(&selector).await.unwrap();
        assert_eq!((&descriptor.digest, descriptor.size), (root.digest(), root.bytes().len() as u64), "{selector:?}");
        let by_digest = archive.manifest(&Selector::Digest(root.digest().clone())).await.unwrap();
        assert_eq!(by_digest.bytes(), root.bytes(), "{selector:?}");
        for blob in root.as_image().into_iter().flat_map(oci::ImageManifest::blobs).take(4) {
            if let Ok(reader) = archive.blob(blob).await
                && let Ok(bytes) = reader.read_all(INFLATED).await
            {
                assert_eq!((Digest::with(blob.digest.algorithm(), &bytes), bytes.len() as u64), (blob.digest.clone(), blob.size));
            }
        }
        let limits = Limits { depth: 3, manifests: 50, at_once: 4 };
        let memory = Memory::new();
        if content::copy(archive, &memory, &root, limits, &Events::none()).await.is_ok() {
            memory.put_manifest(&root).await.unwrap();
            write_again(&memory, &root, limits, folder, settings).await;
        }
    }
}

/// Takes an image through a new archive.
async fn write_again(memory: &Memory, root: &RawManifest, limits: Limits, folder: &Path, settings: &Settings) {
    let path = folder.join("again.tar");
    let _ = std::fs::remove_file(&path);
    let again = Archive::layout(path.clone(), settings.clone());
    let name = Selector::Name("again".to_owned());
    content::copy(memory, &again, root, limits, &Events::none()).await.unwrap();
    again.tag(&name, root, &Expected::Absent).await.unwrap();
    let read = Archive::layout(path, settings.clone());
    assert_eq!(read.manifest(&name).await.unwrap().bytes(), root.bytes());
    assert!(read.has(&root.descriptor()).await.unwrap());
}

/// Writes an entry with a header that is right, whatever its name (POSIX ustar).
fn append(tar: &mut Vec<u8>, record: &Record) {
    let arrow = record.name.windows(4).position(|window| window == b" -> ");
    let (name, link) = arrow.map_or((&record.name[..], None), |at| (&record.name[..at], Some(&record.name[at + 4..])));
    let content: &[u8] = if link.is_some() { &[] } else { &record.content };
    let mut header = [0_u8; 512];
    let mut put = |at: usize, most: usize, bytes: &[u8]| {
        let length = bytes.len().min(most);
        header[at..at + length].copy_from_slice(&bytes[..length]);
    };
    put(0, 100, name);
    put(100, 24, b"0000644\x000000000\x000000000\x00");
    put(124, 12, format!("{:011o}", content.len()).as_bytes());
    put(136, 12, b"00000000000\x00");
    put(156, 1, if link.is_some() { b"2" } else { b"0" });
    put(157, 100, link.unwrap_or_default());
    put(257, 8, b"ustar\x0000");
    put(148, 8, b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.extend_from_slice(&header);
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512), 0);
}
