//! The same as an ordinary user, who is root in a user namespace.

use std::fs;

use rustix::process::Signal;

use crate::started::{BASE, Started, gone};
use crate::theirs::{NOBODY, Theirs, give};

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
    let ran = theirs.run(&["run", "--user=7:8", BASE, "sh", "-c", "id; touch /tmp/x; chown 5 /tmp/x"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, "uid=7 gid=8 groups=8\n"), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("chown: /tmp/x: Operation not permitted\n"), "{}", ran.stderr);
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
