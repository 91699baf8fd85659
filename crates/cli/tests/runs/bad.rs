//! Commands that fail, or mean harm.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::kitchen::{Kitchen, written};
use crate::program::{Ran, binary};

#[test]
fn a_failure_is_told_with_its_platform_its_step_its_status_and_its_last_lines() {
    let Some(kitchen) = Kitchen::new() else { return };
    let ran = kitchen.build("RUN true\nRUN seq 1 50; sleep 1; echo bad >&2; exit 3\n", &["--quiet"]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    let tail: String = (12..=50).map(|number| format!("  {number}\n")).collect();
    let expected = "error: cannot build made:1: context/Dockerfile:3:1: for linux/amd64: process \"/bin/sh -c seq 1 50; sleep 1; echo bad >&2; exit 3\" did not \
         complete successfully: exit code: 3\n  3 | RUN seq 1 50; sleep 1; echo bad >&2; exit 3\n    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n\
         the last lines of [linux/amd64 2/2]:\n";
    assert!(ran.stderr.starts_with(expected), "{}", ran.stderr);
    for line in tail.lines().chain(["  bad"]) {
        assert!(ran.stderr.lines().any(|other| other == line), "{line}: {}", ran.stderr);
    }
    assert_eq!(kitchen.home.run(&["inspect", "store:made:1"]).code, 3, "no tag has moved");
    kitchen.is_tidy();
}

#[test]
fn what_cannot_be_started_says_why_and_what_to_do() {
    let Some(kitchen) = Kitchen::new() else { return };
    for (lines, told, hint) in [
        ("RUN [\"/none\"]\n", "process \"/none\" could not be run: /none: not found", ""),
        ("USER ghost\nRUN true\n", "unable to find user ghost", "RUN adduser"),
        ("USER 1:ghosts\nRUN true\n", "unable to find user 1:ghosts", "RUN adduser"),
        ("RUN sh -c 'kill -9 $$'; exit $?\n", "did not complete successfully: exit code: 137", ""),
        ("RUN rm -rf / 2>/dev/null; true\nRUN true\n", "/bin/sh: not found", "the image has no shell"),
        ("RUN echo text > /t && chmod +x /t\nRUN [\"/t\"]\n", "/t: not a program of this machine", ""),
        ("RUN [\"/etc\"]\n", "/etc: permission denied", ""),
    ] {
        let said = kitchen.fails(lines, &[]);
        assert!(said.contains(told) && said.contains(hint), "{lines}{said}");
    }
    kitchen.put("Dockerfile", "FROM scratch\nRUN make\n");
    let ran = kitchen.home.run(&["build", "context"]);
    assert!(ran.stderr.contains("/bin/sh: not found") && ran.stderr.contains("hint: the image has no shell"), "{}", ran.stderr);
}

#[test]
fn output_without_end_is_cut_and_the_command_goes_on() {
    let Some(kitchen) = Kitchen::new() else { return };
    let said = kitchen.built("RUN head -c 50000000 /dev/zero | tr '\\0' x | fold -w 100; echo end; touch /done\nRUN ls /done\n", &[]);
    assert!(said.len() < 6 << 20, "{} bytes were told", said.len());
    assert!(said.contains("[output clipped, log limit 2MiB reached]") && said.contains("/done"));
}

#[test]
fn what_a_command_leaves_running_is_ended_with_it() {
    let Some(kitchen) = Kitchen::new() else { return };
    let begun = Instant::now();
    let mark = format!("{}", std::process::id());
    kitchen.built(&format!("RUN (trap '' TERM HUP; sleep 3{mark}) & setsid sleep 3{mark} & sleep 0.2\n"), &[]);
    assert!(begun.elapsed() < Duration::from_secs(20));
    let running = fs::read_dir("/proc").unwrap().flatten().filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let needle = format!("sleep\u{0}3{mark}");
    assert!(!running.into_iter().any(|line| String::from_utf8_lossy(&line).contains(&needle)), "a daemon is left");
}

#[test]
fn a_link_to_the_machine_leads_nowhere() {
    let Some(kitchen) = Kitchen::new() else { return };
    let outside = kitchen.home.path().join("outside");
    fs::write(&outside, "machine:x:7:7::/:/bin/sh\n").unwrap();
    let lines = format!("RUN rm /etc/passwd && ln -s {0} /etc/passwd && ln -s {0} /l\nUSER machine\nRUN id\n", outside.display());
    let said = kitchen.fails(&lines, &[]);
    assert!(said.contains("unable to find user machine"), "{said}");
    let said = kitchen
        .built(&format!("RUN ln -s {} /w\nWORKDIR /w/deep\nRUN pwd; ls -a\nCOPY Dockerfile /w/\n", kitchen.home.path().display()), &[]);
    assert!(!said.contains("outside"), "{said}");
    assert!(!kitchen.home.path().join("deep").exists() && !kitchen.home.path().join("Dockerfile").exists());
    assert_eq!(fs::read_to_string(&outside).unwrap(), "machine:x:7:7::/:/bin/sh\n");
}

#[test]
fn the_builders_files_and_processes_are_out_of_sight() {
    let Some(kitchen) = Kitchen::new() else { return };
    let said = kitchen.built(
        "RUN ls /proc | grep -c '^[0-9]'; ls -l /proc/1/fd /proc/self/fd 2>/dev/null | grep -v pipe | grep -c -- '-> /' ; echo end\n",
        &[],
    );
    let lines = written(&said);
    assert!(lines[0].parse::<u32>().unwrap() <= 5, "{said}");
    assert_eq!(lines.last(), Some(&"end"));
    let said =
        kitchen.built("RUN for f in /proc/self/fd/*; do readlink $f; done 2>/dev/null | grep -v -e pipe -e null -e /proc; echo end\n", &[]);
    assert_eq!(written(&said), ["end"], "no descriptor leads out");
}

#[test]
fn a_hundred_thousand_files_are_one_layer() {
    let Some(kitchen) = Kitchen::new() else { return };
    let said = kitchen.built("RUN mkdir /m && cd /m && seq 1 100000 | xargs touch\nRUN ls /m | wc -l; rm -r /m\n", &[]);
    assert_eq!(written(&said), ["100000"]);
    kitchen.is_tidy();
}

/// A tmpfs of 64 MiB, with the store on it.
#[test]
fn a_full_disk_stops_the_build_and_nothing_of_it_is_left() {
    let Some(kitchen) = Kitchen::new() else { return };
    kitchen.put("fills/Dockerfile", "FROM base\nRUN dd if=/dev/zero of=/big bs=1M count=100\n");
    // This one fits, and the layer that is made of it does not.
    kitchen.put("doubles/Dockerfile", "FROM base\nRUN dd if=/dev/urandom of=/big bs=1M count=40 2>/dev/null\n");
    kitchen.put("fits/Dockerfile", "FROM base\nRUN dd if=/dev/urandom of=/big bs=1M count=10 2>/dev/null\n");
    let script = "mkdir store && mount -t tmpfs -o size=64m tmpfs store || exit 99
        for context in fills doubles fits; do
            \"$0\" --store store build --platform=linux/amd64 --build-context=base=oci-layout://base:amd64 -t made:1 context/$context
            echo \"$context $? $(ls store/roots/*/work | wc -l) $(\"$0\" --store store ls -q | grep -c made)\"
        done";
    let mut command = Command::new("unshare");
    if !testkit::is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "sh", "-c", script]).arg(binary()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    let ran = Ran::of(command.env("HOME", kitchen.home.path()).current_dir(kitchen.home.path()));
    assert_ne!(ran.code, 99, "{}", ran.stderr);
    let ends: Vec<&str> = ran.stdout.lines().filter(|line| line.split(' ').count() == 4).collect();
    assert_eq!(ends, ["fills 4 0 0", "doubles 3 0 0", "fits 0 0 1"], "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stderr.matches("No space left on device").count(), 3, "{}", ran.stderr);
}
