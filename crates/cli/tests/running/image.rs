//! What an image says of its program, and what somebody says instead.

use std::fs;

use crate::kitchen::Kitchen;
use crate::started::{BASE, run, script};

#[test]
fn the_program_is_the_images_until_somebody_says_another() {
    let Some(kitchen) = Kitchen::new() else { return };
    kitchen.built(
        "ENV GREETING=hello\nENV EMPTY=\nWORKDIR /srv/app\nRUN echo ann:x:1234:1234::/home/ann:/bin/sh >> /etc/passwd && echo ann:x:1234: >> /etc/group && sed -i s/users:x:100:/users:x:100:ann,/ /etc/group\nUSER ann\n\
         ENTRYPOINT [\"/bin/sh\", \"-c\", \"echo $0 $1; id; pwd; echo $HOME $GREETING\"]\nCMD [\"one\", \"two\"]\n",
        &[],
    );
    let ran = kitchen.home.run(&["run", "made:1"]);
    let groups = "uid=1234(ann) gid=1234(ann) groups=100(users),1234(ann)";
    assert_eq!((ran.code, ran.stdout.as_str()), (0, &*format!("one two\n{groups}\n/srv/app\n/home/ann hello\n")), "{}", ran.stderr);
    assert_eq!(ran.stderr, "found in the local store\n");
    let ran = kitchen.home.run(&["run", "-q", "-u", "0", "-w", "/made/for/it", "-e", "GREETING=own", "made:1", "other"]);
    assert_eq!(ran.stdout, "other\nuid=0(root) gid=0(root) groups=0(root)\n/made/for/it\n/root own\n", "{}", ran.stderr);
    assert_eq!(ran.stderr, "");
    let ran = kitchen.home.run(&["run", "--entrypoint", "", "-u", "7:8", "store:made:1", "sh", "-c", "id; echo $HOME"]);
    assert_eq!((ran.stdout.as_str(), ran.code), ("uid=7 gid=8 groups=8\n/\n", 0), "{}", ran.stderr);
    let ran = kitchen.home.run(&["run", "--entrypoint", "env", "--env=EMPTY", "--hostname=box", "made:1"]);
    let mut lines: Vec<&str> = ran.stdout.lines().collect();
    lines.sort_unstable();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(lines, ["GREETING=hello", "HOME=/home/ann", "HOSTNAME=box", path], "the other program has no arguments of this one");
    kitchen.is_tidy();
}

#[test]
fn what_it_writes_is_thrown_away() {
    let Some(kitchen) = Kitchen::new() else { return };
    assert_eq!(script(&kitchen, &["--rm"], "echo new > /new; rm -r /var; ls /"), script(&kitchen, &[], "touch /new; rm -r /var; ls /"));
    assert_eq!(
        script(&kitchen, &[], "ls /new 2>&1; ls -d /var; cat /etc/os-release"),
        "ls: /new: No such file or directory\n/var\nID=busybox\nNAME=busybox\n"
    );
}

#[test]
fn variables_come_from_words_files_and_the_environment() {
    let Some(kitchen) = Kitchen::new() else { return };
    fs::write(kitchen.home.path().join("variables"), "# some\nA=of the file\nB=too\nHERE\nGONE\n").unwrap();
    fs::create_dir(kitchen.home.path().join(".docker")).unwrap();
    let proxies = r#"{"proxies": {"default": {"httpProxy": "http://proxy.lan", "noProxy": "lan"}}}"#;
    fs::write(kitchen.home.path().join(".docker/config.json"), proxies).unwrap();
    let words = ["run", "-e", "A=own", "--env-file", "variables", "-e", "THERE", "-e", "no_proxy=", "-e", "PATH", BASE, "/usr/bin/env"];
    let mut command = kitchen.home.command(&words);
    let ran = crate::program::Ran::of(command.env("HERE", "said here").env("THERE", "said there").env("PATH", "/machine"));
    let mut lines: Vec<&str> = ran.stdout.lines().filter(|line| !line.starts_with("HOSTNAME=")).collect();
    lines.sort_unstable();
    let expected = [
        "A=own",
        "B=too",
        "HERE=said here",
        "HOME=/root",
        "HTTP_PROXY=http://proxy.lan",
        "NO_PROXY=lan",
        "PATH=/machine",
        "THERE=said there",
        "http_proxy=http://proxy.lan",
        "no_proxy=",
    ];
    assert_eq!(lines, expected, "{}", ran.stderr);
    let ran = run(&kitchen, &["-e", "PATH"], &["/usr/bin/env"]);
    assert!(ran.stdout.contains("PATH="), "of this machine's own: {}", ran.stdout);
}

#[test]
fn images_of_any_place_are_run() {
    let Some(kitchen) = Kitchen::new() else { return };
    kitchen.built("RUN echo built > /word\nCMD [\"cat\", \"/word\"]\n", &[]);
    kitchen.home.done(&["save", "made:1", "-o", "made.tar"]);
    kitchen.home.done(&["copy", "store:made:1", "oci:layout:1.0"]);
    for place in ["made:1", "store:made:1", "oci:layout:1.0", "./layout", "oci-archive:made.tar", "docker-archive:made.tar", "./made.tar"] {
        let ran = kitchen.home.run(&["run", place]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "built\n"), "{place}: {}", ran.stderr);
        assert_eq!(ran.stderr.is_empty(), place != "made:1", "{place}: {}", ran.stderr);
    }
}
