//! What hosts send that nobody should: ends in bounded time and memory, with a clear error.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use content::{Error, Events, Limits, Memory, Sink, Source, copy};
use oci::{Descriptor, MediaType, RawManifest, Reference};
use remote::{HostRule, Intent, Registry};
use support::{Fake, answer, docker_config, manifest_answer, open, settings, tag, whole};
use testkit::fixtures::{Image, in_memory, random_bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Takes connections and leaves them to a function, each after its request's head.
async fn wire<F: Future<Output = ()> + Send>(serve: impl Fn(TcpStream) -> F + Send + Sync + Copy + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => return,
                    }
                }
                serve(stream).await;
            });
        }
    });
    host
}

/// Opens a repository there, with hardly any patience.
fn impatient(host: &str) -> Arc<Registry> {
    let (mut settings, _) = settings();
    settings.plain_http = HostRule::All;
    settings.patience.silence = Duration::from_millis(300);
    settings.patience.least = 1_000;
    settings.patience.tries = 2;
    open(settings, &format!("{host}/app"), Intent::Write)
}

/// Sends a head, then a byte now and then, for ever.
async fn trickle(mut stream: TcpStream, head: &'static str) {
    if stream.write_all(head.as_bytes()).await.is_err() {
        return;
    }
    while stream.write_all(b" ").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_byte_now_and_then_is_not_waited_for() {
    let layer = Descriptor::of(MediaType::OciLayerGzip, &random_bytes(1, 100_000));
    let body = wire(|stream| trickle(stream, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")).await;
    let refusal = wire(|stream| trickle(stream, "HTTP/1.1 400 Bad Request\r\nContent-Length: 100000\r\n\r\n")).await;
    let head = wire(|stream| trickle(stream, "HTTP/1.1 200 OK\r\nX: ")).await;
    let start = Instant::now();
    let too_slow = format!("{body} is too slow: expected 1000 bytes in 0 s, got fewer");
    assert_eq!(impatient(&body).manifest(&tag("v1")).await.unwrap_err().to_string(), too_slow);
    let read = impatient(&body).blob(&layer).await.unwrap().read_all(u64::MAX).await;
    assert_eq!(read.unwrap_err().to_string(), too_slow);
    assert!(impatient(&refusal).manifest(&tag("v1")).await.unwrap_err().to_string().ends_with("was answered 400"));
    let error = impatient(&head).manifest(&tag("v1")).await.unwrap_err();
    assert!(error.to_string().contains("stopped answering"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

/// An upload of which hardly a byte is taken.
#[tokio::test]
async fn a_registry_that_hardly_reads_is_not_waited_for() {
    let bytes = random_bytes(1, 12_000_000);
    let blob = Descriptor::of(MediaType::OciLayerGzip, &bytes);
    let mut image = Image::new("linux/amd64").build();
    image.layers = vec![(blob.clone(), bytes)];
    let memory = in_memory(&[&image], &[]).await;
    let slow = wire(|mut stream| async move {
        while stream.read_u8().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let location = format!("http://{slow}/up");
    let fake = Fake::start(move |seen, _| match seen.line.split(' ').next() {
        Some("POST") => answer(202, &[("location", &location)], ""),
        _ => answer(404, &[], ""),
    })
    .await;
    let start = Instant::now();
    let error = impatient(&fake.host()).put_blob(&blob, &memory).await.unwrap_err();
    assert!(error.to_string().starts_with(&slow), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// How much of a "manifest" without end was taken from whoever sends it.
static TAKEN: AtomicU64 = AtomicU64::new(0);

#[tokio::test]
async fn a_manifest_of_five_gigabytes_is_not_read() {
    let announced = wire(|mut stream| async move {
        // Whoever reads on is answered by silence.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n{").await;
        let _ = stream.read_u8().await;
    })
    .await;
    let error = impatient(&announced).manifest(&tag("v1")).await.unwrap_err();
    assert!(error.to_string().ends_with("is too long: expected at most 4194304 bytes"), "{error}");

    let endless = wire(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
        while stream.write_all(chunk.as_bytes()).await.is_ok() {
            TAKEN.fetch_add(0x10000, Ordering::SeqCst);
        }
    })
    .await;
    let error = impatient(&endless).manifest(&tag("v1")).await.unwrap_err();
    assert!(error.to_string().ends_with("is too long: expected at most 4194304 bytes"), "{error}");
    // What lies in the buffers of two sockets comes on top.
    assert!(TAKEN.load(Ordering::SeqCst) < 32 << 20, "{}", TAKEN.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_redirect_that_brings_credentials_is_not_followed() {
    let (image, inner) = (Image::new("linux/amd64").build(), Fake::start(|_, _| answer(200, &[], "")).await);
    for address in
        [format!("http://root:hidden@{}/", inner.host()), format!("http://root@{}/", inner.host()), "file:///etc/passwd".to_owned()]
    {
        let target = address.clone();
        let fake = Fake::start(move |_, _| answer(307, &[("location", &target)], "")).await;
        let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Read);
        let error = place.blob(&image.layers[0].0).await.err().unwrap();
        assert!(error.to_string().contains("which is not followed"), "{error}");
        assert!(!whole(&error).contains("hidden"), "{}", whole(&error));
    }
    assert!(inner.seen().is_empty());
}

/// What a token server answers.
type Token = Box<dyn Fn() -> axum::http::Response<axum::body::Body> + Send + Sync>;

/// A token server may send us elsewhere, and garbage; the password goes nowhere but to it.
#[tokio::test]
async fn a_token_server_that_sends_us_elsewhere_or_talks_nonsense() {
    let thief = Fake::start(|_, _| answer(200, &[], r#"{"token":"stolen"}"#)).await;
    let elsewhere = format!("http://{}/token", thief.host());
    let huge = " ".repeat(5 << 20);
    let answers: Vec<(&str, Token)> = vec![
        ("denied", Box::new(move || answer(307, &[("location", &elsewhere)], ""))),
        ("answered without a token", Box::new(|| answer(200, &[], "<html>hello</html>"))),
        ("answered without a token", Box::new(|| answer(200, &[], "\u{0}\u{1}{\"token\":7}"))),
        ("answered without a token", Box::new(|| answer(200, &[], r#"{"token":"","access_token":""}"#))),
        ("is too long", Box::new(move || answer(200, &[], huge.clone()))),
        ("which is not followed", Box::new(|| answer(302, &[("location", "file:///etc/passwd")], ""))),
        // No header can hold it, so nobody is told who we are.
        ("denied", Box::new(|| answer(200, &[], r#"{"token":"a\r\nX: b"}"#))),
    ];
    for (expected, token) in answers {
        let fake = Fake::start(move |seen, _| match seen.line.contains("/token") {
            true => token(),
            false if seen.header("x").is_some() => answer(500, &[], ""),
            false => answer(401, &[("www-authenticate", r#"Bearer realm="/token""#)], ""),
        })
        .await;
        let config = docker_config(&fake.host(), "ann", "secret");
        let (mut settings, told) = settings();
        settings.docker_config = Some(config.path().to_owned());
        let error = open(settings, &format!("{}/app", fake.host()), Intent::Read).resolve(&tag("v1")).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(!told.everything().contains("secret") && !whole(&error).contains("YW5uOnNlY3JldA"), "{}", whole(&error));
    }
    assert!(thief.seen().iter().all(|seen| seen.header("authorization").is_none()), "{:?}", thief.seen());
}

/// containerd asked the host of a foreign layer's `urls` for it, and showed it the registry's password.
#[tokio::test]
async fn cve_2020_15157_the_host_of_a_foreign_layer_gets_nothing() {
    let thief = Fake::start(|_, _| answer(401, &[("www-authenticate", "Basic realm=\"r\"")], "")).await;
    let url = format!("http://{}/layer", thief.host());
    let image = Image::new("windows/amd64")
        .manifest(move |tree| {
            tree["layers"][0]["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip".into();
            tree["layers"][0]["urls"] = serde_json::json!([url]);
        })
        .build();
    let (manifest, config) = (image.manifest.clone(), image.config.clone());
    let fake = Fake::start(move |seen, _| match (seen.header("authorization"), seen.line.contains("/manifests/")) {
        (None, _) => answer(401, &[("www-authenticate", "Basic realm=\"r\"")], ""),
        (_, true) => manifest_answer(&manifest),
        (_, false) if seen.line.ends_with(config.0.digest.hex()) => answer(200, &[], config.1.clone()),
        (_, false) => answer(404, &[], ""),
    })
    .await;
    let folder = docker_config(&fake.host(), "ann", "secret");
    let (mut settings, _) = settings();
    settings.docker_config = Some(folder.path().to_owned());
    let place = open(settings, &format!("{}/app", fake.host()), Intent::Read);
    let root = place.manifest(&tag("v1")).await.unwrap();
    let _ = copy(&*place, &Memory::new(), &root, Limits::default(), &Events::none()).await;
    assert!(thief.seen().is_empty(), "{:?}", thief.lines());
}

/// One document, two readers, two images: an index to one, a manifest to the other.
#[tokio::test]
async fn cve_2021_41190_a_manifest_that_is_an_index_as_well() {
    let image = Image::new("linux/amd64").build();
    let mut tree = image.manifest.tree();
    tree["manifests"] = serde_json::json!([image.manifest.descriptor()]);
    let bytes = Bytes::from(tree.to_string());
    for kind in [MediaType::OciManifest, MediaType::OciIndex] {
        let body = bytes.clone();
        let fake = Fake::start(move |_, _| answer(200, &[("content-type", kind.as_str())], body.clone())).await;
        let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Read);
        let error = place.manifest(&tag("v1")).await.unwrap_err();
        assert!(matches!(error, Error::Document { .. }), "{error:?}");
    }
    assert!(RawManifest::parse(bytes, None).is_err());
}

#[test]
fn a_repository_never_leads_out_of_its_registry() {
    for name in [
        "reg.example/../app",
        "reg.example/app/..",
        "reg.example/a/../../v2/b",
        "reg.example/.",
        "reg.example/a//b",
        "reg.example/a%2f..%2fb",
    ] {
        assert!(name.parse::<Reference>().is_err(), "{name}");
    }
}
