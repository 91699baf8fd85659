//! The hostile registry is honest where no mode says otherwise, and does what each mode says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use oci::Digest;
use testkit::fixtures::{Image, write_layout};
use testkit::hostile::{HostileRegistry, Immutable, Mode, Mount};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends one request on a connection of its own and returns what came back, as text.
async fn call(registry: &HostileRegistry, line: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(registry.address()).await.unwrap();
    let host = registry.host();
    let head = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    let _ = stream.write_all(body.as_bytes()).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or("none")
}

/// Begins an upload and returns its path.
async fn begin(registry: &HostileRegistry) -> String {
    let answer = call(registry, "POST /v2/app/blobs/uploads/", "", "").await;
    assert_eq!(status(&answer), "202");
    let location = header(&answer, "Location");
    location.strip_prefix(&format!("http://{}", registry.host())).unwrap_or(location).to_owned()
}

/// A client that is not ours finds nothing to complain about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skopeo_pushes_and_pulls() {
    let Some(skopeo) = testkit::binary("skopeo") else { return testkit::skip("skopeo is not installed") };
    let registry = HostileRegistry::start(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let image = Image::new("linux/amd64").build();
    write_layout(&folder.path().join("in"), &[(&image.manifest, Some("v1"))], &[&image]);
    let there = format!("docker://{}/acme/app:v1", registry.host());
    let (source, back) = (format!("oci:{}/in:v1", folder.path().display()), format!("oci:{}/out:v1", folder.path().display()));
    for (from, to) in [(&source, &there), (&there, &back)] {
        let policy = ["--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", from, to];
        let output = tokio::process::Command::new(&skopeo)
            .args(policy)
            .env("HOME", folder.path())
            .env("XDG_RUNTIME_DIR", folder.path())
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(std::fs::read_to_string(folder.path().join("out/index.json")).unwrap().contains(image.digest().hex()));
}

#[tokio::test]
async fn pieces_go_in_order_to_the_newest_address() {
    let registry = HostileRegistry::start(&[Mode::BareRange]).await;
    let first = begin(&registry).await;
    let answer = call(&registry, &format!("PATCH {first}"), "Content-Range: 0-4\r\n", "hello").await;
    assert_eq!((status(&answer), header(&answer, "Range")), ("202", "0-4"));
    assert_eq!(status(&call(&registry, &format!("PATCH {first}"), "Content-Range: 5-9\r\n", "world").await), "400");
    let next = header(&answer, "Location").split_once("/v2").map(|(_, path)| format!("/v2{path}")).unwrap();
    assert_eq!(status(&call(&registry, &format!("PATCH {next}"), "Content-Range: bytes 5-9\r\n", "world").await), "400");
    assert_eq!(status(&call(&registry, &format!("PATCH {next}"), "Content-Range: 9-13\r\n", "world").await), "416");
}

#[tokio::test]
async fn a_body_that_is_cut_off_stays_as_far_as_it_came() {
    for (modes, asked, range) in [
        (vec![Mode::CutUpload { bytes: 3, times: 1 }], "204", "0-2"),
        (vec![Mode::CutUpload { bytes: 3, times: 1 }, Mode::StuckRange], "204", "0-0"),
        (vec![Mode::CutUpload { bytes: 3, times: 1 }, Mode::ForgetUploads], "404", "none"),
    ] {
        let registry = HostileRegistry::start(&modes).await;
        let upload = begin(&registry).await;
        let put = format!("PUT {upload}&digest={}", Digest::of(b"hello"));
        assert_eq!(call(&registry, &put, "", "hello").await, "");
        let answer = call(&registry, &format!("GET {upload}"), "", "").await;
        assert_eq!((status(&answer), header(&answer, "Range")), (asked, range), "{modes:?}");
        assert_eq!(registry.received(), 3);
    }
}

#[tokio::test]
async fn refusals() {
    let mount = format!("POST /v2/app/blobs/uploads/?mount={}&from=base", Digest::of(b"x"));
    for (mode, line, body, expected) in [
        (Mode::Mount(Mount::Unauthorized), mount.as_str(), "", "401"),
        (Mode::Mount(Mount::Forbidden), &mount, "", "403"),
        (Mode::Mount(Mount::Accepted), &mount, "", "202"),
        (Mode::Mount(Mount::Empty), &mount, "", "403"),
        (Mode::BodyCap { bytes: 3, status: 416 }, "PUT /v2/app/manifests/v1", "hello", "416"),
        (Mode::RateLimit { requests: 0, seconds: 7 }, "GET /v2/", "", "429"),
        (Mode::NoReferrers, "GET /v2/app/referrers/sha256:x", "", "404"),
        (Mode::PlaceholderScope, "GET /v2/app/tags/list", "", "401"),
        (Mode::DigestDelete, "DELETE /v2/app/manifests/v1", "", "400"),
    ] {
        let registry = HostileRegistry::start(&[mode]).await;
        let answer = call(&registry, line, "", body).await;
        assert_eq!(status(&answer), expected, "{mode}");
        match mode {
            Mode::RateLimit { .. } => assert_eq!(header(&answer, "Retry-After"), "7"),
            Mode::Mount(Mount::Empty) => assert!(answer.ends_with("\r\n\r\n"), "{answer}"),
            Mode::PlaceholderScope => assert!(answer.contains("user/image:pull"), "{answer}"),
            _ => {}
        }
    }
    let registry = HostileRegistry::start(&[Mode::EveryThird]).await;
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(status(&call(&registry, "GET /v2/", "", "").await).to_owned());
    }
    assert_eq!(seen, ["200", "200", "500", "200", "200", "500"]);
}

#[tokio::test]
async fn what_was_put_may_be_late_and_may_stay() {
    let empty_index = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let other_index = format!("{empty_index} ");
    let registry = HostileRegistry::start(&[Mode::Lag(Duration::from_millis(100)), Mode::Warnings]).await;
    assert_eq!(status(&call(&registry, "PUT /v2/app/manifests/v1", "", empty_index).await), "201");
    let early = call(&registry, "GET /v2/app/manifests/v1", "", "").await;
    assert_eq!((status(&early), header(&early, "Warning")), ("404", "299 - \"this registry moves on Friday\""));
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert_eq!(status(&call(&registry, "GET /v2/app/manifests/v1", "", "").await), "200");
    for (manner, empty, other) in [(Immutable::Harbor, "412", "412"), (Immutable::Ecr, "400", "400"), (Immutable::Conflict, "400", "409")] {
        registry.turn(&[Mode::Immutable(manner)]);
        assert_eq!(status(&call(&registry, "PUT /v2/app/manifests/v1", "", "").await), empty, "{manner:?}");
        let refused = call(&registry, "PUT /v2/app/manifests/v1", "", &other_index).await;
        assert_eq!(status(&refused), other, "{manner:?}");
    }
    registry.turn(&[Mode::WrongDigest]);
    let answer = call(&registry, "HEAD /v2/app/manifests/v1", "", "").await;
    assert_ne!(header(&answer, "Docker-Content-Digest"), Digest::of(empty_index.as_bytes()).to_string());
}
