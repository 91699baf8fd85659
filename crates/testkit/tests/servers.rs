//! The servers of this room do what tests rely on.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use testkit::proxy::Latency;
use testkit::registry::{DebianRegistry, RegistryOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Sends one request on a connection of its own and returns the answer's head and body.
async fn call(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let head = head.replace('\n', "\r\n");
    stream.write_all(format!("{head}\r\nHost: {address}\r\nConnection: close\r\n\r\n{body}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("no HTTP")
}

#[tokio::test]
async fn the_registry_answers_and_keeps_a_log() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    assert_eq!(registry.requests(), Vec::<String>::new());
    assert_eq!(status(&call(registry.address(), "GET /v2/ HTTP/1.1").await), "200");
    assert_eq!(status(&call(registry.address(), "GET /v2/app/manifests/v1 HTTP/1.1").await), "404");
    assert_eq!(registry.requests(), ["GET /v2/ 200", "GET /v2/app/manifests/v1 404"]);
    registry.clear_log();
    assert_eq!(registry.requests(), Vec::<String>::new());
    let address = registry.address();
    drop(registry);
    assert!(TcpStream::connect(address).await.is_err(), "the registry outlives its handle");
}

#[tokio::test]
async fn the_registry_asks_for_its_password() {
    let options = RegistryOptions { credentials: Some(("ann".to_owned(), "secret".to_owned())), ..RegistryOptions::default() };
    let Some(registry) = DebianRegistry::start(&options) else { return };
    let refused = call(registry.address(), "GET /v2/ HTTP/1.1").await;
    assert_eq!(status(&refused), "401");
    assert!(refused.to_lowercase().contains("www-authenticate: basic"), "{refused}");
    // "ann:secret"
    assert_eq!(status(&call(registry.address(), "GET /v2/ HTTP/1.1\nAuthorization: Basic YW5uOnNlY3JldA==").await), "200");
}

/// An echo server that ends with the test.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.into_split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn latency_adds_up_per_round_trip_and_not_per_byte() {
    let proxy = Latency::start(echo().await, Duration::from_millis(100)).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    let began = Instant::now();
    let mut back = [0; 4];
    for _ in 0..3 {
        stream.write_all(b"ping").await.unwrap();
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"ping");
    }
    let three = began.elapsed();
    assert!(three >= Duration::from_millis(300), "three round trips of 100 ms took {three:?}");
    // 4 MiB are 64 pieces: one after the other they would take 6.4 s.
    let began = Instant::now();
    let bytes = testkit::fixtures::random_bytes(1, 4 * 1024 * 1024);
    let mut whole = vec![0; bytes.len()];
    let (mut reader, mut writer) = stream.split();
    let (written, read) = tokio::join!(writer.write_all(&bytes), reader.read_exact(&mut whole));
    written.unwrap();
    read.unwrap();
    assert!(whole == bytes, "the proxy changed the bytes");
    assert!(began.elapsed() < Duration::from_secs(3), "4 MiB took {:?}", began.elapsed());
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn the_registry_speaks_tls() {
    let Some(openssl) = testkit::binary("openssl") else { return testkit::skip("openssl is not installed") };
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let mut command = std::process::Command::new(openssl);
    command.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=localhost",
    ]);
    let made = command.arg("-out").arg(&certificate).arg("-keyout").arg(&key).output().unwrap();
    assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
    let options = RegistryOptions { tls: Some((certificate, key)), ..RegistryOptions::default() };
    let Some(registry) = DebianRegistry::start(&options) else { return };
    let plain = call(registry.address(), "GET /v2/ HTTP/1.1").await;
    assert!(plain.contains("HTTP request to an HTTPS server"), "{plain}");
    assert_eq!(registry.requests(), Vec::<String>::new());
}
