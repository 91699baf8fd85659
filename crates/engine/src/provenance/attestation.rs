//! The manifest that ties a statement to its image, as BuildKit writes it since its version 0.30 (moby/buildkit,
//! docs/attestations/attestation-storage.md): an artifact whose subject is the image.

use bytes::Bytes;
use content::{Memory, Place};
use oci::{Descriptor, Digest, MediaType, Platform, RawManifest, Reference, annotation};
use serde_json::json;

use super::moments::Moments;
use super::statement::Statement;
use crate::build::{BuildError, Built};

/// What an attestation's manifest is.
const ARTIFACT: &str = "application/vnd.docker.attestation.manifest.v1+json";
/// The annotation of a statement that names what is told.
const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";
/// The config of an artifact that has none (image-spec, manifest.md), and the same in base64.
const EMPTY: (&[u8], &str) = (b"{}", "e30=");

/// What is told of one image.
#[derive(Clone)]
pub struct Attested {
    /// The platform of the image.
    pub platform: Platform,
    /// The image.
    pub image: Digest,
    /// The manifest of the attestation; it is in the place, with all that it names.
    pub manifest: RawManifest,
}

impl Attested {
    /// Returns the entry that stands for it in an index, behind all images.
    pub fn entry(&self) -> Descriptor {
        let manifest = Descriptor { artifact_type: None, ..self.manifest.descriptor() };
        let mut entry = manifest.with_platform(Platform::new("unknown", "unknown", None));
        entry.annotations.insert(annotation::REFERENCE_DIGEST.to_owned(), self.image.to_string());
        entry.annotations.insert(annotation::REFERENCE_TYPE.to_owned(), annotation::ATTESTATION_MANIFEST.to_owned());
        entry
    }
}

/// Puts an attestation of every image into a place: none where none was ordered.
///
/// # Errors
/// Where the place does not take it.
pub async fn attest(built: &Built, names: &[Reference], moments: &Moments, place: &dyn Place) -> Result<Vec<Attested>, BuildError> {
    let mut attested = Vec::new();
    for image in &built.images {
        let Some(account) = &image.provenance else { continue };
        let statement = Statement::new(account, moments).of_image(image.manifest.digest(), names, &image.platform);
        let manifest = put(&statement, &image.manifest, &image.platform, place).await?;
        attested.push(Attested { platform: image.platform.clone(), image: image.manifest.digest().clone(), manifest });
    }
    Ok(attested)
}

async fn put(statement: &Statement, image: &RawManifest, platform: &Platform, place: &dyn Place) -> Result<RawManifest, BuildError> {
    let (empty, encoded) = EMPTY;
    let mut config = blob(place, MediaType::OciEmpty, Bytes::from_static(empty)).await?;
    config.extra.insert("data".to_owned(), json!(encoded));
    let mut layer = blob(place, statement.media_type(), Bytes::from(statement.text())).await?;
    layer.annotations.insert(PREDICATE_TYPE.to_owned(), statement.predicate_type().to_owned());
    let subject = Descriptor { artifact_type: None, annotations: oci::Annotations::new(), ..image.descriptor() };
    let document = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OciManifest,
        "artifactType": ARTIFACT,
        "config": config,
        "layers": [layer],
        "subject": subject.with_platform(platform.clone()),
    });
    let manifest = RawManifest::parse(Bytes::from(document.to_string()), Some(&MediaType::OciManifest)).map_err(|problem| {
        let item = content::Item::Image;
        content::Error::Document { item, place: place.name(), problem }
    })?;
    place.put_manifest(&manifest).await?;
    Ok(manifest)
}

async fn blob(place: &dyn Place, media_type: MediaType, bytes: Bytes) -> Result<Descriptor, BuildError> {
    let descriptor = Descriptor::of(media_type, &bytes);
    let memory = Memory::new();
    memory.insert_blob(bytes);
    place.put_blob(&descriptor, &memory).await?;
    Ok(descriptor)
}
