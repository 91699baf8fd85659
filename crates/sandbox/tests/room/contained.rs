//! What must not get in or out, by the names of the mistakes that others made.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;

use sandbox::{Capabilities, Exit, Spec};

use crate::fixture::{Fixture, Who, everyone, finish};

/// No descriptor of the caller is open in the process, whatever the caller forgot to close.
#[test]
fn cve_2024_21626_no_descriptor_leaks() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        // The fourth is that of `ls` itself.
        assert_eq!(fixture.run("ls /proc/self/fd | tr '\\n' ' '"), "0 1 2 3", "{who:?}");
    }
    if everyone().first() == Some(&Who::Root) {
        let fixture = Fixture::of(Who::Root);
        let leaked = fs::File::open("/").unwrap();
        rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
        assert!(leaked.as_raw_fd() > 2);
        let (open, exit) = finish(fixture.start(&fixture.spec("ls /proc/self/fd | tr '\\n' ' '")).unwrap());
        assert_eq!((open.as_str(), exit), ("0 1 2 3", Exit::Code(0)));
    }
}

/// A working folder or a program that is named by a descriptor of the init leads nowhere.
#[test]
fn cve_2024_21626_no_folder_by_descriptor() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        for number in 3..20 {
            let spec = Spec { folder: format!("/proc/self/fd/{number}").into(), ..fixture.spec("pwd; ls") };
            let error = fixture.outcome(&spec).end.unwrap_err();
            assert!(error.starts_with("working folder /proc/self/fd/"), "{who:?}: {error}");
            let program = fixture.outcome(&fixture.command(&[&format!("/proc/self/fd/{number}/bin/sh"), "-c", "true"]));
            assert!(program.end.is_err(), "{who:?}: {program:?}");
        }
    }
}

/// The bounding set is the one that was given, and nothing is inherited or ambient.
#[test]
fn cve_2022_24769_no_inherited_capabilities() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let sets = fixture.run("grep ^Cap /proc/self/status | tr -d '\\t'");
        let expected =
            "CapInh:0000000000000000\nCapPrm:00000000a80425fb\nCapEff:00000000a80425fb\nCapBnd:00000000a80425fb\nCapAmb:0000000000000000";
        assert_eq!(sets, expected, "{who:?}");
        let none = Spec { capabilities: Capabilities::NONE, ..fixture.spec("grep ^Cap /proc/self/status | tr -d '\\n\\t0'") };
        assert_eq!(fixture.outcome(&none).stdout, "CapInh:CapPrm:CapEff:CapBnd:CapAmb:", "{who:?}");
    }
}

/// Nothing of the root is loaded or run before its rights are given up: what is in it meets them as they will stay.
#[test]
fn cve_2019_14271_the_first_program_has_no_more_rights() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let script = fixture.path("base/bin/first");
        fs::write(
            &script,
            "#!/bin/sh\ngrep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status\nmount -t tmpfs x /tmp 2>&1 | cut -c 1-6\n",
        )
        .unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let outcome = fixture.outcome(&fixture.command(&["first"]));
        assert_eq!(outcome.stdout, "CapEff:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t0\nmount:", "{who:?}");
    }
}

/// What the init does without, for being quick, the process has.
#[test]
fn large_pages_are_as_with_the_caller() {
    let line = |status: &str| status.lines().find(|line| line.starts_with("THP_enabled:")).map(str::to_owned);
    let ours = line(&fs::read_to_string("/proc/self/status").unwrap());
    for who in everyone() {
        let fixture = Fixture::of(who);
        let outcome = fixture.outcome(&fixture.command(&["cat", "/proc/self/status"]));
        assert_eq!((line(&outcome.stdout), &outcome.end), (ours.clone(), &Ok(Exit::Code(0))), "{who:?}");
    }
}

/// A process that is made of the init's program can write neither to it nor to the file that it came from.
#[test]
fn cve_2019_5736_the_program_is_out_of_reach() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let before = fs::read(fixture.path("program")).unwrap();
        let script = fixture.path("base/bin/again");
        fs::write(&script, "#!/proc/self/exe\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        // The copy waits for a spec on its standard input, and finds none.
        let spec =
            fixture.spec("again & p=$!; for i in 1 2 3; do (echo broken >> /proc/$p/exe) 2>/dev/null && echo written; done; wait; true");
        assert_eq!(fixture.outcome(&spec).stdout, "", "{who:?}");
        assert!(fs::read(fixture.path("program")).unwrap() == before);
        let direct = fixture.outcome(&fixture.command(&["again"]));
        assert_ne!(direct.end, Ok(Exit::Code(0)), "{who:?}: {direct:?}");
    }
}

/// The root is left for good: neither `..` nor the mounts of this machine lead out of it.
#[test]
fn nothing_of_this_machine_is_mounted() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        fs::write(fixture.path("base/etc/here"), "").unwrap();
        assert_eq!(fixture.run("cd ../../../../..; ls etc"), "here", "{who:?}");
        let targets = fixture.run("cut -d ' ' -f 2 /proc/mounts | grep -vE '^/(proc|dev|sys)(/|$)'");
        assert_eq!(targets, "/", "{who:?}");
    }
}

/// Answers `chroot` with an error of its own.
fn no_chroot() -> Vec<u8> {
    let step = |code: u16, yes: u8, no: u8, value: u32| {
        let mut bytes = code.to_ne_bytes().to_vec();
        bytes.extend([yes, no]);
        bytes.extend(value.to_ne_bytes());
        bytes
    };
    let chroot = u32::try_from(libc::SYS_chroot).unwrap();
    [step(0x20, 0, 0, 0), step(0x15, 0, 1, chroot), step(0x06, 0, 0, 0x0005_0000 | 5), step(0x06, 0, 0, 0x7fff_0000)].concat()
}

#[test]
fn a_filter_holds_with_and_without_new_privileges() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        for no_new_privileges in [false, true] {
            let script = "chroot / /bin/true 2>/dev/null || grep -E '^(NoNewPrivs|Seccomp|CapEff):' /proc/self/status | tr -d '\\t\\n'";
            let spec = Spec { filter: no_chroot(), no_new_privileges, ..fixture.spec(script) };
            let expected = format!("CapEff:00000000a80425fbNoNewPrivs:{}Seccomp:2", u8::from(no_new_privileges));
            assert_eq!(fixture.outcome(&spec).stdout, expected, "{who:?}");
        }
        let spec = Spec { filter: vec![0; 7], ..fixture.command(&["true"]) };
        assert!(fixture.outcome(&spec).end.unwrap_err().starts_with("installing the seccomp filter failed"), "{who:?}");
    }
}
