//! Contexts and Dockerfiles behind URLs.

use std::io::Write;

use crate::place::{build, built, file, kept, traces, write};
use crate::program::Home;
use crate::program::web::{Reply, Web};

/// A tar of a Dockerfile and of a file.
fn tar() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, text) in [("Dockerfile", "FROM scratch\nCOPY a /\n"), ("other", "FROM scratch\nCOPY a /b\n"), ("a", "far")] {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_500_000_000);
        builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_tar_of_any_compression_is_a_context() {
    for (path, bytes) in [("/context.tar", tar()), ("/whatever", gzip(&tar())), ("/x", zstd::encode_all(tar().as_slice(), 3).unwrap())] {
        let web = Web::start(move |_| Reply::ok(bytes.clone()).with("ETag", "\"1\""));
        let home = Home::new();
        let url = web.url(path);
        let ran = built(&home, &[&url]);
        assert_eq!(file(&home, "a"), "far");
        built(&home, &["-f", "other", &url]);
        assert_eq!(file(&home, "b"), "far");
        // It is what it is on the standard input.
        assert_eq!(web.asked().len(), 2);
        let other = Home::new();
        std::fs::create_dir(other.path().join("c")).unwrap();
        tar::Archive::new(tar().as_slice()).unpack(other.path().join("c")).unwrap();
        assert_eq!(built(&other, &["c"]).digest(), ran.digest());
    }
}

#[test]
fn what_is_the_context_and_is_added_too_is_asked_for_once() {
    let web = Web::start(|_| Reply::ok("FROM scratch\nARG SELF\nADD $SELF /itself\n"));
    let home = Home::new();
    let url = web.url("/Dockerfile");
    built(&home, &["--build-arg", &format!("SELF={url}"), &url]);
    assert!(file(&home, "itself").starts_with("FROM scratch\n"));
    assert_eq!(web.asked().len(), 1);
}

#[test]
fn anything_else_is_a_dockerfile_without_a_context() {
    let web = Web::start(|_| Reply::ok("FROM scratch\nCOPY <<EOF /a\nhello\nEOF\n"));
    let home = Home::new();
    built(&home, &[&web.url("/Dockerfile")]);
    assert_eq!(file(&home, "a"), "hello\n");
    let ran = build(&home, &["-f", "other", &web.url("/Dockerfile")]);
    assert!(ran.code == 2 && ran.stderr.contains("/Dockerfile is no tar, expected one"), "{}", ran.stderr);
}

#[test]
fn a_dockerfile_may_be_behind_a_url() {
    let web = Web::start(|asked| match asked.path.split('?').next().unwrap() {
        "/Dockerfile.amd64" => Reply::ok("FROM scratch\nCOPY a /to\n"),
        "/bad" => Reply::ok("FROM scratch\nCOPI a /to\n"),
        _ => Reply::status(404),
    });
    let home = Home::new();
    write(&home, "");
    std::fs::write(home.path().join("c/a"), "near").unwrap();
    built(&home, &["-f", &web.url("/Dockerfile.{arch}"), "c"]);
    assert_eq!(file(&home, "to"), "near");
    let login = format!("http://me:hunter2@{}/bad?token=hunter2", web.host);
    let ran = build(&home, &["-f", &login, "c"]);
    assert!(ran.code == 2 && ran.stderr.contains(&format!("http://xxxxx:xxxxx@{}/bad:2", web.host)), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    let ran = build(&home, &["-f", &web.url("/none"), "c"]);
    assert!(ran.code == 3 && ran.stderr.contains("/none was answered 404"), "{}", ran.stderr);
}

#[test]
fn a_named_context_may_be_a_tar_behind_a_url() {
    let web = Web::start(|asked| Reply::ok(if asked.path == "/text" { b"text".to_vec() } else { gzip(&tar()) }));
    let home = Home::new();
    write(&home, "FROM scratch\nCOPY --from=far a /x\n");
    built(&home, &["--build-context", &format!("far=http://me:hunter2@{}/a.tgz", web.host), "c"]);
    assert_eq!(file(&home, "x"), "far");
    assert_eq!(traces(&home, "hunter2"), [""; 0]);
    let ran = build(&home, &["--build-context", &format!("far={}", web.url("/text")), "c"]);
    assert!(ran.code == 2 && ran.stderr.contains("/text is neither a folder nor a tar"), "{}", ran.stderr);
}

#[test]
fn a_context_that_cannot_be_had_is_told_and_nothing_is_left() {
    let home = Home::new();
    let web = Web::start(|_| Reply::to("http://169.254.169.254/latest/user-data"));
    let ran = build(&home, &[&web.url("/context.tar")]);
    assert!(ran.code == 3 && ran.stderr.contains("is not asked: it is link-local"), "{}", ran.stderr);
    let bad = Web::start(|_| Reply::ok(gzip(&tar())[..60].to_vec()));
    let ran = build(&home, &[&bad.url("/context.tar")]);
    assert_ne!(ran.code, 0, "{}", ran.stderr);
    for (word, part) in [
        ("file:///srv/api.git", "got file"),
        ("ext::sh -c id", "got ext::"),
        ("ssh://-oProxyCommand=id/x", "begins with a dash"),
        ("https://host/a.git#--upload-pack=id", "begins with a dash"),
        ("ftp://host/context.tar", "got ftp"),
    ] {
        let ran = build(&home, &[word]);
        assert!(ran.code == 2 && ran.stderr.contains(part), "{word}: {}", ran.stderr);
    }
    assert!(kept(&home) <= 1);
}
