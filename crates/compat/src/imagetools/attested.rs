//! What an attestation's manifest holds: SBOMs and provenance, as in-toto statements.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use content::{Error, Item, Source};
use oci::RawManifest;
use serde_json::{Map, Value};

/// The most bytes of one statement; SBOMs of large images have some megabytes.
const LONGEST: u64 = 32 * 1024 * 1024;
/// The most bytes of all statements about one image.
const LONGEST_ALTOGETHER: u64 = 64 * 1024 * 1024;
const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";
const SPDX: &str = "https://spdx.dev/Document";
const SLSA: &str = "https://slsa.dev/provenance/";

/// What is attested of one image.
#[derive(Debug, Default)]
pub(crate) struct Statements {
    /// SPDX documents, in order.
    pub spdx: Vec<Value>,
    /// The last provenance.
    pub slsa: Option<Value>,
    bytes: u64,
}

/// Reads the statements of one attestation's manifest.
pub(crate) async fn statements(source: &dyn Source, manifest: &RawManifest, into: &mut Statements) -> Result<(), Error> {
    let layers = manifest.as_image().map(|image| image.layers.as_slice()).unwrap_or_default();
    for layer in layers {
        let media_type = layer.media_type.as_str();
        let sealed = media_type.starts_with("application/vnd.in-toto.") && media_type.ends_with("+dsse");
        let kind = layer.annotations.get(PREDICATE_TYPE).map(String::as_str).unwrap_or_default();
        let wanted = kind == SPDX || kind.starts_with(SLSA);
        if !wanted || !(sealed || media_type == "application/vnd.in-toto+json") {
            continue;
        }
        into.bytes = into.bytes.saturating_add(layer.size);
        if into.bytes > LONGEST_ALTOGETHER {
            let what = "bytes of attestations of one image".to_owned();
            return Err(Error::Limit { what, limit: LONGEST_ALTOGETHER, got: into.bytes });
        }
        let bytes = source.blob(layer).await?.read_all(LONGEST).await?;
        let broken = |problem| Error::Document {
            item: Item::Blob(layer.digest.clone()),
            place: source.name(),
            problem: oci::ManifestError::Json(problem),
        };
        let mut statement: Value = serde_json::from_slice(&bytes).map_err(broken)?;
        if sealed {
            statement = unsealed(&statement).map_err(broken)?;
        }
        let predicate = statement.get_mut("predicate").map(Value::take).unwrap_or_default();
        let predicate = sorted(predicate);
        if kind == SPDX {
            into.spdx.push(predicate);
        } else {
            into.slsa = Some(predicate);
        }
    }
    Ok(())
}

/// Opens the envelope of a signature (DSSE); who signed is not checked here.
fn unsealed(envelope: &Value) -> Result<Value, serde_json::Error> {
    let payload = envelope.get("payload").and_then(Value::as_str).unwrap_or_default();
    // What is no base64 is no JSON either.
    serde_json::from_slice(&STANDARD.decode(payload).unwrap_or_default())
}

/// Sorts keys, as Go's maps are written.
pub(crate) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

impl Statements {
    /// Returns the SBOM as templates see it.
    pub fn sbom(&self) -> Value {
        let mut fields = Map::new();
        if let Some((first, more)) = self.spdx.split_first() {
            fields.insert("SPDX".to_owned(), first.clone());
            if !more.is_empty() {
                fields.insert("AdditionalSPDXs".to_owned(), Value::Array(more.to_vec()));
            }
        }
        Value::Object(fields)
    }

    /// Returns the provenance as templates see it.
    pub fn provenance(&self) -> Value {
        let mut fields = Map::new();
        if let Some(slsa) = &self.slsa {
            fields.insert("SLSA".to_owned(), slsa.clone());
        }
        Value::Object(fields)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::imagetools::{Evidence, look, value};
    use content::Limits;
    use serde_json::json;
    use testkit::fixtures::{Artifact, BuiltImage, Image, Index, attestation_entry, in_memory};

    const INTOTO: &str = "application/vnd.in-toto+json";

    /// Reads what an attestation with these layers says of an image.
    async fn attested(attestation: &BuiltImage) -> Result<Value, Error> {
        let image = Image::new("linux/amd64").build();
        let index = Index::new().image(&image).add(attestation_entry(attestation, &image)).build();
        let place = in_memory(&[&image, attestation], &[]).await;
        let look = look(&place, &index, Evidence::Read, Limits::default()).await?;
        Ok(value("app", &index, &look, true))
    }

    #[tokio::test]
    async fn sboms_are_all_shown_and_sealed_ones_are_opened() {
        let attestation = Artifact::of("application/vnd.example")
            .layer(INTOTO, r#"{"predicate":{"name":"b","SPDXID":"a"}}"#)
            .on_layer(PREDICATE_TYPE, SPDX)
            // {"predicate":{"second":true}}
            .layer("application/vnd.in-toto.spdx+dsse", r#"{"payload":"eyJwcmVkaWNhdGUiOnsic2Vjb25kIjp0cnVlfX0="}"#)
            .on_layer(PREDICATE_TYPE, SPDX)
            .layer(INTOTO, r#"{"predicate":{"unwanted":true}}"#)
            .on_layer(PREDICATE_TYPE, "https://example.com/other")
            .build();
        let tree = attested(&attestation).await.unwrap();
        assert_eq!(tree["SBOM"].to_string(), r#"{"SPDX":{"SPDXID":"a","name":"b"},"AdditionalSPDXs":[{"second":true}]}"#);
        assert_eq!(tree["Provenance"], json!({}));
    }

    #[tokio::test]
    async fn what_is_no_statement_is_an_error() {
        for (kind, text) in [(INTOTO, "no json"), ("application/vnd.in-toto.x+dsse", r#"{"payload":"%"}"#)] {
            let broken = Artifact::of("application/vnd.example").layer(kind, text).on_layer(PREDICATE_TYPE, SPDX).build();
            assert!(matches!(attested(&broken).await, Err(Error::Document { .. })), "{kind}");
        }
        let empty = Artifact::of("application/vnd.example").layer(INTOTO, "[]").on_layer(PREDICATE_TYPE, SPDX).build();
        assert_eq!(attested(&empty).await.unwrap()["SBOM"], json!({"SPDX": null}));
    }

    #[tokio::test]
    async fn more_than_memory_should_hold_is_not_read() {
        let place = in_memory(&[], &[]).await;
        let huge = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": oci::Digest::of(b"{}"), "size": 2},
            "layers": [{"mediaType": INTOTO, "digest": oci::Digest::of(b"x"), "size": LONGEST_ALTOGETHER + 1, "annotations": {PREDICATE_TYPE: SPDX}}],
        });
        let manifest = RawManifest::parse(huge.to_string().into_bytes().into(), None).unwrap();
        let read = statements(&place, &manifest, &mut Statements::default()).await;
        assert!(matches!(read, Err(Error::Limit { .. })), "{read:?}");
    }
}
