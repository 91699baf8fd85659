//! A kitchen of an ordinary user, to whom this machine grants no other.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::kitchen::Kitchen;
use crate::program::{Ran, binary};

/// A user whom this machine does not know.
pub const NOBODY: u32 = 54_321;

/// A kitchen of somebody else, and the program in it.
pub struct Theirs(pub Kitchen);

impl Theirs {
    /// Makes one; none where this machine lets nobody do this, which is said.
    pub fn new() -> Option<Self> {
        if !testkit::is_root() {
            testkit::skip("only root becomes somebody else");
            return None;
        }
        let kitchen = Kitchen::new()?;
        fs::copy(binary(), kitchen.home.path().join("polyarch")).unwrap();
        give(kitchen.home.path());
        let theirs = Self(kitchen);
        let ran = theirs.run(&["run", "oci-layout://base:amd64", "true"]);
        if ran.stderr.contains("namespace") {
            testkit::skip(&ran.stderr);
            return None;
        }
        Some(theirs)
    }

    /// Returns the program, to be run by them.
    pub fn command(&self, words: &[&str]) -> Command {
        let home = self.0.home.path();
        let mut command = Command::new(home.join("polyarch"));
        command.uid(NOBODY).gid(NOBODY).env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").current_dir(home).args(words);
        command
    }

    /// Runs the program as them.
    pub fn run(&self, words: &[&str]) -> Ran {
        Ran::of(&mut self.command(words))
    }
}

/// Gives them a folder and all in it.
pub fn give(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    for entry in fs::read_dir(path).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            give(&entry.path());
        } else {
            chown(entry.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
}
