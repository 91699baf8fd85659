//! What an emulated program starts is emulated, too, with no handler and no right on this machine.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::{env, fs};

use sandbox::{Emulation, Exit, Spec, User};
use testkit::refuse::Refusal;

use crate::fixture::{Fixture, Who, everyone};
use crate::strangers::played;

/// What QEMU tells its programs as the release of the system, where this is set: they cannot know it otherwise.
const TOLD: &str = "9.9.9-emulated";

/// A machine on which nobody may follow a process.
const NOBODY_FOLLOWS: Refusal = Refusal::of(libc::SYS_ptrace);
const NOT_PERMITTED: i32 = 1;

/// The first bytes of this machine's own programs, as its busybox has them: class, order of bytes, and at the end the machine.
fn own_programs() -> (Vec<u8>, Vec<u8>) {
    let mut magic = fs::read(testkit::binary("busybox").unwrap()).unwrap();
    magic.truncate(20);
    let mask = (0..20).map(|at| if matches!(at, 0..=5 | 18..=19) { 0xff } else { 0 }).collect();
    (magic, mask)
}

/// This machine's QEMU for its own programs: what it runs could run without it, and has to be told apart.
fn emulator() -> Option<PathBuf> {
    let name = format!("qemu-{}-static", env::consts::ARCH);
    let found = testkit::binary(&name);
    if found.is_none() {
        testkit::skip(&format!("{name} is not installed: apt-get install qemu-user-static"));
    }
    found
}

fn emulated(fixture: &Fixture, script: &str) -> Option<Spec> {
    by_emulator(fixture.spec(script))
}

fn by_emulator(mut spec: Spec) -> Option<Spec> {
    let (magic, mask) = own_programs();
    spec.emulation = Some(Emulation { emulator: emulator()?.into(), magic, mask, is_strict: false });
    spec.environment.push(("QEMU_UNAME".into(), TOLD.into()));
    Some(spec)
}

/// Runs a script by the emulator as everybody, and returns what it wrote.
fn written(prepare: impl Fn(&Fixture), script: &str, expected: &str) {
    for who in everyone() {
        let fixture = Fixture::of(who);
        prepare(&fixture);
        let Some(spec) = emulated(&fixture, script) else { return };
        let outcome = fixture.outcome(&spec);
        assert_eq!((outcome.stdout.as_str(), &outcome.end), (expected, &Ok(Exit::Code(0))), "{who:?}: {outcome:?}");
    }
}

fn program(fixture: &Fixture, path: &str, content: &str) {
    fixture.write(path, content);
    fs::set_permissions(fixture.path(path), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn children_scripts_and_programs_by_relative_paths_are_followed() {
    let prepare = |fixture: &Fixture| {
        program(fixture, "base/etc/script", "#!/bin/sh -e\necho \"$0 $1 $(/bin/busybox uname -r)\"\n");
        program(fixture, "base/etc/outer", "#!/etc/script over\n");
    };
    let script = "busybox uname -r; (busybox uname -r); sh -c 'sh -c \"busybox uname -r\"'
/etc/script one; cd /etc; ./script two; cd /bin; ./busybox uname -r; ../etc/script three
exec /etc/outer";
    let lines = format!(
        "{TOLD}\n{TOLD}\n{TOLD}\n/etc/script one {TOLD}\n./script two {TOLD}\n{TOLD}\n../etc/script three {TOLD}\n/etc/script over {TOLD}"
    );
    written(prepare, script, &lines);
}

#[test]
fn arguments_names_and_variables_arrive() {
    let script = "(exec -a other sh -c 'echo \"$0\"' zero) 2>/dev/null || sh -c 'echo \"$0 $1 $#\"' zero 'a  b' ''
A=1 sh -c 'echo $A'; env -i B=2 /bin/busybox env
set -- $(busybox seq 3000); sh -c 'shift 2999; echo $1' zero \"$@\"";
    written(|_| {}, script, "zero a  b 2\n1\nB=2\n3000");
}

#[test]
fn what_cannot_be_run_fails_as_ever() {
    let prepare = |fixture: &Fixture| {
        program(fixture, "base/etc/text", "text\n");
        program(fixture, "base/etc/lost", "#!/none/there\n");
        fixture.write("base/etc/plain", "text\n");
    };
    // A shell runs a text without a first line that says by what.
    let script = "nosuch 2>/dev/null; echo $?; /etc/plain 2>/dev/null; echo $?; /etc/lost 2>/dev/null; echo $?; /etc 2>/dev/null; echo $?
/etc/text 2>/dev/null; echo $?; echo still here";
    written(prepare, script, "127\n126\n127\n126\n127\nstill here");
}

#[test]
fn signals_and_ends_are_those_of_the_programs() {
    // What is followed stands still in another way. A signal for a thread that another one's becoming a program ends is lost: not so soon.
    let script = "sleep 100 & state() { for turn in $(busybox seq 50); do
    found=$(grep State /proc/$!/status | cut -f 2 | cut -c 1); [ $found = $1 ] && break; sleep 0.1; done; echo $found; }
sleep 0.5; kill -STOP $!; state t; kill -CONT $!; state S; kill $!; wait $!; echo $?
kill -STOP $$; echo the first is not stopped by what it has started
sh -c 'trap \"echo caught; exit 3\" USR1; kill -USR1 $$; sleep 1'; echo $?
sh -c 'kill -9 $$'; echo $?; sh -c 'exit 7'; echo $?; (sleep 0.05; echo later) & wait; busybox yes | busybox head -n 1";
    written(|_| {}, script, "t\nS\n143\nthe first is not stopped by what it has started\ncaught\n3\n137\n7\nlater\ny");
}

#[test]
fn what_is_not_for_the_emulator_is_left_to_the_kernel() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let Some(mut spec) = emulated(&fixture, "busybox uname -r") else { return };
        spec.emulation.as_mut().unwrap().magic[18] ^= 1;
        let outcome = fixture.outcome(&spec);
        assert_eq!(outcome.end, Ok(Exit::Code(0)), "{who:?}: {outcome:?}");
        assert_ne!(outcome.stdout, TOLD, "{who:?}");
    }
}

/// To the kernel, each of them is the emulator.
#[test]
fn where_users_are_played_an_emulated_program_may_run_as_its_owner() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let script = "busybox cp /bin/busybox /tmp/su; chmod 4755 /tmp/su; cd /tmp
su ann -c './su root -c id </dev/null 2>&1; id -u; /bin/busybox uname -r'";
        let Some(spec) = by_emulator(played(&fixture, script)) else { return };
        let outcome = fixture.outcome(&spec);
        assert_eq!(outcome.stdout, format!("Password: \nsu: incorrect password\n33\n{TOLD}"), "{who:?}: {outcome:?}");
    }
}

/// As `execvp` goes on with the next folder where it may not run something.
#[test]
fn who_may_not_run_a_program_is_told_so() {
    if everyone().first() != Some(&Who::Root) {
        return testkit::skip("only root gives files to somebody else");
    }
    let fixture = Fixture::of(Who::Root);
    for folder in ["base/etc/closed", "base/etc/shut", "base/etc/open"] {
        program(&fixture, &format!("{folder}/own"), "#!/bin/sh\necho $0 $(/bin/busybox uname -r)\n");
    }
    fs::set_permissions(fixture.path("base/etc/closed"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(fixture.path("base/etc/shut/own"), fs::Permissions::from_mode(0o750)).unwrap();
    let script =
        "PATH=/etc/closed:/etc/shut:/etc/open:$PATH; env own; /etc/closed/own 2>/dev/null; echo $?; /etc/shut/own 2>/dev/null; echo $?";
    let mut spec = emulated(&fixture, script).unwrap();
    spec.user = User { uid: 1000, gid: 1000, groups: vec![1001] };
    let outcome = fixture.outcome(&spec);
    assert_eq!(outcome.stdout, format!("/etc/open/own {TOLD}\n126\n126"), "{outcome:?}");
}

/// Where the kernel would run what is left to it.
#[test]
fn where_nobody_may_follow_what_must_be_followed_is_refused() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let Some(mut spec) = emulated(&fixture, "echo begun") else { return };
        spec.emulation.as_mut().unwrap().is_strict = true;
        let outcome = fixture.outcome_without(&[NOBODY_FOLLOWS], NOT_PERMITTED, &spec);
        let expected = "following processes failed: Operation not permitted (os error 1)";
        assert_eq!((outcome.stdout.as_str(), outcome.end), ("", Err(expected.to_owned())), "{who:?}");
    }
}

#[test]
fn where_nobody_may_follow_only_the_command_itself_is_emulated() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let Some(spec) = emulated(&fixture, "busybox uname -r") else { return };
        let outcome = fixture.outcome_without(&[NOBODY_FOLLOWS], NOT_PERMITTED, &spec);
        assert_eq!(outcome.end, Ok(Exit::Code(0)), "{who:?}: {outcome:?}");
        assert_ne!(outcome.stdout, TOLD, "{who:?}");
    }
}

#[test]
fn nothing_of_it_outlives_its_end() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let word = format!("{}900", std::process::id());
        let Some(spec) = emulated(&fixture, &format!("(trap '' TERM; sleep {word} >/dev/null 2>&1) & sleep 0.1; echo gone")) else {
            return;
        };
        assert_eq!(fixture.outcome(&spec).stdout, "gone", "{who:?}");
        assert_eq!(crate::ending::processes(&word), [""; 0], "{who:?}");
    }
}
