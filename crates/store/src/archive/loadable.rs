//! Writes `manifest.json`, the list by which every Docker since 1.10 finds the images of an archive.

use content::Result;
use oci::{Descriptor, Digest, Matcher, Platform, RawManifest};
use serde_json::{Value, json};

use super::contents::{MAX_DEPTH, blob_name, parse_manifest, views};
use super::names;
use super::section::Section;

/// Makes the list for the entries of an `index.json`.
///
/// That format knows no platforms: of an index it names the image for `platform`, else the first.
/// What is no image, or is not here whole, is left out.
pub(crate) fn list(index: &Value, platform: &Platform, section: impl Fn(&Digest) -> Option<Section>) -> Value {
    let mut images: Vec<(Value, Vec<String>)> = Vec::new();
    for entry in &views(index) {
        let Some(image) = image_of(entry, platform, &section) else { continue };
        let Some(paths) = paths_of(&image, &section) else { continue };
        let name = names::full_name(entry).map(|name| name.familiar());
        match images.iter_mut().find(|(known, _)| *known == paths) {
            Some((_, tags)) => tags.extend(name),
            None => images.push((paths, name.into_iter().collect())),
        }
    }
    let item = |(mut paths, tags): (Value, Vec<String>)| {
        if let Some(item) = paths.as_object_mut() {
            // Go writes null for no names, and so does Docker.
            item.insert("RepoTags".to_owned(), if tags.is_empty() { Value::Null } else { json!(tags) });
        }
        paths
    };
    images.into_iter().map(item).collect()
}

/// Returns the manifest of the one image that an engine of a platform loads of an entry.
pub(crate) fn image_of(entry: &Descriptor, platform: &Platform, section: &impl Fn(&Digest) -> Option<Section>) -> Option<RawManifest> {
    below(entry, platform, section, 0)
}

fn below(entry: &Descriptor, platform: &Platform, section: &impl Fn(&Digest) -> Option<Section>, depth: usize) -> Option<RawManifest> {
    let manifest = read(entry, section).ok().flatten()?;
    let Some(index) = manifest.as_index() else {
        return manifest.as_image().is_some_and(oci::ImageManifest::is_image).then_some(manifest);
    };
    if depth > MAX_DEPTH {
        return None;
    }
    let children: Vec<&Descriptor> =
        index.manifests.iter().filter(|child| !child.is_attestation() && child.artifact_type.is_none()).collect();
    let stated: Vec<(&Descriptor, &Platform)> = children.iter().filter_map(|child| Some((*child, child.platform.as_ref()?))).collect();
    let best =
        Matcher::only(platform).best(stated.iter().map(|(_, own)| *own)).and_then(|place| stated.get(place)).map(|(child, _)| *child);
    best.into_iter().chain(children).find_map(|child| below(child, platform, section, depth + 1))
}

fn read(entry: &Descriptor, section: &impl Fn(&Digest) -> Option<Section>) -> Result<Option<RawManifest>> {
    section(&entry.digest).map(|section| parse_manifest(&section, &entry.digest, Some(&entry.media_type), "")).transpose()
}

fn paths_of(image: &RawManifest, section: &impl Fn(&Digest) -> Option<Section>) -> Option<Value> {
    let image = image.as_image()?;
    if !image.layers.iter().all(is_file_system) {
        return None;
    }
    let path = |blob: &Descriptor| section(&blob.digest).map(|_| blob_name(&blob.digest));
    let layers: Vec<String> = image.layers.iter().map(path).collect::<Option<_>>()?;
    Some(json!({"Config": path(&image.config)?, "RepoTags": null, "Layers": layers}))
}

/// Tells whether a layer is a file system. One that is none, such as the text of an old signature, fails
/// the whole `docker load`, whatever else the archive holds.
fn is_file_system(layer: &Descriptor) -> bool {
    let known = ["application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."];
    known.iter().any(|stem| layer.media_type.as_str().starts_with(stem))
}
