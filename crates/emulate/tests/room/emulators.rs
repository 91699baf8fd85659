//! Emulators: finding them, and refusing what is none.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use emulate::{Emulator, EmulatorError, Machine, Place, Places, Probe, Unfit};
use tempfile::TempDir;

use crate::fixture::{LIMIT, emulator};

fn open(path: &Path) -> Result<Emulator, EmulatorError> {
    Emulator::open(Machine::Arm64, path, LIMIT)
}

fn unfit(path: &Path) -> Unfit {
    open(path).unwrap_err().unfit
}

fn file(folder: &TempDir, name: &str, content: &[u8], mode: u32) -> std::path::PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn those_of_this_machine_tell_their_version() {
    for machine in Machine::ALL {
        let Some(emulator) = emulator(machine) else { continue };
        assert_eq!(emulator.machine, machine);
        assert!(emulator.version.is_some_and(|version| version.major >= 2), "{emulator:?}");
        assert!(emulator.flags().is_fixed && emulator.flags().takes_credentials);
        assert!(emulator.troubles().count() > 0);
    }
}

#[test]
fn a_named_folder_comes_first_then_what_is_installed() {
    let Some(real) = emulator(Machine::Arm64) else { return };
    let [named, installed] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    symlink(&real.path, installed.path().join("buildkit-qemu-aarch64")).unwrap();
    let places = Places {
        named: Some(named.path().to_owned()),
        installed: Some(installed.path().to_owned()),
        path: vec![real.path.parent().unwrap().to_owned()],
    };
    let found = emulate::find(Machine::Arm64, &places, LIMIT).unwrap().unwrap();
    assert!(found.path.starts_with(installed.path()));
    symlink(&real.path, named.path().join("qemu-aarch64")).unwrap();
    let found = emulate::find(Machine::Arm64, &places, LIMIT).unwrap().unwrap();
    assert!(found.path.starts_with(named.path()));
}

#[test]
fn what_cannot_be_used_is_passed_over_unless_its_folder_was_named() {
    let folder = tempfile::tempdir().unwrap();
    file(&folder, "qemu-aarch64-static", b"#!/bin/sh\n", 0o755);
    let here = || Some(folder.path().to_owned());
    let named = Places { named: here(), installed: None, path: Vec::new() };
    assert!(matches!(emulate::find(Machine::Arm64, &named, LIMIT).unwrap_err().unfit, Unfit::NoProgram));
    let installed = Places { named: None, installed: here(), path: Vec::new() };
    assert!(emulate::find(Machine::Arm64, &installed, LIMIT).is_err());
    assert!(emulate::find(Machine::S390x, &installed, LIMIT).unwrap().is_none());

    let Some(real) = emulator(Machine::Arm64) else { return };
    let folder = real.path.parent().unwrap().to_owned();
    let both = |places: Places| emulate::find(Machine::Arm64, &Places { path: vec![folder.clone()], ..places }, LIMIT);
    assert_eq!(both(installed).unwrap(), Some(real));
    assert!(both(named).is_err());
}

#[test]
fn a_program_of_another_machine_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let other = if Machine::here() == Some(Machine::S390x) { Machine::Arm64 } else { Machine::S390x };
    let path = file(&folder, "qemu-aarch64", &Probe::least(other).program(), 0o755);
    let error = open(&path).unwrap_err();
    assert!(matches!(error.unfit, Unfit::Foreign { found: Some(found), .. } if found == other));
    assert!(error.to_string().contains(&format!("a program for {other}, and this machine is ")), "{error}");
}

#[test]
fn a_program_of_this_machine_may_still_be_none() {
    let Some(here) = Machine::here() else { return testkit::skip("this machine is of no known kind") };
    let folder = tempfile::tempdir().unwrap();
    let program = Probe::least(here).program();
    assert!(matches!(unfit(&file(&folder, "closed", &program, 0o644)), Unfit::NotExecutable));
    assert!(matches!(unfit(&folder.path().join("missing")), Unfit::Unreadable(_)));
    assert!(matches!(unfit(folder.path()), Unfit::NoProgram));
    // It ends without a word, so it may be one that tells no version.
    let silent = folder.path().join("silent");
    crate::fixture::program(&silent, &program);
    assert_eq!(open(&silent).unwrap().version, None);
}

#[test]
fn a_program_with_a_loader_is_refused() {
    let Some(shell) = testkit::binary("bash") else { return testkit::skip("no bash, which is linked to libraries") };
    assert!(matches!(unfit(&shell), Unfit::Dynamic));
}

#[test]
fn an_emulator_by_another_name_is_refused() {
    let Some(real) = emulator(Machine::S390x) else { return };
    assert!(matches!(unfit(&real.path), Unfit::OtherTarget(target) if target == "s390x"));
}

#[test]
fn one_that_does_not_answer_in_time_is_refused() {
    // A jump to itself, in place of the first instruction.
    let (here, forever): (_, &[u8]) = match Machine::here() {
        Some(Machine::Amd64) => (Machine::Amd64, &[0xeb, 0xfe]),
        Some(Machine::Arm64) => (Machine::Arm64, &[0x00, 0x00, 0x00, 0x14]),
        _ => return testkit::skip("this is about amd64 and arm64"),
    };
    let mut program = Probe::least(here).program();
    let start = 64 + 2 * 56;
    program[start..start + forever.len()].copy_from_slice(forever);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forever");
    crate::fixture::program(&path, &program);
    let error = Emulator::open(Machine::Arm64, &path, Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error.unfit, Unfit::Silent), "{error}");
}

#[test]
fn a_folder_that_may_not_be_entered_is_passed_over_unless_it_was_named() {
    if testkit::is_root() {
        return testkit::skip("root may enter every folder");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o000)).unwrap();
    let places = Places { path: vec![folder.path().to_owned()], ..Places::default() };
    assert!(emulate::find(Machine::Arm64, &places, LIMIT).unwrap().is_none());
    let named = Places { named: Some(folder.path().to_owned()), ..Places::default() };
    assert!(matches!(emulate::find(Machine::Arm64, &named, LIMIT).unwrap_err().unfit, Unfit::Unreadable(_)));
}

#[test]
fn all_there_are_are_listed_in_order_and_once() {
    let Some(real) = emulator(Machine::Arm64) else { return };
    let [named, installed] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    file(&named, "qemu-aarch64", b"#!/bin/sh\n", 0o755);
    symlink("/nowhere", named.path().join("qemu-s390x")).unwrap();
    file(&named, "qemu-alpha", b"", 0o755);
    symlink(&real.path, installed.path().join("buildkit-qemu-aarch64")).unwrap();
    let here = |folder: &TempDir| folder.path().to_owned();
    let path = vec![real.path.parent().unwrap().to_owned(), here(&installed), here(&named)];
    let places = Places { named: Some(here(&named)), installed: Some(here(&installed)), path };
    let found = emulate::list(&places, LIMIT);
    let of = |machine| found.iter().filter(move |found| found.machine == machine);
    let arm64: Vec<_> = of(Machine::Arm64).map(|found| (found.place, found.path.parent().unwrap(), found.opened.is_ok())).collect();
    assert_eq!(arm64[..2], [(Place::Named, named.path(), false), (Place::Installed, installed.path(), true)]);
    assert!(of(Machine::Arm64).skip(2).all(|found| found.path != real.path), "it is there under its first path");
    assert!(matches!(of(Machine::S390x).next().unwrap().opened.as_ref().unwrap_err().unfit, Unfit::Unreadable(_)));
}
