//! What a person sees on a terminal: the picture of progress, and what stays when it has gone.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod program;

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use program::endless::Endless;
use program::{Home, images};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Far more than a run ever waits for, and less than a hanging one.
const PATIENCE: Duration = Duration::from_secs(30);
const ROWS: u16 = 40;

/// The program on a terminal of its own; dropping it ends it.
struct Session {
    child: Child,
    screen: Arc<Mutex<vt100::Parser>>,
    reader: Option<JoinHandle<()>>,
}

impl Session {
    fn start(home: &Home, columns: u16, words: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, Winsize { ws_row: ROWS, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let end = || Stdio::from(OpenOptions::new().read(true).write(true).open(&name).unwrap());
        let mut command = home.command(words);
        command.env("TERM", "xterm").env("NO_COLOR", "1").stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(ROWS, columns, 0)));
        let reader = Some(thread::spawn({
            let screen = Arc::clone(&screen);
            move || show(master, &screen)
        }));
        Self { child, screen, reader }
    }

    fn shown(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn wait_for(&self, part: &str) -> String {
        let start = Instant::now();
        loop {
            let shown = self.shown();
            if shown.contains(part) {
                return shown;
            }
            assert!(start.elapsed() < PATIENCE, "never shown: {part}\n{shown}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn interrupt(&self) {
        kill_process(Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    }

    /// Waits for the end; returns the exit code and what stays on the screen.
    fn ended(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        self.reader.take().unwrap().join().unwrap();
        (code, self.shown())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Shows what comes, until nobody is left to write: that is an error to a terminal's master.
fn show(master: OwnedFd, screen: &Mutex<vt100::Parser>) {
    let mut master = File::from(master);
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = master.read(&mut buffer) {
        screen.lock().unwrap().process(&buffer[..length]);
    }
}

#[test]
fn what_moves_is_drawn_and_an_interrupt_leaves_a_clean_terminal() {
    let registry = Endless::start();
    let home = Home::new();
    let run = Session::start(&home, 120, &["create", "--plain-http", "-t", "app:1", &format!("docker://{}/endless:1", registry.host)]);
    let shown = run.wait_for("MB of 1.10 TB");
    let digest = shown.lines().filter(|line| line.contains(" of 1.10 TB") && line.contains("sha256:")).count();
    assert_eq!(digest, 1, "{shown}");
    let total = run.wait_for("1 of 2 blobs");
    assert!(total.lines().any(|line| line.contains("store") || line.contains("app")), "{total}");
    run.interrupt();
    let (code, shown) = run.ended();
    assert_eq!(code, Some(130));
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines.last().is_some_and(|line| line.starts_with("error: ") && line.contains("interrupted")), "{shown}");
    assert!(!shown.contains("1.10 TB") && !shown.contains("blobs"), "{shown}");
}

#[test]
fn each_platform_of_a_build_has_a_lane_and_an_interrupt_leaves_nothing() {
    let home = Home::new();
    let context = home.path().join("context");
    std::fs::create_dir_all(context.join("linux")).unwrap();
    std::fs::write(context.join("Dockerfile"), "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /file\n").unwrap();
    for name in ["amd64", "arm64"] {
        // It takes no room, and more time than anybody waits.
        File::create(context.join(name)).unwrap().set_len(1 << 38).unwrap();
    }
    let run = Session::start(&home, 120, &["build", "--platform", "linux/amd64,linux/arm64", "-t", "app:1", "context"]);
    let shown = run.wait_for("linux/arm64  1/1 COPY arm64 /file");
    let lanes = shown.lines().filter(|line| line.contains("1/1 COPY")).count();
    assert!((1..=2).contains(&lanes), "{shown}");
    run.wait_for("1s  ");
    run.interrupt();
    let (code, shown) = run.ended();
    assert_eq!(code, Some(130));
    assert!(!shown.contains("COPY"), "{shown}");
    assert_eq!(home.run(&["ls", "--json"]).stdout.matches("app").count(), 0);
    let left = home.done(&["store", "du", "--json"]);
    let left: serde_json::Value = serde_json::from_str(&left).unwrap();
    assert_eq!(left["usage"]["ingestBytes"], 0, "{left}");
}

#[test]
fn what_stays_is_what_lines_would_have_said() {
    let home = Home::new();
    let made = images(&["linux/amd64", "linux/arm64"]);
    home.layout("parts", &made.iter().collect::<Vec<_>>());
    let words = |target: &'static str| ["create", "-t", target, "oci:parts:amd64", "oci:parts:arm64"];
    let plain = home.run(&words("oci:one:1"));
    let (code, shown) = Session::start(&home, 120, &words("oci:two:1")).ended();
    assert_eq!((plain.code, code), (0, Some(0)));
    let mut expected: Vec<String> =
        plain.stderr.lines().chain(plain.stdout.lines()).map(|line| line.replace("oci:one", "oci:two")).collect();
    let mut found: Vec<String> = shown.lines().map(|line| line.trim_end().to_owned()).collect();
    // Both streams meet on a terminal, in the order in which they were written.
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn without_a_picture_nothing_moves_the_cursor() {
    let home = Home::new();
    let made = images(&["linux/amd64"]);
    home.layout("parts", &made.iter().collect::<Vec<_>>());
    let create = |how: &str, target: &str| home.run(&["create", "--progress", how, "-t", target, "oci:parts:amd64"]).stderr;
    for how in ["auto", "quiet", "tty", "plain"] {
        let said = create(how, &format!("oci:{how}:1"));
        assert!(!said.contains('\x1b'), "{how}: {said}");
        assert_eq!(said.contains("sent to oci:"), how == "plain", "{how}: {said}");
        assert_eq!(said.contains("stderr is no terminal"), how == "tty", "{how}: {said}");
    }
}
