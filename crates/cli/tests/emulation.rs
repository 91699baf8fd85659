//! Programs of other machines: commands of builds, and programs of images, as root and as an ordinary user.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "runs/kitchen.rs"]
#[allow(dead_code, reason = "every test file is a crate of its own and uses its part of this")]
mod kitchen;
mod program;
#[path = "runs/theirs.rs"]
#[allow(dead_code, reason = "every test file is a crate of its own and uses its part of this")]
mod theirs;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use kitchen::Kitchen;
use program::Ran;
use testkit::refuse::{self, Refusal};
use theirs::{Theirs, give};

/// The platforms that the example has programs for, with its folders of them and Debian's emulators.
const PLATFORMS: [(&str, &str, &str); 6] = [
    ("linux/amd64", "amd64", "x86_64"),
    ("linux/arm64", "arm64", "aarch64"),
    ("linux/arm/v7", "arm-v7", "arm"),
    ("linux/riscv64", "riscv64", "riscv64"),
    ("linux/s390x", "s390x", "s390x"),
    ("linux/ppc64le", "ppc64le", "ppc64le"),
];

/// A file whose command is a program of each platform.
const DOCKERFILE: &str = "FROM scratch
ARG TARGETARCH
ARG TARGETVARIANT
COPY bin/${TARGETARCH}${TARGETVARIANT:+-$TARGETVARIANT}/hello /hello
RUN [\"/hello\"]
CMD [\"/hello\"]
";

fn all() -> String {
    PLATFORMS.map(|(platform, ..)| platform).join(",")
}

/// Tells whether Debian's emulators are here, and says so if not.
fn has_emulators() -> bool {
    let missing = PLATFORMS.iter().map(|(.., name)| format!("qemu-{name}-static")).find(|name| testkit::binary(name).is_none());
    if let Some(name) = &missing {
        testkit::skip(&format!("{name} is not installed: apt-get install qemu-user-static"));
    }
    missing.is_none()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

/// Puts the example's programs and the file into the context.
fn prepare(kitchen: &Kitchen) {
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello/bin"), &kitchen.home.path().join("context/bin"));
    kitchen.put("Dockerfile", DOCKERFILE);
}

fn every_command_ran(ran: &Ran, way: &str) {
    assert_eq!(ran.code, 0, "{way}: {}", ran.stderr);
    for (platform, ..) in PLATFORMS {
        assert!(ran.stderr.contains(&format!("] Hello from {platform}\n")), "{way}: {platform}: {}", ran.stderr);
    }
}

/// Emulators as `--emulators` takes them: by links, in a folder of which nobody else knows.
fn emulators(home: &Path) {
    let folder = home.join("emulators");
    fs::create_dir(&folder).unwrap();
    for (.., name) in &PLATFORMS[1..] {
        let name = format!("qemu-{name}-static");
        std::os::unix::fs::symlink(testkit::binary(&name).unwrap(), folder.join(&name)).unwrap();
    }
}

#[test]
fn commands_run_for_every_platform_and_nobody_has_to_be_root() {
    let Some(theirs) = Theirs::new() else { return };
    if !has_emulators() {
        return;
    }
    prepare(&theirs.0);
    emulators(theirs.0.home.path());
    give(&theirs.0.home.path().join("context"));
    let before = handlers();
    for way in ["auto", "private", "wrap"] {
        let words = ["build", "--no-cache", "--binfmt", way, "--emulators", "emulators", "--platform", &all(), "-t", "made:1", "context"];
        let ran = theirs.run(&words);
        if ran.stderr.contains("handlers of one's own cannot be registered here") {
            testkit::skip(&ran.stderr);
            continue;
        }
        every_command_ran(&ran, way);
        assert!(ran.stderr.contains("commands for linux/s390x run by qemu-s390x-static "), "{}", ran.stderr);
    }
    let ran = theirs.run(&["run", "--all-platforms", "--emulators", "emulators", "made:1"]);
    let rows: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split("  ").filter(|cell| !cell.is_empty()).collect()).collect();
    let found: Vec<(&str, &str)> = rows.iter().skip(1).map(|row| (row[0].trim(), row[row.len() - 1].trim())).collect();
    let lines = PLATFORMS.map(|(platform, ..)| format!("Hello from {platform}"));
    let expected: Vec<(&str, &str)> = PLATFORMS.iter().zip(&lines).map(|((platform, ..), line)| (*platform, line.as_str())).collect();
    assert_eq!((ran.code, found), (0, expected), "{}", ran.stderr);
    assert_eq!(handlers(), before, "what is registered on this machine is none of ours");
    theirs.0.is_tidy();
}

/// A program for ARM64 that becomes the program of its first argument, with the others; it ends with 9 if it does not.
fn starter() -> Vec<u8> {
    // ldr x0, [sp, 16]; add x1, sp, 16; mov x2, 0; mov x8, 221 (execve); svc 0; mov x0, 9; mov x8, 93 (exit); svc 0
    let code: [u32; 8] = [0xf940_0be0, 0x9100_43e1, 0xd280_0002, 0xd280_1ba8, 0xd400_0001, 0xd280_0120, 0xd280_0ba8, 0xd400_0001];
    let (start, length, address) = (120_u64, 120 + 32_u64, 0x40_0000_u64);
    let mut program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0\x01\0\0\0".to_vec();
    // Where it begins, and that its one segment is described behind this (ELF-64 Object File Format).
    program.extend([address + start, 64, 0].map(u64::to_le_bytes).as_flattened());
    program.extend(0_u32.to_le_bytes());
    program.extend([64, 56, 1, 0, 0, 0].map(u16::to_le_bytes).as_flattened());
    program.extend([1, 5].map(u32::to_le_bytes).as_flattened());
    program.extend([0, address, address, length, length, 0x1000].map(u64::to_le_bytes).as_flattened());
    program.extend(code.map(u32::to_le_bytes).as_flattened());
    program
}

#[test]
fn what_a_wrapped_command_starts_runs_by_the_emulator_too() {
    if !has_emulators() {
        return;
    }
    if handlers().iter().any(|name| name.contains("aarch64") || name.contains("arm64")) {
        return testkit::skip("this machine has a handler for ARM64, by which they would run anyway");
    }
    let dockerfile = "FROM scratch\nCOPY bin/arm64/hello /hello\nCOPY --chmod=755 start script /\n\
                      RUN [\"/start\", \"/start\", \"/start\", \"/hello\"]\nRUN [\"/start\", \"/script\"]\n";
    let made = |kitchen: &Kitchen| {
        prepare(kitchen);
        kitchen.put("Dockerfile", dockerfile);
        kitchen.put("script", "#!/hello\n");
        fs::write(kitchen.home.path().join("context/start"), starter()).unwrap();
    };
    let words = ["build", "--no-cache", "--binfmt", "wrap", "--platform", "linux/arm64", "-t", "made:1", "context"];
    let check = |ran: &Ran| {
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(ran.stderr.matches("] Hello from linux/arm64\n").count(), 2, "{}", ran.stderr);
    };
    if let Some(theirs) = Theirs::new() {
        made(&theirs.0);
        emulators(theirs.0.home.path());
        give(&theirs.0.home.path().join("context"));
        check(&theirs.run(&[&words[..], &["--emulators", "emulators"]].concat()));
    }
    if let Some(kitchen) = Kitchen::new() {
        made(&kitchen);
        check(&kitchen.home.run(&words));
        kitchen.is_tidy();
    }
}

#[test]
fn where_nobody_may_follow_a_wrapped_command_that_is_said_once() {
    const NOT_PERMITTED: u32 = 1;
    let Some(kitchen) = Kitchen::new() else { return };
    if !has_emulators() {
        return;
    }
    prepare(&kitchen);
    kitchen
        .put("Dockerfile", "FROM scratch\nCOPY bin/arm64/hello /hello\nRUN [\"/hello\"]\nRUN [\"/hello\", \"again\"]\nCMD [\"/hello\"]\n");
    let mut command = kitchen.home.command(&["build", "--binfmt", "wrap", "--platform", "linux/arm64", "-t", "made:1", "context"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = refuse::spawn(&mut command, &[Refusal::of(libc::SYS_ptrace)], NOT_PERMITTED).unwrap().wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{stderr}");
    assert_eq!(stderr.matches("] Hello from linux/arm64\n").count(), 2, "{stderr}");
    let warning = "what an emulated program starts does not run by the emulator, and mostly not at all: following processes failed: ";
    assert_eq!(stderr.matches(warning).count(), 1, "{stderr}");
    let mut command = kitchen.home.command(&["run", "--all-platforms", "--binfmt", "wrap", "made:1"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = refuse::spawn(&mut command, &[Refusal::of(libc::SYS_ptrace)], NOT_PERMITTED).unwrap().wait_with_output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(stdout.contains("Hello from linux/arm64") && stderr.contains(warning), "{stdout}{stderr}");
}

/// What is registered on this machine.
fn handlers() -> Vec<String> {
    let folder = fs::read_dir("/proc/sys/fs/binfmt_misc").into_iter().flatten().flatten();
    let mut names: Vec<String> = folder.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn root_may_have_them_in_a_namespace_too() {
    let Some(kitchen) = Kitchen::new() else { return };
    if !has_emulators() {
        return;
    }
    prepare(&kitchen);
    let before = handlers();
    for way in ["private", "wrap"] {
        let ran = kitchen.home.run(&["build", "--no-cache", "--binfmt", way, "--platform", &all(), "-t", "made:1", "context"]);
        if ran.stderr.contains("handlers of one's own cannot be registered here") {
            testkit::skip(&ran.stderr);
            continue;
        }
        every_command_ran(&ran, way);
    }
    assert_eq!(handlers(), before);
    kitchen.is_tidy();
}

#[test]
fn what_nothing_runs_is_refused_before_anything_is_made() {
    let Some(kitchen) = Kitchen::new() else { return };
    prepare(&kitchen);
    let build = |words: &[&str]| {
        let mut command = kitchen.home.command(&[&["build", "-t", "made:1", "context"], words].concat());
        Ran::of(command.env("PATH", "/none"))
    };
    let ran = build(&["--platform=linux/arm64", "--binfmt=wrap"]);
    let told =
        "RUN for linux/arm64 does not run here, since no emulator for arm64 programs was found:\n  context/Dockerfile:5: RUN [\"/hello\"]";
    assert!(ran.code == 2 && ran.stderr.contains(told), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: ") && ran.stderr.contains("qemu-user-static"), "{}", ran.stderr);
    // An emulator that is none, of another machine, or not to be executed.
    let folder = kitchen.home.path().join("broken");
    fs::create_dir(&folder).unwrap();
    for (content, told) in [
        (b"#!/bin/sh\nexit 0\n".to_vec(), "qemu-aarch64-static"),
        (fs::read(kitchen.home.path().join("context/bin/s390x/hello")).unwrap(), "s390x"),
    ] {
        let file = folder.join("qemu-aarch64-static");
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let ran = build(&["--platform=linux/arm64", "--emulators=broken"]);
        assert!(ran.code != 0 && ran.stderr.contains(told), "{}", ran.stderr);
    }
    // What has no commands needs none.
    kitchen.put("Dockerfile", "FROM scratch AS unused\nRUN never\nFROM scratch\nCOPY bin /bin\n");
    assert_eq!(build(&["--platform=linux/arm64,linux/sparc64", "--allow-foreign=all", "--binfmt=wrap"]).code, 0);
    kitchen.is_tidy();
}

#[test]
fn images_of_other_machines_are_tested_where_that_is_wanted() {
    let Some(kitchen) = Kitchen::new() else { return };
    if !has_emulators() {
        return;
    }
    prepare(&kitchen);
    kitchen.put("Dockerfile", &DOCKERFILE.replace("RUN [\"/hello\"]\n", ""));
    let build = |words: &[&str]| {
        let fixed = ["build", "--platform=linux/amd64,linux/s390x", "--emulators=emulators", "-t", "made:1", "context"];
        kitchen.home.run(&[&fixed, words].concat())
    };
    emulators(kitchen.home.path());
    let ran = build(&["--test=[\"/hello\"]"]);
    assert!(ran.code == 0 && ran.stderr.contains("not tested: the image for linux/s390x, since this machine"), "{}", ran.stderr);
    let ran = build(&["--test=[\"/hello\"]", "--test-all"]);
    assert!(ran.code == 0 && ran.stderr.contains("[linux/s390x --test 1/1] Hello from linux/s390x\n"), "{}", ran.stderr);
    let ran = build(&["--test=[\"/missing\"]", "--test-all"]);
    assert!(ran.code == 4 && ran.stderr.contains("the test for linux/s390x: "), "{}", ran.stderr);
    kitchen.is_tidy();
}
