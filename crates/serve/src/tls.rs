//! TLS: who we say we are, and the first bytes of a connection.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::error::{Cause, TlsError};

/// The first byte of every TLS connection: a record of the handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// What a client hears that speaks HTTP where TLS is spoken, in a language that it understands.
const PLAIN_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 28\r\nConnection: close\r\n\r\n\
This registry speaks HTTPS.\n";

/// How long who spoke HTTP may take to hear that.
const PLAIN_TIME: Duration = Duration::from_secs(1);

/// A certificate with its chain, and its key.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tls")
    }
}

impl Tls {
    /// Reads a certificate, with those of its issuers behind it, and its key, all in PEM. Blocks.
    ///
    /// # Errors
    /// Names the file that cannot be used, a key of another certificate, and a certificate whose time
    /// is over at `now`, or has not begun.
    pub fn read(certificate: &Path, key: &Path, now: SystemTime) -> Result<Self, TlsError> {
        let unusable = |path: &Path, reason: PemError| TlsError::Unusable { path: path.to_owned(), problem: Cause::of(&reason) };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|reason| unusable(certificate, reason))?;
        let own = chain.first().ok_or_else(|| TlsError::NoCertificate { path: certificate.to_owned() })?;
        check_time(certificate, own, now)?;
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|reason| match reason {
            PemError::NoItemsFound => TlsError::NoKey { path: key.to_owned() },
            reason => unusable(key, reason),
        })?;
        let refused = |reason: rustls::Error| match reason {
            rustls::Error::InconsistentKeys(_) => TlsError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() },
            reason => TlsError::Unusable { path: key.to_owned(), problem: Cause::of(&reason) },
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(refused)?
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .map_err(refused)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Agrees with a client on keys; `None` where that fails, which is the client's business. One that
    /// speaks HTTP is told so.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let mut first = [0];
        if stream.peek(&mut first).await.ok()? == 0 {
            return None;
        }
        if first == [HANDSHAKE] {
            return self.0.accept(stream).await.ok();
        }
        if first.iter().all(u8::is_ascii_uppercase) {
            let _ = tokio::time::timeout(PLAIN_TIME, tell_plainly(stream)).await;
        }
        None
    }
}

/// Answers, and hears the request out: a connection that is closed over unread bytes is reset, and the
/// answer lost.
async fn tell_plainly(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(PLAIN_ANSWER).await?;
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// A server with a certificate of yesterday starts well, and no client ever gets through.
fn check_time(path: &Path, certificate: &CertificateDer<'_>, now: SystemTime) -> Result<(), TlsError> {
    let wrong = |problem| TlsError::Unusable { path: path.to_owned(), problem };
    let parsed = ParsedCertificate::try_from(certificate).map_err(|reason| wrong(Cause::of(&reason)))?;
    let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default());
    // Nobody is trusted, so this ends with an unknown issuer; but the time is looked at before that.
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
    match rustls::client::verify_server_cert_signed_by_trust_anchor(&parsed, &RootCertStore::empty(), &[], now, algorithms) {
        Err(rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
            Err(TlsError::Expired { path: path.to_owned() })
        }
        Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. })) => {
            Err(TlsError::NotYet { path: path.to_owned() })
        }
        _ => Ok(()),
    }
}
