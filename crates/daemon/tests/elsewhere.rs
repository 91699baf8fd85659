//! Endpoints where no Docker Engine answers, and those that only pretend.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use content::{Events, Source};
use daemon::{DaemonError, Endpoint, Engine, ImageStore};
use fault::Fault;
use oci::{Platform, Selector};
use store::archive::Settings;
use testkit::fixtures::{Image, docker_save_modern};

async fn connect(text: &str) -> Result<Engine, DaemonError> {
    Engine::connect(Endpoint::parse(text, None).unwrap(), Events::none()).await
}

/// Says an error with its causes and its hint.
fn said(error: &DaemonError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text.push_str(&format!(" | {cause}"));
        next = cause.source();
    }
    error.hint().map_or(text.clone(), |hint| format!("{text} | hint: {hint}"))
}

/// Answers every request with what `answer` makes of its first line, and closes the connection.
fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head);
            stream.write_all(&answer(head.lines().next().unwrap_or_default())).ok();
        }
    });
    format!("tcp://{address}")
}

fn http(status: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).as_bytes(), body].concat()
}

const VERSION: &[u8] = br#"{"ApiVersion":"1.51","Version":"28.5.0","Os":"linux","Arch":"arm64","Unknown":{}}"#;

#[tokio::test]
async fn nobody_there() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let text = said(&connect(&format!("unix://{}", socket.display())).await.unwrap_err());
    assert!(text.starts_with(&format!("no Docker Engine answers at unix://{} | ", socket.display())), "{text}");
    assert!(text.contains("No such file or directory") && text.ends_with("hint: start Docker, or set DOCKER_HOST"), "{text}");
    // A socket whose listener is gone, and a port where nobody listens.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let text = said(&connect(&format!("unix://{}", socket.display())).await.unwrap_err());
    assert!(text.contains("Connection refused"), "{text}");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = said(&connect(&format!("tcp://127.0.0.1:{port}")).await.unwrap_err());
    assert!(
        text.starts_with(&format!("no Docker Engine answers at tcp://127.0.0.1:{port}")) && text.contains("Connection refused"),
        "{text}"
    );
}

#[tokio::test]
async fn somebody_else_there() {
    for answer in [
        http("404 Not Found", b"nothing here"),
        http("200 OK", b"<html>"),
        http("200 OK", b"{}"),
        b"220 mail ready\r\n".to_vec(),
        Vec::new(),
    ] {
        let shown = String::from_utf8_lossy(&answer).into_owned();
        let text = said(&connect(&serve(move |_| answer.clone())).await.unwrap_err());
        assert!(
            text.starts_with("expected a Docker Engine at tcp://127.0.0.1:") && text.contains("got something else"),
            "{shown:?}: {text}"
        );
        assert!(text.contains("hint: look at DOCKER_HOST"), "{shown:?}: {text}");
    }
}

/// A socket of something else, which may say anything for ever: bounded time, bounded memory.
#[tokio::test]
async fn a_socket_that_is_not_docker() {
    let folder = tempfile::tempdir().unwrap();
    let body = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(65_536));
    for (number, (head, forever)) in
        [("", "x".repeat(65_536)), ("HTTP/1.1 200 OK\r\n", "a: b\r\n".repeat(10_000)), (body, chunk), ("\0\0\0\u{1}", String::new())]
            .into_iter()
            .enumerate()
    {
        let socket = folder.path().join(format!("{number}.sock"));
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let endless = tokio::task::spawn_blocking(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut sent = stream.write_all(head.as_bytes()).map(|()| head.len()).unwrap_or_default();
            while !forever.is_empty() && stream.write_all(forever.as_bytes()).is_ok() {
                sent += forever.len();
            }
            sent
        });
        let text = said(&connect(&format!("unix://{}", socket.display())).await.unwrap_err());
        assert!(text.starts_with("expected a Docker Engine at unix://") && text.contains("got something else"), "{number}: {text}");
        assert!(text.contains("hint: look at DOCKER_HOST"), "{number}: {text}");
        let sent = endless.await.unwrap();
        assert!(sent < 80 << 20, "{number}: {sent} bytes were read of an answer that is none");
    }
}

#[tokio::test]
async fn an_engine_with_containerds_store_gives_the_content_as_it_is() {
    let image = Image::new("linux/amd64").layer_count(2).build();
    let archive = docker_save_modern(&[(&image, &["app:1"])]);
    let id = format!(r#"{{"Id":"{}"}}"#, image.digest());
    let host = serve(move |line| match line {
        "GET /version HTTP/1.1" => http("200 OK", VERSION),
        "GET /info HTTP/1.1" => http("200 OK", br#"{"DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]}"#),
        "GET /images/app:1/json HTTP/1.1" => http("200 OK", id.as_bytes()),
        "GET /images/app:1/get HTTP/1.1" => http("200 OK", &archive),
        "GET /images/app:2/get HTTP/1.1" | "GET /images/app:2/json HTTP/1.1" => http("200 OK", br#"{"Id":"x"}"#),
        _ => http("500 Internal Server Error", br#"{"message":"no\nmore"}"#),
    });
    let folder = tempfile::tempdir().unwrap();
    let engine = connect(&host).await.unwrap();
    assert_eq!(
        (engine.image_store(), engine.version(), engine.platform().to_string()),
        (ImageStore::Containerd, "28.5.0", "linux/arm64".to_owned())
    );
    let settings = || Settings::new(folder.path(), Platform::new("linux", "amd64", None));
    let place = engine.image("app:1", settings()).unwrap();
    let found = place.manifest(&Selector::Only).await.unwrap();
    // Plain layers and OCI types, as the archive has them: nothing was made anew.
    assert_eq!(found.as_image().unwrap().layers[0].media_type, oci::MediaType::OciLayer);
    assert!(content::Place::abilities(&place).exact);
    let error = engine.image("app:2", settings()).unwrap().manifest(&Selector::Only).await.unwrap_err();
    assert!(error.to_string().starts_with("docker-daemon:app:2 is cut off"), "{error}");
    let error = engine.image("app:3", settings()).unwrap().manifest(&Selector::Only).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the Docker Engine at {host} refused to look at app:3: no more (HTTP 500)"));
}

#[tokio::test]
async fn an_engine_that_stops_in_the_middle_is_named() {
    let host = serve(|line| match line {
        "GET /version HTTP/1.1" => http("200 OK", VERSION),
        "GET /info HTTP/1.1" => http("200 OK", b"{}"),
        "GET /images/app:1/json HTTP/1.1" => http("200 OK", br#"{"Id":"x"}"#),
        _ => b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\nhalf".to_vec(),
    });
    let folder = tempfile::tempdir().unwrap();
    let place = connect(&host).await.unwrap().image("app:1", Settings::new(folder.path(), Platform::new("linux", "amd64", None))).unwrap();
    let error = place.manifest(&Selector::Only).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the Docker Engine at {host} stopped answering while polyarch tried to save app:1"));
}

/// Answers `/version` and `/info` behind TLS to one who shows a certificate of our authority.
async fn serve_tls(folder: &Path) -> u16 {
    let authority = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = parameters.self_signed(&authority).unwrap();
    let issuer = rcgen::Issuer::new(parameters, authority);
    let issue = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        (certificate, key)
    };
    let (client, client_key) = issue("client");
    for (name, pem) in [("ca.pem", root.pem()), ("cert.pem", client.pem()), ("key.pem", client_key.serialize_pem())] {
        std::fs::write(folder.join(name), pem).unwrap();
    }
    let (server, server_key) = issue("localhost");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(server_key.serialize_der()).unwrap();
    let config = config.with_client_cert_verifier(verifier).with_single_cert(vec![server.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = vec![0; 4096];
            let count = tokio::io::AsyncReadExt::read(&mut stream, &mut head).await.unwrap_or_default();
            let body = if head[..count].starts_with(b"GET /version ") { VERSION } else { b"{}" };
            tokio::io::AsyncWriteExt::write_all(&mut stream, &http("200 OK", body)).await.ok();
            tokio::io::AsyncWriteExt::shutdown(&mut stream).await.ok();
        }
    });
    port
}

#[tokio::test]
async fn tls_with_certificates_of_a_folder() {
    let (folder, stranger) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let port = serve_tls(folder.path()).await;
    let text = format!("tcp://localhost:{port}");
    let connect = async |folder: &Path| Engine::connect(Endpoint::parse(&text, Some(folder)).unwrap(), Events::none()).await;
    assert_eq!(connect(folder.path()).await.unwrap().image_store(), ImageStore::Classic);

    serve_tls(stranger.path()).await;
    let error = said(&connect(stranger.path()).await.unwrap_err());
    assert!(error.starts_with(&format!("no Docker Engine answers at tcp://localhost:{port} | invalid peer certificate")), "{error}");
    assert!(error.contains("holds its ca.pem"), "{error}");
    std::fs::remove_file(stranger.path().join("ca.pem")).unwrap();
    let error = said(&connect(stranger.path()).await.unwrap_err());
    assert!(error.starts_with("cannot use ") && error.contains("ca.pem | ") && error.contains("hint: DOCKER_CERT_PATH"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_socket_of_others_tells_of_the_group() {
    use std::os::unix::fs::PermissionsExt;
    // Root may use every socket, so nobody does it for root.
    if testkit::passes_modes() {
        return as_nobody("a_socket_of_others_tells_of_the_group");
    }
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o000)).unwrap();
    let text = said(&connect(&format!("unix://{}", socket.display())).await.unwrap_err());
    assert!(text.contains("may not be used by this user") && text.contains("group docker"), "{text}");
}

/// Runs one test of this binary as a user without rights, from where that user can read it.
#[cfg(unix)]
fn as_nobody(test: &str) {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65534;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("test");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let output = std::process::Command::new(&copy).args(["--exact", test]).gid(NOBODY).uid(NOBODY).current_dir("/").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
