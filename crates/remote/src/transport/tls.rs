//! Whom TLS trusts: the system's authorities, `--ca-file`, and certs.d.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::named::{Named, Trusted};
use super::unverified::Unverified;
use crate::error::Cause;
use crate::{RemoteError, Settings};

/// Whether a host's certificate is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Verify {
    Yes,
    No,
}

/// Reads the authorities that every host may use: the system's, or Mozilla's where the system has
/// none (an empty container), and those of `--ca-file`.
pub(super) fn shared_trust(settings: &Settings) -> Result<Trusted, RemoteError> {
    let mut roots = RootCertStore::empty();
    // One unreadable file among the system's must not stop everything; a missing authority shows
    // itself by name when a host needs it.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let mut trusted = Trusted { roots, named: Vec::new() };
    for path in &settings.ca_files {
        add_file(&mut trusted, path)?;
    }
    Ok(trusted)
}

/// Makes the TLS configuration for one host, by all its `names`, with what certs.d holds for it.
pub(super) fn configuration(settings: &Settings, trusted: &Trusted, names: &[&str], verify: Verify) -> Result<ClientConfig, RemoteError> {
    let mut trusted = trusted.clone();
    let mut identity = None;
    // A redirect may lead to any host; one called `..` must not lead out of certs.d.
    let names = names.iter().filter(|name| !name.starts_with('.'));
    let folders = settings.certs_dirs.iter().flat_map(|folder| names.clone().map(move |name| folder.join(name)));
    for folder in folders {
        for path in files(settings, &folder) {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => add_file(&mut trusted, &path)?,
                Some("cert") if identity.is_none() => identity = Some(read_identity(&path)?),
                _ => {}
            }
        }
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::<CryptoProvider>::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| RemoteError::Client { source: Cause::new(error.to_string()) })?;
    let builder = builder.dangerous();
    let builder = match verify {
        Verify::Yes => builder.with_custom_certificate_verifier(Arc::new(Named::new(trusted, provider)?)),
        Verify::No => builder.with_custom_certificate_verifier(Arc::new(Unverified(provider))),
    };
    let mut configuration = match identity {
        Some(Identity { path, chain, key }) => {
            builder.with_client_auth_cert(chain, key).map_err(|error| unusable(&path, error.to_string()))?
        }
        None => builder.with_no_client_auth(),
    };
    configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(configuration)
}

struct Identity {
    path: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Reads `NAME.cert` and `NAME.key` (docs.docker.com, "Verify repository client with certificates").
fn read_identity(path: &Path) -> Result<Identity, RemoteError> {
    let key_path = path.with_extension("key");
    let key = PrivateKeyDer::from_pem_file(&key_path).map_err(|error| unusable(&key_path, error.to_string()))?;
    Ok(Identity { path: path.to_owned(), chain: certificates(path)?, key })
}

fn add_file(trusted: &mut Trusted, path: &Path) -> Result<(), RemoteError> {
    for certificate in certificates(path)? {
        trusted.roots.add(certificate.clone()).map_err(|error| unusable(path, error.to_string()))?;
        trusted.named.push(certificate);
    }
    Ok(())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, RemoteError> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(path, error.to_string()))?;
    if found.is_empty() { Err(unusable(path, "it holds no certificate (PEM)".to_owned())) } else { Ok(found) }
}

/// Lists a folder of certs.d, sorted. Most hosts have none; one that may not be read is Docker's own.
fn files(settings: &Settings, folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = match std::fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) => {
            if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
                settings.events.warn(format!("{} was left out: {error}", folder.display()));
            }
            Vec::new()
        }
    };
    files.sort();
    files
}

fn unusable(path: &Path, reason: String) -> RemoteError {
    RemoteError::File { path: path.to_owned(), source: Cause::new(reason) }
}
