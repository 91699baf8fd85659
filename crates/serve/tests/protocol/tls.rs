//! TLS: what it takes to speak it, and what who does not speak it hears.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use content::Memory;
use fault::{Fault, Kind};
use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serve::{Options, Tls, TlsError};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::client::{Answer, Running, finish, start_as};

/// 2026-06-15.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_781_481_600)
}

struct Pair {
    folder: TempDir,
    certificate: CertificateDer<'static>,
}

impl Pair {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (parameters.not_before, parameters.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1));
        let signing_key = KeyPair::generate().unwrap();
        let cert = parameters.self_signed(&signing_key).unwrap();
        let CertifiedKey { cert, signing_key } = CertifiedKey { cert, signing_key };
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cert.pem"), cert.pem()).unwrap();
        fs::write(folder.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
        Self { folder, certificate: cert.der().clone() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, now: SystemTime) -> Result<Tls, TlsError> {
        Tls::read(&self.path("cert.pem"), &self.path("key.pem"), now)
    }

    fn start(&self) -> Running {
        start_as(Memory::new(), Options { tls: Some(self.read(now()).unwrap()), ..Options::default() })
    }
}

#[tokio::test]
async fn https_is_spoken_where_there_is_a_certificate() {
    let pair = Pair::new();
    let server = pair.start();
    // The name and the issuer are what is looked at here; the time is the machine's own.
    let mut roots = RootCertStore::empty();
    roots.add(pair.certificate.clone()).unwrap();
    let builder =
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider())).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.time_provider = Arc::new(At(now()));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(server.address).await.unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(Answer::parse(&bytes).status, 200);
}

#[derive(Debug)]
struct At(SystemTime);

impl rustls::time_provider::TimeProvider for At {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        Some(rustls::pki_types::UnixTime::since_unix_epoch(self.0.duration_since(SystemTime::UNIX_EPOCH).unwrap()))
    }
}

#[tokio::test]
async fn who_speaks_http_is_told_and_who_says_nothing_holds_nobody_up() {
    let server = Pair::new().start();
    let answer = finish(server.begin("GET", "/v2/", &[]).await).await;
    assert_eq!((answer.status, answer.is_whole()), (400, true));
    assert!(String::from_utf8_lossy(&answer.body).contains("HTTPS"), "{answer:?}");
    let mut noise = TcpStream::connect(server.address).await.unwrap();
    noise.write_all(&[0, 1, 2, 3]).await.unwrap();
    assert!(matches!(noise.read(&mut [0; 64]).await, Ok(0) | Err(_)));
    let silent = TcpStream::connect(server.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), server.task).await.expect("the silent one held up the stop").unwrap().unwrap();
    drop(silent);
}

fn told(result: Result<Tls, TlsError>) -> String {
    let error = result.expect_err("it was taken");
    assert_eq!(error.kind(), Kind::Usage);
    error.to_string()
}

#[test]
fn what_cannot_work_is_refused_before_anybody_connects() {
    let (pair, other) = (Pair::new(), Pair::new());
    let (certificate, key) = (pair.path("cert.pem"), pair.path("key.pem"));
    assert!(pair.read(now()).is_ok());
    let year = Duration::from_secs(366 * 24 * 60 * 60);
    assert!(told(pair.read(now() + year)).ends_with("cert.pem has expired"));
    assert!(told(pair.read(now() - year)).ends_with("cert.pem is not valid yet"));
    let mixed = told(Tls::read(&certificate, &other.path("key.pem"), now()));
    assert!(mixed.ends_with(&format!("is not the key of {}", certificate.display())), "{mixed}");
    assert!(told(Tls::read(&key, &key, now())).contains("holds no certificate"));
    assert!(told(Tls::read(&certificate, &certificate, now())).contains("holds no key"));
    assert!(told(Tls::read(Path::new("/no/such/file"), &key, now())).contains("/no/such/file cannot be used for TLS"));
    let broken = pair.path("broken.pem");
    fs::write(&broken, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n").unwrap();
    let error = Tls::read(&certificate, &broken, now()).expect_err("it was taken");
    assert!(error.to_string().contains("broken.pem cannot be used for TLS"), "{error}");
    assert!(!format!("{error:?}").contains("c2VjcmV0"), "the key came out: {error:?}");
}
