//! What came from elsewhere by an address, and what that led to.

use std::collections::BTreeMap;

use dockerfile::{GitAddress, HttpAddress};
use oci::Digest;
use serde_json::{Map, Value, json};

/// Something of which an image was made, that is no image: a file behind a URL, or a commit of a repository. No login is in it, nor
/// what stands behind a `?`, which may be one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Material {
    /// Files come behind repositories, as BuildKit has them.
    kind: Kind,
    uri: String,
    /// The same, with the folder in the repository that is meant.
    place: String,
    algorithm: String,
    digest: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Commit,
    File,
}

impl Material {
    /// Tells of a file, with the digest of its bytes.
    pub fn of_file(address: &HttpAddress, digest: &Digest) -> Self {
        let uri = dockerfile::Address::Http(address.clone()).shown();
        Self { kind: Kind::File, place: uri.clone(), uri, algorithm: digest.algorithm().name().to_owned(), digest: digest.hex().to_owned() }
    }

    /// Tells of a repository, with the name of its commit, in hexadecimal.
    pub fn of_commit(address: &GitAddress, commit: &str) -> Self {
        // The folder is no part of what was fetched.
        let whole = GitAddress { folder: None, ..address.clone() };
        // Git names commits by one of two algorithms, and their names tell by which (git, hash-function-transition).
        let algorithm = if commit.len() == 64 { "sha256" } else { "sha1" };
        let (uri, place) = (whole.shown(), address.shown());
        Self { kind: Kind::Commit, uri, place, algorithm: algorithm.to_owned(), digest: commit.to_owned() }
    }

    /// Writes it as a resource descriptor of SLSA.
    pub(super) fn described(&self) -> Map<String, Value> {
        self.descriptor(&self.uri)
    }

    /// Writes the place in it where paths begin, in the same way.
    pub(super) fn described_place(&self) -> Map<String, Value> {
        self.descriptor(&self.place)
    }

    fn descriptor(&self, uri: &str) -> Map<String, Value> {
        let digest = BTreeMap::from([(&self.algorithm, &self.digest)]);
        Map::from_iter([("uri".to_owned(), json!(uri)), ("digest".to_owned(), json!(digest))])
    }
}

#[cfg(test)]
mod tests {
    use dockerfile::Address;

    use super::*;

    #[test]
    fn neither_a_login_nor_a_query_is_told() {
        let Ok(Some(Address::Http(address))) = Address::parse("https://me:pass@example.com/a.tar?token=t") else { panic!("no URL") };
        let digest = Digest::of(b"");
        let described = Material::of_file(&address, &digest).described();
        assert_eq!(Value::Object(described), json!({"uri": "https://example.com/a.tar", "digest": {"sha256": digest.hex()}}));
    }

    #[test]
    fn a_commit_is_named_by_the_algorithm_of_its_repository() {
        let Ok(Some(Address::Git(address))) = Address::parse("https://t@example.com/a.git#main:sub") else { panic!("no repository") };
        for (length, algorithm) in [(40, "sha1"), (64, "sha256")] {
            let commit = "a".repeat(length);
            let material = Material::of_commit(&address, &commit);
            let expected = |uri: &str| json!({"uri": uri, "digest": {algorithm: commit}});
            assert_eq!(Value::Object(material.described()), expected("https://example.com/a.git#main"));
            assert_eq!(Value::Object(material.described_place()), expected("https://example.com/a.git#main:sub"));
        }
    }
}
