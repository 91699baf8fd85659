//! A certificate authority of a test's own, and a user with a password.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// A password file with one user: `htpasswd -nbB -C 4 me correct-horse`.
pub const USERS: &str = "me:$2y$04$MVrBXQXSSabRkJV2hz5A6uYbd.s3UGtIzElklV5DHf0MT6yN/Ib1q\n";

/// Writes an authority's certificate (`ca.crt`), and one of it for this machine (`server.pem` with
/// `server.key`), to a folder.
pub fn certify(folder: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // OpenSSL takes a certificate whose issuer has its own name for one that signed itself.
    authority.distinguished_name.push(DnType::CommonName, "authority of a test");
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(folder.join("ca.crt"), issuer.pem()).unwrap();
    fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}
