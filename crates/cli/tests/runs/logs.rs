//! What commands wrote, shown again.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kitchen::Kitchen;
use crate::program::Ran;

fn shown(kitchen: &Kitchen, words: &[&str]) -> Ran {
    kitchen.home.run(&[&["logs"], words].concat())
}

fn ids(kitchen: &Kitchen) -> Vec<String> {
    let listed: Value = serde_json::from_str(&kitchen.home.done(&["logs", "ls", "--json"])).unwrap();
    listed["builds"].as_array().unwrap().iter().map(|build| build["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_last_build_is_told_step_by_step() {
    let Some(kitchen) = Kitchen::new() else { return };
    let ran = shown(&kitchen, &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""));
    assert!(ran.stderr.starts_with("error: cannot show a log: no build has run commands here yet\nhint: "), "{}", ran.stderr);
    kitchen.put("a", "1\n");
    let side = "FROM base AS side\nRUN sleep 0.3; echo side >&2; printf '\\033[31mred\\033[0m' >&2\n";
    let main = "FROM base AS main\nCOPY a /a\nRUN echo one; sleep 0.5; echo two\nCOPY --from=side /etc/passwd /p\n";
    kitchen.built(&format!("RUN true\n{side}{main}"), &["--quiet"]);
    let ran = shown(&kitchen, &[]);
    let told: Vec<String> = ran.stdout.lines().map(|line| line.split(" (").next().unwrap().to_owned()).collect();
    let expected = [
        "[linux/amd64 side 1/1] RUN /bin/sh -c sleep 0.3; echo side >&2; printf '\\033[31mred\\033[0m' >&2",
        "  side",
        "  red",
        "[linux/amd64 main 1/3] COPY a /a",
        "[linux/amd64 main 2/3] RUN /bin/sh -c echo one; sleep 0.5; echo two",
        "  one",
        "  two",
        "[linux/amd64 main 3/3] COPY /etc/passwd /p",
    ];
    assert_eq!(told, expected, "{}", ran.stdout);
    let said: Vec<&str> = ran.stderr.lines().collect();
    assert!(said[0].starts_with("build 20") && said[0].contains(" of made:1 for linux/amd64, begun 20"), "{}", ran.stderr);
    assert!(said[1].starts_with("done after "), "{}", ran.stderr);
    // What was taken from the cache has written nothing, and is no reason to forget what wrote.
    kitchen.built(&format!("RUN true\n{side}{main}"), &["--quiet"]);
    assert_eq!(ids(&kitchen).len(), 1);
    kitchen.built(&format!("RUN true\n{side}{main}RUN echo three\n"), &["--quiet"]);
    let ran = shown(&kitchen, &[]);
    assert!(ran.stdout.contains("echo two (cached)\n[") && ran.stdout.ends_with("  three\n"), "{}", ran.stdout);
    kitchen.is_tidy();
}

#[test]
fn a_build_that_failed_is_kept_and_says_where() {
    let Some(kitchen) = Kitchen::new() else { return };
    kitchen.fails("RUN echo fine\nRUN seq 1 60; exit 3\nRUN echo never\n", &["--quiet"]);
    let ran = shown(&kitchen, &[]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with("[linux/amd64 1/3] RUN /bin/sh -c echo fine (0."), "{}", ran.stdout);
    assert!(lines[2].starts_with("[linux/amd64 2/3] RUN /bin/sh -c seq 1 60; exit 3 (failed after 0."), "{}", ran.stdout);
    assert_eq!((lines[1], lines[3], lines[62], lines.len()), ("  fine", "  1", "  60", 63));
    assert!(
        ran.stderr.contains("\nfailed after ") && ran.stderr.ends_with("did not complete successfully: exit code: 3\n"),
        "{}",
        ran.stderr
    );
    let failed = shown(&kitchen, &["--failed"]);
    assert_eq!(failed.stdout.lines().collect::<Vec<_>>(), lines[2..]);
    // What could not even be started is told, too.
    kitchen.fails("USER ghost\nRUN true\n", &[]);
    let ran = shown(&kitchen, &[]);
    assert!(
        ran.stdout.starts_with("[linux/amd64 1/1] RUN /bin/sh -c true (failed after ") && ran.stderr.contains("unable to find user ghost")
    );
}

#[test]
fn a_build_is_chosen_by_its_id_or_a_name() {
    let Some(kitchen) = Kitchen::new() else { return };
    kitchen.built("RUN echo first\n", &["-t", "other:1"]);
    kitchen.built("RUN echo second\n", &[]);
    let ids = ids(&kitchen);
    assert!(ids.len() == 2 && ids[0] > ids[1], "the newest comes first: {ids:?}");
    for (word, text) in [(ids[1].as_str(), "first"), ("other:1", "first"), ("docker.io/library/other:1", "first"), ("made:1", "second")] {
        assert!(shown(&kitchen, &[word]).stdout.ends_with(&format!("  {text}\n")), "{word}");
    }
    let ran = shown(&kitchen, &["nobody:1"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""));
    assert!(ran.stderr.contains("cannot show the log of nobody:1: no log of a build nobody:1\nhint: `polyarch logs ls`"), "{}", ran.stderr);
    let ran = shown(&kitchen, &["20"]);
    assert!(ran.code == 2 && ran.stderr.contains("2 builds begin with 20: expected one"), "{}", ran.stderr);
    let table = kitchen.home.done(&["logs", "ls"]);
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["BUILD", "BEGUN", "NAME", "PLATFORMS", "OUTCOME"]);
    assert_eq!((&rows[2][2..6], rows[2][0]), (&["made:1", "other:1", "linux/amd64", "done"][..], ids[1].as_str()), "{table}");
    let whole: Value = serde_json::from_str(&kitchen.home.done(&["logs", "--json", &ids[1]])).unwrap();
    assert_eq!((&whole["polyarchLogs"], &whole["build"]["outcome"]), (&Value::from(1), &Value::from("done")));
    let step = &whole["steps"][0];
    assert_eq!(
        (step["became"].as_str(), step["lines"][0]["text"].as_str(), step["lines"][0]["stream"].as_str()),
        (Some("done"), Some("first"), Some("stdout"))
    );
}

#[test]
fn who_is_interrupted_or_killed_leaves_what_was_written_so_far() {
    let Some(kitchen) = Kitchen::new() else { return };
    for (signal, outcome) in [("INT", "interrupted after "), ("KILL", "broken off\n")] {
        kitchen.put("Dockerfile", &format!("FROM base\nRUN echo before {signal}; sleep 60\n"));
        let words = ["build", "--platform=linux/amd64", "--build-context=base=oci-layout://base:amd64", "context"];
        let mut build = kitchen.home.command(&words).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while !kitchen.home.run(&["logs"]).stdout.contains(&format!("  before {signal}")) {
            assert!(begun.elapsed() < Duration::from_secs(60), "it is shown while it is written");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(shown(&kitchen, &[]).stderr.contains("\nrunning\n"));
        assert!(std::process::Command::new("kill").args([format!("-{signal}"), build.id().to_string()]).status().unwrap().success());
        build.wait().unwrap();
        let ran = shown(&kitchen, &[]);
        assert!(ran.stdout.ends_with(&format!("sleep 60 (not finished)\n  before {signal}\n")), "{}", ran.stdout);
        assert!(ran.stderr.contains(outcome), "{}", ran.stderr);
    }
}

#[test]
fn what_is_kept_is_measured_and_can_go() {
    let Some(kitchen) = Kitchen::new() else { return };
    kitchen.built("RUN echo first\n", &[]);
    assert!(kitchen.home.done(&["cache", "du"]).lines().any(|line| line.starts_with("logs of builds") && line.contains(" 1 ")));
    kitchen.home.done(&["cache", "prune", "--all"]);
    assert_eq!(ids(&kitchen), [""; 0]);
    // A log that nobody can read hides no other.
    kitchen.built("RUN echo second\n", &[]);
    fs::write(kitchen.home.path().join(".local/share/polyarch/logs/20000101-000000-000.jsonl"), "no log").unwrap();
    let ran = shown(&kitchen, &["ls"]);
    assert!(ran.stderr.contains("warning: cannot read the log ") && ran.stdout.lines().count() == 2, "{}{}", ran.stdout, ran.stderr);
}
