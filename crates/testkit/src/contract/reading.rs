//! Clauses about what comes back.

use bytes::Bytes;
use content::{Item, Placed};
use oci::{Algorithm, Descriptor, Digest, ImageConfig, MediaType, Selector};
use serde_json::json;

use super::case::{Case, by_digest, named};
use crate::faulty::Faulty;
use crate::fixtures::{Image, in_memory, plain, random_bytes};

fn octets() -> MediaType {
    MediaType::from("application/octet-stream")
}

pub(super) async fn empty(case: &Case) {
    let place = &case.place;
    let nowhere = Descriptor::of(octets(), b"nowhere");
    case.missing("resolving a tag", place.resolve(&named("v1")).await);
    case.missing("reading a tag", place.manifest(&named("v1")).await);
    case.missing("resolving a digest", place.resolve(&by_digest(&nowhere.digest)).await);
    case.missing("reading a manifest", place.manifest(&by_digest(&nowhere.digest)).await);
    case.missing("resolving the only image", place.resolve(&Selector::Only).await);
    case.missing("opening a blob", place.blob(&nowhere).await);
    case.claim(!case.has("a blob", &nowhere).await, "it says that it has a blob");
    let manifest = Image::new("linux/amd64").build().manifest.descriptor();
    case.claim(!case.has("a manifest", &manifest).await, "it says that it has a manifest");
    case.equal("its tags", Vec::<String>::new(), case.tags().await);
    case.claim(!place.name().is_empty(), "it has no name for messages");
    case.claim(place.width() > 0, "its width is 0");
    match place.manifest(&named("v1")).await {
        Err(content::Error::Missing { item: Item::Tag(tag), .. }) => case.equal("the tag named in Error::Missing", "v1", tag.as_str()),
        Err(content::Error::Missing { item: Item::Repository | Item::Image, .. }) => {}
        other => case.fail(format_args!("reading a tag: expected Error::Missing of that tag, got {other:?}")),
    }
}

/// Holds for places that rewrite manifests or compress anew, too: what makes the image is the same.
pub(super) async fn same_image(case: &Case) {
    for (tag, image) in [
        ("v1", Image::new("linux/arm/v7").text("one")),
        ("v2", Image::new("linux/amd64").layer_count(3)),
        ("v3", Image::new("linux/s390x").uncompressed()),
    ] {
        let image = image.build();
        case.put(&image).await;
        case.tag(tag, &image.manifest).await;
        let read = case.at(tag).await;
        let Some(manifest) = read.as_image() else {
            case.fail(format_args!("{tag} was an image, and comes back as {}", read.media_type()))
        };
        let config = case.read(&manifest.config).await;
        let (put, got) = (
            ImageConfig::parse(&image.config.1).unwrap(),
            ImageConfig::parse(&config).unwrap_or_else(|error| case.fail(format_args!("the config of {tag} is broken: {error}"))),
        );
        case.equal("the platform in the config", put.platform(), got.platform());
        case.equal("the diff ids in the config", put.rootfs.diff_ids, got.rootfs.diff_ids);
        case.equal("the number of layers", image.layers.len(), manifest.layers.len());
        for (layer, (_, bytes)) in manifest.layers.iter().zip(&image.layers) {
            case.same_bytes("a layer's tar", &plain(bytes), &plain(&case.read(layer).await));
        }
    }
}

pub(super) async fn exact_manifest(case: &Case) {
    if !case.abilities().exact {
        return;
    }
    let image = Image::new("linux/arm64").text("exact").build();
    case.put(&image).await;
    case.claim(case.has("the manifest", &image.manifest.descriptor()).await, "a manifest that was put is not there");
    let read = case.ok("reading by digest", case.place.manifest(&by_digest(image.digest())).await);
    case.same_bytes("the manifest by digest", image.manifest.bytes(), read.bytes());
    case.tag("v1", &image.manifest).await;
    let read = case.at("v1").await;
    case.same_bytes("the manifest by tag", image.manifest.bytes(), read.bytes());
    case.equal("its media type", image.manifest.media_type(), read.media_type());
}

pub(super) async fn exact_blob(case: &Case) {
    if !case.abilities().exact {
        return;
    }
    let image = Image::new("linux/arm64").layer_count(2).build();
    case.put(&image).await;
    for (blob, bytes) in image.blobs() {
        case.claim(case.has("the blob", blob).await, "a blob that was put is not there");
        case.same_bytes("a blob", bytes, &case.read(blob).await);
    }
}

pub(super) async fn resolve(case: &Case) {
    let image = Image::new("linux/riscv64").build();
    case.put(&image).await;
    case.tag("v1", &image.manifest).await;
    let manifest = case.at("v1").await;
    let short = |descriptor: Descriptor| (descriptor.digest, descriptor.size, descriptor.media_type);
    let expected = short(manifest.descriptor());
    case.equal("resolving the tag", expected.clone(), short(case.ok("resolving the tag", case.place.resolve(&named("v1")).await)));
    let digest = by_digest(manifest.digest());
    case.equal("resolving its digest", expected.clone(), short(case.ok("resolving its digest", case.place.resolve(&digest).await)));
    case.equal(
        "reading its digest",
        expected.clone(),
        short(case.ok("reading its digest", case.place.manifest(&digest).await).descriptor()),
    );
    if case.abilities().exact {
        case.equal("what was put", short(image.manifest.descriptor()), expected);
    }
}

pub(super) async fn empty_blob(case: &Case) {
    if !case.abilities().exact {
        return;
    }
    blob_alone(case, Bytes::new(), Algorithm::Sha256).await;
}

pub(super) async fn big_blob(case: &Case) {
    let bytes = random_bytes(8, 8 * 1024 * 1024);
    if case.abilities().exact {
        blob_alone(case, bytes, Algorithm::Sha256).await;
        return;
    }
    let image = Image::new("linux/amd64").file("big", bytes).build();
    case.put(&image).await;
    case.tag("v1", &image.manifest).await;
    let read = case.at("v1").await;
    let Some(layer) = read.as_image().and_then(|manifest| manifest.layers.first()) else {
        case.fail("the image comes back without layers")
    };
    case.same_bytes("the big layer's tar", &plain(&image.layers[0].1), &plain(&case.read(layer).await));
}

/// Puts a blob by itself, from a source that sends it in many chunks, and reads it back.
async fn blob_alone(case: &Case, bytes: Bytes, algorithm: Algorithm) {
    let blob = Descriptor::new(octets(), Digest::with(algorithm, &bytes), bytes.len() as u64);
    let source = Faulty::new(memory_with(&blob, &bytes).await);
    case.equal("what putting says", Placed::Sent, case.ok("putting the blob", case.place.put_blob(&blob, &source).await));
    case.equal("how often the source was asked", vec![blob.digest.clone()], source.asked());
    case.claim(case.has("the blob", &blob).await, "a blob that was put is not there");
    case.same_bytes("the blob", &bytes, &case.read(&blob).await);
}

async fn memory_with(blob: &Descriptor, bytes: &Bytes) -> content::Memory {
    let mut image = Image::new("linux/amd64").build();
    image.layers = vec![(blob.clone(), bytes.clone())];
    in_memory(&[&image], &[]).await
}

pub(super) async fn sha512(case: &Case) {
    if !case.abilities().exact {
        return;
    }
    let text = Bytes::from_static(b"named by a long digest");
    blob_alone(case, text, Algorithm::Sha512).await;
    // The same within an image: a config and a layer that the manifest names by sha512.
    let mut image = Image::new("linux/amd64").text("long digests").build();
    for (blob, bytes) in std::iter::once(&mut image.config).chain(&mut image.layers) {
        blob.digest = Digest::with(Algorithm::Sha512, bytes);
    }
    let mut tree = image.manifest.tree();
    tree["config"] = json!(image.config.0);
    tree["layers"] = json!([image.layers[0].0]);
    image.manifest = oci::RawManifest::parse(tree.to_string().into(), None).unwrap();
    case.put(&image).await;
    case.tag("v1", &image.manifest).await;
    case.same_bytes("the manifest", image.manifest.bytes(), case.at("v1").await.bytes());
    for (blob, bytes) in image.blobs() {
        case.same_bytes("a blob", bytes, &case.read(blob).await);
    }
}
