//! Descriptors: what points from one piece of content to another (image-spec 1.1, descriptor.md).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Annotations, Digest, MediaType, Platform};

/// Points at content: what it is, its digest and its size in bytes. Unknown fields are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    pub media_type: MediaType,
    /// The digest of the content's exact bytes.
    pub digest: Digest,
    /// The content's length in bytes.
    pub size: u64,
    /// Where else the content can be fetched (foreign layers).
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::nullable")]
    pub urls: Vec<String>,
    /// Free text beside the content.
    #[serde(default, skip_serializing_if = "Annotations::is_empty", deserialize_with = "crate::nullable")]
    pub annotations: Annotations,
    /// What machine it is for; only in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The kind of artifact, when the content is the manifest of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Everything else that stood there, `data` included.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Descriptor {
    /// Describes bytes in memory.
    pub fn of(media_type: MediaType, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// Makes a descriptor without platform and annotations.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            urls: Vec::new(),
            annotations: Annotations::new(),
            platform: None,
            artifact_type: None,
            extra: Map::new(),
        }
    }

    /// Returns the same pointer with a platform.
    #[must_use]
    pub fn with_platform(mut self, platform: Platform) -> Self {
        self.platform = Some(platform);
        self
    }

    /// Returns the digest of the image that this entry attests, when it is an attestation
    /// (BuildKit, docs/attestations/attestation-storage.md).
    pub fn attests(&self) -> Option<Digest> {
        let kind = self.annotations.get(annotation::REFERENCE_TYPE)?;
        if kind != annotation::ATTESTATION_MANIFEST {
            return None;
        }
        self.annotations.get(annotation::REFERENCE_DIGEST)?.parse().ok()
    }

    /// Tells whether BuildKit marked this entry as an attestation, even one that names no image.
    pub fn is_attestation(&self) -> bool {
        self.annotations.get(annotation::REFERENCE_TYPE).is_some_and(|kind| kind == annotation::ATTESTATION_MANIFEST)
    }
}

/// Keys of annotations that mean something to polyarch.
pub mod annotation {
    /// The name of an entry in an OCI layout (image-spec, annotations.md).
    pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
    /// The full name under which containerd and Docker keep an entry.
    pub const CONTAINERD_NAME: &str = "io.containerd.image.name";
    /// When the image was made, RFC 3339.
    pub const CREATED: &str = "org.opencontainers.image.created";
    /// What an index entry is, in BuildKit's words.
    pub const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
    /// The image an attestation belongs to.
    pub const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";
    /// The value of [`REFERENCE_TYPE`] for attestations.
    pub const ATTESTATION_MANIFEST: &str = "attestation-manifest";
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn null_is_nothing() {
        let text = format!(
            r#"{{"mediaType":"a/b","digest":"{}","size":0,"urls":null,"annotations":null,"platform":null,"artifactType":null}}"#,
            Digest::of(b"")
        );
        let descriptor: Descriptor = serde_json::from_str(&text).unwrap();
        assert_eq!(descriptor, Descriptor::new(MediaType::from("a/b"), Digest::of(b""), 0));
    }
}
