//! Users that do not exist, and look as if they did.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use sandbox::{Attributes, Capabilities, Device, Exit, Mount, MountKind, Owned, Owner, Root, Spec, Strangers, User};
use testkit::refuse::Refusal;

use crate::ending::processes;
use crate::fixture::{Fixture, Outcome, everyone};

const PASSWD: &str = "root:x:0:0::/:/bin/sh\nann:x:33:44::/:/bin/sh\n";
const GROUP: &str = "root:x:0:\nann:x:44:\nothers:x:55:ann\n";

pub fn played(fixture: &Fixture, script: &str) -> Spec {
    fixture.write("base/etc/passwd", PASSWD);
    fixture.write("base/etc/group", GROUP);
    Spec { strangers: Strangers::Played, ..fixture.spec(script) }
}

/// Writes owners as `path uid:gid`.
fn owners(outcome: &Outcome) -> Vec<String> {
    let line = |Owned { path, owner }: &Owned| format!("{} {}:{}", path.display(), owner.uid, owner.gid);
    outcome.owners.iter().map(line).collect()
}

#[test]
fn whoever_becomes_somebody_believes_it() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        // Somebody else has no password, and root's is not known.
        let script = "id -un; id -gn; su ann -c 'id; sh -c id; su root -c id; echo $?'; id -u";
        let outcome = fixture.outcome(&played(&fixture, script));
        let ann = "uid=33(ann) gid=44(ann) groups=44(ann),55(others)";
        let expected = format!("root\nroot\n{ann}\n{ann}\n1\n0");
        assert_eq!((outcome.stdout.as_str(), outcome.end), (expected.as_str(), Ok(Exit::Code(0))), "{who:?}");
        // Nothing of it is true, and what is not asked about is as it was.
        let owner = fs::metadata(fixture.path("base")).unwrap().uid();
        fixture.outcome(&played(&fixture, "su ann -c 'echo > /tmp/of-ann'"));
        assert_eq!(fs::metadata(fixture.path("upper/tmp/of-ann")).unwrap().uid(), owner, "{who:?}");
    }
}

#[test]
fn the_user_of_the_process_may_be_anybody() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let user = User { uid: 33, gid: 44, groups: vec![44, 55] };
        let spec = Spec { user, ..played(&fixture, "id; touch /tmp/x; chown 7 /tmp/x 2>&1; chown ann:others /tmp/x && echo fine") };
        let outcome = fixture.outcome(&spec);
        let expected = "uid=33(ann) gid=44(ann) groups=44(ann),55(others)\nchown: /tmp/x: Operation not permitted\nfine";
        assert_eq!((outcome.stdout.as_str(), owners(&outcome)), (expected, vec!["/tmp/x 33:55".to_owned()]), "{who:?}");
        let nobody = Spec { user: User { uid: u32::MAX, ..User::default() }, ..played(&fixture, "true") };
        let refusal = fixture.outcome(&nobody).end.unwrap_err();
        assert!(refusal.starts_with("running as 4294967295:0: "), "{who:?}: {refusal}");
    }
}

#[test]
fn what_is_given_away_is_told_by_where_it_is_at_last() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        for name in ["data/deep/one", "data/two", "etc/kept", "etc/changed"] {
            fixture.write(&format!("base/{name}"), "");
        }
        let script = "exec 2>&1; cd /tmp && set -e
            chown 1:2 /etc/kept; chown 3:4 /data/two
            chown -R 5:6 /data/deep
            echo > new; chown 7:8 new; mv new /home/moved
            echo > gone; chown 9:9 gone; rm gone
            ln -s nowhere link; chown -h 10:11 link
            echo > one; chown 12:13 one; ln one other
            echo > again; chown 14:15 again; rm again; echo > again
            mkdir -p root/bin root/etc; busybox cp /bin/busybox root/bin; chroot root /bin/busybox chown 16:17 /etc; chroot root /bin/busybox chown 18:18 etc/..
            chown 19 /dev/null /dev/stdout /dev/shm
            chown 20:20 /etc/changed; chown 0:0 /etc/changed
            sed -i s/x/y/ /etc/passwd; touch ../etc/passwd; echo > plain; chown -1:-1 plain 2>/dev/null || true";
        let outcome = fixture.outcome(&played(&fixture, script));
        assert_eq!((outcome.stdout.as_str(), &outcome.end), ("", &Ok(Exit::Code(0))), "{who:?}");
        let expected = [
            "/data/deep 5:6",
            "/data/deep/one 5:6",
            "/data/two 3:4",
            "/etc/kept 1:2",
            "/home/moved 7:8",
            "/tmp/link 10:11",
            "/tmp/one 12:13",
            "/tmp/other 12:13",
            "/tmp/root 18:18",
            "/tmp/root/etc 16:17",
        ];
        assert_eq!(owners(&outcome), expected, "{who:?}");
        // It is in the upper folder, since a layer has to say so.
        assert!(fixture.path("upper/data/deep/one").is_file() && fixture.path("upper/etc/kept").is_file(), "{who:?}");
    }
}

fn owned(path: &str, uid: u32, gid: u32) -> Owned {
    Owned { path: path.into(), owner: Owner { uid, gid, device: None } }
}

/// Files that are somebody's at first, and a script that changes and copies them.
fn of_somebody(fixture: &Fixture, script: &str) -> Spec {
    for name in ["kept", "written", "copied", "moved", "replaced", "folder/inside", "tool"] {
        fixture.write(&format!("base/srv/{name}"), "x\n");
    }
    fs::hard_link(fixture.path("base/srv/kept"), fixture.path("base/srv/linked")).unwrap();
    let owners = ["kept", "linked", "written", "copied", "moved", "replaced", "folder", "folder/inside", "tool"];
    let owners = owners.iter().zip(1..).map(|(name, number)| owned(&format!("/srv/{name}"), number, 10 + number)).collect();
    Spec { owners, ..played(fixture, script) }
}

#[test]
fn whoever_looks_at_a_file_sees_whose_it_is() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let script = "cd /srv; stat -c '%n %u:%g' written /srv/moved folder/inside /etc/passwd; ln -s moved link; stat -L -c %u link; stat -c %u link
            exec 3< copied; stat -L -c %u /proc/self/fd/3; stat -L -c %u /dev/fd/3
            chown 70 written; chown :71 copied; stat -c %u:%g written copied; echo > new; chown 72:73 new; chmod 640 new; stat -c '%u:%g %a %s %F' new
            su ann -c 'echo > /tmp/mine; stat -c %u:%g /tmp/mine; test -O /tmp/mine && echo own'; test -O /tmp/mine || echo other
            mknod disk b 8 1; stat -c '%F %t:%T' disk; test -b disk && echo block; stat missing 2>&1 || true";
        let outcome = fixture.outcome(&of_somebody(&fixture, script));
        let expected = "written 3:13\n/srv/moved 5:15\nfolder/inside 8:18\n/etc/passwd 0:0\n5\n0\n4\n4\n70:13\n4:71\n\
                        72:73 640 1 regular file\n33:44\nown\nother\nblock special file 8:1\nblock\n\
                        stat: can't stat 'missing': No such file or directory";
        assert_eq!((outcome.stdout.as_str(), &outcome.end), (expected, &Ok(Exit::Code(0))), "{who:?}");
    }
}

#[test]
fn what_was_somebody_s_stays_so_where_it_goes() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let script = "cd /srv; echo y >> written; cp -a copied again; mv moved elsewhere; rm replaced; echo > replaced; cp -a folder twin; mv folder other
            tar cf - twin | tar xf - -C /tmp; chmod 600 kept; chown -h root:root tool; busybox cp copied plain; sed -i s/x/y/ copied";
        let outcome = fixture.outcome(&of_somebody(&fixture, script));
        assert_eq!((outcome.stdout.as_str(), &outcome.end), ("", &Ok(Exit::Code(0))), "{who:?}");
        let expected = [
            "/srv/again 4:14",
            // Nothing but its permissions is changed.
            "/srv/kept 1:11",
            "/srv/copied 4:14",
            "/srv/elsewhere 5:15",
            "/srv/other 7:17",
            "/srv/other/inside 8:18",
            "/srv/twin 7:17",
            "/srv/twin/inside 8:18",
            "/srv/written 3:13",
            "/tmp/twin 7:17",
            "/tmp/twin/inside 8:18",
        ];
        let mut expected = expected.map(str::to_owned).to_vec();
        expected.sort();
        assert_eq!(owners(&outcome), expected, "{who:?}");
    }
}

#[test]
fn what_cannot_be_given_away_is_not() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let attributes = Attributes { read_only: true, ..Attributes::default() };
        let kind = MountKind::Bind { source: Root::Folder(fixture.path("outside").into()), inside: None, attributes };
        let script = "for path in /missing /etc/passwd/x /fixed /loop; do chown 1 $path; done 2>&1; su ann -c 'chown 1 /etc/passwd' 2>&1";
        let mut spec = played(&fixture, script);
        spec.mounts.push(Mount { target: "/fixed".into(), kind, keep_target: false });
        std::os::unix::fs::symlink("loop", fixture.path("base/loop")).unwrap();
        let before = fs::metadata(fixture.path("outside")).unwrap();
        let outcome = fixture.outcome(&spec);
        let expected = "chown: /missing: No such file or directory\nchown: /etc/passwd/x: Not a directory\n\
                        chown: /fixed: Read-only file system\nchown: /loop: Too many levels of symbolic links\n\
                        chown: /etc/passwd: Operation not permitted";
        assert_eq!((outcome.stdout.as_str(), owners(&outcome).len()), (expected, 0), "{who:?}");
        assert_eq!(fs::metadata(fixture.path("outside")).unwrap().ctime_nsec(), before.ctime_nsec(), "{who:?}");
    }
}

/// As the kernel has it: rights of a program are lost when it is given away.
#[test]
fn a_program_that_is_given_away_loses_its_rights() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let script = "cd /tmp; echo > x; chmod 4755 x; chown 7:8 x; stat -c %a x; chmod 4755 x; stat -c %a x";
        let outcome = fixture.outcome(&played(&fixture, script));
        assert_eq!((outcome.stdout.as_str(), owners(&outcome)), ("755\n4755", vec!["/tmp/x 7:8".to_owned()]), "{who:?}");
    }
}

#[test]
fn devices_are_told_too() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let script = "mknod -m 640 /home/disk b 8 1 && chown 0:6 /home/disk && mknod /home/zero c 1 5 && mknod /home/pipe p && ls /home";
        let outcome = fixture.outcome(&played(&fixture, script));
        assert_eq!((outcome.stdout.as_str(), &outcome.end), ("disk\npipe\nzero", &Ok(Exit::Code(0))), "{who:?}");
        let device = |is_block, major, minor| Some(Device { is_block, major, minor });
        let expected = [
            Owned { path: "/home/disk".into(), owner: Owner { uid: 0, gid: 6, device: device(true, 8, 1) } },
            Owned { path: "/home/zero".into(), owner: Owner { uid: 0, gid: 0, device: device(false, 1, 5) } },
        ];
        assert_eq!(outcome.owners, expected, "{who:?}");
        let mode = |name: &str| fs::metadata(fixture.path("upper/home").join(name)).unwrap().mode();
        assert_eq!((mode("disk") & 0o177_777, mode("zero") & 0o177_777), (0o100_640, 0o100_644), "{who:?}");
    }
}

/// Answers `mkdir` with an error of its own, as a profile would.
fn no_folders() -> Vec<u8> {
    let step = |code: u16, yes: u8, no: u8, value: u32| {
        let mut bytes = code.to_ne_bytes().to_vec();
        bytes.extend([yes, no]);
        bytes.extend(value.to_ne_bytes());
        bytes
    };
    let number = |call| u32::try_from(call).unwrap();
    let refused = step(0x06, 0, 0, 0x0005_0000 | 5);
    let calls = [libc::SYS_mkdirat, libc::SYS_fchownat].map(|call| [step(0x15, 0, 1, number(call)), refused.clone()].concat());
    [step(0x20, 0, 0, 0), calls.concat(), step(0x06, 0, 0, 0x7fff_0000)].concat()
}

/// What the caller's filter refuses is refused, whoever answers for the rest.
#[test]
fn another_filter_has_its_say() {
    for who in everyone() {
        for no_new_privileges in [false, true] {
            let fixture = Fixture::of(who);
            let script = "chroot /tmp /x 2>/dev/null; su ann -c id; grep -E '^(CapEff|Seccomp):' /proc/self/status | tr -d '\\t\\n'";
            let spec = Spec { filter: no_folders(), no_new_privileges, ..played(&fixture, script) };
            let outcome = fixture.outcome(&spec);
            let expected = "uid=33(ann) gid=44(ann) groups=44(ann),55(others)\nCapEff:00000000a80425fbSeccomp:2";
            assert_eq!((outcome.stdout.as_str(), outcome.end), (expected, Ok(Exit::Code(0))), "{who:?}");
            let spec = Spec { filter: no_folders(), ..played(&fixture, "chown -R 1 /tmp 2>/dev/null") };
            assert_eq!(owners(&fixture.outcome(&spec)).len(), usize::from(cfg!(target_arch = "x86_64")), "{who:?}");
        }
    }
}

#[test]
fn whoever_answers_ends_with_the_sandbox() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let place = fixture.path("program").display().to_string();
        for script in ["kill -9 $$; exec missing", "missing", "chown 1 /tmp; (sleep 600 &) ; exit 5"] {
            let end = fixture.outcome(&played(&fixture, script)).end;
            assert!(matches!(end, Ok(Exit::Code(127 | 5))), "{who:?}: {end:?}");
        }
        let spec = Spec { arguments: vec!["missing".into()], ..played(&fixture, "") };
        assert_eq!(fixture.outcome(&spec).end, Err("missing: not found".to_owned()), "{who:?}");
        // The caller may be killed, too.
        let mut caller = fixture.spawn(&played(&fixture, "chown 1 /tmp; echo; sleep 600"));
        std::io::Read::read_exact(caller.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        caller.kill().unwrap();
        caller.wait().unwrap();
        let begin = Instant::now();
        while fs::read_dir(fixture.path("work")).unwrap().count() > 0 || !processes(&place).is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(10), "{who:?}: {:?}", processes(&place));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn where_nobody_can_answer_it_is_said() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        // Asking somebody is this flag, of a call that also installs other filters.
        let listens = Refusal::of(libc::SYS_seccomp).with(1, 8);
        let outcome = fixture.outcome_without(&[listens], libc::EINVAL, &played(&fixture, "true"));
        let expected = "answering for users that do not exist failed: Invalid argument (os error 22)";
        assert_eq!(outcome.end, Err(expected.to_owned()), "{who:?}");
        assert_eq!(fs::read_dir(fixture.path("work")).unwrap().count(), 0, "{who:?}");
    }
}

/// Kernels before 5.9 hand no file over, and those before 5.14 do not do so and answer at once.
#[test]
fn what_cannot_be_handed_over_is_made_all_the_same() {
    // Its number has another type in every libc.
    let addfd = Refusal::of(libc::SYS_ioctl).with(1, 0x4018_2103);
    for who in everyone() {
        let fixture = Fixture::of(who);
        let spec = played(&fixture, "cd /tmp; su ann -c 'set -e; echo x > one; mkdir two; set -C; echo y > three; cat one three'");
        let outcome = fixture.outcome_without(&[addfd], libc::EINVAL, &spec);
        // The last is root's: nobody else could make it only if it is not there.
        let expected = vec!["/tmp/one 33:44".to_owned(), "/tmp/two 33:44".to_owned()];
        assert_eq!((outcome.stdout.as_str(), owners(&outcome)), ("x\ny", expected), "{who:?}");
    }
}

/// Whoever has no right to it may not give files away, where nobody answers.
#[test]
fn without_an_answer_the_kernel_has_the_word() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let spec = Spec { capabilities: Capabilities::NONE, ..fixture.spec("echo > /tmp/x; chown 1:1 /tmp/x 2>/dev/null || echo no") };
        let outcome = fixture.outcome(&spec);
        assert_eq!((outcome.stdout.as_str(), owners(&outcome).len()), ("no", 0), "{who:?}");
    }
}

/// Makes something of every kind, in a folder that is there already.
const MAKES: &str = "umask 027; cd /home/open && > plain && mkdir -p folder/deep && ln -s nowhere link && mkfifo pipe && mktemp ./temporary-XXXXXX >/dev/null \
    && cp -r /data copied && cp copied/one changed && sed -i s/x/y/ changed && mkdir untarred && tar cf - -C copied . | tar xf - -C untarred \
    && > folder/moved && mv folder/moved . && ln plain linked && ln -s made dangling && > dangling && mkdir left && rmdir left";

/// What is there then, by name.
const MADE: [&str; 18] = [
    "changed",
    "copied",
    "copied/deep",
    "copied/one",
    "dangling",
    "folder",
    "folder/deep",
    "link",
    "linked",
    "made",
    "moved",
    "pipe",
    "plain",
    "temporary",
    "untarred",
    "untarred/deep",
    "untarred/one",
    "",
];

fn everything(fixture: &Fixture) {
    fixture.write("base/data/one", "x\n");
    fixture.write("base/data/deep/x", "");
    fs::remove_file(fixture.path("base/data/deep/x")).unwrap();
}

#[test]
fn what_somebody_makes_is_somebody_s() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        everything(&fixture);
        let script =
            format!("mkdir -m 777 /home/open; > /home/open/of-root; su ann -c '{MAKES}'; > /home/later; mkdir /home/open/of-root-too");
        let outcome = fixture.outcome(&played(&fixture, &script));
        assert_eq!((outcome.stdout.as_str(), &outcome.end), ("", &Ok(Exit::Code(0))), "{who:?}");
        let expected = |start: &str| -> Vec<String> {
            MADE.iter().filter(|name| !name.is_empty()).map(|name| format!("{start}{name} 33:44")).collect()
        };
        let without_end = |owners: Vec<String>| -> Vec<String> {
            owners
                .iter()
                .map(|line| line.split_once("temporary-").map_or_else(|| line.clone(), |(start, _)| format!("{start}temporary 33:44")))
                .collect()
        };
        assert_eq!(without_end(owners(&outcome)), expected("/home/open/"), "{who:?}");
        let mode = |name: &str| fs::symlink_metadata(fixture.path("upper/home/open").join(name)).unwrap().mode() & 0o177_777;
        let modes = ["plain", "folder/deep", "pipe", "made"].map(mode);
        assert_eq!(modes, [0o100_640, 0o040_750, 0o010_640, 0o100_640], "{who:?}");
        // The same for whom the process is from the start.
        let fixture = Fixture::of(who);
        everything(&fixture);
        fixture.write("base/home/open/there", "");
        let user = User { uid: 33, gid: 44, groups: vec![44] };
        let outcome = fixture.outcome(&Spec { user, ..played(&fixture, MAKES) });
        assert_eq!((outcome.stdout.as_str(), &outcome.end), ("", &Ok(Exit::Code(0))), "{who:?}");
        assert_eq!(without_end(owners(&outcome)), expected("/home/open/"), "{who:?}");
    }
}

#[test]
fn a_program_may_run_as_its_owner() {
    for who in everyone() {
        for no_new_privileges in [false, true] {
            let fixture = Fixture::of(who);
            // Busybox gives up what it gains, but for few of its programs.
            let script = "busybox cp /bin/busybox /tmp/su; chmod 4755 /tmp/su; su ann -c '/tmp/su root -c id </dev/null 2>&1; id -u'";
            let outcome = fixture.outcome(&Spec { no_new_privileges, ..played(&fixture, script) });
            let said = if no_new_privileges { "su: must be suid to work properly\n33" } else { "Password: \nsu: incorrect password\n33" };
            assert_eq!((outcome.stdout.as_str(), owners(&outcome).len()), (said, 0), "{who:?}");
        }
    }
}

/// A process may become the very program again that it is.
#[test]
fn a_program_runs_as_its_owner_also_where_it_is_started_by_itself() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let script = "busybox cp /bin/busybox /tmp/su; chmod 4755 /tmp/su; /tmp/su -s /tmp/su ann root </dev/null 2>&1; true";
        let outcome = fixture.outcome(&played(&fixture, script));
        assert_eq!(outcome.stdout, "Password: \nsu: incorrect password", "{who:?}");
    }
}

/// Who lives on is no child of anybody's any more.
#[test]
fn what_is_left_behind_makes_files_for_the_same_user() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let script = "su ann -c '(sleep 0.3; > /tmp/late; (busybox mkdir /tmp/later) &) & (sleep 0.3; echo > /tmp/last) & exit'; > /tmp/of-root; sleep 1";
        let outcome = fixture.outcome(&played(&fixture, script));
        assert_eq!(owners(&outcome), ["/tmp/last 33:44", "/tmp/late 33:44", "/tmp/later 33:44"], "{who:?}");
    }
}

#[test]
fn what_is_there_stays_whose_it_is() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let script = "cd /tmp; > of-root; > given; chown 7:8 given; mkdir -m 2777 group; chown :9 group
            su ann -c 'echo x > of-root; echo x >> given; echo x > /dev/null; echo out > /dev/stdout; cd group; > inherited; mkdir folder; > folder/x'
            cat of-root given; > /tmp/group/of-root";
        let outcome = fixture.outcome(&played(&fixture, script));
        assert_eq!(outcome.stdout, "out\nx\nx", "{who:?}");
        let expected =
            ["/tmp/given 7:8", "/tmp/group 0:9", "/tmp/group/folder 33:9", "/tmp/group/folder/x 33:9", "/tmp/group/inherited 33:9"];
        assert_eq!(owners(&outcome), expected, "{who:?}");
    }
}

#[test]
fn paths_are_those_of_who_makes_something() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let script = "mkdir -p /tmp/root/bin /tmp/root/etc /tmp/root/in; cd /tmp/root; busybox cp /bin/busybox bin; busybox cp /etc/passwd /etc/group etc
            ln -s busybox bin/sh; ln -s /in/behind etc/dangling
            chroot /tmp/root /bin/busybox su ann -c 'cd in; > relative; > /in/absolute; > /etc/dangling; /bin/busybox mkdir ../in/folder'";
        let outcome = fixture.outcome(&played(&fixture, script));
        let expected = ["absolute", "behind", "folder", "relative"].map(|name| format!("/tmp/root/in/{name} 33:44"));
        assert_eq!((outcome.stdout.as_str(), owners(&outcome)), ("", expected.to_vec()), "{who:?}");
    }
}

#[test]
fn what_cannot_be_made_is_not() {
    for who in everyone() {
        let script = "cd /tmp; mkdir there closed; chmod 555 closed; ln -s loop loop
            for name in missing/x there loop closed/x /fixed/x /etc/passwd/x; do
                > $name; set -C; > $name; set +C; mkdir $name; ln -sn x $name; mkfifo $name
            done 2>&1";
        let says = |user: User| {
            let fixture = Fixture::of(who);
            let attributes = Attributes { read_only: true, ..Attributes::default() };
            let kind = MountKind::Bind { source: Root::Folder(fixture.path("outside").into()), inside: None, attributes };
            // Without the rights of root, since what may not be written to is to be that.
            let mut spec = Spec { user, capabilities: Capabilities::NONE, ..played(&fixture, script) };
            spec.mounts.push(Mount { target: "/fixed".into(), kind, keep_target: false });
            fixture.outcome(&spec)
        };
        let (root, ann) = (says(User::default()), says(User { uid: 33, gid: 44, groups: vec![44] }));
        assert!(root.stdout.lines().count() >= 20, "{who:?}: {}", root.stdout);
        let only_there =
            owners(&ann).iter().all(|line| ["there", "there/x", "closed", "loop"].map(|name| format!("/tmp/{name} 33:44")).contains(line));
        assert!(only_there, "{who:?}: {:?}", owners(&ann));
        assert_eq!(ann.stdout, root.stdout, "{who:?}");
    }
}
