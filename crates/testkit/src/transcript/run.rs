//! Runs the commands of a page.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::page::Stream;

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a command did.
#[derive(Debug)]
pub(super) struct Seen {
    stdout: Vec<String>,
    stderr: Vec<String>,
    /// The exit code; 128 and the signal's number where a signal ended it, as in a shell.
    pub(super) exit: i32,
}

impl Seen {
    pub(super) fn lines(&self, stream: Stream) -> &[String] {
        match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        }
    }

    pub(super) fn replace(&mut self, real: &str, shown: &str) {
        for line in self.stdout.iter_mut().chain(&mut self.stderr) {
            *line = line.replace(real, shown);
        }
    }
}

/// A shell with an environment of its own, and folders that go when it is dropped.
pub(super) struct Shell {
    own: TempDir,
    environment: Vec<(String, String)>,
    folder: PathBuf,
    /// Commands that were left running by `&`: their process groups end with the shell.
    left: Vec<Child>,
}

impl Shell {
    pub(super) fn new(binary: &Path, environment: &[(String, String)], folder: Option<&Path>) -> Self {
        let own = tempfile::tempdir().unwrap();
        for name in ["bin", "home", "work"] {
            fs::create_dir(own.path().join(name)).unwrap();
        }
        install(binary, &own.path().join("bin").join("polyarch"));
        let given = |name: &str| environment.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let path = given("PATH").or_else(|| std::env::var("PATH").ok()).unwrap_or_default();
        let home = given("HOME").unwrap_or_else(|| own.path().join("home").display().to_string());
        let mut environment = environment.to_vec();
        environment.push(("PATH".to_owned(), format!("{}:{path}", own.path().join("bin").display())));
        environment.push(("HOME".to_owned(), home));
        let folder = folder.map_or_else(|| own.path().join("work"), Path::to_owned);
        Self { own, environment, folder, left: Vec::new() }
    }

    /// Runs one command to its end. Output goes by files, so that a program that was left running
    /// does not keep the reader waiting.
    pub(super) fn run(&mut self, command: &str) -> Seen {
        let file = |name: &str| self.own.path().join(name);
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).env_clear().envs(self.environment.iter().cloned()).current_dir(&self.folder);
        shell.stdin(Stdio::null()).stdout(File::create(file("stdout")).unwrap()).stderr(File::create(file("stderr")).unwrap());
        own_group(&mut shell);
        let mut child = shell.spawn().unwrap_or_else(|error| panic!("cannot run sh: {error}"));
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > end {
                end_group(&child);
                let _ = child.wait();
                panic!("`{command}` did not end within {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        if command.trim_end().ends_with('&') {
            self.left.push(child);
        }
        let read = |name: &str| String::from_utf8_lossy(&fs::read(file(name)).unwrap()).lines().map(str::to_owned).collect();
        let seen = Seen { stdout: read("stdout"), stderr: read("stderr"), exit: exit_code(status) };
        // A program that was left running writes on into its own files, not into the next command's.
        for name in ["stdout", "stderr"] {
            fs::remove_file(file(name)).unwrap();
        }
        seen
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.left.iter().for_each(end_group);
    }
}

#[cfg(unix)]
fn install(binary: &Path, name: &Path) {
    let binary = binary.canonicalize().unwrap_or_else(|error| panic!("no binary {}: {error}", binary.display()));
    std::os::unix::fs::symlink(binary, name).unwrap();
}

#[cfg(not(unix))]
fn install(binary: &Path, name: &Path) {
    fs::copy(binary, name.with_extension("exe")).unwrap();
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) {}

/// Ends a command and everything it started.
fn end_group(child: &Child) {
    let group = format!("-{}", child.id());
    let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
}

#[cfg(unix)]
fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

#[cfg(not(unix))]
fn exit_code(status: std::process::ExitStatus) -> i32 {
    status.code().unwrap_or(-1)
}
