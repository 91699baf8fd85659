//! The process itself: its words, its user, its end, and why it cannot be.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use sandbox::{Exit, Limit, Resource, SandboxError, Spec, User};

use crate::fixture::{Fixture, NOBODY, Who, everyone};

#[test]
fn the_end_of_a_process_is_told_as_it_was() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        for code in [0, 1, 42, 127] {
            assert_eq!(fixture.try_run(&format!("exit {code}")).end, Ok(Exit::Code(code)), "{who:?}");
        }
        // The first process of a namespace is immune to its own signals, but not to a fault of its own.
        let limited =
            Spec { limits: vec![Limit { resource: Resource::Cpu, soft: Some(1), hard: Some(1) }], ..fixture.spec("while :; do :; done") };
        assert_eq!(fixture.outcome(&limited).end, Ok(Exit::Signal(9)), "{who:?}");
    }
}

#[test]
fn a_process_has_its_environment_and_no_other() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let mut spec = fixture.command(&["env"]);
        spec.environment = vec![("PATH".into(), "/bin".into()), ("A".into(), "b=c d".into()), ("EMPTY".into(), "".into())];
        assert_eq!(fixture.outcome(&spec).stdout, "PATH=/bin\nA=b=c d\nEMPTY=", "{who:?}");
    }
}

#[test]
fn a_process_runs_as_its_user_in_its_folder() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        fs::create_dir(fixture.path("base/home/ann")).unwrap();
        let mut spec = fixture.spec("id -u; id -g; id -G; pwd; umask");
        spec.folder = "/home/ann".into();
        assert_eq!(fixture.outcome(&spec).stdout.lines().last(), Some("0022"));
        if who == Who::Root {
            spec.user = User { uid: 1000, gid: 50, groups: vec![7, 8] };
            assert_eq!(fixture.outcome(&spec).stdout, "1000\n50\n50 7 8\n/home/ann\n0022");
            spec.arguments = ["sh", "-c", "echo out > /dev/stdout; cat /proc/self/status | grep -E '^Cap(Eff|Prm)'"].map(Into::into).into();
            assert_eq!(fixture.outcome(&spec).stdout, "out\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000");
        } else {
            spec.user = User { uid: 1000, gid: 50, groups: vec![] };
            assert_eq!(fixture.outcome(&spec).end, Err("running as 1000:50: Invalid argument (os error 22)".to_owned()));
        }
    }
}

#[test]
fn a_limit_holds() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let limits = vec![Limit { resource: Resource::OpenFiles, soft: Some(77), hard: Some(88) }];
        let spec = Spec { limits, ..fixture.spec("ulimit -Sn; ulimit -Hn") };
        assert_eq!(fixture.outcome(&spec).stdout, "77\n88", "{who:?}");
    }
}

#[test]
fn what_cannot_be_run_is_said() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let file = |name: &str, content: &str, mode| {
            fs::write(fixture.path(name), content).unwrap();
            fs::set_permissions(fixture.path(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        file("base/bin/text", "echo no program\n", 0o755);
        file("base/bin/closed", "#!/bin/sh\n", 0o644);
        file("base/bin/script", "#!/bin/missing\n", 0o755);
        symlink("/nowhere", fixture.path("base/bin/dangling")).unwrap();
        let error = |words: &[&str]| fixture.outcome(&fixture.command(words)).end.unwrap_err();
        for (program, problem) in [
            ("missing", "not found"),
            ("dangling", "not found"),
            ("text", "not a program of this machine"),
            ("closed", "permission denied"),
            ("script", "its interpreter is not found"),
        ] {
            assert_eq!(error(&[program]), format!("{program}: {problem}"), "{who:?}");
            assert_eq!(error(&[&format!("/bin/{program}")]), format!("/bin/{program}: {problem}"), "{who:?}");
        }
        assert_eq!(error(&["/etc/x/y"]), "/etc/x/y: not found");
        for folder in ["/missing", "/bin/sh"] {
            let spec = Spec { folder: folder.into(), ..fixture.command(&["pwd"]) };
            assert!(fixture.outcome(&spec).end.unwrap_err().starts_with(&format!("working folder {folder}: ")), "{who:?}");
        }
    }
}

#[test]
fn errors_keep_their_type_on_the_way() {
    let Some(Who::Root) = everyone().first().copied() else { return };
    let fixture = Fixture::of(Who::Root);
    let error = fixture.start(&fixture.command(&["missing"])).unwrap_err();
    assert_eq!(error, SandboxError::NotFound { program: "missing".to_owned() });
    assert!(matches!(fixture.start(&fixture.command(&["a\0b"])), Err(SandboxError::Spec(_))));
    assert!(matches!(fixture.start(&fixture.command(&[])), Err(SandboxError::Spec(_))));
}

#[test]
fn more_users_are_there_where_they_are_granted() {
    let Some(Who::Root) = everyone().first().copied() else { return };
    let fixture = Fixture::of(Who::Root);
    let granted = format!("ann:{}:5000\n", NOBODY + 1);
    let users = sandbox::Users::granted("ann", NOBODY, NOBODY, &granted, &granted).unwrap();
    for folder in ["upper", "work", "base", "base/tmp"] {
        std::os::unix::fs::chown(fixture.path(folder), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let mut spec = Spec { users, ..fixture.spec("touch /tmp/mine && id -u && id -G") };
    spec.user = User { uid: 1000, gid: 1001, groups: vec![1002] };
    let outcome = fixture.outcome(&spec);
    assert_eq!((outcome.stdout.as_str(), outcome.end), ("1000\n1001 1002", Ok(Exit::Code(0))));
    let made = fs::metadata(fixture.path("upper/tmp/mine")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&made), NOBODY + 1000);
}
