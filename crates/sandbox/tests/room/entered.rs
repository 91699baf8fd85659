//! A program that moves itself into a user namespace.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::{Command, Stdio};

use sandbox::{Exit, Range, Spec, User, Users};
use testkit::refuse::{self, Refusal};

use crate::fixture::{Fixture, NOBODY, Who, everyone};

/// A group that the caller is in, besides its own.
const OTHER_GROUP: u32 = 64_777;

/// Prints who one is.
const STATE: &str = "id -u; id -g; readlink /proc/self/ns/user; grep -E '^(Uid|Gid|Groups|Cap...):' /proc/self/status";

fn single() -> String {
    serde_json::to_string(&Users::single(NOBODY, NOBODY)).unwrap()
}

/// The program, as an ordinary user who is in another group, too.
fn program(fixture: &Fixture, words: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    let (user, groups) = (NOBODY.to_string(), format!("{NOBODY},{OTHER_GROUP}"));
    command.args(["--reuid", &user, "--regid", &user, "--groups", &groups, "--"]).arg(fixture.path("program")).args(words);
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Only root can be somebody else first.
fn fixture() -> Option<Fixture> {
    let here = everyone();
    if here.first() != Some(&Who::Root) || !here.contains(&Who::Nobody) {
        testkit::skip("this takes root, who becomes an ordinary user, who may make a user namespace");
        return None;
    }
    Some(Fixture::of(Who::Nobody))
}

#[test]
fn whoever_enters_is_root_there_and_keeps_its_groups() {
    let Some(fixture) = fixture() else { return };
    let file = fixture.path("outside/of-group");
    fs::write(&file, "of the group").unwrap();
    chown(&file, Some(0), Some(OTHER_GROUP)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let script = format!("{STATE}; cat {}; touch {}", file.display(), fixture.path("outside/made").display());
    let output = program(&fixture, &["--enter", &single(), "--", "sh", "-c", &script]).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(stdout.starts_with("0\n0\nuser:["), "{stdout}");
    assert!(!stdout.contains(&fs::read_link("/proc/self/ns/user").unwrap().display().to_string()), "{stdout}");
    assert!(stdout.contains("\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n") && stdout.ends_with("\nof the group"), "{stdout}");
    let last = fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap().trim().parse::<u32>().unwrap();
    let every = (1_u64 << (last + 1)) - 1;
    assert!(stdout.contains(&format!("\nCapEff:\t{every:016x}\n")), "{stdout}");
    assert_eq!(fs::metadata(fixture.path("outside/made")).unwrap().uid(), NOBODY);
}

#[test]
fn who_cannot_enter_is_as_before() {
    let Some(fixture) = fixture() else { return };
    let state = |words: &[&str], refused: &[Refusal]| {
        let words = [words, &["--", "sh", "-c", STATE]].concat();
        let output = refuse::spawn(&mut program(&fixture, &words), refused, 1).unwrap().wait_with_output().unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let before = state(&[], &[]);
    assert_eq!(before.1, "");
    let bit = |flag: i32| u64::from(flag.unsigned_abs());
    let refusals = [
        // No user namespace, as sysctl has it.
        Refusal::of(libc::SYS_unshare).with(0, bit(libc::CLONE_NEWUSER)),
        // A user namespace and no capability in it, as with AppArmor on Ubuntu.
        Refusal::of(libc::SYS_unshare).with(0, bit(libc::CLONE_NEWNS)),
        Refusal::of(libc::SYS_mount),
        // The last step.
        Refusal::of(libc::SYS_setns),
    ];
    for refusal in refusals {
        let after = state(&["--enter", &single()], std::slice::from_ref(&refusal));
        assert_eq!(after.1, "making a user namespace failed: Operation not permitted (os error 1)\n", "{refusal:?}");
        assert_eq!(after.0, before.0, "{refusal:?}");
    }
    // Nobody granted these.
    let one = |inside, outside| Range { inside, outside, count: 1 };
    let many = Users::Own { uids: vec![one(0, NOBODY), one(1, 7)], gids: vec![one(0, NOBODY), one(1, 7)] };
    let after = state(&["--enter", &serde_json::to_string(&many).unwrap()], &[]);
    assert!(after.1.starts_with("giving the sandbox more than one user failed: "), "{after:?}");
    assert_eq!(after.0, before.0);
}

#[test]
fn a_sandbox_in_there_is_as_anywhere() {
    let Some(fixture) = fixture() else { return };
    let spec = Spec { users: Users::Same, ..fixture.spec("id -u; touch /tmp/mine; rm -r /home; ls /") };
    let outcome = fixture.outcome_of(program(&fixture, &["--enter", &single()]), &spec);
    assert_eq!((outcome.stdout.as_str(), outcome.end), ("0\nbin\ndev\netc\nproc\nsys\ntmp", Ok(Exit::Code(0))));
    let made = fs::metadata(fixture.path("upper/tmp/mine")).unwrap();
    assert_eq!((made.uid(), made.gid()), (NOBODY, NOBODY));
    assert_eq!(fs::read_dir(fixture.path("work")).unwrap().count(), 0);
}

/// As a machine has it on which somebody was granted users, which is written down in three files.
#[test]
fn all_users_that_are_granted_are_there() {
    const SCRIPT: &str = "for file in passwd subuid subgid; do mount --bind \"$0/$file\" /etc/$file || exit 1; done; exec \"$@\"";
    let Some(fixture) = fixture() else { return };
    if testkit::binary("newuidmap").is_none()
        || !["passwd", "subuid", "subgid"].iter().all(|name| fs::exists(format!("/etc/{name}")).unwrap())
    {
        return testkit::skip("there is no newuidmap, or nothing that it reads");
    }
    let granted = format!("sandboxer:{}:5000\n", NOBODY + 1);
    let known = format!("{}sandboxer:x:{NOBODY}:{NOBODY}::/:/bin/sh\n", fs::read_to_string("/etc/passwd").unwrap());
    for (name, text) in [("passwd", &known), ("subuid", &granted), ("subgid", &granted)] {
        fs::write(fixture.path("outside").join(name), text).unwrap();
    }
    let users = Users::granted("sandboxer", NOBODY, NOBODY, &granted, &granted).unwrap();
    let enter = |words: &[&str]| {
        let users = serde_json::to_string(&users).unwrap();
        let inner = program(&fixture, &[&["--enter", &users], words].concat());
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", SCRIPT]).arg(fixture.path("outside")).arg(inner.get_program()).args(inner.get_args());
        command.current_dir("/");
        command
    };
    // Files of others come to be by it, and go by it.
    let file = fixture.path("base/tmp/of-another");
    let script = format!("touch {0} && chown 4999:1 {0} && chmod 600 {0} && cat {0} && id -G", file.display());
    let output = enter(&["--", "sh", "-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0 65534\n", "{}", String::from_utf8_lossy(&output.stderr));
    let owners = |path: &str| fs::metadata(fixture.path(path)).map(|found| (found.uid() - NOBODY, found.gid() - NOBODY)).unwrap();
    assert_eq!(owners("base/tmp/of-another"), (4999, 1));
    let mut spec = Spec { users: Users::Same, ..fixture.spec("stat -c %u:%g /tmp/of-another; id -u; id -G; touch /tmp/mine") };
    spec.user = User { uid: 1000, gid: 1001, groups: vec![1002] };
    let outcome = fixture.outcome_of(enter(&[]), &spec);
    assert_eq!((outcome.stdout.as_str(), outcome.end), ("4999:1\n1000\n1001 1002", Ok(Exit::Code(0))));
    assert_eq!(owners("upper/tmp/mine"), (1000, 1001));
    let output = enter(&["--", "rm", "-r"]).arg(&file).arg(fixture.path("upper/tmp")).output().unwrap();
    assert!(output.status.success() && !file.exists(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Its map reads as that of the machine, and yet nobody there may write attributes that are `trusted`.
#[test]
fn root_of_the_machine_that_enters_with_everybody_lays_folders_over_each_other() {
    if !everyone().contains(&Who::Root) || !everyone().contains(&Who::Nobody) {
        return testkit::skip("this takes root, who may make a user namespace");
    }
    let read = |file: &str| fs::read_to_string(format!("/proc/self/{file}")).unwrap();
    let users = Users::everybody(&read("uid_map"), &read("gid_map")).unwrap();
    let fixture = Fixture::of(Who::Root);
    let mut command = Command::new(fixture.path("program"));
    command.args(["--enter", &serde_json::to_string(&users).unwrap()]).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let spec = Spec { users: Users::Same, ..fixture.spec("rm -r /home; mkdir /home; touch /home/mine; ls /; cut -d' ' -f3 /proc/mounts") };
    let outcome = fixture.outcome_of(command, &spec);
    assert_eq!(outcome.end, Ok(Exit::Code(0)), "{outcome:?}");
    assert!(outcome.stdout.starts_with("bin\ndev\netc\nhome\nproc\nsys\ntmp\noverlay\n"), "{outcome:?}");
    assert!(fixture.path("base/home").is_dir() && fixture.path("upper/home/mine").is_file());
}
