//! Machines that lack something, or forbid it.

use std::fs;
use std::process::Command;
use std::slice;

use sandbox::{Exit, Network, Root, Spec, Upper};
use testkit::refuse::Refusal;

use crate::fixture::{Fixture, Outcome, Who, everyone};

/// What a kernel leaves in the folder that is its own.
fn left(fixture: &Fixture) -> usize {
    fs::read_dir(fixture.path("work")).unwrap().count()
}

fn bit(flag: i32) -> u64 {
    u64::from(flag.unsigned_abs())
}

/// Runs something where calls are refused, which must say why it does not run, and leave nothing.
fn refused(who: Who, spec: impl Fn(&Fixture) -> Spec, refusal: &Refusal, errno: i32) -> String {
    let fixture = Fixture::of(who);
    let outcome = fixture.outcome_without(slice::from_ref(refusal), errno, &spec(&fixture));
    let Err(error) = &outcome.end else { panic!("{who:?}: {refusal:?}: {outcome:?}") };
    assert_eq!(left(&fixture), 0, "{who:?}: {refusal:?}");
    error.clone()
}

#[test]
fn calls_that_are_missing_are_named() {
    let mounts = "making mounts (fsopen, open_tree, move_mount, mount_setattr) failed: ";
    let paths = "finding paths inside of the root (openat2) failed: ";
    for who in everyone() {
        for (errno, why) in [(libc::ENOSYS, "Function not implemented"), (libc::EPERM, "Operation not permitted")] {
            for (call, problem) in [
                (libc::SYS_fsopen, mounts),
                (libc::SYS_fsconfig, mounts),
                (libc::SYS_fsmount, mounts),
                (libc::SYS_open_tree, mounts),
                (libc::SYS_move_mount, mounts),
                (libc::SYS_mount_setattr, mounts),
                (libc::SYS_openat2, paths),
                (libc::SYS_mount, "making namespaces failed: "),
                (libc::SYS_pivot_root, "changing the root failed: "),
                (libc::SYS_pidfd_open, "preparing the process failed: "),
            ] {
                let error = refused(who, |fixture| fixture.command(&["true"]), &Refusal::of(call), errno);
                assert_eq!(error, format!("{problem}{why} (os error {errno})"), "{who:?}: {call}");
            }
        }
    }
}

#[test]
fn namespaces_that_are_forbidden_are_named() {
    for who in everyone() {
        let plain = |fixture: &Fixture| fixture.command(&["true"]);
        let alone = |fixture: &Fixture| Spec { network: Network::None, ..fixture.command(&["true"]) };
        let unshare = Refusal::of(libc::SYS_unshare);
        for flag in [libc::CLONE_NEWNS, libc::CLONE_NEWPID, libc::CLONE_NEWIPC, libc::CLONE_NEWUTS] {
            let error = refused(who, plain, &unshare.with(0, bit(flag)), libc::EPERM);
            assert_eq!(error, "making namespaces failed: Operation not permitted (os error 1)", "{who:?}");
        }
        let error = refused(who, alone, &unshare.with(0, bit(libc::CLONE_NEWNET)), libc::EPERM);
        assert_eq!(error, "making namespaces failed: Operation not permitted (os error 1)", "{who:?}");
        if who == Who::Nobody {
            // As with `user.max_user_namespaces` at 0.
            let error = refused(who, plain, &unshare.with(0, bit(libc::CLONE_NEWUSER)), libc::ENOSPC);
            assert_eq!(error, "making a user namespace failed: No space left on device (os error 28)");
        }
    }
}

/// These have another way.
#[test]
fn some_calls_can_be_done_without() {
    for who in everyone() {
        for errno in [libc::ENOSYS, libc::EPERM] {
            let fixture = Fixture::of(who);
            let refused = [Refusal::of(libc::SYS_close_range)];
            let outcome = fixture.outcome_without(&refused, errno, &fixture.spec("ls /proc/self/fd | tr '\\n' ' '"));
            assert_eq!((outcome.stdout.as_str(), outcome.end), ("0 1 2 3", Ok(Exit::Code(0))), "{who:?}");
        }
        // So answers a kernel that does not know it. A filter that forbids it makes libc itself fail.
        let fixture = Fixture::of(who);
        let outcome = fixture.outcome_without(&[Refusal::of(libc::SYS_clone3)], libc::ENOSYS, &fixture.spec("echo fine"));
        assert_eq!((outcome.stdout.as_str(), outcome.end), ("fine", Ok(Exit::Code(0))), "{who:?}");
    }
}

/// Runs the program where something was mounted before, by root.
fn after(fixture: &Fixture, mounts: &str, spec: &Spec) -> Outcome {
    let inner = fixture.program();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &format!("{mounts} && exec \"$@\""), "sh"]).current_dir(fixture.path(""));
    command.arg(inner.get_program()).args(inner.get_args());
    fixture.outcome_of(command, spec)
}

/// As in a container, whose own root is made of layers.
#[test]
fn layers_that_cannot_be_laid_over_others_are_told_from_other_problems() {
    if everyone().first() != Some(&Who::Root) {
        return testkit::skip("only root mounts something first");
    }
    for who in everyone() {
        let fixture = Fixture::of(who);
        for folder in ["o-upper", "o-work", "over", "outside/upper", "outside/work"] {
            fs::create_dir(fixture.path(folder)).unwrap();
        }
        let mount = "mount -t overlay x -o lowerdir=outside,upperdir=o-upper,workdir=o-work over && chmod 777 over/upper over/work";
        let upper = Upper { folder: fixture.path("over/upper").into(), work: fixture.path("over/work").into() };
        let root = Root::Overlay { lowers: vec![fixture.path("base").into()], upper: Some(upper) };
        let outcome = after(&fixture, mount, &Spec { root, ..fixture.command(&["true"]) });
        let Err(error) = &outcome.end else { panic!("{who:?}: {outcome:?}") };
        assert!(error.starts_with("laying folders over each other failed: "), "{who:?}: {error}");
        // A folder is none, and copies of layers are in one.
        let spec = Spec { root: Root::Folder(fixture.path("base").into()), ..fixture.spec("echo fine") };
        let outcome = after(&fixture, mount, &spec);
        assert_eq!((outcome.stdout.as_str(), outcome.end), ("fine", Ok(Exit::Code(0))), "{who:?}");
    }
}

/// As in a container, some of whose /proc is hidden.
#[test]
fn a_proc_that_shows_too_much_is_told_from_other_problems() {
    if everyone().first() != Some(&Who::Root) || !everyone().contains(&Who::Nobody) {
        return testkit::skip("only root mounts something first, and an ordinary user is what it matters to");
    }
    let fixture = Fixture::of(Who::Nobody);
    let outcome = after(&fixture, "mount --bind /dev/null /proc/meminfo", &fixture.command(&["true"]));
    assert_eq!(outcome.end, Err("mounting a /proc failed: Operation not permitted (os error 1)".to_owned()));
    assert_eq!(left(&fixture), 0);
}
