//! From a folder to a layer in a library.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use content::{Memory, Source};
use engine::context::{ContextError, Folder, Visit};
use engine::pack::{Contents, Nowhere, PackError, Packed, pack, pack_into};
use graph::{CopyStep, From, Lay, Times, Tree, TreePath, lay_copy, lay_workdir};
use layer::binary::{Architecture, Binary};
use layer::index::PathIndex;
use layer::tar::{Limits, Reader, Rules};
use layer::{Inflate, InflateLimits, Settings};
use oci::{Descriptor, Digest, MediaType};

const WRITTEN: i64 = 1_700_000_000;

fn write(root: &Path, name: &str, content: &[u8]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    let time = UNIX_EPOCH + Duration::from_secs(u64::try_from(WRITTEN).unwrap());
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
}

/// A folder as it was looked at, and the layer of `COPY . /app/`.
fn copied(root: &Path) -> (Arc<dyn Contents>, Lay) {
    let folder = Folder::open(root).unwrap();
    let walked = folder.walk(&|_, _| Visit::Take).unwrap();
    let lay = lay(&walked.tree);
    (Arc::new((folder, walked)), lay)
}

fn lay(tree: &Tree) -> Lay {
    let step = CopyStep { sources: vec![".".to_owned()], destination: "/app/".to_owned(), ..CopyStep::default() };
    let from = From { tree, keeps_owners: false, hides: &|_| false };
    lay_copy(&step, &mut PathIndex::new(), &from, Times { made: 9 }).unwrap()
}

/// The header of a program for linux/arm64 (ELF-64, EM_AARCH64).
fn program() -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    bytes[16] = 2;
    bytes[18] = 183;
    bytes
}

fn entries(blob: &[u8]) -> Vec<(String, String)> {
    let tar = Inflate::new(blob, InflateLimits::default()).unwrap();
    let mut reader = Reader::new(tar, Limits::default(), Rules::of_layer());
    let mut found = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let content = std::io::read_to_string(reader.content()).unwrap_or_else(|_| "bytes".to_owned());
        found.push((String::from_utf8(entry.path).unwrap(), content));
    }
    found
}

async fn stored(memory: &Memory, packed: &Packed) -> Vec<u8> {
    let blob = Descriptor::new(MediaType::OciLayerGzip, packed.layer.digest.clone(), packed.layer.size);
    memory.blob(&blob).await.unwrap().read_all(1 << 24).await.unwrap().to_vec()
}

#[tokio::test]
async fn a_folder_becomes_a_layer_that_is_the_same_on_any_number_of_threads() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "b/run.sh", b"#!/bin/sh\n");
    write(home.path(), "a", b"content");
    write(home.path(), "empty", b"");
    write(home.path(), "large", &vec![b'x'; 3 << 20]);
    let (contents, lay) = copied(home.path());
    let (memory, lay) = (Memory::new(), Arc::new(lay));
    let mut digests = Vec::new();
    for threads in [1, 2, 4] {
        let settings = Settings { threads, ..Settings::default() };
        let packed = pack_into(&memory, Arc::clone(&lay), Arc::clone(&contents), settings).await.unwrap();
        let names: Vec<String> = entries(&stored(&memory, &packed).await).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["app", "app/a", "app/b", "app/b/run.sh", "app/empty", "app/large"]);
        digests.push((packed.layer.digest, packed.layer.diff_id));
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
}

#[test]
fn what_passes_is_looked_at() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "server", &program());
    write(home.path(), "run.sh", b"#!/usr/bin/env node\n");
    write(home.path(), "text", b"text");
    let (contents, lay) = copied(home.path());
    let packed = pack(&lay, contents.as_ref(), Settings::default(), std::io::sink()).unwrap();
    let [script, server] = packed.programs.as_slice() else { panic!("{:?}", packed.programs) };
    assert_eq!((server.path.to_string(), server.is_executable), ("app/server".to_owned(), false));
    assert!(server.binary.machines().iter().all(|machine| matches!(machine.architecture, Architecture::Arm64 { .. })));
    let expected = Binary::Script { interpreter: b"/usr/bin/env".to_vec(), argument: Some(b"node".to_vec()) };
    assert_eq!((script.path.to_string(), &script.binary), ("app/run.sh".to_owned(), &expected));
    assert!(packed.newest >= Some(WRITTEN));
}

#[test]
fn accounts_are_kept_for_the_steps_that_follow() {
    let tree: Tree = [layer::tar::Entry::directory("etc"), layer::tar::Entry::file("etc/passwd", 5)].into_iter().collect();
    let step = CopyStep { sources: vec!["etc".into()], destination: "/etc/".into(), ..CopyStep::default() };
    let from = From { tree: &tree, keeps_owners: false, hides: &|_| false };
    let lay = lay_copy(&step, &mut PathIndex::new(), &from, Times::default()).unwrap();
    struct One;
    impl Contents for One {
        fn read(&self, _: &TreePath, reading: engine::pack::Reading<'_>) -> Result<(), PackError> {
            reading(&mut b"a:b:c".as_slice())
        }
    }
    let packed = pack(&lay, &One, Settings::default(), std::io::sink()).unwrap();
    assert_eq!(packed.accounts, [(TreePath::from("etc/passwd"), b"a:b:c".to_vec())]);
}

#[test]
fn a_step_that_only_makes_folders_reads_nothing() {
    let lay = lay_workdir("/srv/app", "", &mut PathIndex::new(), Times { made: WRITTEN }).unwrap();
    let mut blob = Vec::new();
    let packed = pack(&lay, &Nowhere, Settings::default(), &mut blob).unwrap();
    assert_eq!(entries(&blob), [("srv".to_owned(), String::new()), ("srv/app".to_owned(), String::new())]);
    assert_eq!((packed.newest, packed.layer.digest), (Some(WRITTEN), Digest::of(&blob)));
}

#[tokio::test]
async fn a_file_that_changes_leaves_nothing_behind() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 4] = [
        ("longer", |file| fs::write(file, "longer than before").unwrap()),
        ("shorter", |file| fs::write(file, "s").unwrap()),
        ("as long", |file| fs::write(file, "CONTENT").unwrap()),
        ("a link", |file| {
            fs::remove_file(file).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", file).unwrap();
        }),
    ];
    for (name, harm) in harms {
        let home = tempfile::tempdir().unwrap();
        write(home.path(), "file", b"content");
        let (contents, lay) = copied(home.path());
        let unharmed = pack(&lay, contents.as_ref(), Settings::default(), std::io::sink()).unwrap();
        harm(&home.path().join("file"));
        let memory = Memory::new();
        let problem = pack_into(&memory, Arc::new(lay), contents, Settings::default()).await.unwrap_err();
        assert!(matches!(problem, PackError::Context(ContextError::Changed { .. } | ContextError::Unreadable { .. })), "{name}: {problem}");
        assert!(problem.to_string().contains("file"), "{name}: {problem}");
        assert_eq!(memory.blob_size(&unharmed.layer.digest).await.unwrap(), None, "{name}");
    }
}
