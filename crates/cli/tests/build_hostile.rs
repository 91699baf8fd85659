//! `build` against whoever means it ill: each ends soon, with an error that names the place, and leaves nothing behind.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod program;

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use program::Home;

/// A context with one file and a Dockerfile that says `text`.
fn context(text: &str) -> Home {
    let home = Home::new();
    fs::create_dir(home.path().join("c")).unwrap();
    fs::write(home.path().join("c/a"), "a").unwrap();
    fs::write(home.path().join("c/Dockerfile"), text).unwrap();
    home
}

fn build(home: &Home, words: &[&str]) -> program::Ran {
    home.run(&[&["build", "--platform", "linux/amd64"], words].concat())
}

/// What is in the store, but for what is made where it is opened first.
fn kept(home: &Home) -> usize {
    let blobs = home.path().join(".local/share/polyarch/blobs/sha256");
    fs::read_dir(blobs).map_or(0, Iterator::count)
}

#[test]
fn a_pipe_that_never_ends_is_left_where_somebody_interrupts() {
    let home = context("FROM scratch\nCOPY a /\n");
    for words in [["build", "-"].as_slice(), &["build", "-f", "-", "c"]] {
        let mut child = home.command(words).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        // It is read: it has more than a pipe holds.
        pipe.write_all("# a\n".repeat(100_000).as_bytes()).unwrap();
        let begun = Instant::now();
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
        while child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{words:?}: it is still reading");
            sleep(Duration::from_millis(20));
        }
        assert_eq!(child.wait().unwrap().code(), Some(130), "{words:?}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named_before_anything_is_made() {
    let home = context("FROM scratch\nCOPY a /\n");
    for flag in ["--iidfile", "--metadata-file"] {
        let ran = build(&home, &["-t", "x:1", flag, "none/file", "c"]);
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        assert!(ran.stderr.contains("cannot write none/file") && ran.stderr.contains(&format!("hint: {flag} names")), "{}", ran.stderr);
    }
    assert_eq!((kept(&home), home.done(&["ls"]).as_str()), (0, ""));
}

#[test]
fn a_name_that_is_said_twice_is_one() {
    let home = context("FROM scratch\nCOPY a /\n");
    let ran = build(&home, &["-t", "x:1", "-t", "x:1", "-t", "x:2", "c"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 2), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn what_an_address_was_given_to_get_in_by_is_not_told() {
    let home = context("FROM scratch\nARG KEY\nADD http://me:${KEY}@127.0.0.1:1/x /\n");
    for (words, code) in [(["build"].as_slice(), 3), (&["plan", "--verbose"], 0)] {
        let ran = home.run(&[words, &["--platform", "linux/amd64", "--build-arg", "KEY=hunter2", "c"]].concat());
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("hunter2"), "{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn a_context_may_be_deep() {
    let home = context("FROM scratch\nCOPY d /d\n");
    let mut at = rustix::fs::open(home.path().join("c"), rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
    let depth = 1500;
    for level in 0..depth {
        let name = if level == 0 { "d" } else { "x" };
        rustix::fs::mkdirat(&at, name, rustix::fs::Mode::RWXU).unwrap();
        at = rustix::fs::openat(&at, name, rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
    }
    let ran = build(&home, &["-o", "type=tar,dest=out.tar", "c"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("{depth} files")), "{}", ran.stderr);
}

#[test]
fn a_chain_of_stages_takes_no_more_than_its_file() {
    let chain: String = (0..4000).map(|stage| format!("FROM s{stage} AS s{}\nLABEL l{stage}=v\n", stage + 1)).collect();
    let home = context(&format!("FROM scratch AS s0\n{chain}COPY a /\n"));
    // With all that each stage knows of those before it, it would be gigabytes.
    let words = ["-c", "ulimit -v 2000000 && exec \"$0\" \"$@\"", &program::binary().to_string_lossy()].map(ToOwned::to_owned);
    let mut command = std::process::Command::new("sh");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", home.path()).current_dir(home.path());
    let ran = program::Ran::of(command.args(words).args(["build", "--platform", "linux/amd64", "-t", "x:1", "c"]));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let inspected = home.done(&["inspect", "--json", "x:1"]);
    assert!(inspected.contains("l3999"), "{inspected}");
}
