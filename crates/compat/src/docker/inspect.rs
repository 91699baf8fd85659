//! What `docker manifest inspect` prints, to the byte.

use index::Encoding;
use oci::{Annotations, Descriptor, Family, MediaType, RawManifest};
use serde_json::{Value, json};

use super::entry::Entry;

/// Prints the bytes of one image, indented by tabs.
pub fn show_manifest(manifest: &RawManifest) -> String {
    oci::go_indent(&manifest.tree(), "\t")
}

/// Prints everything about one image.
pub fn show_entry(entry: &Entry) -> String {
    oci::go_json(&entry.value(), "\t")
}

/// Prints everything about the images of a list.
pub fn show_entries(entries: &[Entry]) -> String {
    oci::go_json(&Value::Array(entries.iter().map(Entry::value).collect()), "\t")
}

/// Prints a list as it would be pushed: what docker knows of each entry, and the type that fits them all.
pub fn show_index(entries: &[Descriptor]) -> String {
    // Hole 17: docker goes by the entry that comes first.
    let is_oci = entries.iter().any(|entry| entry.media_type.family() == Some(Family::Oci));
    let known = |entry: &Descriptor| {
        let entry = Descriptor { annotations: Annotations::new(), artifact_type: None, extra: serde_json::Map::new(), ..entry.clone() };
        Encoding::DockerManifest.entry(&entry)
    };
    let tree = json!({
        "schemaVersion": 2,
        "mediaType": if is_oci { MediaType::OciIndex } else { MediaType::DockerList },
        "manifests": entries.iter().map(known).collect::<Vec<Value>>(),
    });
    oci::go_json(&tree, "   ")
}
