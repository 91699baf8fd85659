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
    pub fn entry(self, descriptor: &Descriptor) -> Value {
        // A descriptor is texts and numbers, so it always becomes a tree.
        let mut value = serde_json::to_value(descriptor).unwrap_or_default();
        if self == Self::Oci {
            return value;
        }
        let Some(fields) = value.as_object_mut() else { return value };
        if self == Self::DockerManifest {
            // Docker's list always has a platform, an empty one where nothing is known.
            let platform = descriptor.platform.clone().unwrap_or_default();
            let known = Platform { extra: Map::new(), ..platform };
            fields.insert("platform".to_owned(), serde_json::to_value(known).unwrap_or_default());
        }
        let mut ordered = Map::new();
        for key in ["mediaType", "size", "digest", "urls", "annotations", "platform"] {
            if let Some(field) = fields.remove(key) {
                ordered.insert(key.to_owned(), field);
            }
        }
        ordered.append(fields);
        Value::Object(ordered)
    }
}
