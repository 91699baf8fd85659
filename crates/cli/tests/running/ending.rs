//! How programs end, and what is told of it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::kitchen::Kitchen;
use crate::program::binary;
use crate::program::endless::Endless;
use crate::started::{BASE, PATIENCE, Started, UNHEEDING, gone, is_running, run};

#[test]
fn the_exit_code_is_the_programs() {
    let Some(kitchen) = Kitchen::new() else { return };
    for (script, code) in
        [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -9 $$; exit 4", 4), ("sh -c 'kill -15 $$' 2> /dev/null; exit $?", 143)]
    {
        let ran = run(&kitchen, &[], &["sh", "-c", script]);
        assert_eq!((ran.code, ran.stderr.as_str()), (code, ""), "{script}");
    }
}

#[test]
fn what_is_not_run_has_dockers_codes() {
    let Some(kitchen) = Kitchen::new() else { return };
    kitchen.built("RUN echo text > /text && chmod +x /text && printf '#!/none\\n' > /script && chmod +x /script && touch /plain\n", &[]);
    for (words, code, told) in [
        (&["none"][..], 127, "cannot run made:1: none: not found"),
        (&["/none/at/all"], 127, "/none/at/all: not found"),
        (&["/script"], 127, "/script: its interpreter is not found"),
        (&["/plain"], 126, "/plain: permission denied"),
        (&["/etc"], 126, "/etc: permission denied"),
        (&["/text"], 126, "/text: not a program of this machine"),
    ] {
        let ran = kitchen.home.run(&[&["run", "made:1"], words].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{words:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{words:?}: {}", ran.stderr);
        kitchen.is_tidy();
    }
    for (flags, told) in [
        (&["--user=ghost"][..], "unable to find user ghost"),
        (&["--no-such-flag"], "unexpected argument '--no-such-flag'"),
        (&["-v", "./none:/x"], "cannot mount ./none at /x"),
        (&["--platform=linux/sparc64"], "programs for linux/sparc64 do not run here, since its architecture or level is not known"),
        (&["-w", "/etc/passwd"], "working folder /etc/passwd: Not a directory"),
    ] {
        let ran = run(&kitchen, flags, &["true"]);
        assert_eq!(ran.code, 125, "{flags:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{flags:?}: {}", ran.stderr);
    }
    let ran = kitchen.home.run(&["run", "--entrypoint", "", "made:1"]);
    assert!(ran.code == 125 && ran.stderr.contains("there is nothing to run"), "{}", ran.stderr);
}

#[test]
fn signals_are_passed_on_and_end_what_does_not_heed_them() {
    let Some(kitchen) = Kitchen::new() else { return };
    let script = "trap 'echo int' INT; trap 'echo term; exit 7' TERM; trap 'echo usr1' USR1; trap 'echo usr2' USR2; trap 'echo hup' HUP; \
                  trap 'echo quit' QUIT; trap 'echo winch' WINCH; echo ready; while :; do sleep 0.01; done";
    let mut started = Started::script(&kitchen, &[], script);
    for (signal, word) in [
        (Signal::INT, "int"),
        (Signal::USR1, "usr1"),
        (Signal::USR2, "usr2"),
        (Signal::HUP, "hup"),
        (Signal::QUIT, "quit"),
        (Signal::WINCH, "winch"),
        (Signal::TERM, "term"),
    ] {
        started.signal(signal);
        assert_eq!(started.line(), word);
    }
    assert_eq!(started.ended(), (7, String::new(), String::new()));
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129), (Signal::USR1, 138)] {
        let mut started = Started::new(&mut kitchen.home.command(&[&["run", BASE], UNHEEDING].concat()));
        assert_eq!(started.line(), "ID=busybox");
        started.signal(signal);
        let ended = started.ended();
        assert_eq!(ended.0, code, "{signal:?}: {ended:?}");
    }
    kitchen.is_tidy();
}

#[test]
fn what_is_ignored_from_the_beginning_is_not_passed_on() {
    let Some(kitchen) = Kitchen::new() else { return };
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP INT; exec \"$0\" \"$@\""]).arg(binary()).args(["run", BASE]).args(UNHEEDING);
    command.env("HOME", kitchen.home.path()).current_dir(kitchen.home.path());
    let mut started = Started::new(&mut command);
    assert_eq!(started.line(), "ID=busybox");
    started.signal(Signal::HUP);
    started.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    assert!(started.child.try_wait().unwrap().is_none(), "nohup would be of no use");
    started.signal(Signal::TERM);
    assert_eq!(started.ended().0, 143);
}

#[test]
fn a_pull_without_end_is_interrupted() {
    let Some(kitchen) = Kitchen::new() else { return };
    let registry = Endless::start();
    let name = format!("{}/app:1", registry.host);
    let mut started = Started::new(&mut kitchen.home.command(&["run", "--plain-http", &name]));
    let mut said = BufReader::new(started.child.stderr.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), format!("asking {name}"));
    // Until the layer is on its way.
    let begun = Instant::now();
    let blobs = kitchen.home.path().join(".local/share/polyarch");
    while !is_under_way(&blobs) {
        assert!(begun.elapsed() < PATIENCE, "nothing comes");
        std::thread::sleep(Duration::from_millis(5));
    }
    started.signal(Signal::INT);
    assert_eq!(started.child.wait().unwrap().code(), Some(130));
    assert!(!is_under_way(&blobs), "what had come is gone");
    assert_eq!(said.next().unwrap().unwrap(), format!("error: cannot run {name}: interrupted"));
}

fn is_under_way(folder: &Path) -> bool {
    fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        entry.file_name().to_string_lossy().starts_with(".polyarch-") || is_folder && is_under_way(&entry.path())
    })
}

#[test]
fn nothing_outlives_it_and_nothing_it() {
    let Some(kitchen) = Kitchen::new() else { return };
    let word = format!("7{}", std::process::id());
    let ran = run(&kitchen, &[], &["sh", "-c", &format!("(trap '' TERM HUP; sleep {word}) & setsid sleep {word} & sleep 0.1; exit 5")]);
    assert_eq!(ran.code, 5);
    assert!(!is_running(&word));
    let started = Started::script(&kitchen, &[], &format!("trap '' TERM HUP INT; echo much > /file; echo ready; sleep {word}"));
    assert!(
        is_running(&word) || {
            std::thread::sleep(Duration::from_millis(500));
            is_running(&word)
        }
    );
    started.signal(Signal::KILL);
    assert_eq!(started.ended().0, -9);
    gone(&word);
    // Whoever comes next takes away what the killed one could not.
    assert_eq!(run(&kitchen, &[], &["true"]).code, 0);
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(kitchen.home.path().to_str().unwrap()), "{mounts}");
}
