//! `-t`: a terminal of the program's own, behind the one that somebody sits at.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::kitchen::Kitchen;
use crate::started::{BASE, PATIENCE};

/// Somebody at a terminal. Dropping it kills what runs there.
struct Seat {
    child: Child,
    master: File,
    shown: Arc<Mutex<String>>,
}

impl Seat {
    fn new(kitchen: &Kitchen, words: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let end = || OpenOptions::new().read(true).write(true).open(&name).unwrap();
        let master = File::from(master);
        resize(&master, 33, 77);
        let mut command = kitchen.home.command(&[&["run", "-q"], words].concat());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        drop(command);
        let shown: Arc<Mutex<String>> = Arc::default();
        let (mut from, told) = (master.try_clone().unwrap(), Arc::clone(&shown));
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut chunk) {
                told.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..count]));
            }
        });
        Self { child, master, shown }
    }

    fn wait_for(&self, part: &str) {
        let begun = Instant::now();
        while !self.shown.lock().unwrap().contains(part) {
            assert!(begun.elapsed() < PATIENCE, "never shown: {part:?}\n{:?}", self.shown.lock().unwrap());
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn type_in(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.master).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    fn code(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "it goes on: {:?}", self.shown.lock().unwrap());
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(master: &File, rows: u16, columns: u16) {
    tcsetwinsize(master, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
}

#[test]
fn a_shell_has_a_terminal_of_its_own() {
    let Some(kitchen) = Kitchen::new() else { return };
    let mut seat = Seat::new(&kitchen, &["-it", BASE, "sh"]);
    seat.wait_for("# ");
    assert!(seat.is_raw());
    seat.type_in("tty; stty size; echo $TERM; ls /dev/pts | wc -l\r");
    seat.wait_for("/dev/pts/0\r\n33 77\r\nxterm\r\n2\r\n");
    resize(&seat.master, 11, 22);
    kill_process(Pid::from_raw(i32::try_from(seat.child.id()).unwrap()).unwrap(), Signal::WINCH).unwrap();
    seat.type_in("sleep 0.2; stty size\r");
    seat.wait_for("11 22\r\n");
    // The shell heeds the key, the job in front does not.
    seat.type_in("sleep 600\r");
    thread::sleep(Duration::from_millis(300));
    seat.type_in("\x03");
    seat.type_in("echo then $?\r");
    seat.wait_for("then 130\r\n");
    seat.type_in("exit 9\r");
    assert_eq!(seat.code(), Some(9));
    assert!(!seat.is_raw(), "the terminal is as it was");
    kitchen.is_tidy();
}

#[test]
fn its_keys_end_what_does_not_heed_them() {
    let Some(kitchen) = Kitchen::new() else { return };
    let mut seat = Seat::new(&kitchen, &["-it", BASE, "sh", "-c", "echo ready; exec sleep 600"]);
    seat.wait_for("ready");
    thread::sleep(Duration::from_millis(100));
    seat.type_in("\x03");
    assert_eq!(seat.code(), Some(130));
    assert!(!seat.is_raw());
    kitchen.is_tidy();
}

#[test]
fn without_one_what_is_typed_comes_by_a_pipe_and_the_terminal_stays_here() {
    let Some(kitchen) = Kitchen::new() else { return };
    let mut seat = Seat::new(&kitchen, &["-i", BASE, "sh", "-c", "tty; read line; echo got $line; cat; echo bad >&2; exit 3"]);
    seat.wait_for("not a tty\r\n");
    assert!(!seat.is_raw());
    seat.type_in("some words\r");
    seat.wait_for("got some words\r\n");
    seat.type_in("\x04");
    assert_eq!(seat.code(), Some(3));
    seat.wait_for("bad\r\n");
    let mut seat = Seat::new(&kitchen, &["-t", BASE, "sh", "-c", "tty; echo end"]);
    seat.wait_for("/dev/pts/0\r");
    seat.wait_for("end\r");
    assert_eq!(seat.code(), Some(0));
}

#[test]
fn nobody_types_into_a_terminal_by_a_pipe() {
    let Some(kitchen) = Kitchen::new() else { return };
    let mut command = kitchen.home.command(&["run", "-it", BASE, "true"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(125), "{said}");
    assert!(said.contains("the standard input is no terminal") && said.contains("hint: leave -t out"), "{said}");
    let output = kitchen.home.command(&["run", "-t", BASE, "echo", "words"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "words\r\n");
}
