//! ADD of a URL.

use std::os::unix::fs::MetadataExt;

use oci::Digest;

use crate::place::{build, build_with, built, file, traces, write};
use crate::program::Home;
use crate::program::web::{Reply, Web};

const DATE: &str = "Fri, 14 Jul 2017 02:40:00 GMT";

/// A server with one file under every name.
fn server(body: &'static str) -> Web {
    Web::start(move |asked| match asked.header("if-none-match") {
        Some("\"one\"") => Reply::status(304),
        _ => Reply::ok(body).with("ETag", "\"one\"").with("Last-Modified", DATE),
    })
}

#[test]
fn a_file_is_added_and_asked_for_again_only_whether_it_is_still_that() {
    let (home, web) = (Home::new(), server("hello"));
    write(&home, &format!("FROM scratch\nADD {} /to/\n", web.url("/a/file.txt")));
    let ran = built(&home, &["c"]);
    assert_eq!(file(&home, "to/file.txt"), "hello");
    let found = std::fs::metadata(home.path().join("out/to/file.txt")).unwrap();
    assert_eq!((found.mode() & 0o7777, found.mtime()), (0o600, 1_500_000_000));
    assert!(ran.stderr.contains("fetched http://"), "{}", ran.stderr);
    assert_eq!(web.asked().len(), 1);
    let again = built(&home, &["c"]);
    let asked = web.asked();
    assert_eq!((asked.len(), asked[0].header("if-none-match"), again.digest()), (1, Some("\"one\""), ran.digest()));
    assert!(again.stderr.contains("here already"), "{}", again.stderr);
    let history = home.done(&["inspect", "--format", "{{json .}}", "x:1"]);
    assert!(!history.is_empty());
    // Another home makes the same image of it.
    let other = Home::new();
    write(&other, &format!("FROM scratch\nADD {} /to/\n", web.url("/a/file.txt")));
    assert_eq!(built(&other, &["c"]).digest(), ran.digest());
}

#[test]
fn what_has_its_checksum_is_not_asked_for_again() {
    let (home, web) = (Home::new(), server("hello"));
    for checksum in [Digest::of(b"hello"), Digest::with(oci::Algorithm::Sha512, b"hello")] {
        write(&home, &format!("FROM scratch\nADD --checksum={checksum} {} /file\n", web.url(&format!("/{}", checksum.algorithm().name()))));
        built(&home, &["c"]);
        assert_eq!((file(&home, "file").as_str(), web.asked().len()), ("hello", 1));
        built(&home, &["--no-cache", "c"]);
        assert_eq!((file(&home, "file").as_str(), web.asked().len()), ("hello", 0));
    }
}

#[test]
fn every_platform_and_every_step_gets_what_was_fetched_once() {
    // Another file at each request.
    let count = std::sync::atomic::AtomicUsize::new(0);
    let web = Web::start(move |_| Reply::ok(count.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string()));
    let home = Home::new();
    write(&home, &format!("FROM scratch\nADD {0} /a\nADD {0} /b\n", web.url("/x")));
    let ran = home.run(&["build", "--platform", "linux/amd64,linux/arm64", "-o", "type=local,dest=out", "c"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(web.asked().len(), 1, "no HEAD before it, and no GET behind it");
    for path in ["linux_amd64/a", "linux_amd64/b", "linux_arm64/a", "linux_arm64/b"] {
        assert_eq!(file(&home, path), "0");
    }
}

#[test]
fn secrets_are_shown_to_their_host_alone() {
    let other = Web::start(|_| Reply::ok("open"));
    let target = other.url("/moved");
    let web = Web::start(move |asked| match (asked.path.as_str(), asked.header("authorization")) {
        ("/moved", _) => Reply::to(&target),
        (_, Some("Bearer hunter2" | "Basic bWU6aHVudGVyMg==")) => Reply::ok("closed"),
        _ => Reply::status(401),
    });
    let home = Home::new();
    write(&home, &format!("FROM scratch\nADD {} /a\nADD {} /b\n", web.url("/file"), web.url("/moved")));
    let refused = build(&home, &["c"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("--secret id=HTTP_AUTH_TOKEN_{}", web.host)), "{}", refused.stderr);
    let secret = format!("id=HTTP_AUTH_TOKEN_{},env=TOKEN", web.host);
    let ran = build_with(&home, &["--secret", &secret, "c"], &[("TOKEN", "hunter2")]);
    assert_eq!((ran.code, file(&home, "a").as_str(), file(&home, "b").as_str()), (0, "closed", "open"), "{}", ran.stderr);
    assert!(other.asked().iter().all(|asked| asked.header("authorization").is_none()));
    // So it is with a login that stands in the address.
    write(&home, &format!("FROM scratch\nADD http://me:hunter2@{0}/file /a\nADD http://me:hunter2@{0}/moved /b\n", web.host));
    let ran = build(&home, &["--progress", "plain", "--verbose", "c"]);
    assert_eq!((ran.code, file(&home, "a").as_str()), (0, "closed"), "{}", ran.stderr);
    assert!(other.asked().iter().all(|asked| asked.header("authorization").is_none()));
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    assert_eq!(traces(&home, "hunter2"), [""; 0]);
}

#[test]
fn an_archive_is_unpacked_where_that_is_said() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(2);
    header.set_mode(0o755);
    builder.append_data(&mut header, "bin/tool", &b"in"[..]).unwrap();
    let archive = builder.into_inner().unwrap();
    let web = Web::start(move |_| Reply::ok(archive.clone()));
    let home = Home::new();
    write(&home, &format!("FROM scratch\nADD {0} /whole/\nADD --unpack {0} /apart/\n", web.url("/a.tar?x=1")));
    built(&home, &["c"]);
    assert_eq!(file(&home, "apart/bin/tool"), "in");
    assert!(home.path().join("out/whole/a.tar").is_file());
}
