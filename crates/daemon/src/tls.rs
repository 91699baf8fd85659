//! Whom an engine's client trusts, and who it says it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::Cause;
use crate::{DaemonError, Endpoint};

/// Makes the TLS configuration for an endpoint. For one without TLS it trusts nobody: the HTTP
/// client wants some, and would look for the system's authorities and fail where there are none.
pub(crate) fn configuration(endpoint: &Endpoint) -> Result<ClientConfig, DaemonError> {
    let Endpoint::Tls { certificates, .. } = endpoint else {
        return Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    let authorities = certificates.join("ca.pem");
    for authority in read(&authorities)? {
        roots.add(authority).map_err(|error| unusable(&authorities, &error))?;
    }
    let trusting = builder()?.with_root_certificates(roots);
    let (chain, key) = (certificates.join("cert.pem"), certificates.join("key.pem"));
    if !chain.exists() && !key.exists() {
        return Ok(trusting.with_no_client_auth());
    }
    let secret = PrivateKeyDer::from_pem_file(&key).map_err(|error| unusable(&key, &error))?;
    trusting.with_client_auth_cert(read(&chain)?, secret).map_err(|error| unusable(&chain, &error))
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, DaemonError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    versions.map_err(|error| DaemonError::Certificate { path: PathBuf::new(), problem: Cause::new(error) })
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, DaemonError> {
    let found =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(|error| unusable(path, &error))?;
    if found.is_empty() { Err(unusable(path, &"it holds no certificate (PEM)")) } else { Ok(found) }
}

fn unusable(path: &Path, reason: &dyn std::fmt::Display) -> DaemonError {
    DaemonError::Certificate { path: path.to_owned(), problem: Cause::new(reason) }
}
