//! Views of a manifest and of an index (image-spec 1.1, manifest.md and image-index.md).
//!
//! A view is for reading. Nothing is ever written from one: the bytes beside it are the truth.

use serde::Deserialize;

use crate::{Annotations, Descriptor, MediaType};

/// What a manifest of one image or artifact says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageManifest {
    /// The media type the document gives itself.
    pub media_type: Option<MediaType>,
    /// The kind of artifact, where it is no image.
    pub artifact_type: Option<String>,
    /// The config blob.
    pub config: Descriptor,
    /// The layers, base first.
    #[serde(default, deserialize_with = "crate::nullable")]
    pub layers: Vec<Descriptor>,
    /// The manifest that this one refers to (referrers).
    pub subject: Option<Descriptor>,
    /// Annotations of the manifest.
    #[serde(default, deserialize_with = "crate::nullable")]
    pub annotations: Annotations,
}

impl ImageManifest {
    /// Returns the blobs it needs, config first. Foreign layers are left out: no registry holds them.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.config).chain(self.layers.iter().filter(|layer| !layer.media_type.is_foreign_layer()))
    }

    /// Tells whether it is a runnable image and not some other artifact.
    pub fn is_image(&self) -> bool {
        self.artifact_type.is_none() && self.config.media_type.is_image_config()
    }

    /// Returns the bytes of config and layers together, as a pull moves them.
    pub fn content_size(&self) -> u64 {
        self.blobs().fold(0_u64, |sum, blob| sum.saturating_add(blob.size))
    }
}

/// What an index says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageIndex {
    /// The media type the document gives itself.
    pub media_type: Option<MediaType>,
    /// The kind of artifact, where it is no image.
    pub artifact_type: Option<String>,
    /// The entries, in the document's order.
    #[serde(default, deserialize_with = "crate::nullable")]
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one refers to.
    pub subject: Option<Descriptor>,
    /// Annotations of the index.
    #[serde(default, deserialize_with = "crate::nullable")]
    pub annotations: Annotations,
}
