//! The nouns of the trade: references, locators, digests, platforms, media types, descriptors and
//! the documents they point at.
//!
//! Pure: no input, no output, no async, no clock. What is parsed keeps its exact bytes, and unknown
//! fields survive. Start at [`Reference`], then [`RawManifest`].

mod config;
mod descriptor;
mod digest;
mod go;
mod locator;
mod manifest;
mod media;
mod platform;
mod raw;
mod reference;
mod tag;

pub use config::{History, ImageConfig, RuntimeConfig};
pub use descriptor::{Descriptor, annotation};
pub use digest::{Algorithm, ChainId, DiffId, Digest, DigestError, Hasher};
pub use go::{go_indent, go_json, go_json_line, go_quote};
pub use locator::{Locator, LocatorError, PlatformSource, Selector};
pub use manifest::{ImageIndex, ImageManifest};
pub use media::{Family, MediaType};
pub use platform::{Matcher, Platform, PlatformError, PlatformSet};
pub use raw::{Body, MAX_MANIFEST_SIZE, ManifestError, RawManifest};
pub use reference::{DOCKER_HUB, Reference, ReferenceError, without_password};
pub use tag::{Tag, Thing};

use serde::{Deserialize, Deserializer};

/// Annotations, in the order of their keys.
pub type Annotations = std::collections::BTreeMap<String, String>;

/// Reads `null` as the empty value: Go's encoders write it for empty lists and maps.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
