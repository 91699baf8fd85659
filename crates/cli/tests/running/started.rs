//! Programs that are under way.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::kitchen::Kitchen;
use crate::program::Ran;

/// The image of all kitchens.
pub const BASE: &str = "oci:base:amd64";
/// A program that says `ID=busybox` and goes on, and does nothing about any signal.
pub const UNHEEDING: &[&str] = &["tail", "-f", "/etc/os-release"];
/// Far more than a run ever waits for, and less than a hanging one.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Runs words over the base.
pub fn run(kitchen: &Kitchen, flags: &[&str], words: &[&str]) -> Ran {
    let ran = kitchen.home.run(&[&["run"], flags, &[BASE], words].concat());
    kitchen.is_tidy();
    ran
}

/// Runs a script over the base, which must end well, and returns what it wrote.
pub fn script(kitchen: &Kitchen, flags: &[&str], script: &str) -> String {
    let ran = run(kitchen, flags, &["sh", "-c", script]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{flags:?} {script}: {}", ran.stdout);
    ran.stdout
}

/// A program that runs; dropping it kills it.
pub struct Started {
    pub child: Child,
    lines: BufReader<ChildStdout>,
}

impl Started {
    pub fn new(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Starts a script that says when it is ready.
    pub fn script(kitchen: &Kitchen, flags: &[&str], script: &str) -> Self {
        let words = [&["run"], flags, &[BASE, "sh", "-c", script]].concat();
        let mut started = Self::new(&mut kitchen.home.command(&words));
        assert_eq!(started.line(), "ready", "{script}");
        started
    }

    pub fn reader(&mut self) -> &mut BufReader<ChildStdout> {
        &mut self.lines
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap(), signal).unwrap();
    }

    /// Waits for the end; returns the exit code, and the rest of both streams.
    pub fn ended(mut self) -> (i32, String, String) {
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < PATIENCE, "it goes on");
            thread::sleep(Duration::from_millis(2));
        }
        let status = self.child.wait().unwrap();
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.lines.read_to_string(&mut stdout).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (status.code().unwrap_or_else(|| -status.signal().unwrap()), stdout, stderr)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until no process has a word among its own.
pub fn gone(word: &str) {
    let begun = Instant::now();
    while is_running(word) {
        assert!(begun.elapsed() < PATIENCE, "a process is left: {word}");
        thread::sleep(Duration::from_millis(5));
    }
}

pub fn is_running(word: &str) -> bool {
    let lines = fs::read_dir("/proc").unwrap().flatten().filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.into_iter().any(|line| line.split(|byte| *byte == 0).any(|other| other == word.as_bytes()))
}
