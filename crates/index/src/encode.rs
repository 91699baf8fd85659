//! The text of an index: which keys its entries have, in which order, and how it is indented.
//!
//! Readers do not care, but a digest is its bytes, and people compare digests between tools.

use oci::{Descriptor, Platform};
use serde_json::{Map, Value};

/// How the document is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// The order of OCI's Go types, indented by two spaces: ours and buildx's, and manifest-tool's indexes.
    #[default]
    Oci,
    /// The order of Docker's Go types, with the size before the digest: manifest-tool's Docker lists.
    DockerTypes,
    /// That order, indented by three spaces, with each entry's platform in the fields that Docker knows:
    /// `docker manifest`.
    DockerManifest,
}

impl Encoding {
    const fn indent(self) -> &'static str {
        match self {
            Self::Oci | Self::DockerTypes => "  ",
            Self::DockerManifest => "   ",
        }
    }

    /// Writes the document.
    pub(crate) fn text(self, tree: &Value) -> String {
        oci::go_json(tree, self.indent())
    }

    /// Writes one entry.
    pub(crate) fn entry(self, descriptor: &Descriptor) -> Result<Value, serde_json::Error> {
        let mut value = serde_json::to_value(descriptor)?;
        if self == Self::Oci {
            return Ok(value);
        }
        let Some(fields) = value.as_object_mut() else { return Ok(value) };
        if self == Self::DockerManifest {
            // Docker's list always has a platform, an empty one where nothing is known.
            let platform = descriptor.platform.clone().unwrap_or_default();
            fields.insert("platform".to_owned(), serde_json::to_value(Platform { extra: Map::new(), ..platform })?);
        }
        let mut ordered = Map::new();
        for key in ["mediaType", "size", "digest", "urls", "annotations", "platform"] {
            if let Some(field) = fields.remove(key) {
                ordered.insert(key.to_owned(), field);
            }
        }
        ordered.append(fields);
        Ok(Value::Object(ordered))
    }
}
