//! The same as an ordinary user, who is root in a user namespace.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::kitchen::Kitchen;
use crate::program::{Ran, binary};
use crate::started::{BASE, Started, gone};

/// A user whom this machine does not know, and to whom it grants nothing.
const NOBODY: u32 = 54_321;

/// A kitchen of somebody else, and the program in it.
struct Theirs(Kitchen);

impl Theirs {
    fn new() -> Option<Self> {
        if !testkit::is_root() {
            testkit::skip("only root becomes somebody else");
            return None;
        }
        let kitchen = Kitchen::new()?;
        fs::copy(binary(), kitchen.home.path().join("polyarch")).unwrap();
        give(kitchen.home.path());
        let theirs = Self(kitchen);
        let ran = Ran::of(&mut theirs.command(&["run", BASE, "true"]));
        if ran.stderr.contains("namespace") {
            testkit::skip(&ran.stderr);
            return None;
        }
        Some(theirs)
    }

    fn command(&self, words: &[&str]) -> Command {
        let home = self.0.home.path();
        let mut command = Command::new(home.join("polyarch"));
        command.uid(NOBODY).gid(NOBODY).env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").current_dir(home).args(words);
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        Ran::of(&mut self.command(words))
    }
}

fn give(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    for entry in fs::read_dir(path).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            give(&entry.path());
        } else {
            chown(entry.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
}

#[test]
fn an_ordinary_user_runs_programs() {
    let Some(theirs) = Theirs::new() else { return };
    let home = theirs.0.home.path();
    fs::create_dir(home.join("out")).unwrap();
    give(&home.join("out"));
    let text = "id -u; echo made > /out/file; touch /root/x; hostname; ls /proc | grep -c '^[0-9]'";
    let ran = theirs.run(&["run", "-v", "./out:/out", "--hostname=box", BASE, "sh", "-c", text]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    assert!(ran.stdout.starts_with("0\nbox\n"), "{}", ran.stdout);
    let made = fs::metadata(home.join("out/file")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&made), NOBODY, "root inside is the user outside");
    let ran = theirs.run(&["run", "--network=none", "--read-only", BASE, "sh", "-c", "touch /x 2>&1; ip -o link | wc -l; exit 6"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (6, "touch: /x: Read-only file system\n1\n"), "{}", ran.stderr);
    let ran = theirs.run(&["run", "--user=7", BASE, "id"]);
    assert!(ran.code == 125 && ran.stderr.contains("only root exists in this sandbox"), "{}{}", ran.stdout, ran.stderr);
    theirs.0.is_tidy();
}

#[test]
fn signals_and_ends_are_the_same() {
    let Some(theirs) = Theirs::new() else { return };
    let word = format!("8{}", std::process::id());
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::KILL, -9)] {
        let mut started = Started::new(&mut theirs.command(&["run", BASE, "tail", "-f", "-s", &word, "/etc/os-release"]));
        assert_eq!(started.line(), "ID=busybox");
        started.signal(signal);
        assert_eq!(started.ended().0, code, "{signal:?}");
        gone(&word);
    }
    assert_eq!(theirs.run(&["run", BASE, "sh", "-c", "exit 9"]).code, 9);
    theirs.0.is_tidy();
}
