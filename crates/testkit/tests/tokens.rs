//! The Bearer guard refuses, grants, forwards and forgets as tests of the registry client rely on.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::time::Duration;

use testkit::registry::{DebianRegistry, RegistryOptions};
use testkit::tokens::{Challenge, TokenOptions, TokenServer, User};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends one request and returns the whole answer.
async fn call(address: SocketAddr, first: &str, headers: &[&str], body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let request = format!("{first} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("no HTTP")
}

fn token(answer: &str) -> String {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    format!("Authorization: Bearer {}", body["token"].as_str().unwrap())
}

/// Answers every request with its own head, as text.
async fn mirror() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut seen = vec![0; 4096];
                let length = stream.read(&mut seen).await.unwrap();
                seen.truncate(length);
                stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes()).await.unwrap();
                stream.write_all(&seen).await.unwrap();
            });
        }
    });
    address
}

#[tokio::test]
async fn asks_for_the_scope_a_request_needs() {
    let server = TokenServer::start(mirror().await, TokenOptions::default()).await;
    let address = server.address();
    let realm = format!(r#"Bearer realm="http://{address}/token",service="testkit""#);
    for (request, scope) in [
        ("GET /v2/", ""),
        ("GET /v2/a/b/manifests/v1", r#",scope="repository:a/b:pull""#),
        ("HEAD /v2/blobs/blobs/sha256:12", r#",scope="repository:blobs:pull""#),
        ("PUT /v2/a/manifests/tags", r#",scope="repository:a:pull,push""#),
        ("POST /v2/a/blobs/uploads/?mount=sha256:12&from=base%2Fb", r#",scope="repository:a:pull,push repository:base/b:pull""#),
        ("DELETE /v2/a/manifests/v1", r#",scope="repository:a:delete""#),
        ("GET /v2/_catalog", r#",scope="registry:catalog:*""#),
    ] {
        let answer = call(address, request, &[], "").await;
        assert_eq!(status(&answer), "401", "{request}");
        assert!(answer.contains(&format!("Www-Authenticate: {realm}{scope}\r\n")), "{request}: {answer}");
    }
    assert_eq!(server.requests()[0], "GET /v2/ 401");
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_token_is_good_for_its_scope_only() {
    let server = TokenServer::start(mirror().await, TokenOptions::default()).await;
    let address = server.address();
    let bearer =
        token(&call(address, "GET /token?service=testkit&scope=repository%3Aa%3Apull&scope=repository:b:pull,push", &[], "").await);
    assert_eq!(server.asked(), ["repository:a:pull repository:b:pull,push"]);
    let passed = call(address, "GET /v2/a/manifests/v1", &[&bearer], "").await;
    assert_eq!(status(&passed), "200");
    assert!(!passed.contains("Bearer"), "the token went on to the registry: {passed}");
    assert!(call(address, "PUT /v2/a/manifests/v1", &[&bearer], "{}").await.contains(r#"error="insufficient_scope""#));
    let passed = call(address, "PUT /v2/b/manifests/v1", &[&bearer], "{\"body\":1}").await;
    assert!(passed.ends_with("{\"body\":1}"), "{passed}");
    assert!(call(address, "GET /v2/a/manifests/v1", &["Authorization: Bearer made-up"], "").await.contains(r#"error="invalid_token""#));
    server.revoke();
    assert_eq!(status(&call(address, "GET /v2/a/manifests/v1", &[&bearer], "").await), "401");
}

#[tokio::test]
async fn credentials_decide_what_is_granted() {
    let reader =
        User { name: "ann".to_owned(), password: "secret".to_owned(), identity_token: Some("identity".to_owned()), actions: vec!["pull"] };
    let options = TokenOptions {
        users: vec![reader],
        anonymous: Vec::new(),
        challenge: Challenge::Placeholder("repository:user/image:pull".to_owned()),
        ..TokenOptions::default()
    };
    let server = TokenServer::start(mirror().await, options).await;
    let address = server.address();
    let scope = "scope=repository:a:pull,push";
    let (pull, push) = ("GET /v2/a/manifests/v1", "PUT /v2/a/manifests/v1");
    let ask = format!("GET /token?{scope}");
    let anonymous = token(&call(address, &ask, &[], "").await);
    let refused = call(address, pull, &[&anonymous], "").await;
    assert!(refused.contains(r#"scope="repository:user/image:pull""#), "{refused}");
    assert_eq!(status(&call(address, &ask, &["Authorization: Basic d3Jvbmc6d3Jvbmc="], "").await), "401");
    let basic = call(address, &ask, &["Authorization: Basic YW5uOnNlY3JldA=="], "").await;
    let refresh = call(address, "POST /token", &[], &format!("grant_type=refresh_token&refresh_token=identity&{scope}")).await;
    let password = call(address, "POST /token", &[], &format!("grant_type=password&username=ann&password=secret&{scope}")).await;
    for granted in [basic, refresh, password] {
        assert_eq!(status(&call(address, pull, &[&token(&granted)], "").await), "200");
        assert_eq!(status(&call(address, push, &[&token(&granted)], "").await), "401");
    }
    assert_eq!(status(&call(address, "POST /token", &[], "grant_type=refresh_token&refresh_token=other").await), "401");
    assert_eq!(server.asked().len(), 6);
}

#[tokio::test]
async fn tokens_end_by_use_and_by_time() {
    let options = TokenOptions { uses: Some(1), expires_in: None, ..TokenOptions::default() };
    let server = TokenServer::start(mirror().await, options).await;
    let given = call(server.address(), "GET /token?scope=repository:a:pull", &[], "").await;
    assert!(!given.contains("expires_in"), "{given}");
    let request = "GET /v2/a/manifests/v1";
    assert_eq!(status(&call(server.address(), request, &[&token(&given)], "").await), "200");
    assert_eq!(status(&call(server.address(), request, &[&token(&given)], "").await), "401");

    let options = TokenOptions { lifetime: Duration::from_millis(1), expires_in: Some(900), ..TokenOptions::default() };
    let server = TokenServer::start(mirror().await, options).await;
    let given = call(server.address(), "GET /token?scope=repository:a:pull", &[], "").await;
    assert!(given.contains(r#""expires_in":900"#), "{given}");
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(status(&call(server.address(), request, &[&token(&given)], "").await), "401");
}

#[tokio::test]
async fn a_real_registry_works_behind_it() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let server = TokenServer::start(registry.address(), TokenOptions::default()).await;
    let bearer = token(&call(server.address(), "GET /token?scope=repository:a:pull,push", &[], "").await);
    let started = call(server.address(), "POST /v2/a/blobs/uploads/", &[&bearer], "").await;
    let location =
        started.lines().find_map(|line| line.to_lowercase().starts_with("location: ").then(|| line[10..].trim().to_owned())).unwrap();
    let path =
        location.strip_prefix(&format!("http://{}", server.host())).unwrap_or_else(|| panic!("the upload leaves the guard: {location}"));
    // Chunked, as docker pushes: two chunks and a connection that is used again.
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!("PATCH {path} HTTP/1.1\r\nHost: {}\r\n{bearer}\r\nTransfer-Encoding: chunked\r\n\r\n", server.host());
    stream.write_all(format!("{head}3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n").as_bytes()).await.unwrap();
    let mut seen = vec![0; 4096];
    let length = stream.read(&mut seen).await.unwrap();
    assert_eq!(status(&String::from_utf8_lossy(&seen[..length])), "202");
    stream.write_all(format!("GET /v2/a/tags/list HTTP/1.1\r\nHost: {}\r\n{bearer}\r\n\r\n", server.host()).as_bytes()).await.unwrap();
    let length = stream.read(&mut seen).await.unwrap();
    assert_eq!(status(&String::from_utf8_lossy(&seen[..length])), "404");
}
