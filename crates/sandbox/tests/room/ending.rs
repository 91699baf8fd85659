//! Nothing outlives a sandbox.

use std::fs;
use std::io::{BufRead, BufReader};
use std::thread;
use std::time::{Duration, Instant};

use sandbox::{Exit, Limit, Resource, Spec, User};

use crate::fixture::{Fixture, Who, everyone, finish};

/// How long something may take to be gone.
const SOON: Duration = Duration::from_secs(10);

/// Finds processes of this machine by a word of their command lines.
pub fn processes(word: &str) -> Vec<String> {
    let lines = fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(word)).collect()
}

/// A number of seconds that no other test sleeps.
fn seconds(test: u32) -> String {
    format!("{}{test:03}", std::process::id())
}

/// Waits until there is a process: a shell says something before what it does next has begun.
fn there(word: &str) {
    let begin = Instant::now();
    while !processes(word).iter().any(|line| line.starts_with(word)) {
        assert!(begin.elapsed() < SOON, "expected {word}, got {:?}", processes(word));
        thread::sleep(Duration::from_millis(5));
    }
}

fn gone(word: &str) {
    let begin = Instant::now();
    while !processes(word).is_empty() {
        assert!(begin.elapsed() < SOON, "expected no process, got {:?}", processes(word));
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn daemons_end_with_the_process() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let word = seconds(1);
        let script =
            format!("for i in 1 2 3; do (trap '' HUP TERM; sleep {word} >/dev/null 2>&1 &) & done; sleep 0.1; ps | grep -c 'sleep {word}'");
        let count: u32 = fixture.run(&script).parse().unwrap();
        assert!(count >= 3, "{who:?}: {count}");
        assert_eq!(processes(&word), [""; 0], "{who:?}");
    }
}

#[test]
fn a_process_that_ignores_signals_is_killed() {
    let Some(Who::Root) = everyone().first().copied() else { return };
    let fixture = Fixture::of(Who::Root);
    let word = seconds(2);
    let script = format!("trap '' TERM INT HUP; echo ready; while :; do sleep {word}; done");
    let mut process = fixture.start(&fixture.spec(&script)).unwrap();
    let handle = process.handle();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let begin = Instant::now();
    handle.kill();
    assert_eq!(process.wait().unwrap(), Exit::Killed);
    assert!(begin.elapsed() < SOON);
    assert_eq!(processes(&word), [""; 0]);
    // It has ended, so there is nothing to kill.
    handle.kill();
}

#[test]
fn a_process_that_is_dropped_is_gone() {
    let Some(Who::Root) = everyone().first().copied() else { return };
    let fixture = Fixture::of(Who::Root);
    let word = seconds(3);
    let process = fixture.start(&fixture.command(&["sleep", &word])).unwrap();
    assert_eq!(processes(&word).len(), 1);
    drop(process);
    assert_eq!(processes(&word), [""; 0]);
}

#[test]
fn a_process_that_nobody_reads_waits_and_can_be_killed() {
    let Some(Who::Root) = everyone().first().copied() else { return };
    let fixture = Fixture::of(Who::Root);
    let process = fixture.start(&fixture.spec("while :; do echo much; done")).unwrap();
    thread::sleep(Duration::from_millis(100));
    let begin = Instant::now();
    process.handle().kill();
    assert_eq!(process.wait().unwrap(), Exit::Killed);
    assert!(begin.elapsed() < SOON);
}

#[test]
fn a_caller_that_is_killed_takes_all_with_it() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let word = seconds(4);
        let spec = fixture.spec(&format!("trap '' TERM HUP; echo ready; sleep {word}"));
        let mut caller = fixture.spawn(&spec);
        let mut line = String::new();
        BufReader::new(caller.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{who:?}");
        there(&format!("sleep {word} "));
        caller.kill().unwrap();
        caller.wait().unwrap();
        gone(&word);
        // The init tidies up when its process is gone, and nobody is left to wait for it.
        let (begin, work) = (Instant::now(), fixture.path("work"));
        while fs::read_dir(&work).unwrap().count() > 0 {
            assert!(begin.elapsed() < SOON, "{who:?}: {} is left", work.display());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn an_init_that_is_killed_takes_all_with_it() {
    let Some(Who::Root) = everyone().first().copied() else { return };
    let fixture = Fixture::of(Who::Root);
    let word = seconds(5);
    let spec = Spec { user: User { uid: 1000, gid: 1000, groups: vec![] }, ..fixture.command(&["sleep", &word]) };
    let process = fixture.start(&spec).unwrap();
    let parent_of_sleep = fs::read_dir("/proc").unwrap().find_map(|entry| {
        let path = entry.ok()?.path();
        let line = fs::read_to_string(path.join("cmdline")).ok()?;
        line.contains(&word).then(|| fs::read_to_string(path.join("stat")).unwrap())
    });
    let init = parent_of_sleep.unwrap().rsplit(") ").next().unwrap().split(' ').nth(1).unwrap().to_owned();
    let pid = rustix::process::Pid::from_raw(init.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert!(matches!(process.wait(), Err(sandbox::SandboxError::Lost)));
    gone(&word);
}

#[test]
fn a_fork_bomb_ends() {
    let Some(Who::Root) = everyone().first().copied() else { return };
    let fixture = Fixture::of(Who::Root);
    let limits = vec![Limit { resource: Resource::Processes, soft: Some(50), hard: Some(50) }];
    let user = User { uid: 61_616, gid: 61_616, groups: vec![] };
    let spec = Spec { limits, user, ..fixture.spec("b() { b | b & }; b; sleep 600; b") };
    let process = fixture.start(&spec).unwrap();
    let handle = process.handle();
    let killer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        handle.kill();
        Instant::now()
    });
    let (_, exit) = finish(process);
    assert!(killer.join().unwrap().elapsed() < SOON);
    assert_ne!(exit, Exit::Code(0));
}

#[test]
fn a_hundred_runs_leave_nothing() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let of_ours = || {
            let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
            let place = fixture.path("").display().to_string();
            mounts.lines().filter(|line| line.contains(place.trim_end_matches('/'))).count() + processes(&place).len()
        };
        for _ in 0..100 {
            fixture.run("exit 0");
        }
        assert_eq!(fs::read_dir(fixture.path("work")).unwrap().count(), 0, "{who:?}");
        assert_eq!(of_ours(), 0, "{who:?}");
    }
}

#[test]
fn whoever_deletes_everything_deletes_its_own() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        fs::write(fixture.path("outside/kept"), "").unwrap();
        let kind = sandbox::MountKind::Bind {
            source: sandbox::Root::Folder(fixture.path("outside").into()),
            inside: None,
            attributes: sandbox::Attributes { read_only: true, ..Default::default() },
        };
        let mut spec = fixture.spec("busybox rm -rf /* 2>/dev/null; exit 7");
        spec.mounts.push(sandbox::Mount { target: "/mnt".into(), kind, keep_target: false });
        assert_eq!(fixture.outcome(&spec).end, Ok(Exit::Code(7)), "{who:?}");
        assert_eq!(fs::read_dir(fixture.path("work")).unwrap().count(), 0, "{who:?}");
        assert!(fixture.path("base/bin/busybox").is_file() && fixture.path("outside/kept").is_file(), "{who:?}");
        assert!(std::path::Path::new("/dev/null").exists() && std::path::Path::new("/proc/self").exists());
    }
}
