//! One image of a list, and the file that keeps it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use oci::{Algorithm, Descriptor, Digest, MediaType, Platform, RawManifest, Reference};
use serde_json::{Map, Value, json};

use super::error::Flaw;

/// The field of ours that docker passes over: where an image is that no registry has.
const SOURCE: &str = "PolyarchSource";
/// The same for the index that an image came with.
const INDEX: &str = "PolyarchIndex";

/// Where an image of a list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the repository that its name says.
    Named,
    /// There, too, and it was not named itself: it came with an index.
    Child {
        /// The index, as it was named.
        index: Reference,
        /// What that was.
        digest: Digest,
    },
    /// In a layout, an archive or an engine: the locator, with an absolute path.
    Elsewhere(String),
}

/// One image of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, under which docker keeps it.
    pub reference: Reference,
    /// What the list says of it. The platform is always there; an empty one where nothing is known.
    pub descriptor: Descriptor,
    /// Its exact bytes. Docker before 23 kept none.
    pub raw: Option<Bytes>,
    /// What its bytes say, where they were not kept.
    pub view: Option<Value>,
    /// Where it is.
    pub location: Location,
}

impl Entry {
    /// Makes the entry of an image that was read.
    pub fn new(reference: Reference, descriptor: Descriptor, manifest: &RawManifest) -> Self {
        let mut descriptor = Descriptor { artifact_type: None, ..descriptor };
        // Docker writes the empty platform where nothing is known.
        descriptor.platform.get_or_insert_default();
        Self { reference, descriptor, raw: Some(manifest.bytes().clone()), view: None, location: Location::Named }
    }

    /// Returns the platform, which may be empty.
    pub fn platform(&self) -> Platform {
        self.descriptor.platform.clone().unwrap_or_default()
    }

    /// Returns the document, where its bytes were kept.
    pub fn manifest(&self) -> Option<RawManifest> {
        let raw = self.raw.clone()?;
        let algorithm = self.descriptor.digest.algorithm();
        RawManifest::parse_with(algorithm, raw, Some(&self.descriptor.media_type)).ok()
    }

    /// Returns the text of its file, as docker 23 and later write it.
    pub fn to_text(&self) -> String {
        oci::go_json_line(&self.value())
    }

    /// Returns what is in its file, and what `inspect --verbose` shows.
    pub(super) fn value(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("Ref".to_owned(), json!(self.reference.to_string()));
        fields.insert("Descriptor".to_owned(), serde_json::to_value(&self.descriptor).unwrap_or_default());
        if let Some(raw) = &self.raw {
            fields.insert("Raw".to_owned(), json!(STANDARD.encode(raw)));
        }
        let view = self.view.clone().or_else(|| self.raw.as_ref().and_then(|raw| serde_json::from_slice(raw).ok()));
        if let (Some(view), Some(key)) = (view, view_key(&self.descriptor.media_type)) {
            fields.insert(key.to_owned(), view);
        }
        match &self.location {
            Location::Named => {}
            Location::Child { index, digest } => {
                fields.insert(INDEX.to_owned(), json!({"Ref": index.to_string(), "Digest": digest}));
            }
            Location::Elsewhere(locator) => {
                fields.insert(SOURCE.to_owned(), json!(locator));
            }
        }
        Value::Object(fields)
    }

    /// Reads a file of any docker since 18.06.
    ///
    /// # Errors
    /// Says what is wrong with it, a digest that is not that of its bytes above all.
    pub fn parse(bytes: &[u8]) -> Result<Self, Flaw> {
        let tree: Value = serde_json::from_slice(bytes).map_err(|error| if error.is_eof() { Flaw::Cut } else { Flaw::Json(error) })?;
        let field = |key: &str| tree.get(key).cloned().unwrap_or_default();
        let text = |key: &str| field(key).as_str().map(ToOwned::to_owned);
        let reference = text("Ref").and_then(|text| text.parse().ok()).ok_or(Flaw::Reference)?;
        let raw = match text("Raw").filter(|text| !text.is_empty()) {
            Some(text) => Some(Bytes::from(STANDARD.decode(text).map_err(|_| Flaw::Raw)?)),
            None => None,
        };
        let (kind, view) = ["SchemaV2Manifest", "OCIManifest"]
            .into_iter()
            .find_map(|key| tree.get(key).filter(|view| !view.is_null()).map(|view| (key, view.clone())))
            .map_or((None, None), |(key, view)| (Some(key), Some(view)));
        let location = text(SOURCE).map(Location::Elsewhere).or_else(|| child_of(&field(INDEX))).unwrap_or(Location::Named);
        let descriptor = match text("Digest").filter(|digest| !digest.is_empty()) {
            Some(digest) => of_old(&digest, kind, view.as_ref(), field("Platform"))?,
            None => serde_json::from_value(field("Descriptor")).map_err(Flaw::Json)?,
        };
        let mut entry = Self { reference, descriptor, raw, view, location };
        entry.descriptor.platform.get_or_insert_default();
        entry.check()?;
        if entry.raw.is_some() {
            // What the bytes say stands in them already.
            entry.view = None;
        }
        Ok(entry)
    }

    fn check(&self) -> Result<(), Flaw> {
        let Some(raw) = &self.raw else { return Ok(()) };
        let expected = &self.descriptor.digest;
        let got = Digest::with(expected.algorithm(), raw);
        if got != *expected {
            return Err(Flaw::Digest { expected: expected.clone(), got });
        }
        if raw.len() as u64 != self.descriptor.size {
            return Err(Flaw::Size { expected: self.descriptor.size, got: raw.len() as u64 });
        }
        RawManifest::parse_with(expected.algorithm(), raw.clone(), Some(&self.descriptor.media_type)).map_err(Flaw::Manifest)?;
        Ok(())
    }
}

/// Reads which index an image came with. What cannot be read counts as not written: the image is then one that was
/// named itself.
fn child_of(field: &Value) -> Option<Location> {
    let text = |key: &str| field.get(key).and_then(Value::as_str);
    Some(Location::Child { index: text("Ref")?.parse().ok()?, digest: text("Digest")?.parse().ok()? })
}

/// The descriptor of a file of docker 18.06 and before, whose digest is that of the view on one line.
fn of_old(digest: &str, kind: Option<&str>, view: Option<&Value>, platform: Value) -> Result<Descriptor, Flaw> {
    let text = view.map(Value::to_string).unwrap_or_default();
    let got = Digest::with(Algorithm::Sha256, text.as_bytes());
    let expected: Digest = digest.parse().map_err(|_| Flaw::Reference)?;
    if got != expected {
        return Err(Flaw::Digest { expected, got });
    }
    let media_type = if kind == Some("OCIManifest") { MediaType::OciManifest } else { MediaType::DockerManifest };
    let platform: Option<Platform> = serde_json::from_value(platform).map_err(Flaw::Json)?;
    Ok(Descriptor { platform, ..Descriptor::new(media_type, expected, text.len() as u64) })
}

/// Returns the field under which docker keeps what a manifest of this type says.
const fn view_key(media_type: &MediaType) -> Option<&'static str> {
    match media_type {
        MediaType::DockerManifest => Some("SchemaV2Manifest"),
        MediaType::OciManifest => Some("OCIManifest"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use testkit::fixtures::Image;

    use super::*;

    fn entry(image: &testkit::fixtures::BuiltImage) -> Entry {
        Entry::new("localhost:5000/app:a".parse().unwrap(), image.descriptor(), &image.manifest)
    }

    #[test]
    fn writes_docker_s_fields_in_docker_s_order_and_reads_them_again() {
        for image in [Image::new("linux/arm/v7").build(), Image::new("windows/amd64:10.0.20348.1").docker().build()] {
            let entry = entry(&image);
            let text = entry.to_text();
            let keys: Vec<String> = serde_json::from_str::<Map<String, Value>>(&text).unwrap().keys().cloned().collect();
            let view = if image.manifest.family() == oci::Family::Docker { "SchemaV2Manifest" } else { "OCIManifest" };
            assert_eq!(keys, ["Ref", "Descriptor", "Raw", view]);
            assert_eq!(Entry::parse(text.as_bytes()).unwrap(), entry);
        }
    }

    #[test]
    fn it_is_kept_where_an_image_is_and_what_it_came_with() {
        let image = Image::new("linux/amd64").build();
        let index = || "localhost:5000/app:multi".parse().unwrap();
        for location in [Location::Elsewhere("oci:/dist".into()), Location::Child { index: index(), digest: Digest::of(b"index") }] {
            let entry = Entry { location, ..entry(&image) };
            assert_eq!(Entry::parse(entry.to_text().as_bytes()).unwrap(), entry);
        }
        let mut broken = entry(&image).value();
        broken["PolyarchIndex"] = json!({"Ref": "UP", "Digest": 1});
        assert_eq!(Entry::parse(broken.to_string().as_bytes()).unwrap(), entry(&image));
    }

    #[test]
    fn a_file_without_bytes_is_read_by_its_descriptor() {
        let image = Image::new("linux/amd64").docker().build();
        let mut tree = entry(&image).value();
        tree.as_object_mut().unwrap().remove("Raw");
        let read = Entry::parse(tree.to_string().as_bytes()).unwrap();
        assert_eq!((read.raw.clone(), read.descriptor.digest.clone()), (None, image.digest().clone()));
        assert_eq!(read.to_text(), tree.to_string());
    }

    #[test]
    fn a_file_of_before_the_descriptor_is_checked_by_its_digest() {
        let view = json!({"schemaVersion": 2, "mediaType": MediaType::DockerManifest, "config": {}, "layers": []});
        let digest = Digest::of(view.to_string().as_bytes());
        let old = json!({"Ref": "docker.io/library/a:1", "Digest": digest, "Platform": {"architecture": "arm", "os": "linux", "variant": "v7"},
            "SchemaV2Manifest": view});
        let entry = Entry::parse(old.to_string().as_bytes()).unwrap();
        assert_eq!((entry.descriptor.digest.clone(), entry.platform().to_string().as_str()), (digest, "linux/arm/v7"));
        let wrong = json!({"Ref": "docker.io/library/a:1", "Digest": Digest::of(b""), "SchemaV2Manifest": view});
        assert!(matches!(Entry::parse(wrong.to_string().as_bytes()), Err(Flaw::Digest { .. })));
    }

    #[test]
    fn what_is_half_written_or_does_not_fit_its_digest_is_refused() {
        let entry = entry(&Image::new("linux/amd64").build());
        let text = entry.to_text();
        for cut in [0, 1, 40, text.len() / 2, text.len() - 1] {
            assert!(matches!(Entry::parse(&text.as_bytes()[..cut]), Err(Flaw::Cut)), "{cut}");
        }
        let mut other = entry.value();
        other["Raw"] = json!(STANDARD.encode(b"{}"));
        assert!(matches!(Entry::parse(other.to_string().as_bytes()), Err(Flaw::Digest { .. })));
        other["Raw"] = json!("%");
        assert!(matches!(Entry::parse(other.to_string().as_bytes()), Err(Flaw::Raw)));
        for text in ["[]", "{}", r#"{"Ref":"UP"}"#, r#"{"Ref":1}"#] {
            assert!(matches!(Entry::parse(text.as_bytes()), Err(Flaw::Reference)), "{text}");
        }
        assert!(matches!(Entry::parse(br#"{"Ref":"a"}"#), Err(Flaw::Json(_))));
    }
}
