//! `inspect` as text.

use oci::{Descriptor, ImageManifest, RawManifest, annotation};
use serde_json::Value;

/// What was read of an image: its document, and what stands below.
pub struct Inspected<'a> {
    /// The name as it was asked for.
    pub name: &'a str,
    /// The document.
    pub root: &'a RawManifest,
    /// Of an index, the manifests of its entries, in their order, where they were read.
    pub children: &'a [Option<RawManifest>],
    /// Of an image, its config; an empty tree where it is none.
    pub config: &'a Value,
}

/// Writes what is in it, line by line; what a registry says may hold anything, line ends too.
pub fn text(inspected: &Inspected<'_>) -> Vec<String> {
    match (inspected.root.as_index(), inspected.root.as_image()) {
        (Some(index), _) => list(inspected, &index.manifests),
        (None, Some(image)) => single(inspected, image),
        (None, None) => Vec::new(),
    }
}

/// Tells whether the manifest of an entry is needed for the text.
pub fn is_read(entry: &Descriptor) -> bool {
    entry.media_type.is_manifest() && !is_attestation(entry)
}

fn is_attestation(entry: &Descriptor) -> bool {
    entry.annotations.get(annotation::REFERENCE_TYPE).is_some_and(|kind| kind == annotation::ATTESTATION_MANIFEST)
}

fn list(inspected: &Inspected<'_>, entries: &[Descriptor]) -> Vec<String> {
    let mut text = Vec::new();
    let (root, all) = (inspected.root, entries.len());
    let attestations = entries.iter().filter(|entry| is_attestation(entry)).count();
    let images = all - attestations;
    // manifest-tool writes `0 attestation`.
    let many = |count: usize| if count > 1 { "s" } else { "" };
    text.push(format!("Name:   {} (Type: {})", inspected.name, root.media_type()));
    text.push(format!("Digest: {}", root.digest()));
    text.push(format!(
        " * Contains {all} manifest references ({images} image{}, {attestations} attestation{}):",
        many(images),
        many(attestations)
    ));
    for (number, entry) in entries.iter().enumerate() {
        let manifest = inspected.children.get(number).and_then(Option::as_ref).and_then(RawManifest::as_image);
        member(&mut text, number + 1, entry, manifest);
    }
    text
}

fn member(text: &mut Vec<String>, number: usize, entry: &Descriptor, manifest: Option<&ImageManifest>) {
    let attestation = is_attestation(entry);
    let kind = if attestation { format!(" ({}={})", annotation::REFERENCE_TYPE, annotation::ATTESTATION_MANIFEST) } else { String::new() };
    text.push(format!("[{number}]     Type: {}{kind}", entry.media_type));
    text.push(format!("[{number}]   Digest: {}", entry.digest));
    text.push(format!("[{number}]   Length: {}", entry.size));
    if !entry.media_type.is_manifest() {
        text.push(format!("Unknown media type for further display: {}", entry.media_type));
        return;
    }
    if attestation {
        let subject = entry.annotations.get(annotation::REFERENCE_DIGEST).map(String::as_str).unwrap_or_default();
        text.push(format!("[{number}]       >>> Attestation for digest: {subject}"));
        text.push(String::new());
        return;
    }
    text.push(format!("[{number}] Platform:"));
    match &entry.platform {
        Some(platform) => {
            text.push(format!("[{number}]    -      OS: {}", platform.os));
            if let Some(version) = &platform.os_version {
                text.push(format!("[{number}]    - OS Vers: {version}"));
            }
            if !platform.os_features.is_empty() {
                text.push(format!("[{number}]    - OS Feat: [{}]", platform.os_features.join(" ")));
            }
            text.push(format!("[{number}]    -    Arch: {}", platform.architecture));
            if let Some(variant) = &platform.variant {
                text.push(format!("[{number}]    - Variant: {variant}"));
            }
        }
        None => {
            text.push(format!("[{number}]    -      (no platform specified)"));
        }
    }
    let layers = manifest.map(|manifest| manifest.layers.as_slice()).unwrap_or_default();
    text.push(format!("[{number}] # Layers: {}", layers.len()));
    for (number, layer) in layers.iter().enumerate() {
        text.push(format!("     layer {:02}: digest = {}", number + 1, layer.digest));
        text.push(format!("                 type = {}", layer.media_type));
    }
    text.push(String::new());
}

fn single(inspected: &Inspected<'_>, image: &ImageManifest) -> Vec<String> {
    let mut text = Vec::new();
    let root = inspected.root;
    let said = |key: &str| inspected.config.get(key).and_then(Value::as_str).unwrap_or_default();
    text.push(format!("Name: {} (Type: {})", inspected.name, root.media_type()));
    text.push(format!("      Digest: {}", root.digest()));
    text.push(format!("        Size: {}", root.bytes().len()));
    text.push(format!("          OS: {}", said("os")));
    text.push(format!("        Arch: {}", said("architecture")));
    text.push(format!("    # Layers: {}", image.layers.len()));
    for (number, layer) in image.layers.iter().enumerate() {
        text.push(format!("      layer {:02}: digest = {}", number + 1, layer.digest));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testkit::fixtures::{Image, Index, attestation_entry, attestation_for};

    use super::*;

    fn joined(inspected: &Inspected<'_>) -> String {
        text(inspected).join("\n") + "\n"
    }

    #[test]
    fn an_index_is_told_entry_by_entry() {
        let windows = Image::new("windows/amd64:10.0.20348.1").build();
        let mut entry = windows.descriptor();
        entry.platform = entry.platform.map(|own| oci::Platform { os_features: vec!["win32k".to_owned(), "x".to_owned()], ..own });
        let attestation = attestation_for(&windows);
        let inner = Index::new().image(&windows).build();
        let unsaid = Descriptor { platform: None, ..windows.descriptor() };
        let index = Index::new().add(entry).add(attestation_entry(&attestation, &windows)).add(unsaid).add(inner.descriptor()).build();
        let read = Some(windows.manifest.clone());
        let children = [read.clone(), None, read, None];
        let inspected = Inspected { name: "app:1", root: &index, children: &children, config: &Value::Null };
        let (digest, size, layer) = (windows.digest(), windows.manifest.bytes().len(), &windows.layers[0].0);
        let (media, length) = ("application/vnd.oci.image", attestation.manifest.bytes().len());
        let layers = |number: u32| {
            format!(
                "[{number}] # Layers: 1\n     layer 01: digest = {}\n                 type = {media}.layer.v1.tar+gzip\n\n",
                layer.digest
            )
        };
        let head = |number: u32| {
            format!(
                "[{number}]     Type: {media}.manifest.v1+json\n[{number}]   Digest: {digest}\n[{number}]   Length: {size}\n[{number}] Platform:\n"
            )
        };
        let expected = format!(
            "Name:   app:1 (Type: {media}.index.v1+json)\nDigest: {}\n * Contains 4 manifest references (3 images, 1 attestation):\n\
             {}[1]    -      OS: windows\n[1]    - OS Vers: 10.0.20348.1\n[1]    - OS Feat: [win32k x]\n[1]    -    Arch: amd64\n{}\
             [2]     Type: {media}.manifest.v1+json (vnd.docker.reference.type=attestation-manifest)\n[2]   Digest: {}\n[2]   Length: \
             {length}\n[2]       >>> Attestation for digest: {digest}\n\n{}[3]    -      (no platform specified)\n{}\
             [4]     Type: {media}.index.v1+json\n[4]   Digest: {}\n[4]   Length: {}\nUnknown media type for further display: \
             {media}.index.v1+json\n",
            index.digest(),
            head(1),
            layers(1),
            attestation.digest(),
            head(3),
            layers(3),
            inner.digest(),
            inner.bytes().len()
        );
        assert_eq!(joined(&inspected), expected);
    }

    #[test]
    fn an_image_alone_is_told_with_what_its_config_says() {
        let image = Image::new("linux/arm64").build();
        let config = json!({"os": "linux", "architecture": "arm64"});
        let told = |config: &Value| joined(&Inspected { name: "app:1", root: &image.manifest, children: &[], config });
        let expected = format!(
            "Name: app:1 (Type: application/vnd.oci.image.manifest.v1+json)\n      Digest: {}\n        Size: {}\n          OS: \
             linux\n        Arch: arm64\n    # Layers: 1\n      layer 01: digest = {}\n",
            image.digest(),
            image.manifest.bytes().len(),
            image.layers[0].0.digest
        );
        assert_eq!(told(&config), expected);
        assert!(told(&Value::Null).contains("          OS: \n        Arch: \n"));
    }
}
