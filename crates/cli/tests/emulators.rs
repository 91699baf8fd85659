//! `platforms` and `emulators`: what they say is what happens. Nothing is registered with this machine.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod program;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use program::{Home, Ran, Serving, binary, index_of};
use serde_json::Value;
use tar::{Builder, EntryType, Header};
use testkit::fixtures::{BuiltImage, Image, write_layout};

/// A user whom this machine does not know.
const NOBODY: u32 = 54_321;

/// Where the kernel lists handlers, if it is mounted.
const REGISTER: &str = "/proc/sys/fs/binfmt_misc/register";

fn qemu(machine: &str) -> Option<PathBuf> {
    let found = testkit::binary(&format!("qemu-{machine}-static"));
    if found.is_none() {
        testkit::skip("no QEMU: apt-get install qemu-user-static");
    }
    found
}

/// Runs the program where no emulator is on PATH.
fn bare(home: &Home, words: &[&str]) -> Ran {
    Ran::of(home.command(words).env("PATH", "/nowhere"))
}

fn json(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns what is told of a platform.
fn platform<'a>(tree: &'a Value, name: &str) -> &'a Value {
    let all = tree["platforms"].as_array().unwrap();
    all.iter().find(|row| row["platform"] == name).unwrap_or_else(|| panic!("no {name} in {tree}"))
}

/// The example's program for arm64, which says hello, as an image.
fn hello(home: &Home) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello/bin/arm64/hello");
    let mut tar = Builder::new(Vec::new());
    append(&mut tar, "hello", &fs::read(program).unwrap());
    let image = Image::new("linux/arm64").tar(tar.into_inner().unwrap());
    let image = image.config(|config| config["config"]["Entrypoint"] = serde_json::json!(["/hello"])).build();
    write_layout(&home.path().join("hello"), &[(&image.manifest, Some("1.0"))], &[&image]);
}

fn append(tar: &mut Builder<Vec<u8>>, path: &str, bytes: &[u8]) {
    let mut header = Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, path, bytes).unwrap();
}

/// An image with QEMU for arm64 and s390x in it, and what is none.
fn image(arm64: &Path, s390x: &Path) -> BuiltImage {
    let mut tar = Builder::new(Vec::new());
    append(&mut tar, "usr/bin/qemu-aarch64", &fs::read(arm64).unwrap());
    append(&mut tar, "opt/buildkit-qemu-s390x", &fs::read(s390x).unwrap());
    append(&mut tar, "usr/bin/qemu-arm", b"#!/bin/sh\n");
    append(&mut tar, "usr/bin/qemu-system-riscv64", b"no emulator of programs");
    append(&mut tar, "usr/bin/qemu-ppc64le", &fs::read(s390x).unwrap());
    let mut link = Header::new_gnu();
    link.set_entry_type(EntryType::Symlink);
    link.set_size(0);
    tar.append_link(&mut link, "usr/bin/qemu-aarch64-static", "/etc/passwd").unwrap();
    Image::new(&here()).uncompressed().tar(tar.into_inner().unwrap()).build()
}

fn here() -> String {
    oci::Platform::new("linux", &oci::Platform::host().architecture, None).to_string()
}

fn installed(home: &Home) -> Vec<String> {
    let folder = home.path().join(".local/share/polyarch/emulators");
    let entries = fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect());
    let mut names: Vec<String> = entries.unwrap_or_default();
    names.sort();
    names
}

#[test]
fn every_platform_has_its_names_and_a_way_or_a_reason() {
    let home = Home::new();
    let tree = json(&bare(&home, &["platforms", "--json", "--binfmt", "wrap"]));
    assert_eq!(tree["polyarchPlatforms"], 1);
    let rows = tree["platforms"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| text(&row["platform"])).collect();
    for name in ["amd64", "amd64/v2", "amd64/v4", "386", "arm/v5", "arm/v6", "arm/v7", "arm64", "ppc64le", "s390x", "riscv64", "loong64"] {
        assert!(names.contains(&format!("linux/{name}").as_str()), "{names:?}");
    }
    assert_eq!(platform(&tree, &here())["runs"], "native");
    assert_eq!(platform(&tree, "linux/arm/v7")["aliases"], serde_json::json!(["armhf", "armv7", "armv7l", "arm32v7"]));
    for row in rows {
        assert_eq!(row["runs"] == "no", row["reason"].is_string(), "{row}");
        assert!(["native", "no"].contains(&text(&row["runs"])), "no emulator is there: {row}");
    }
    let s390x = platform(&tree, "linux/s390x");
    assert_eq!(s390x["reason"], "no emulator for s390x programs was found");
    assert!(text(&s390x["hint"]).contains("polyarch emulators install"), "{s390x}");

    let told = bare(&home, &["platforms", "--binfmt", "wrap"]);
    let line = told.stdout.lines().find(|line| line.starts_with("linux/s390x")).unwrap();
    assert!(line.ends_with("no: no emulator for s390x programs was found"), "{told:?}");
    assert_eq!((told.stdout.lines().count(), told.stderr.matches("hint: ").count()), (names.len() + 1, 1), "{told:?}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing is left");
}

#[test]
fn what_is_said_to_run_runs_and_by_that() {
    if qemu("aarch64").is_none() || !testkit::contains() {
        return;
    }
    let home = Home::new();
    hello(&home);
    for wish in ["auto", "host", "private", "wrap"] {
        let said = json(&home.run(&["platforms", "--json", "--binfmt", wish]));
        let said = platform(&said, "linux/arm64");
        let ran = home.run(&["run", "--platform", "linux/arm64", "--binfmt", wish, "oci:hello:1.0"]);
        assert_eq!(said["runs"] != "no", ran.code == 0, "{wish}: {said} {ran:?}");
        if ran.code == 0 && said["runs"] != "native" {
            assert!(ran.stderr.contains(text(&said["by"])), "{wish}: {said} {ran:?}");
        }
    }
}

#[test]
fn an_ordinary_user_is_told_what_holds_for_them() {
    if !testkit::is_root() || qemu("aarch64").is_none() || !testkit::contains() {
        return testkit::skip("only root becomes somebody else");
    }
    let home = Home::new();
    hello(&home);
    // By another process: the kernel runs no file that a test beside this one has inherited open.
    assert!(std::process::Command::new("cp").arg(binary()).arg(home.path().join("polyarch")).status().unwrap().success());
    chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let run = |words: &[&str]| {
        let mut command = std::process::Command::new(home.path().join("polyarch"));
        command.uid(NOBODY).gid(NOBODY).env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin");
        Ran::of(command.current_dir(home.path()).args(words))
    };
    let tree = json(&run(&["platforms", "--json", "--binfmt", "private"]));
    let private = json(&run(&["emulators", "ls", "--json"]))["private"].clone();
    assert_eq!(platform(&tree, "linux/arm64")["runs"] == "private", private["isPossible"] == true, "{tree} {private}");
    let ran = run(&["run", "--platform", "linux/arm64", "--binfmt", "private", "oci:hello:1.0"]);
    assert_eq!(ran.code == 0, private["isPossible"] == true, "{private} {ran:?}");

    for words in [&["install", "--system", "--from", "/usr/bin"][..], &["uninstall", "--system"]] {
        let ran = run(&[&["emulators"], words].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{ran:?}");
        assert!(ran.stderr.contains("handlers of the whole machine are its root's to change; this is another user\n"), "{ran:?}");
    }
    assert!(installed(&home).is_empty());
}

#[test]
fn a_folder_is_installed_once_and_names_what_it_cannot_use() {
    let (Some(arm64), Some(s390x)) = (qemu("aarch64"), qemu("s390x")) else { return };
    let home = Home::new();
    let folder = home.path().join("qemu");
    fs::create_dir(&folder).unwrap();
    symlink(&arm64, folder.join("qemu-aarch64-static")).unwrap();
    symlink(&s390x, folder.join("qemu-ppc64le")).unwrap();
    fs::write(folder.join("qemu-arm"), "#!/bin/sh\n").unwrap();
    fs::create_dir(folder.join("qemu-riscv64")).unwrap();
    fs::write(folder.join("other"), "").unwrap();

    let ran = bare(&home, &["emulators", "install", "--from", "./qemu"]);
    let path = home.path().join(".local/share/polyarch/emulators/qemu-aarch64-static");
    assert_eq!((ran.code, ran.stdout.trim_end()), (0, path.display().to_string().as_str()), "{ran:?}");
    for line in [
        "passed over ./qemu/qemu-arm: not a program\n",
        "passed over ./qemu/qemu-ppc64le: it says that it is for s390x\n",
        "passed over ./qemu/qemu-riscv64: cannot be read: not a file\n",
        "installed: qemu-aarch64-static, for arm64, QEMU ",
    ] {
        assert!(ran.stderr.contains(line), "{line} {ran:?}");
    }
    assert!(ran.stderr.ends_with("next: polyarch platforms\n"), "{ran:?}");
    let found = fs::symlink_metadata(&path).unwrap();
    assert!(found.is_file() && found.permissions().mode() & 0o777 == 0o755);
    assert_eq!(installed(&home), ["qemu-aarch64-static"]);
    assert_eq!(bare(&home, &["store", "check"]).code, 0);

    let again = json(&bare(&home, &["emulators", "install", "--json", "--from", "./qemu"]));
    assert_eq!((&again["emulators"][0]["isNew"], again["passedOver"].as_array().unwrap().len()), (&Value::Bool(false), 3), "{again}");
    let tree = json(&bare(&home, &["emulators", "ls", "--json"]));
    let taken = &tree["emulators"][0];
    assert_eq!([&taken["state"], &taken["from"], &taken["machine"]], ["taken", "installed", "arm64"], "{tree}");
    assert!(tree["troubles"].as_array().unwrap().iter().all(|trouble| text(&trouble["thread"]).starts_with("https://")), "{tree}");
    let tree = json(&bare(&home, &["platforms", "--json", "--binfmt", "wrap"]));
    assert!(["wrapped", "native"].contains(&text(&platform(&tree, "linux/arm64")["runs"])), "{tree}");

    // One that is broken is put right.
    fs::write(&path, "broken").unwrap();
    let tree = json(&bare(&home, &["emulators", "ls", "--json"]));
    assert_eq!((&tree["emulators"][0]["state"], &tree["emulators"][0]["reason"]), (&"unusable".into(), &"not a program".into()), "{tree}");
    let again = json(&bare(&home, &["emulators", "install", "--json", "--from", "./qemu"]));
    assert_eq!(again["emulators"][0]["isNew"], true, "{again}");

    fs::write(path.with_file_name("mine"), "").unwrap();
    let ran = bare(&home, &["emulators", "uninstall"]);
    assert_eq!((ran.code, ran.stdout.trim_end()), (0, path.display().to_string().as_str()), "{ran:?}");
    assert_eq!(installed(&home), ["mine"], "what is somebody else's stays");
    assert!(ran.stderr.contains("has something else in it, and stays"), "{ran:?}");
    fs::remove_file(path.with_file_name("mine")).unwrap();
    let ran = bare(&home, &["emulators", "uninstall"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", "nothing is installed\n"));
    assert!(!path.parent().unwrap().exists());
}

#[test]
fn an_image_is_looked_through_and_not_unpacked() {
    let (Some(arm64), Some(s390x)) = (qemu("aarch64"), qemu("s390x")) else { return };
    let home = Home::new();
    // The first of them is for another machine, and has none.
    let others = Image::new("linux/mips64le").build();
    let image = image(&arm64, &s390x);
    let index = index_of(&[&others, &image]);
    write_layout(&home.path().join("qemu"), &[(&index, Some("9"))], &[&others, &image]);
    let ran = bare(&home, &["emulators", "install", "--from", "oci:qemu:9"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(installed(&home), ["buildkit-qemu-s390x", "qemu-aarch64"], "{ran:?}");
    assert!(ran.stderr.contains("passed over /usr/bin/qemu-arm: not a program\n"), "{ran:?}");
    assert!(ran.stderr.contains("passed over /usr/bin/qemu-ppc64le: it says that it is for s390x\n"), "{ran:?}");
    assert_eq!(fs::read(home.path().join(".local/share/polyarch/emulators/qemu-aarch64")).unwrap(), fs::read(&arm64).unwrap());

    // The same from a registry, into another store.
    home.done(&["copy", "oci:qemu:9", "store:qemu:9"]);
    let serving = Serving::start(&home, &[]);
    let other = Home::new();
    let from = format!("{}/qemu:9", serving.host);
    let ran = bare(&other, &["emulators", "install", "--from", &from]);
    assert_eq!((ran.code, installed(&other)), (0, installed(&home)), "{ran:?}");
    assert!(!other.path().join(".local/share/polyarch/blobs").exists(), "no image is kept");

    let tree = json(&bare(&other, &["platforms", "--json", "--binfmt", "wrap"]));
    let by = platform(&tree, "linux/s390x")["by"].clone();
    assert!(by.is_null() || text(&by).starts_with("buildkit-qemu-s390x"), "{tree}");
    if testkit::contains() {
        hello(&other);
        let ran = bare(&other, &["run", "--platform", "linux/arm64", "--binfmt", "wrap", "oci:hello:1.0"]);
        assert!(ran.code == 0 && ran.stdout.starts_with("Hello"), "{ran:?}");
    }
}

#[test]
fn where_there_is_none_nothing_is_made() {
    let home = Home::new();
    let other = Image::new("linux/mips64le").build();
    let none = Image::new(&here()).file("usr/bin/qemu-arm", &b"#!/bin/sh\n"[..]).build();
    write_layout(&home.path().join("other"), &[(&other.manifest, Some("1"))], &[&other]);
    write_layout(&home.path().join("none"), &[(&none.manifest, Some("1"))], &[&none]);
    fs::create_dir(home.path().join("empty")).unwrap();
    for (from, said) in [
        ("./empty", "error: cannot install emulators: no emulator that can be used is in ./empty\n"),
        ("oci:none:1", "no emulator that can be used is in oci:none:1\n  /usr/bin/qemu-arm: not a program\n"),
        ("oci:other:1", "linux/mips64le"),
        ("./missing", "./missing"),
        ("oci:missing", "missing"),
    ] {
        let ran = bare(&home, &["emulators", "install", "--from", from]);
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{from}: {ran:?}");
        assert!(ran.stderr.contains(said), "{from}: {ran:?}");
        assert_eq!(installed(&home), [""; 0]);
    }
    assert_eq!(bare(&home, &["emulators", "install", "--from", ""]).code, 2);
}

#[test]
fn the_machine_is_root_and_mounted_or_it_is_not_touched() {
    if !testkit::is_root() || Path::new(REGISTER).exists() {
        return testkit::skip("takes root of a machine on which binfmt_misc is not mounted");
    }
    let home = Home::new();
    for words in [&["install", "--system", "--from", "/usr/bin"][..], &["uninstall", "--system"]] {
        let ran = bare(&home, &[&["emulators"], words].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{ran:?}");
        let is_told = ran.stderr.contains("mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc")
            || ran.stderr.contains("root of a user namespace");
        assert!(is_told, "{ran:?}");
        assert!(!Path::new(REGISTER).exists() && installed(&home).is_empty());
    }
}
