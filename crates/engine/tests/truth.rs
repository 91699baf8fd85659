//! What an image's label says, against its files.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use engine::pack::Program;
use engine::truth::{Allowed, Lie, Note, Seen, Untrue, judge};
use graph::{Image, TreePath};
use layer::binary::Binary;
use layer::index::PathIndex;
use layer::tar::Entry;
use oci::Platform;
use serde_json::json;

/// `e_machine` of ELF.
const AMD64: u16 = 62;
const ARM64: u16 = 183;

/// A program; with an interpreter it is linked to `libc.so` in no way that is in reach.
fn elf(machine: u16, interpreter: Option<&str>) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    bytes[16] = 2;
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    if let Some(path) = interpreter {
        // One program header (PT_INTERP) behind the header, and the path behind that.
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        let mut header = vec![0; 56];
        header[0] = 3;
        header[8] = 120;
        header[32] = u8::try_from(path.len() + 1).unwrap();
        bytes.extend(header);
        bytes.extend(path.as_bytes());
        bytes.push(0);
    }
    bytes
}

struct World {
    image: Image,
    root: PathIndex,
    added: BTreeMap<TreePath, Program>,
    others: BTreeMap<TreePath, Binary>,
    allowed: Allowed,
}

impl World {
    fn new(entrypoint: &[&str]) -> Self {
        let mut image = Image::scratch(Platform::new("linux", "amd64", None));
        image.set("Entrypoint", json!(entrypoint));
        let mut root = PathIndex::new();
        root.begin_layer();
        Self { image, root, added: BTreeMap::new(), others: BTreeMap::new(), allowed: Allowed::default() }
    }

    fn add(mut self, path: &str, bytes: &[u8]) -> Self {
        self.root.insert(&Entry::file(path, bytes.len() as u64)).unwrap();
        let program = Program { path: path.into(), is_executable: true, binary: Binary::of(bytes) };
        self.added.insert(path.into(), program);
        self
    }

    /// A program of the base.
    fn base(mut self, path: &str, bytes: &[u8]) -> Self {
        self.root.insert(&Entry::file(path, bytes.len() as u64)).unwrap();
        self.others.insert(path.into(), Binary::of(bytes));
        self
    }

    fn link(mut self, path: &str, target: &str) -> Self {
        self.root.insert(&Entry::symlink(path, target)).unwrap();
        self
    }

    fn allow(mut self, words: &[&str]) -> Self {
        self.allowed = Allowed::new(words.iter().copied()).unwrap();
        self
    }

    fn judge(&self) -> Result<Vec<Note>, Untrue> {
        judge(&self.image, &Seen { root: &self.root, added: &self.added, others: &self.others }, &self.allowed)
    }

    fn lies(&self) -> String {
        self.judge().unwrap_err().to_string()
    }

    fn notes(&self) -> Vec<String> {
        self.judge().unwrap().iter().map(|note| note.path.to_string()).collect()
    }
}

#[test]
fn buildkit_5677_an_entrypoint_for_another_machine_is_refused() {
    let world = World::new(&["/app"]).add("app", &elf(ARM64, None));
    assert_eq!(world.lies(), "the image is labelled linux/amd64, and is not for it\n  it starts /app, which is for aarch64");
    assert_eq!(World::new(&["/app"]).add("app", &elf(AMD64, None)).notes(), [""; 0]);
}

#[test]
fn links_scripts_linkers_and_env_are_followed() {
    let foreign = elf(ARM64, None);
    for (world, path) in [
        (World::new(&["app"]).add("opt/app", &foreign).link("usr/bin/app", "/opt/app"), "opt/app"),
        (World::new(&["/run.sh"]).add("run.sh", b"#!/bin/sh\n").base("bin/busybox", &foreign).link("bin/sh", "busybox"), "bin/busybox"),
        (World::new(&["/run"]).add("run", b"#!/usr/bin/env -S node\n").base("usr/bin/node", &foreign), "usr/bin/node"),
        (World::new(&["/app"]).add("app", &elf(AMD64, Some("/lib64/ld.so"))).base("lib64/ld.so", &foreign), "lib64/ld.so"),
        (World::new(&["sh", "-c", "exec server"]).base("bin/sh", &elf(AMD64, None)).base("bin/server", &foreign), "bin/server"),
    ] {
        let lies = world.judge().unwrap_err().lies;
        assert!(matches!(&lies[0], Lie::Started { path: found, .. } if found.to_string() == path), "{path}: {lies:?}");
    }
    // A script that starts itself.
    let circle = World::new(&["/a"]).add("a", b"#!/a\n");
    assert_eq!(circle.notes(), [""; 0]);
}

#[test]
fn prebuilt_modules_for_many_machines_are_noted() {
    let mut world = World::new(&["node", "server.js"]).base("usr/local/bin/node", &elf(AMD64, None));
    for (number, machine) in [AMD64, ARM64, 40, 243].into_iter().enumerate() {
        let path = format!("app/node_modules/x/prebuilds/{number}.node");
        world = world.add(&path, &elf(machine, None));
        if let Some(program) = world.added.get_mut(&TreePath::from(path.as_str())) {
            program.is_executable = false;
        }
    }
    assert_eq!(world.notes().len(), 3);
    assert!(world.allow(&["/app/node_modules/**"]).notes().is_empty());
}

#[test]
fn most_of_the_programs_are_for_the_label() {
    let world = |foreign: usize| {
        let mut world = World::new(&[]);
        for number in 0..4 {
            let machine = if number < foreign { ARM64 } else { AMD64 };
            world = world.add(&format!("bin/{number}"), &elf(machine, None));
        }
        world
    };
    assert_eq!(world(2).notes(), ["bin/0", "bin/1"]);
    assert!(world(3).lies().contains("3 of the 4 programs that were added are for other machines, as /bin/0 for aarch64"));
    assert_eq!(world(3).allow(&["all"]).notes(), [""; 0]);
    assert_eq!(world(3).allow(&["bin/0"]).notes(), ["bin/1", "bin/2"]);
}

#[test]
fn a_higher_level_than_the_label_s_is_for_another_machine() {
    // 32-bit ARM with hard float (EF_ARM_ABI_FLOAT_HARD) needs v6.
    let mut bytes = vec![0; 52];
    bytes[..7].copy_from_slice(b"\x7fELF\x01\x01\x01");
    bytes[16] = 2;
    bytes[18] = 40;
    bytes[36..40].copy_from_slice(&0x0500_0400_u32.to_le_bytes());
    let mut world = World::new(&["/app"]).add("app", &bytes);
    world.image.platform = Platform::new("linux", "arm", Some("v5"));
    assert!(world.lies().contains("it starts /app, which is for arm"), "{}", world.lies());
    world.image.platform = Platform::new("linux", "arm", Some("v7"));
    assert_eq!(world.notes(), [""; 0]);
}

#[test]
fn a_name_in_an_image_ends_no_line_of_a_message() {
    let world = World::new(&["/a\nhint: trust me"]).add("a\nhint: trust me", &elf(ARM64, None));
    let text = world.judge().unwrap_err().to_string();
    assert!(text.lines().all(|line| !line.starts_with("hint")), "{text}");
    assert!(text.contains("it starts /a\\nhint: trust me, which is for"), "{text}");
}
