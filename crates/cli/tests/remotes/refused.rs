//! Servers that mean it ill: each build ends soon, with what to do, and leaves nothing.

use std::time::{Duration, Instant};

use crate::place::{build, build_with, kept, write};
use crate::program::web::{Reply, Web};
use crate::program::{Home, Ran};

fn add(web: &Web, flags: &str) -> (Home, Ran) {
    let home = Home::new();
    write(&home, &format!("FROM scratch\nADD {flags} {} /\n", web.url("/file")));
    let ran = build(&home, &["c"]);
    (home, ran)
}

fn refused(ran: &Ran, parts: &[&str]) {
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    for part in parts.iter().chain(&["Dockerfile:2", "hint: "]) {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

#[test]
fn what_is_not_what_its_checksum_says_is_refused_and_not_kept() {
    let web = Web::start(|_| Reply::ok("other"));
    let expected = format!("sha256:{}", "0".repeat(64));
    let (home, ran) = add(&web, &format!("--checksum={expected}"));
    let got = oci::Digest::of(b"other").to_string();
    refused(&ran, &["is not what its checksum says", &expected, &got]);
    assert_eq!(kept(&home), 0);
}

#[test]
fn a_redirect_to_what_clouds_tell_their_machines_is_not_followed() {
    for target in [
        "http://169.254.169.254/latest/meta-data/iam",
        "http://2852039166/latest",
        "http://[fd00:ec2::254]/latest",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://metadata.google.internal/computeMetadata/v1/",
    ] {
        let web = Web::start(move |_| Reply::to(target));
        let (home, ran) = add(&web, "");
        refused(&ran, &["is not asked: it is link-local, or where a cloud tells"]);
        assert_eq!(kept(&home), 0);
        // As little is it asked without a redirect.
        write(&home, &format!("FROM scratch\nADD {target} /\n"));
        refused(&build(&home, &["c"]), &["is not asked"]);
    }
}

#[test]
fn a_redirect_that_goes_round_or_leads_elsewhere_is_not_followed() {
    for (target, part) in [
        ("/file", "there were 10 redirects before it"),
        ("file:///etc/passwd", "it is neither http nor https"),
        ("http://me:secret@127.0.0.1:1/", "it brings credentials of its own"),
    ] {
        let web = Web::start(move |_| Reply::to(target));
        let (home, ran) = add(&web, "");
        refused(&ran, &[part]);
        assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
        assert_eq!(kept(&home), 0);
        assert!(web.asked().len() <= 11);
    }
}

#[test]
fn a_download_that_never_ends_is_ended() {
    let web = Web::start(|_| Reply::Endless);
    let home = Home::new();
    write(&home, &format!("FROM scratch\nADD {} /\n", web.url("/file")));
    let ran = build_with(&home, &["c"], &[("POLYARCH_DOWNLOAD_LIMIT", "5MB")]);
    refused(&ran, &["it is too large, expected at most 5000000 bytes", "POLYARCH_DOWNLOAD_LIMIT"]);
    assert_eq!(kept(&home), 0);
    let ran = build_with(&home, &["c"], &[("POLYARCH_DOWNLOAD_LIMIT", "much")]);
    assert!(ran.code == 2 && ran.stderr.contains("bad POLYARCH_DOWNLOAD_LIMIT \"much\""), "{}", ran.stderr);
}

#[test]
fn a_download_that_stalls_is_left_where_somebody_interrupts() {
    let web = Web::start(|_| Reply::Stalls);
    let home = Home::new();
    write(&home, &format!("FROM scratch\nADD {} /\n", web.url("/file")));
    let mut child = home.command(&["build", "--platform", "linux/amd64", "c"]).stderr(std::process::Stdio::null()).spawn().unwrap();
    while web.asked().is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let begun = Instant::now();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(kept(&home), 0);
}

#[test]
fn a_download_that_is_cut_off_is_begun_again_and_given_up_in_the_end() {
    let web = Web::start(|_| Reply::Cut(b"part".to_vec()));
    let (home, ran) = add(&web, "");
    assert_eq!((ran.code, web.asked().len(), kept(&home)), (3, 3, 0), "{}", ran.stderr);
    let count = std::sync::atomic::AtomicUsize::new(0);
    let once = Web::start(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => Reply::Cut(b"part".to_vec()),
        _ => Reply::ok("whole"),
    });
    let (_, ran) = add(&once, "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn a_status_that_says_no_is_told_with_what_to_do() {
    for (status, part) in [(404, "is the address written right"), (403, "--secret id=HTTP_AUTH_TOKEN_")] {
        let web = Web::start(move |_| Reply::status(status));
        let (home, ran) = add(&web, "");
        refused(&ran, &[&format!("was answered {status}"), part]);
        assert_eq!(kept(&home), 0);
    }
}
