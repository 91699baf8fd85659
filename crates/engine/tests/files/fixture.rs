//! Contents in memory, images made by hand, and what is in a layer.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use content::{Memory, Source};
use engine::base::Base;
use engine::files::Files;
use engine::pack::{Contents, PackError, Packed, Reading, pack_into};
use graph::{CopyStep, From, Lay, Times, TreePath, lay_copy};
use layer::index::PathIndex;
use layer::tar::{Entry, EntryKind, Limits, Reader, Rules};
use layer::{Inflate, InflateLimits, Settings};
use oci::{Descriptor, Digest, MediaType, RawManifest};
use serde_json::json;

/// When folders are made.
pub const MADE: i64 = 9;

/// Files in memory; remembers what it was asked to prepare.
#[derive(Default)]
pub struct Kept {
    pub files: BTreeMap<TreePath, Vec<u8>>,
    pub prepared: Mutex<Vec<Vec<String>>>,
}

impl Kept {
    pub fn of(files: &[(&str, &str)]) -> Arc<Self> {
        let files = files.iter().map(|(path, content)| (TreePath::from(*path), content.as_bytes().to_vec())).collect();
        Arc::new(Self { files, ..Self::default() })
    }
}

#[async_trait]
impl Contents for Kept {
    async fn prepare(&self, paths: &[TreePath]) -> Result<(), PackError> {
        self.prepared.lock().unwrap().push(paths.iter().map(ToString::to_string).collect());
        Ok(())
    }

    fn read(&self, path: &TreePath, reading: Reading<'_>) -> Result<(), PackError> {
        reading(&mut self.files.get(path).ok_or_else(|| PackError::Missing(path.clone()))?.as_slice())
    }
}

/// The step `COPY SOURCES DESTINATION`.
pub fn step(sources: &[&str], destination: &str) -> CopyStep {
    CopyStep {
        sources: sources.iter().map(|source| (*source).to_owned()).collect(),
        destination: destination.to_owned(),
        ..CopyStep::default()
    }
}

/// What `COPY --from` lays.
pub fn copied(files: &Files, sources: &[&str], destination: &str) -> Lay {
    let from = From { tree: files.tree(), keeps_owners: true, hides: &|_| false };
    lay_copy(&step(sources, destination), &mut PathIndex::new(), &from, Times { made: MADE }).unwrap()
}

/// An entry as a line: `path`, `path/`, `path -> target`, `path = target`, and the content of a file behind a colon.
pub fn line(entry: &Entry, content: &str) -> String {
    let path = String::from_utf8_lossy(&entry.path);
    match &entry.kind {
        EntryKind::Directory => format!("{path}/"),
        EntryKind::Symlink { target } => format!("{path} -> {}", String::from_utf8_lossy(target)),
        EntryKind::Hardlink { target } => format!("{path} = {}", String::from_utf8_lossy(target)),
        EntryKind::File { .. } => format!("{path}: {content}"),
        kind => format!("{path} {kind:?}"),
    }
}

/// All that is in files, each file read; those that cannot be have the content `?`.
pub fn all(files: &Files) -> Vec<String> {
    let root = TreePath::default();
    let lines = files.tree().below(&root).map(|(path, entry)| {
        let mut content = String::new();
        let mut reading = |reader: &mut dyn Read| {
            content = std::io::read_to_string(reader).unwrap();
            Ok(())
        };
        if entry.size() > 0 && files.read(path, &mut reading).is_err() {
            content = "?".to_owned();
        }
        line(entry, &content)
    });
    lines.collect()
}

/// Packs a lay, and returns what is in the layer.
pub async fn packed(lay: Lay, contents: Arc<dyn Contents>) -> Result<Vec<(Entry, String)>, PackError> {
    let memory = Memory::new();
    let Packed { layer, .. } = pack_into(&memory, Arc::new(lay), contents, Settings::default()).await?;
    let blob = Descriptor::new(MediaType::OciLayerGzip, layer.digest, layer.size);
    let bytes = memory.blob(&blob).await.unwrap().read_all(1 << 24).await.unwrap();
    let tar = Inflate::new(&*bytes, InflateLimits::default()).unwrap();
    let mut reader = Reader::new(tar, Limits::default(), Rules::of_layer());
    let mut found = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let content = std::io::read_to_string(reader.content()).unwrap();
        found.push((entry, content));
    }
    Ok(found)
}

pub fn lines(entries: &[(Entry, String)]) -> Vec<String> {
    entries.iter().map(|(entry, content)| line(entry, content)).collect()
}

/// A tar of lines: `d NAME`, `f NAME CONTENT`, `l NAME TARGET`, `h NAME TARGET`, `w NAME` for a whiteout, `o NAME` for an opaque
/// folder. A hard link may mean what is elsewhere.
pub fn tar(lines: &[&str]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for line in lines {
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let (name, rest) = (words[1], words.get(2).copied().unwrap_or_default());
        match words[0] {
            "d" => append(&mut tar, tar::EntryType::Directory, name, "", ""),
            "f" => append(&mut tar, tar::EntryType::Regular, name, "", rest),
            "l" => append(&mut tar, tar::EntryType::Symlink, name, rest, ""),
            "h" => append(&mut tar, tar::EntryType::Link, name, rest, ""),
            "w" => append(&mut tar, tar::EntryType::Regular, &String::from_utf8(Entry::whiteout(name).path).unwrap(), "", ""),
            "o" => append(&mut tar, tar::EntryType::Regular, &format!("{name}/.wh..wh..opq"), "", ""),
            _ => panic!("{line}"),
        }
    }
    tar.into_inner().unwrap()
}

/// Writes a name as it stands: the crate would refuse some.
fn append(tar: &mut tar::Builder<Vec<u8>>, kind: tar::EntryType, name: &str, target: &str, content: &str) {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(if kind == tar::EntryType::Directory { 0o750 } else { 0o640 });
    header.set_uid(5);
    header.set_gid(6);
    header.set_mtime(7);
    header.set_size(content.len() as u64);
    header.set_cksum();
    tar.append(&header, content.as_bytes()).unwrap();
}

/// An image of these layers, plain tars, in a place; and the digests of the layers.
pub async fn image(place: &Memory, layers: &[Vec<u8>]) -> (Base, Vec<Digest>) {
    let blob = |media_type: MediaType, bytes: Vec<u8>| {
        let descriptor = Descriptor::of(media_type, &bytes);
        place.insert_blob(bytes.into());
        descriptor
    };
    let layers: Vec<Descriptor> = layers.iter().map(|layer| blob(MediaType::OciLayer, layer.clone())).collect();
    let digests: Vec<Digest> = layers.iter().map(|layer| layer.digest.clone()).collect();
    let config = json!({"os": "linux", "architecture": "arm64", "rootfs": {"type": "layers", "diff_ids": digests}});
    let config = blob(MediaType::OciConfig, config.to_string().into_bytes());
    let manifest = json!({"schemaVersion": 2, "mediaType": MediaType::OciManifest, "config": config, "layers": layers});
    let manifest = RawManifest::parse(manifest.to_string().into_bytes().into(), None).unwrap();
    (Base::read("acme/base", Arc::new(place.clone()), &manifest).await.unwrap(), digests)
}
