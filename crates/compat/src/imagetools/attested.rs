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
