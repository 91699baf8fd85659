//! What a process reads from and writes to, its terminal, and signals.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use sandbox::{Exit, Input, Output, Size, Spec, Streams, User};

use crate::fixture::{Fixture, Who, everyone, finish};

const TERMINAL: Streams = Streams::Terminal(Size { rows: 33, columns: 77 });

fn separate(input: Input, output: Output) -> Streams {
    Streams::Separate { input, output }
}

#[test]
fn what_the_caller_writes_is_read_to_its_end() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let spec = Spec { streams: separate(Input::Piped, Output::Piped), ..fixture.spec("cat; cat /dev/stdin; echo end") };
        let mut child = fixture.spawn(&spec);
        child.stdin.take().unwrap().write_all(b"some words\n").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((String::from_utf8_lossy(&output.stdout).as_ref(), output.status.code()), ("some words\nend\n", Some(0)), "{who:?}");
    }
}

#[test]
fn whoever_waits_has_nothing_more_to_say() {
    let Some(Who::Root) = everyone().first().copied() else { return };
    let fixture = Fixture::of(Who::Root);
    let process = fixture.start(&Spec { streams: separate(Input::Piped, Output::Piped), ..fixture.command(&["cat"]) }).unwrap();
    assert!(process.stdin.is_some() && process.terminal.is_none());
    assert_eq!(process.wait().unwrap(), Exit::Code(0));
}

#[test]
fn the_caller_s_own_files_are_read_and_written_and_stay_its_own() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let (from, to, errors) = (fixture.path("from"), fixture.path("to"), fixture.path("errors"));
        fs::write(&from, "some words\n").unwrap();
        let mut spec = Spec { streams: separate(Input::Inherited, Output::Inherited), ..fixture.spec("cat; echo wrong >&2; id -u") };
        if who == Who::Root {
            spec.user = User { uid: 1000, gid: 1000, groups: vec![] };
        }
        let owner = |path| fs::metadata(path).map(|found| found.uid()).unwrap();
        let mut program = fixture.program();
        fixture.spec_for(&mut program, &spec);
        program.stdin(File::open(&from).unwrap()).stdout(File::create(&to).unwrap()).stderr(File::create(&errors).unwrap());
        let before = [owner(&from), owner(&to), owner(&errors)];
        assert!(program.status().unwrap().success(), "{who:?}: {}", fs::read_to_string(&errors).unwrap());
        let id = spec.user.uid;
        assert_eq!(fs::read_to_string(&to).unwrap(), format!("some words\n{id}\n"), "{who:?}");
        assert_eq!(fs::read_to_string(&errors).unwrap(), "wrong\n", "{who:?}");
        assert_eq!([owner(&from), owner(&to), owner(&errors)], before, "{who:?}");
    }
}

/// It could change the terminal, and read what is typed there.
#[test]
fn no_terminal_of_this_machine_is_inherited() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let (outer, inner) = terminal();
        for (streams, which) in
            [(separate(Input::Inherited, Output::Piped), "input"), (separate(Input::Empty, Output::Inherited), "output")]
        {
            let mut program = fixture.program();
            fixture.spec_for(&mut program, &Spec { streams, ..fixture.command(&["true"]) });
            let end = |piped: Stdio, is: bool| if is { Stdio::from(inner.try_clone().unwrap()) } else { piped };
            program.stdin(end(Stdio::null(), which == "input")).stdout(end(Stdio::piped(), which == "output")).stderr(Stdio::piped());
            let output = program.output().unwrap();
            let expected = format!("bad sandbox: standard {which} is a terminal of this machine, which is handed to no process\n");
            assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(201), expected.as_str()), "{who:?}");
        }
        drop(outer);
    }
}

fn terminal() -> (File, File) {
    use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
    let outer = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    unlockpt(&outer).unwrap();
    let inner = ioctl_tiocgptpeer(&outer, OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    (outer.into(), inner.into())
}

#[test]
fn a_terminal_is_the_sandbox_s_own() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let script = "tty; stty size; ls -1 /dev/pts; for number in 0 1 2; do readlink /proc/$$/fd/$number; done; \
                      echo out > /dev/tty; echo console > /dev/console; test -t 0 && test -t 1 && test -t 2; echo $?";
        let outcome = fixture.outcome(&Spec { streams: TERMINAL, ..fixture.spec(script) });
        let expected = "/dev/pts/0 33 77 0 ptmx /dev/pts/0 /dev/pts/0 /dev/pts/0 out console 0";
        assert_eq!((outcome.stdout.replace("\r\n", " ").as_str(), outcome.end), (expected, Ok(Exit::Code(0))), "{who:?}");
    }
}

#[test]
fn a_terminal_belongs_to_the_user_of_the_process() {
    let Some(Who::Root) = everyone().first().copied() else { return };
    let fixture = Fixture::of(Who::Root);
    let user = User { uid: 1000, gid: 1001, groups: vec![] };
    let spec = Spec { streams: TERMINAL, user, ..fixture.spec("stat -c '%u %g %a' $(tty); echo out > /dev/stdout") };
    assert_eq!(fixture.outcome(&spec).stdout, "1000 5 620\r\nout");
}

#[test]
fn a_terminal_is_typed_into_and_resized() {
    let Some(Who::Root) = everyone().first().copied() else { return };
    let fixture = Fixture::of(Who::Root);
    let script = "trap 'stty size' WINCH; trap 'echo interrupted' INT; echo ready; \
                  while :; do read line; [ \"$line\" = end ] && exit 7; echo \"got $line\"; done";
    let mut process = fixture.start(&Spec { streams: TERMINAL, ..fixture.spec(script) }).unwrap();
    assert!(process.stdout.is_none() && process.stderr.is_none() && process.stdin.is_none());
    let terminal = process.terminal.take().unwrap();
    let mut typed = terminal.try_clone().unwrap();
    let mut shown = BufReader::new(terminal.try_clone().unwrap());
    // Among what is typed, which is shown too, and what a shell makes of being interrupted.
    let mut until = |wanted: &str| {
        let mut line = String::new();
        while !line.ends_with(wanted) {
            line.clear();
            assert_ne!(shown.read_line(&mut line).unwrap(), 0, "expected {wanted:?}");
        }
    };
    until("ready\r\n");
    typed.write_all(b"words\n").unwrap();
    until("got words\r\n");
    terminal.resize(Size { rows: 5, columns: 6 }).unwrap();
    // A shell may look after its signals only when the line that it reads has ended.
    typed.write_all(b"\n").unwrap();
    until("5 6\r\n");
    // Ctrl-C is a character, which the terminal makes a signal of, since it controls the process.
    typed.write_all(b"\x03").unwrap();
    until("interrupted\r\n");
    typed.write_all(b"end\n").unwrap();
    shown.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(process.wait().unwrap(), Exit::Code(7));
}

#[test]
fn a_terminal_takes_a_dev_to_be_made_in() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let spec = Spec { streams: TERMINAL, mounts: vec![], masked: vec![], read_only_paths: vec![], ..fixture.command(&["true"]) };
        assert_eq!(fixture.outcome(&spec).end, Err("bad sandbox: a terminal is made in /dev, which is not mounted".to_owned()), "{who:?}");
    }
}

#[test]
fn a_terminal_s_keys_end_what_does_not_heed_them() {
    let Some(Who::Root) = everyone().first().copied() else { return };
    let fixture = Fixture::of(Who::Root);
    for (script, key, end) in [
        ("echo ready; exec sleep 600", b'\x1c', Exit::Signal(3)),
        // A shell sees to its child first, and then ends itself.
        ("echo ready; sleep 600; echo never", b'\x03', Exit::Code(130)),
        ("trap 'exit 5' INT; echo ready; read line", b'\x03', Exit::Code(5)),
        ("trap '' INT; echo ready; read line; exit 6", b'\x03', Exit::Code(6)),
        ("stty -isig; echo ready; read line; exit 7", b'\x03', Exit::Code(7)),
    ] {
        let mut process = fixture.start(&Spec { streams: TERMINAL, ..fixture.spec(script) }).unwrap();
        let terminal = process.terminal.take().unwrap();
        let mut shown = BufReader::new(terminal.try_clone().unwrap());
        let mut line = String::new();
        shown.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\r\n", "{script}");
        // Whatever comes before the key is done.
        std::thread::sleep(std::time::Duration::from_millis(200));
        let signal = terminal.signal_of(key);
        assert_eq!(signal.is_none(), script.contains("-isig"), "{script}");
        if let Some(signal) = signal {
            process.handle().before_typing(signal);
        }
        // What is ended has no other side any more.
        let _ = terminal.try_clone().unwrap().write_all(&[key]);
        std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(200));
            // Whoever still reads reads on; all others are gone.
            let _ = terminal.try_clone().unwrap().write_all(b"\n");
            drop(terminal);
        });
        std::thread::spawn(move || std::io::copy(&mut shown, &mut std::io::sink()));
        assert_eq!(process.wait().unwrap(), end, "{script}");
    }
    let process = fixture.start(&Spec { streams: TERMINAL, ..fixture.command(&["sleep", "600"]) }).unwrap();
    for other in [0, 4, b'c', 0xff] {
        assert_eq!(process.terminal.as_ref().unwrap().signal_of(other), None, "{other}");
    }
}

#[test]
fn signals_do_to_the_first_process_what_they_do_to_any() {
    for who in everyone() {
        if who == Who::Nobody && testkit::is_root() {
            // The fixture starts what is somebody else's by another program.
            continue;
        }
        let fixture = Fixture::of(who);
        let script = "trap 'echo ten; exit 3' USR1; trap 'echo twelve' USR2; trap '' TERM HUP; echo ready; while :; do sleep 0.01; done";
        let mut process = fixture.start(&fixture.spec(script)).unwrap();
        let handle = process.handle();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(lines.next().as_deref(), Some("ready"));
        // It wants nothing of these, these end nothing, and these are none.
        for number in [15, 1, 17, 18, 23, 28, 0, -1, 65, i32::MAX] {
            handle.signal(number);
        }
        handle.signal(12);
        assert_eq!(lines.next().as_deref(), Some("twelve"));
        handle.signal(10);
        assert_eq!(lines.next().as_deref(), Some("ten"));
        assert_eq!(process.wait().unwrap(), Exit::Code(3));
        handle.signal(10);
        for number in [2, 15, 1, 9, 10, 34, 64] {
            let process = fixture.start(&fixture.command(&["sleep", "600"])).unwrap();
            process.handle().signal(number);
            assert_eq!(finish(process).1, Exit::Signal(number));
        }
    }
}
