//! TLS with the authorities that are trusted, and with the very certificates that the user named.
//!
//! `openssl req -x509` makes certificates that say they are authorities (`CA:TRUE`), and registries
//! use them as their own. No such certificate is taken for a server's (RFC 5280, section 4.2.1.9, as
//! webpki reads it), while Go's clients, docker among them, take one that is itself in their pool.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::RemoteError;
use crate::error::Cause;

/// Whom TLS trusts.
#[derive(Clone)]
pub(super) struct Trusted {
    /// Who signs for others.
    pub(super) roots: RootCertStore,
    /// What the user named, as it is: in `--ca-file`, and in certs.d.
    pub(super) named: Vec<CertificateDer<'static>>,
}

/// Accepts what an authority signed, and what was named itself.
#[derive(Debug)]
pub(super) struct Named {
    signed: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl Named {
    pub(super) fn new(trusted: Trusted, provider: Arc<CryptoProvider>) -> Result<Self, RemoteError> {
        let Trusted { roots, named } = trusted;
        let signed = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| RemoteError::Client { source: Cause::new(error.to_string()) })?;
        Ok(Self { signed, named })
    }
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        revocation: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.signed.verify_server_cert(certificate, chain, name, revocation, now) {
            // That it is an authority's is one of the errors that rustls has no word for. The time was
            // looked at before, and has one; the name would have been looked at last.
            Err(Error::InvalidCertificate(CertificateError::Other(_))) if self.named.contains(certificate) => {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}
