//! Media types of OCI (image-spec 1.1, media-types.md) and Docker (distribution, manifest v2 schema 2).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A media type; one that polyarch does not know is kept as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum MediaType {
    /// `application/vnd.oci.image.index.v1+json`
    OciIndex,
    /// `application/vnd.oci.image.manifest.v1+json`
    OciManifest,
    /// `application/vnd.oci.image.config.v1+json`
    OciConfig,
    /// `application/vnd.oci.image.layer.v1.tar`
    OciLayer,
    /// `application/vnd.oci.image.layer.v1.tar+gzip`
    OciLayerGzip,
    /// `application/vnd.oci.image.layer.v1.tar+zstd`
    OciLayerZstd,
    /// `application/vnd.oci.empty.v1+json`
    OciEmpty,
    /// `application/vnd.docker.distribution.manifest.list.v2+json`
    DockerList,
    /// `application/vnd.docker.distribution.manifest.v2+json`
    DockerManifest,
    /// `application/vnd.docker.container.image.v1+json`
    DockerConfig,
    /// `application/vnd.docker.image.rootfs.diff.tar`
    DockerLayer,
    /// `application/vnd.docker.image.rootfs.diff.tar.gzip`
    DockerLayerGzip,
    /// `application/vnd.docker.image.rootfs.foreign.diff.tar.gzip`
    DockerForeignLayer,
    /// Any other.
    Other(String),
}

/// Which family a document belongs to. An index must not mix them: Quay refuses an OCI index
/// with Docker children (openshift/oc-mirror#253).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// OCI image-spec.
    Oci,
    /// Docker's manifest version 2, schema 2.
    Docker,
}

impl fmt::Display for Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Oci => "OCI",
            Self::Docker => "Docker",
        })
    }
}

impl MediaType {
    /// Every known type beside its text: the one table for both directions.
    const TABLE: [(Self, &'static str); 13] = [
        (Self::OciIndex, "application/vnd.oci.image.index.v1+json"),
        (Self::OciManifest, "application/vnd.oci.image.manifest.v1+json"),
        (Self::OciConfig, "application/vnd.oci.image.config.v1+json"),
        (Self::OciLayer, "application/vnd.oci.image.layer.v1.tar"),
        (Self::OciLayerGzip, "application/vnd.oci.image.layer.v1.tar+gzip"),
        (Self::OciLayerZstd, "application/vnd.oci.image.layer.v1.tar+zstd"),
        (Self::OciEmpty, "application/vnd.oci.empty.v1+json"),
        (Self::DockerList, "application/vnd.docker.distribution.manifest.list.v2+json"),
        (Self::DockerManifest, "application/vnd.docker.distribution.manifest.v2+json"),
        (Self::DockerConfig, "application/vnd.docker.container.image.v1+json"),
        (Self::DockerLayer, "application/vnd.docker.image.rootfs.diff.tar"),
        (Self::DockerLayerGzip, "application/vnd.docker.image.rootfs.diff.tar.gzip"),
        (Self::DockerForeignLayer, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
    ];

    /// The types that a GET or HEAD of a manifest must accept. Without all of them a registry may
    /// convert the document and answer with another digest (distribution/distribution#1755).
    pub const MANIFESTS: [Self; 4] = [Self::OciIndex, Self::OciManifest, Self::DockerList, Self::DockerManifest];

    /// Returns the type as it stands in JSON and in headers.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(text) => text,
            known => Self::TABLE.iter().find(|(media, _)| media == known).map_or("", |(_, text)| text),
        }
    }

    /// Tells whether it names an index: a document that lists manifests.
    pub const fn is_index(&self) -> bool {
        matches!(self, Self::OciIndex | Self::DockerList)
    }

    /// Tells whether it names a manifest of one image or artifact.
    pub const fn is_manifest(&self) -> bool {
        matches!(self, Self::OciManifest | Self::DockerManifest)
    }

    /// Tells whether it names the config of a runnable image.
    pub const fn is_image_config(&self) -> bool {
        matches!(self, Self::OciConfig | Self::DockerConfig)
    }

    /// Tells whether the bytes live at the URLs of the descriptor and not in the registry
    /// (Windows base layers; image-spec "Non-Distributable Layers").
    pub fn is_foreign_layer(&self) -> bool {
        matches!(self, Self::DockerForeignLayer) || self.as_str().starts_with("application/vnd.oci.image.layer.nondistributable.")
    }

    /// Returns the family, where the type belongs to one.
    pub fn family(&self) -> Option<Family> {
        let text = self.as_str();
        if text.starts_with("application/vnd.oci.") {
            Some(Family::Oci)
        } else if text.starts_with("application/vnd.docker.") {
            Some(Family::Docker)
        } else {
            None
        }
    }
}

impl From<String> for MediaType {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&str> for MediaType {
    /// Reads a JSON or header value; parameters after `;` are dropped.
    fn from(text: &str) -> Self {
        let bare = text.split(';').next().unwrap_or(text).trim();
        Self::TABLE
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(bare))
            .map_or_else(|| Self::Other(bare.to_owned()), |(media, _)| media.clone())
    }
}

impl From<MediaType> for String {
    fn from(media: MediaType) -> Self {
        media.as_str().to_owned()
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_type_reads_back_as_itself() {
        for (media, text) in MediaType::TABLE {
            assert_eq!(MediaType::from(text), media);
            assert_eq!(media.as_str(), text);
        }
        assert_eq!(MediaType::from("application/vnd.oci.image.index.v1+json; charset=utf-8"), MediaType::OciIndex);
        assert_eq!(MediaType::from("text/html").as_str(), "text/html");
    }
}
