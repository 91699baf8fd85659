//! What lies around a run: where its output goes, and the proxy that the environment names.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod program;

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Stdio;

use program::{Home, images};

#[test]
fn output_that_is_lost_is_an_error() {
    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else {
        return testkit::skip("this system has no /dev/full");
    };
    let home = Home::new();
    let made = images(&["linux/amd64"]);
    home.layout("parts", &made.iter().collect::<Vec<_>>());
    let words: [&[&str]; 5] = [
        &["inspect", "oci:parts:amd64"],
        // Its last line has no end, so it is still on its way when the work is done.
        &["inspect", "--raw", "oci:parts:amd64"],
        &["help", "names"],
        &["version"],
        &["--help"],
    ];
    for words in words {
        let ran = home.command(words).stdin(Stdio::null()).stdout(full.try_clone().unwrap()).output().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(3), "{words:?}: {said}");
        assert!(said.contains("error: cannot write to stdout: No space left on device"), "{words:?}: {said}");
    }
}

#[test]
fn a_reader_that_goes_away_is_none() {
    let home = Home::new();
    let mut child = home.command(&["help", "--markdown"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn the_proxy_is_read_in_capitals_and_in_small_letters() {
    for variable in ["HTTP_PROXY", "http_proxy"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let proxy = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let first = BufReader::new(stream.try_clone().unwrap()).lines().next().unwrap().unwrap();
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            first
        });
        let home = Home::new();
        let mut command = home.command(&["digest", "--plain-http", "docker://registry.invalid/app:1"]);
        let mut child = command.env(variable, address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let first = proxy.join().unwrap();
        let _ = child.kill();
        let _ = child.wait();
        assert!(first.contains(" http://registry.invalid/v2/"), "{variable}: {first}");
    }
}

#[test]
fn the_proxies_of_dockers_file_get_into_no_image() {
    let home = Home::new();
    let app = home.path().join("app");
    std::fs::create_dir_all(&app).unwrap();
    std::fs::create_dir(home.path().join(".docker")).unwrap();
    std::fs::write(app.join("Dockerfile"), "FROM scratch\nARG HTTP_PROXY\nLABEL proxy=$HTTP_PROXY\n").unwrap();
    let build = |words: &[&str]| home.done(&[&["build", "--platform", "linux/amd64", "-t", "app", "app"], words].concat());
    let without = build(&[]);
    let config = home.path().join(".docker/config.json");
    std::fs::write(&config, r#"{"proxies":{"default":{"httpProxy":"http://me:hunter2@proxy"}}}"#).unwrap();
    assert_eq!(build(&[]), without);
    // What somebody says for this build does.
    assert_ne!(build(&["--build-arg", "HTTP_PROXY=http://proxy"]), without);
    std::fs::write(&config, r#"{"proxies":"http://me:hunter2@proxy"#).unwrap();
    let ran = home.run(&["build", "--platform", "linux/amd64", "app"]);
    assert!(ran.code == 0 && ran.stderr.contains("config.json was left out: no valid JSON at line 1 column 35"), "{ran:?}");
    assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
}
