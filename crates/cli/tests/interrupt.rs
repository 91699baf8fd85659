//! Ctrl-C and SIGTERM: what is left behind, and with which exit code.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use program::Home;
use program::endless::Endless;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use testkit::fixtures::Image;

/// Far more than a run ever waits for, and less than a hanging one.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lists everything below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let below = |entry: fs::DirEntry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] };
    entries.filter_map(Result::ok).flat_map(below).collect()
}

fn under_way(folder: &Path) -> Vec<PathBuf> {
    files(folder).into_iter().filter(|file| file.file_name().unwrap().to_string_lossy().starts_with(".polyarch-")).collect()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A run that can be interrupted; dropping it ends it.
struct Run {
    child: Child,
    stderr: mpsc::Receiver<String>,
    stdout: mpsc::Receiver<String>,
}

/// Reads lines to the end, or a full pipe would stop the program.
fn lines_of(stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (tell, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = tell.send(line);
        }
    });
    lines
}

impl Run {
    /// Starts the program as a terminal does: with what it starts in a group of its own.
    fn start(home: &Home, words: &[&str]) -> Self {
        let mut command = home.command(words);
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdout, stderr) = (lines_of(child.stdout.take().unwrap()), lines_of(child.stderr.take().unwrap()));
        Self { child, stderr, stdout }
    }

    /// Starts `serve` on a free port with a shell script as CMD, and waits for its first line.
    fn serving(home: &Home, script: &str) -> Self {
        let run = Self::start(home, &["serve", "--listen", "0", "--", "sh", "-c", script]);
        assert_eq!(run.stdout.recv_timeout(PATIENCE).unwrap(), "ready");
        run
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap()
    }

    fn send(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Ctrl-C: a terminal tells the whole group.
    fn press(&self) {
        kill_process_group(self.pid(), Signal::INT).unwrap();
    }

    fn said(&self, part: &str) -> String {
        loop {
            let line = self.stderr.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("nobody said {part:?}"));
            if line.contains(part) {
                return line;
            }
        }
    }

    fn ended(&mut self) -> ExitStatus {
        let mut ended = None;
        wait_until("the program ends", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
    }
}

#[test]
fn an_interrupted_create_leaves_nothing_under_way_and_no_name() {
    let registry = Endless::start();
    let source = format!("docker://{}/endless:1", registry.host);
    for (number, target) in ["oci:out:1", "app:1", "oci-archive:out.tar", "oci:out:1", "app:1", "oci:out:1"].into_iter().enumerate() {
        let home = Home::new();
        let mut run = Run::start(&home, &["create", "--plain-http", "-t", target, &source]);
        wait_until("a file is under way", || !under_way(home.path()).is_empty());
        // Somewhere in the middle, at another moment every time.
        thread::sleep(Duration::from_millis(7 * number as u64));
        let signal = if number % 2 == 0 { Signal::INT } else { Signal::TERM };
        run.send(signal);
        assert_eq!(run.ended().code(), Some(130), "{target}");
        run.said("interrupted");
        assert_eq!(under_way(home.path()), [] as [PathBuf; 0], "{target}");
        assert!(!home.path().join("out.tar").exists());
        let place = if target == "app:1" { "store:app:1" } else { target };
        assert_eq!(home.run(&["digest", place]).code, 3, "{place} has a name");
    }
}

#[test]
fn the_second_try_after_an_interrupt_is_a_first_one() {
    let registry = Endless::start();
    let home = Home::new();
    let source = format!("docker://{}/endless:1", registry.host);
    let mut run = Run::start(&home, &["create", "-t", "oci:out:1", &source]);
    wait_until("a file is under way", || !under_way(home.path()).is_empty());
    run.send(Signal::INT);
    run.ended();
    let image = Image::new("linux/amd64").build();
    home.layout("parts", &[&image]);
    home.done(&["create", "-t", "oci:out:1", "oci:parts:amd64"]);
    assert!(home.done(&["inspect", "oci:out:1"]).contains(&image.digest().to_string()));
}

#[test]
fn a_standard_input_that_never_ends_keeps_nobody_from_leaving() {
    let home = Home::new();
    let mut command = home.command(&["inspect", "docker-archive:-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Held open, so that the read goes on.
    let stdin = child.stdin.take().unwrap();
    thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(8), "took {:?}", start.elapsed());
    drop(stdin);
}

/// Begins to push a blob, and sends half of it.
fn half_a_push(host: &str, content: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(host).unwrap();
    let digest = oci::Digest::of(content);
    let length = content.len();
    write!(stream, "POST /v2/half/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n").unwrap();
    stream.write_all(&content[..length / 2]).unwrap();
    thread::sleep(Duration::from_millis(200));
    stream
}

fn host_of(run: &Run) -> String {
    let line = run.said("http://");
    line.split("http://").nth(1).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn a_server_that_is_interrupted_finishes_what_runs_and_ends_well() {
    for signal in [Signal::INT, Signal::TERM] {
        let home = Home::new();
        let mut run = Run::start(&home, &["serve", "--listen", "0"]);
        let host = host_of(&run);
        let content = b"both halves of a blob";
        let mut push = half_a_push(&host, content);
        run.send(signal);
        run.said("stopping");
        wait_until("nobody new is let in", || TcpStream::connect(&host).is_err());
        push.write_all(&content[content.len() / 2..]).unwrap();
        let mut answer = String::new();
        push.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        assert_eq!(run.ended().code(), Some(0));
    }
}

#[test]
fn a_second_interrupt_stops_a_server_at_once() {
    let home = Home::new();
    let mut run = Run::start(&home, &["serve", "--listen", "0"]);
    let _push = half_a_push(&host_of(&run), b"never sent whole");
    run.send(Signal::INT);
    run.said("stopping");
    let start = Instant::now();
    run.send(Signal::INT);
    assert_eq!(run.ended().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(8), "took {:?}", start.elapsed());
    assert_eq!(under_way(home.path()), [] as [PathBuf; 0]);
}

#[test]
fn a_command_under_serve_ends_by_itself_and_its_exit_code_counts() {
    let home = Home::new();
    let script = |trap: &str| format!("trap {trap}; echo ready; while :; do sleep 0.05; done");
    // The terminal tells both; the shell takes its time, and is not killed.
    let mut run = Run::serving(&home, &script("'sleep 0.5; exit 6' INT"));
    run.press();
    assert_eq!(run.ended().code(), Some(6));
    // A supervisor tells polyarch, which passes it on.
    let mut run = Run::serving(&home, &script("'exit 5' TERM"));
    run.send(Signal::TERM);
    assert_eq!(run.ended().code(), Some(5));
    // Without a trap: 128 and the signal's number.
    let mut run = Run::serving(&home, "echo ready; exec sleep 60");
    run.send(Signal::TERM);
    assert_eq!(run.ended().code(), Some(128 + 15));
}

#[test]
fn a_command_that_does_not_listen_is_killed_by_the_second_interrupt() {
    let home = Home::new();
    let mut run = Run::serving(&home, "trap '' TERM INT; echo ready; exec sleep 60");
    let start = Instant::now();
    run.send(Signal::TERM);
    thread::sleep(Duration::from_millis(300));
    assert!(run.child.try_wait().unwrap().is_none(), "the first interrupt waits");
    run.send(Signal::TERM);
    assert_eq!(run.ended().code(), Some(128 + 9));
    assert!(start.elapsed() < Duration::from_secs(8), "took {:?}", start.elapsed());
}

/// Nobody reads the pipe, so opening it waits for ever.
#[test]
fn a_save_into_a_pipe_without_a_reader_can_be_interrupted() {
    let home = Home::new();
    let image = Image::new("linux/amd64").build();
    home.layout("app", &[&image]);
    let pipe = home.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR, 0).unwrap();
    let scratch = home.path().join("scratch");
    fs::create_dir(&scratch).unwrap();
    let mut command = home.command(&["save", "oci:app", "-o", "pipe"]);
    let mut child = command.env("TMPDIR", &scratch).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the archive is written", || files(&scratch).iter().any(|file| file.ends_with("images.tar")));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut ended = None;
    wait_until("the interrupt is heard", || {
        ended = child.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.and_then(|status| status.code()), Some(130));
    assert!(files(&scratch).is_empty(), "{:?}", files(&scratch));
}
