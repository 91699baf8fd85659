//! What all processes of a sandbox may use together, and what becomes of those that want more.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sandbox::{Bounds, Exit, MountKind, Spec, Users};

use crate::fixture::{Fixture, NOBODY, Who, everyone};

/// How much is given to who wants more.
const LITTLE: u64 = 24 << 20;

/// Wants more than that.
const GREEDY: &str = "dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null";

/// Starts more than is bounded, and tells how many could be.
const MANY: &str = "i=0; while [ $i -lt 1000 ]; do (sleep 600 &) || break; i=$((i+1)); done 2>/dev/null; ls -d /proc/[0-9]* | wc -l";

/// Finds the control groups that a process has made.
fn groups_of(maker: u32) -> Vec<PathBuf> {
    fn look(folder: &Path, depth: u32, prefix: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.file_type().unwrap().is_dir()) {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                found.push(entry.path());
            } else if depth > 0 {
                look(&entry.path(), depth - 1, prefix, found);
            }
        }
    }
    let mut found = Vec::new();
    look(Path::new("/sys/fs/cgroup"), 6, &format!("polyarch-{maker}-"), &mut found);
    found
}

fn soon(what: &str, is: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Returns a fixture whose sandboxes have control groups, where these can be made.
fn with_groups() -> Option<Fixture> {
    let Some(Who::Root) = everyone().first().copied() else { return None };
    let fixture = Fixture::of(Who::Root);
    let mut spec = fixture.command(&["true"]);
    spec.bounds.memory = Some(LITTLE);
    match fixture.outcome(&spec).end {
        Ok(_) => Some(fixture),
        Err(error) => {
            testkit::skip(&error);
            None
        }
    }
}

#[test]
fn whoever_takes_too_much_memory_is_said_to_have() {
    let Some(fixture) = with_groups() else { return };
    let bounds = Bounds { memory: Some(LITTLE), ..Bounds::USUAL };
    for (script, exit) in [
        (format!("exec {GREEDY}"), Exit::OutOfMemory(137)),
        // A shell reports it, or makes of it what it likes.
        (format!("{GREEDY}; exit $?"), Exit::OutOfMemory(137)),
        (format!("{GREEDY}; exit 3"), Exit::OutOfMemory(3)),
        (format!("{GREEDY}; exit 0"), Exit::Code(0)),
        ("dd if=/dev/zero of=/dev/shm/file bs=1M count=60 2>/dev/null".to_owned(), Exit::OutOfMemory(137)),
        // These have nothing to do with memory.
        ("exit 137".to_owned(), Exit::Code(137)),
        ("(kill -9 $(readlink /proc/self)); sh -c 'kill -9 $$'; exit $?".to_owned(), Exit::Code(137)),
    ] {
        let outcome = fixture.outcome(&Spec { bounds, ..fixture.spec(&script) });
        assert_eq!(outcome.end, Ok(exit), "{script}: {outcome:?}");
    }
}

/// The bound is the caller's own then, or the machine's.
#[test]
fn want_of_memory_is_seen_without_a_group_of_its_own() {
    if with_groups().is_none() || !everyone().contains(&Who::Nobody) {
        return testkit::skip("this takes a control group, which an ordinary user is put into");
    }
    let fixture = Fixture::of(Who::Nobody);
    // Whoever makes a sandbox with a bound is shown where such a group can be.
    let mut maker = {
        let fixture = Fixture::of(Who::Root);
        let mut spec = fixture.command(&["sleep", "600"]);
        spec.bounds.memory = Some(LITTLE);
        (fixture.spawn(&spec), fixture)
    };
    let file = || groups_of(maker.0.id()).into_iter().map(|group| group.join("cgroup.procs")).collect::<Vec<_>>();
    soon("no group", || file().iter().any(|file| fs::read_to_string(file).is_ok_and(|members| !members.is_empty())));
    let mut words = file().iter().map(|file| format!("echo 0 > {}; ", file.display())).collect::<String>();
    words.push_str("exec \"$@\"");
    let run = |script: &str| {
        let inner = fixture.program();
        let mut command = Command::new("sh");
        command.args(["-c", &words, "sh"]).arg(inner.get_program()).args(inner.get_args());
        fixture.outcome_of(command, &fixture.spec(script))
    };
    let outcome = run(&format!("{GREEDY}; exit $?"));
    assert_eq!(outcome.end, Ok(Exit::OutOfMemory(137)), "{outcome:?}");
    let outcome = run(&format!("{GREEDY}; exit 3"));
    // Where an ordinary user can make groups, it is known even so.
    assert!(matches!(outcome.end, Ok(Exit::Code(3) | Exit::OutOfMemory(3))), "{outcome:?}");
    maker.0.kill().unwrap();
    maker.0.wait().unwrap();
}

#[test]
fn memory_is_not_bounded_in_name_only() {
    if !everyone().contains(&Who::Nobody) {
        return;
    }
    let fixture = Fixture::of(Who::Nobody);
    let mut spec = fixture.command(&["true"]);
    spec.bounds.memory = Some(LITTLE);
    match fixture.outcome(&spec).end {
        Ok(exit) => assert_eq!(exit, Exit::Code(0)),
        Err(error) => assert!(error.starts_with("making a control group, which takes to bound memory, failed: "), "{error}"),
    }
}

#[test]
fn whoever_multiplies_comes_to_an_end() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let mut spec = fixture.spec(MANY);
        spec.bounds.processes = Some(50);
        let outcome = fixture.outcome(&spec);
        // The last ones may not have been counted yet.
        let count: u64 = outcome.stdout.lines().last().unwrap_or_default().parse().unwrap_or(0);
        assert!(outcome.end.is_ok() && count <= 52, "{who:?}: {outcome:?}");
    }
}

/// As if it were a user that shares a user namespace with others, of whom nobody is to be counted.
#[test]
fn whoever_multiplies_comes_to_an_end_without_a_group() {
    if !everyone().contains(&Who::Nobody) || !testkit::is_root() {
        return testkit::skip("this takes root, who becomes an ordinary user");
    }
    let fixture = Fixture::of(Who::Nobody);
    let mut spec = Spec { users: Users::Same, ..fixture.spec(MANY) };
    spec.bounds.processes = Some(50);
    let mut program = fixture.program();
    program.arg("--enter").arg(serde_json::to_string(&Users::single(NOBODY, NOBODY)).unwrap());
    let outcome = fixture.outcome_of(program, &spec);
    let count: u64 = outcome.stdout.lines().last().unwrap_or_default().parse().unwrap_or(0);
    // What bounds the numbers lets three hundred go by that are given only once.
    assert!(outcome.end.is_ok() && count <= 352, "{outcome:?}");
}

#[test]
fn a_group_is_gone_with_its_sandbox() {
    let Some(fixture) = with_groups() else { return };
    let spec = fixture.spec("echo; sleep 600");
    let start = || {
        let mut caller = fixture.spawn(&spec);
        let mut byte = [0];
        std::io::Read::read_exact(caller.stdout.as_mut().unwrap(), &mut byte).unwrap();
        caller
    };
    let mut caller = start();
    let inside = |group: &PathBuf| fs::read_to_string(group.join("cgroup.procs")).is_ok_and(|members| !members.is_empty());
    assert!(groups_of(caller.id()).iter().any(inside));
    // The init removes it.
    caller.kill().unwrap();
    caller.wait().unwrap();
    soon("a group is left", || groups_of(caller.id()).is_empty());
    // Nobody does, but the next sandbox.
    let mut caller = start();
    // A group of stopped processes is hung up on when its parent ends, so the second signal may find nobody.
    let signal = |signal: &str, pid: u32| Command::new("kill").args([signal, &pid.to_string()]).stderr(Stdio::null()).status().unwrap();
    let inits = children_of(caller.id());
    inits.iter().for_each(|init| assert!(signal("-STOP", *init).success()));
    caller.kill().unwrap();
    inits.iter().for_each(|init| {
        signal("-KILL", *init);
    });
    caller.wait().unwrap();
    soon("it lives", || !groups_of(caller.id()).iter().any(inside));
    fixture.run("true");
    assert_eq!(groups_of(caller.id()), [""; 0].map(PathBuf::from));
}

fn children_of(parent: u32) -> Vec<u32> {
    let parent = parent.to_string();
    let stat = |pid: &u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(text.rsplit(") ").next()?.split(' ').nth(1)? == parent)
    };
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    all.filter(|pid| stat(pid) == Some(true)).collect()
}

/// A sandbox sees neither its group nor a way to leave it.
#[test]
fn a_group_cannot_be_left() {
    let Some(fixture) = with_groups() else { return };
    let mut spec = fixture.spec("ls /sys/fs/cgroup 2>/dev/null; (echo 0 > /sys/fs/cgroup/pids/cgroup.procs) 2>/dev/null || echo no");
    let outcome = fixture.outcome(&spec);
    assert!(outcome.stdout.ends_with("no"), "{outcome:?}");
    spec.mounts.retain(|mount| !matches!(mount.kind, MountKind::Sysfs));
    assert!(fixture.outcome(&spec).stdout.ends_with("no"));
}
