//! A manifest or index as exact bytes with a parsed view beside them.

use bytes::Bytes;
use serde_json::Value;

use crate::{Algorithm, Descriptor, Digest, Family, ImageIndex, ImageManifest, MediaType};

/// The most bytes a manifest may have: 4 MiB, what registries take
/// (distribution-spec 1.1 asks them for at least that).
pub const MAX_MANIFEST_SIZE: u64 = 4 * 1024 * 1024;

/// A manifest or an index: the bytes as they were received, their digest, and what they say.
///
/// The bytes are never written anew; whoever changes a document edits its JSON tree and parses
/// the result as a new document.
#[derive(Clone, Debug)]
pub struct RawManifest {
    bytes: Bytes,
    digest: Digest,
    media_type: MediaType,
    body: Body,
}

/// What a document is.
#[derive(Clone, Debug)]
pub enum Body {
    /// The manifest of one image or artifact.
    Image(Box<ImageManifest>),
    /// A list of manifests.
    Index(Box<ImageIndex>),
}

/// Why bytes are no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Longer than any registry takes.
    #[error("the manifest is too large: expected at most {MAX_MANIFEST_SIZE} bytes, got {0}")]
    TooLarge(u64),
    /// Not JSON, or a field of another shape.
    #[error("the manifest cannot be read")]
    Json(#[source] serde_json::Error),
    /// Two readers could see two different things in it (CVE-2021-41190).
    #[error("the document is both a manifest and an index: it has \"manifests\" beside {0:?}")]
    Ambiguous(&'static str),
    /// A field that tells what the document is has a name that only some readers take for it.
    #[error("two readers could see two different things in the document: expected the field {expected:?}, got {got:?}")]
    Misspelt {
        /// The name by its specification.
        expected: &'static str,
        /// The name that stands there.
        got: String,
    },
    /// The document says of itself something else than the place that sent it.
    #[error("the document's media type is ambiguous: its place says {announced}, it says {stated} itself")]
    Mismatch {
        /// What the header or descriptor says.
        announced: MediaType,
        /// What its `mediaType` field says.
        stated: MediaType,
    },
    /// Neither manifest nor index.
    #[error("expected an image manifest or an index, got {0}")]
    Unknown(String),
    /// Docker's format of before 2016, without content addresses.
    #[error("expected an image manifest or an index, got Docker's schema 1 format of 2014")]
    Schema1,
}

impl RawManifest {
    /// Parses bytes; `announced` is what the Content-Type header or the descriptor said.
    ///
    /// # Errors
    /// Refuses bytes that are too long, no JSON, of an unknown type, or that could be read as two things.
    pub fn parse(bytes: Bytes, announced: Option<&MediaType>) -> Result<Self, ManifestError> {
        Self::parse_with(Algorithm::Sha256, bytes, announced)
    }

    /// Parses bytes and names them by the given algorithm.
    ///
    /// # Errors
    /// As [`RawManifest::parse`].
    pub fn parse_with(algorithm: Algorithm, bytes: Bytes, announced: Option<&MediaType>) -> Result<Self, ManifestError> {
        if bytes.len() as u64 > MAX_MANIFEST_SIZE {
            return Err(ManifestError::TooLarge(bytes.len() as u64));
        }
        let tree: Value = serde_json::from_slice(&bytes).map_err(ManifestError::Json)?;
        let media_type = media_type_of(&tree, announced)?;
        let body = if media_type.is_index() {
            Body::Index(Box::new(serde_json::from_value(tree).map_err(ManifestError::Json)?))
        } else {
            Body::Image(Box::new(serde_json::from_value(tree).map_err(ManifestError::Json)?))
        };
        Ok(Self { digest: Digest::with(algorithm, &bytes), bytes, media_type, body })
    }

    /// Returns the exact bytes.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the digest of the bytes.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns what the document is.
    pub const fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// Returns what the document says.
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// Returns the view of an index, if it is one.
    pub fn as_index(&self) -> Option<&ImageIndex> {
        match &self.body {
            Body::Index(index) => Some(index),
            Body::Image(_) => None,
        }
    }

    /// Returns the view of a single image's manifest, if it is one.
    pub fn as_image(&self) -> Option<&ImageManifest> {
        match &self.body {
            Body::Image(image) => Some(image),
            Body::Index(_) => None,
        }
    }

    /// Returns the family of its media type.
    pub fn family(&self) -> Family {
        self.media_type.family().unwrap_or(Family::Oci)
    }

    /// Returns a descriptor that points at it.
    pub fn descriptor(&self) -> Descriptor {
        let mut descriptor = Descriptor::new(self.media_type.clone(), self.digest.clone(), self.bytes.len() as u64);
        descriptor.artifact_type = match &self.body {
            Body::Image(image) => image.artifact_type.clone(),
            Body::Index(index) => index.artifact_type.clone(),
        };
        descriptor
    }

    /// Returns what it refers to, where it does (image-spec 1.1, `subject`).
    pub fn subject(&self) -> Option<&Descriptor> {
        match &self.body {
            Body::Image(image) => image.subject.as_ref(),
            Body::Index(index) => index.subject.as_ref(),
        }
    }

    /// Returns a descriptor as lists of referrers want it: with the kind of artifact, for which an
    /// image's config type stands in, and the document's own annotations (distribution-spec 1.1,
    /// "Listing Referrers"). Readers choose by both; sigstore/cosign#4641 shows what lacks without.
    pub fn as_referrer(&self) -> Descriptor {
        let mut descriptor = self.descriptor();
        // An empty kind is none.
        descriptor.artifact_type = descriptor.artifact_type.filter(|kind| !kind.is_empty());
        match &self.body {
            Body::Image(image) => {
                descriptor.artifact_type.get_or_insert_with(|| image.config.media_type.to_string());
                descriptor.annotations.clone_from(&image.annotations);
            }
            Body::Index(index) => descriptor.annotations.clone_from(&index.annotations),
        }
        descriptor
    }

    /// Returns the JSON tree, for an edit that keeps unknown fields and their order.
    pub fn tree(&self) -> Value {
        // It was parsed once already; a document that does not parse never becomes a `RawManifest`.
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }
}

/// The fields that tell what a document is.
const TELLING: [&str; 5] = ["mediaType", "manifests", "config", "layers", "fsLayers"];

/// Refuses `Manifests` and the like: Go's readers take names in any case (encoding/json, `Unmarshal`),
/// by Unicode's folding, so that they would see an index where others see a manifest.
fn check_spelling(tree: &Value) -> Result<(), ManifestError> {
    // Up and down again, as one way alone leaves some letters: the long s, the Kelvin sign.
    let fold = |name: &str| name.to_uppercase().to_lowercase();
    for got in tree.as_object().into_iter().flat_map(|fields| fields.keys()) {
        if let Some(expected) = TELLING.iter().find(|name| **name != got && fold(name) == fold(got)) {
            return Err(ManifestError::Misspelt { expected, got: got.clone() });
        }
    }
    Ok(())
}

fn media_type_of(tree: &Value, announced: Option<&MediaType>) -> Result<MediaType, ManifestError> {
    check_spelling(tree)?;
    let has = |key: &str| tree.get(key).is_some_and(|value| !value.is_null());
    if has("manifests") {
        for key in ["config", "layers", "fsLayers"] {
            if has(key) {
                return Err(ManifestError::Ambiguous(match key {
                    "config" => "config",
                    "layers" => "layers",
                    _ => "fsLayers",
                }));
            }
        }
    }
    if tree.get("schemaVersion").and_then(Value::as_u64) == Some(1) || has("fsLayers") {
        return Err(ManifestError::Schema1);
    }
    let stated = tree.get("mediaType").and_then(Value::as_str).filter(|text| !text.is_empty()).map(MediaType::from);
    // A generic Content-Type says nothing: static file servers send these.
    let announced = announced.filter(|media| media.is_index() || media.is_manifest());
    let media_type = match (stated, announced) {
        (Some(stated), Some(announced)) if stated != *announced => {
            return Err(ManifestError::Mismatch { announced: announced.clone(), stated });
        }
        (Some(stated), _) => stated,
        (None, Some(announced)) => announced.clone(),
        (None, None) if has("manifests") => MediaType::OciIndex,
        (None, None) if has("config") => MediaType::OciManifest,
        (None, None) => return Err(ManifestError::Unknown("a document without mediaType, config or manifests".to_owned())),
    };
    match &media_type {
        media if media.is_index() && (has("config") || has("layers")) => {
            Err(ManifestError::Ambiguous(if has("config") { "config" } else { "layers" }))
        }
        media if media.is_manifest() && has("manifests") => Err(ManifestError::Ambiguous("manifests")),
        media if media.is_index() || media.is_manifest() => Ok(media_type),
        media => Err(ManifestError::Unknown(media.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RawManifest, ManifestError> {
        RawManifest::parse(Bytes::copy_from_slice(text.as_bytes()), None)
    }

    #[test]
    fn keeps_the_exact_bytes() {
        let text = "{ \"schemaVersion\": 2,\n\"manifests\":[], \"x\": 1 }";
        let raw = parse(text).unwrap();
        assert_eq!(raw.bytes(), text);
        assert_eq!(*raw.digest(), Digest::of(text.as_bytes()));
        assert_eq!(raw.tree()["x"], 1);
        assert!(raw.as_index().is_some());
    }

    #[test]
    fn cve_2021_41190_refuses_a_document_that_is_both() {
        let config = r#"{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0}"#;
        for text in [
            format!(r#"{{"schemaVersion":2,"config":{config},"layers":[],"manifests":[]}}"#),
            format!(r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","config":{config},"layers":[]}}"#),
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]}"#.to_owned(),
        ] {
            assert!(matches!(parse(&text), Err(ManifestError::Ambiguous(_))), "{text}");
        }
        let index = Bytes::from_static(br#"{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#);
        assert!(matches!(RawManifest::parse(index, Some(&MediaType::OciManifest)), Err(ManifestError::Mismatch { .. })));
    }

    #[test]
    fn cve_2021_41190_refuses_a_document_that_is_both_to_whoever_ignores_case() {
        let config = r#"{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0}"#;
        for (name, expected) in [
            ("Manifests", "manifests"),
            ("MANIFESTS", "manifests"),
            ("manife\u{17f}ts", "manifests"),
            ("MediaType", "mediaType"),
            ("fslayers", "fsLayers"),
        ] {
            let text = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[],"{name}":[]}}"#);
            let error = parse(&text).unwrap_err();
            assert!(matches!(&error, ManifestError::Misspelt { expected: right, got } if *right == expected && got == name), "{error:?}");
        }
        // Elsewhere a name is anybody's.
        parse(&format!(r#"{{"schemaVersion":2,"config":{config},"layers":[],"annotations":{{"Manifests":""}},"subjects":1}}"#)).unwrap();
    }

    #[test]
    fn cve_2024_3727_refuses_a_digest_that_is_a_path() {
        let text = r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"sha256:../../etc/passwd"}]}"#;
        let error = parse(text).unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("lower-case hexadecimal"), "{error:?}");
    }

    #[test]
    fn a_hundred_thousand_entries_are_too_many_bytes_to_look_at() {
        let entry = format!(r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":3,"digest":"{}"}}"#, Digest::of(b""));
        let text = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, vec![entry; 100_000].join(","));
        assert!(matches!(parse(&text), Err(ManifestError::TooLarge(size)) if size == text.len() as u64));
        let deep = format!(r#"{{"schemaVersion":2,"manifests":[],"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(matches!(parse(&deep), Err(ManifestError::Json(_))));
    }

    #[test]
    fn names_the_old_format() {
        assert!(matches!(parse(r#"{"schemaVersion":1,"fsLayers":[]}"#), Err(ManifestError::Schema1)));
        assert!(matches!(parse("[]"), Err(ManifestError::Unknown(_))));
        assert!(matches!(parse("{"), Err(ManifestError::Json(_))));
    }
}
