//! What a program reads and writes.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::Stdio;

use crate::kitchen::Kitchen;
use crate::started::{BASE, PATIENCE, Started, run};

#[test]
fn bytes_go_through_as_they_are() {
    let Some(kitchen) = Kitchen::new() else { return };
    let bytes: Vec<u8> = (0..1_000_003_u64).map(|number| u8::try_from((number * 7919) >> 3 & 0xff).unwrap()).collect();
    fs::write(kitchen.home.path().join("bytes"), &bytes).unwrap();
    let mut child = kitchen.home.command(&["run", "-i", BASE, "cat"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut stdin, sent) = (child.stdin.take().unwrap(), bytes.clone());
    let writer = std::thread::spawn(move || stdin.write_all(&sent).unwrap());
    assert!(child.wait_with_output().unwrap().stdout == bytes, "by pipes");
    writer.join().unwrap();
    let mut command = kitchen.home.command(&["run", "--interactive", BASE, "sh", "-c", "cat; echo wrong >&2"]);
    let file = |name: &str| File::create(kitchen.home.path().join(name)).unwrap();
    command.stdin(File::open(kitchen.home.path().join("bytes")).unwrap()).stdout(file("out")).stderr(file("errors"));
    assert!(command.status().unwrap().success());
    assert!(fs::read(kitchen.home.path().join("out")).unwrap() == bytes, "by files");
    assert_eq!(fs::read_to_string(kitchen.home.path().join("errors")).unwrap(), "wrong\n");
}

#[test]
fn nothing_is_read_unless_it_is_asked_for() {
    let Some(kitchen) = Kitchen::new() else { return };
    let mut command = kitchen.home.command(&["run", BASE, "sh", "-c", "cat; echo end"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _open = child.stdin.take();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "end\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_is_written_is_there_at_once() {
    let Some(kitchen) = Kitchen::new() else { return };
    let mut started = Started::script(&kitchen, &[], "echo ready; printf part; sleep 600");
    let begun = std::time::Instant::now();
    let mut part = [0; 4];
    started.reader().read_exact(&mut part).unwrap();
    assert!(&part == b"part" && begun.elapsed() < PATIENCE);
}

#[test]
fn a_reader_that_goes_away_ends_what_writes_for_ever() {
    let Some(kitchen) = Kitchen::new() else { return };
    let mut command = kitchen.home.command(&["run", BASE, "yes"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut some = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    assert_eq!(&some, b"y\ny\ny\ny\ny\n");
    let code = child.wait().unwrap().code();
    assert!(code == Some(141) || code == Some(1), "{code:?}: ended by SIGPIPE, or told so");
    assert_eq!(run(&kitchen, &[], &["true"]).code, 0);
}
