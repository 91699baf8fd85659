//! Ending a sandbox before its process runs.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use sandbox::{Attributes, Mount, MountKind, Root, SandboxError, Spec, Starting};

use crate::fixture::{Fixture, Who, everyone};

/// How many mounts take so long that one can be between them.
const MANY: usize = 3000;

/// Describes a root that is a folder, in which every mount has to make its own place.
fn slow(fixture: &Fixture) -> Spec {
    let kind = MountKind::Tmpfs { size: None, mode: 0o755, attributes: Attributes::default() };
    let mount = |number| Mount { target: format!("/stubs/{number}").into(), kind: kind.clone(), keep_target: false };
    let mut spec = fixture.command(&["sleep", "600"]);
    spec.root = Root::Folder(fixture.path("base").into());
    spec.mounts.extend((0..MANY).map(mount));
    spec
}

/// Waits until some mounts are made, and others are not.
fn in_between(stubs: &Path) {
    let begin = Instant::now();
    while fs::read_dir(stubs).map_or(0, Iterator::count) < 10 {
        assert!(begin.elapsed() < Duration::from_secs(10), "nothing is mounted");
        thread::sleep(Duration::from_micros(100));
    }
}

#[test]
fn a_kill_between_two_mounts_leaves_nothing() {
    let Some(Who::Root) = everyone().first().copied() else { return };
    let fixture = Fixture::of(Who::Root);
    let (spec, stubs) = (slow(&fixture), fixture.path("base/stubs"));
    let ends: [fn(Starting); 2] = [
        |starting| {
            starting.handle().kill();
            assert_eq!(starting.running().unwrap_err(), SandboxError::Killed);
        },
        drop,
    ];
    for end in ends {
        let starting = fixture.begin(&spec).unwrap();
        in_between(&stubs);
        let begin = Instant::now();
        end(starting);
        assert!(begin.elapsed() < Duration::from_secs(10));
        assert!(!stubs.exists(), "{:?}", fs::read_dir(&stubs).unwrap().count());
    }
}

#[test]
fn a_caller_that_is_killed_between_two_mounts_leaves_nothing() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let (spec, stubs) = (slow(&fixture), fixture.path("base/stubs"));
        let mut caller = fixture.spawn(&spec);
        in_between(&stubs);
        caller.kill().unwrap();
        caller.wait().unwrap();
        // Nobody is left who could wait for the init.
        let begin = Instant::now();
        while stubs.exists() {
            assert!(begin.elapsed() < Duration::from_secs(10), "{who:?}: {:?}", fs::read_dir(&stubs).unwrap().count());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_handle_from_before_is_good_afterwards() {
    let Some(Who::Root) = everyone().first().copied() else { return };
    let fixture = Fixture::of(Who::Root);
    let starting = fixture.begin(&fixture.command(&["sleep", "600"])).unwrap();
    let handle = starting.handle();
    let process = starting.running().unwrap();
    handle.kill();
    assert_eq!(process.wait().unwrap(), sandbox::Exit::Killed);
}
