//! kill -9 at moments spread over a run: the store opens, holds nothing partial, and the next run
//! completes. `POLYARCH_KILLS=50` makes it 50 moments for each verb.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

mod program;

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use program::{Home, Serving};
use testkit::fixtures::{BuiltImage, Image, Index, random_bytes, write_layout};

fn moments() -> u32 {
    std::env::var("POLYARCH_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// A layout `app` of two platforms, some MB each, of which `1.0` is the index.
fn app(home: &Home) -> String {
    let made: Vec<BuiltImage> = ["linux/amd64", "linux/arm64"]
        .iter()
        .enumerate()
        .map(|(number, platform)| Image::new(platform).uncompressed().file("data", random_bytes(number as u64, 6_000_000)).build())
        .collect();
    let index = made.iter().fold(Index::new(), Index::image).build();
    write_layout(&home.path().join("app"), &[(&index, Some("1.0"))], &made.iter().collect::<Vec<_>>());
    index.digest().to_string()
}

/// Ends a program after some time without a chance to tidy up; tells whether it was still running.
fn killed(command: &mut Command, after: Duration) -> bool {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    sleep(after);
    let running = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    child.wait().unwrap();
    running
}

/// Runs a verb to its end once to know its length, then kills it at moments spread over that.
fn at_every_moment(label: &str, mut command: impl FnMut(u32) -> Command, mut after: impl FnMut(u32, bool)) {
    let start = Instant::now();
    assert!(command(0).output().unwrap().status.success());
    let length = start.elapsed();
    let mut hit = 0;
    for number in 1..=moments() {
        let running = killed(&mut command(number), length * number / (moments() + 1));
        hit += u32::from(running);
        after(number, running);
    }
    println!("{label}: {hit} of {} kills met a running process (whole run {} ms)", moments(), length.as_millis());
}

fn check(home: &Home) {
    let ran = home.run(&["store", "check"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_pull_that_is_killed_leaves_a_whole_store() {
    let (far, home) = (Home::new(), Home::new());
    let digest = app(&far);
    let serving = Serving::start(&far, &[]);
    let name = format!("{}/acme/app:1.0", serving.host);
    far.done(&["copy", "oci:app:1.0", &name]);
    let store = |number: u32| home.path().join(format!("store-{number}")).display().to_string();
    at_every_moment(
        "pull",
        |number| home.command(&["--store", &store(number), "pull", &name]),
        |number, _| {
            let store = store(number);
            let checked = home.run(&["--store", &store, "store", "check"]);
            assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
            assert!(home.done(&["--store", &store, "pull", &name]).contains(&digest));
            assert_eq!(home.run(&["--store", &store, "store", "check"]).code, 0);
        },
    );
}

#[test]
fn a_copy_that_is_killed_names_nothing_that_is_not_whole() {
    let (far, home) = (Home::new(), Home::new());
    let digest = app(&far);
    let serving = Serving::start(&far, &[]);
    let name = |number: u32| format!("{}/acme/app-{number}:1.0", serving.host);
    let layout = far.path().join("app").display().to_string();
    at_every_moment(
        "copy",
        // A store of the server's would have the bytes from the last round, so each round has its own layout.
        |number| home.command(&["copy", &format!("oci:{layout}:1.0"), &format!("oci:copy-{number}:1.0")]),
        |number, _| {
            let target = format!("oci:copy-{number}:1.0");
            let found = home.run(&["copy", "--platform", "linux/amd64,linux/arm64", &target, &name(number)]);
            assert!(found.code == 0 || found.code == 3, "whole or not there: {}", found.stderr);
            assert!(found.code == 3 || found.stdout.contains(&digest), "{}", found.stdout);
            assert!(home.done(&["copy", &format!("oci:{layout}:1.0"), &target]).contains(&digest));
            assert!(home.done(&["copy", &target, &name(number)]).contains(&digest));
        },
    );
}

#[test]
fn a_server_that_is_killed_in_a_push_leaves_a_whole_store() {
    let (far, home) = (Home::new(), Home::new());
    let digest = app(&far);
    let layout = format!("oci:{}:1.0", far.path().join("app").display());
    let push = |host: &str, number: u32| far.command(&["copy", &layout, &format!("{host}/acme/app-{number}:1.0")]);
    let length = {
        let (start, other) = (Instant::now(), Home::new());
        let serving = Serving::start(&other, &[]);
        assert!(push(&serving.host, 0).output().unwrap().status.success());
        start.elapsed()
    };
    for number in 1..=moments() {
        let mut serving = Serving::start(&home, &[]);
        let mut pushing = push(&serving.host, number).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(length * number / (moments() + 1));
        serving.kill();
        let _ = pushing.kill();
        pushing.wait().unwrap();
        check(&home);
        let serving = Serving::start(&home, &[]);
        let again = push(&serving.host, number).output().unwrap();
        assert!(String::from_utf8_lossy(&again.stdout).contains(&digest));
        drop(serving);
        // What was pushed is what the next round would find: it begins with nothing.
        home.done(&["rm", &format!("acme/app-{number}:1.0")]);
        home.done(&["store", "prune", "--apply", "--grace", "0s"]);
        check(&home);
    }
}

#[test]
fn a_prune_that_is_killed_takes_nothing_that_has_a_name() {
    let home = Home::new();
    let digest = app(&home);
    home.done(&["copy", "oci:app:1.0", "store:kept:1.0"]);
    let litter = |home: &Home| {
        let small: Vec<BuiltImage> = (0..60).map(|number| Image::new("linux/amd64").text(&format!("litter {number}")).build()).collect();
        let index = small.iter().enumerate().fold(Index::new(), |index, (number, image)| {
            let mut entry = image.descriptor();
            entry.platform = Some(testkit::fixtures::platform(&format!("windows/amd64:10.0.{number}.1")));
            index.add(entry)
        });
        write_layout(&home.path().join("litter"), &[(&index.build(), Some("1.0"))], &small.iter().collect::<Vec<_>>());
        home.done(&["copy", "oci:litter:1.0", "store:litter:1.0"]);
        home.done(&["rm", "litter:1.0"]);
    };
    litter(&home);
    at_every_moment(
        "store prune",
        |_| home.command(&["store", "prune", "--apply", "--grace", "0s"]),
        |_, _| {
            check(&home);
            assert_eq!(home.done(&["digest", "store:kept:1.0"]).trim(), digest);
            home.done(&["copy", "store:kept:1.0", "oci:proof:1.0"]);
            std::fs::remove_dir_all(home.path().join("proof")).unwrap();
            home.done(&["store", "prune", "--apply", "--grace", "0s"]);
            check(&home);
            litter(&home);
        },
    );
}
