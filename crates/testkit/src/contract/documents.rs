//! Clauses about documents that are easily changed on the way.

use content::{Copied, Events, Limits, Placed, copy};
use oci::{Family, MediaType, RawManifest};
use serde_json::json;

use super::case::{Case, by_digest};
use crate::faulty::Faulty;
use crate::fixtures::{BuiltImage, Image, Index, attestation_entry, attestation_for, in_memory};

pub(super) async fn odd_json(case: &Case) {
    if !case.abilities().exact {
        return;
    }
    let mut image =
        Image::new("linux/amd64").config(|config| config["org.example.unknown"] = json!({ "b": 1, "a": [null, 1.5e3] })).build();
    let mut tree = image.manifest.tree();
    tree["layers"][0]["org.example.field"] = json!({ "zero": 0 });
    tree["unknown"] = json!({ "z": "ü", "a": 12_345_678_901_234_567_890_u64 });
    // Tabs, no order, an escape where none is needed, a line end at the end: all of it has to stay.
    let text = format!(
        "\t{}\r\n\n",
        serde_json::to_string_pretty(&tree).unwrap().replace("  ", "\t").replace('ü', "\\u00fc").replace("\": ", "\"  :\t")
    );
    image.manifest = RawManifest::parse(text.into(), None).unwrap();
    case.put(&image).await;
    case.tag("v1", &image.manifest).await;
    let read = case.at("v1").await;
    case.equal("the manifest", String::from_utf8_lossy(image.manifest.bytes()), String::from_utf8_lossy(read.bytes()));
    case.equal("its digest", image.digest(), read.digest());
    case.same_bytes("the config", &image.config.1, &case.read(&image.config.0).await);
    if case.abilities().indexes {
        let index = Index::new().image(&image).edit(|tree| tree["manifests"][0]["unknown"] = json!([{}, "x"])).build();
        let index = RawManifest::parse(format!("\n {} ", index.tree()).into(), None).unwrap();
        case.ok("putting the index", case.place.put_manifest(&index).await);
        case.tag("v2", &index).await;
        case.same_bytes("the index", index.bytes(), case.at("v2").await.bytes());
    }
}

pub(super) async fn docker_types(case: &Case) {
    let image = Image::new("linux/arm/v6").docker().text("docker").build();
    case.put(&image).await;
    case.tag("v1", &image.manifest).await;
    let read = case.at("v1").await;
    case.claim(read.as_image().is_some(), "an image comes back as something else");
    if !case.abilities().exact {
        return;
    }
    case.equal("the manifest's type", &MediaType::DockerManifest, read.media_type());
    case.same_bytes("the manifest", image.manifest.bytes(), read.bytes());
    if case.abilities().indexes {
        let other = Image::new("linux/amd64").docker().build();
        case.put(&other).await;
        let list = Index::new().docker().image(&image).image(&other).build();
        case.ok("putting the list", case.place.put_manifest(&list).await);
        case.tag("v2", &list).await;
        let read = case.at("v2").await;
        case.equal("the list's type", &MediaType::DockerList, read.media_type());
        case.equal("the list's family", Family::Docker, read.family());
        case.same_bytes("the list", list.bytes(), read.bytes());
    }
}

pub(super) async fn indexes(case: &Case) {
    let (amd64, arm64) = (Image::new("linux/amd64").layer_count(2).build(), Image::new("linux/arm64/v8").layer_count(2).build());
    let attestation = attestation_for(&amd64);
    let inner = Index::new().image(&arm64).annotation("org.example.level", "inner").build();
    let outer = Index::new().image(&amd64).add(attestation_entry(&attestation, &amd64)).add(inner.descriptor()).build();
    let images = [&amd64, &arm64, &attestation];
    let source = Faulty::new(in_memory(&images, &[&inner]).await);
    let copied = copy(&source, &*case.place, &outer, Limits::default(), &Events::none()).await;
    if !case.abilities().indexes {
        refused(case, &outer, copied).await;
        return;
    }
    let copied = case.ok("copying the index", copied);
    let blobs: std::collections::HashSet<_> = images.iter().flat_map(|image| image.blobs()).map(|(blob, _)| &blob.digest).collect();
    case.equal("the pieces sent", (blobs.len() + 5) as u64, copied.sent);
    case.tag("v1", &outer).await;
    case.same_bytes("the outer index", outer.bytes(), case.at("v1").await.bytes());
    for manifest in [&inner, &amd64.manifest, &arm64.manifest, &attestation.manifest] {
        let read = case.ok("reading a child", case.place.manifest(&by_digest(manifest.digest())).await);
        case.same_bytes("a child", manifest.bytes(), read.bytes());
    }
    for (blob, bytes) in images.iter().flat_map(|image| image.blobs()) {
        case.same_bytes("a blob", bytes, &case.read(blob).await);
    }
    let asked = source.asked().len();
    let again = case.ok("copying the index again", copy(&source, &*case.place, &outer, Limits::default(), &Events::none()).await);
    case.equal("what a second copy sends", (0, 0), (again.sent, again.bytes));
    case.equal("the blobs asked for after a second copy", asked, source.asked().len());
    case.equal("the tags", vec!["v1".to_owned()], case.tags().await);
}

/// A place for one platform refuses an index, at the latest where it would get its name.
async fn refused(case: &Case, index: &RawManifest, copied: content::Result<Copied>) {
    match copied {
        Err(error) => case.unsupported("copying an index", Err::<Copied, _>(error)),
        Ok(_) => case.unsupported("tagging an index", case.place.tag(&super::case::named("v1"), index, &content::Expected::Any).await),
    }
    case.no_tag("after the refusal", "v1").await;
}

pub(super) async fn same_platform(case: &Case) {
    if !case.abilities().indexes {
        return;
    }
    let small = Image::new("linux/amd64").text("small").build();
    let large = Image::new("linux/amd64").text("large").build();
    let mut twin = small.descriptor().with_platform(crate::fixtures::platform("linux/386"));
    twin.annotations.insert("org.example.twin".to_owned(), "yes".to_owned());
    let index = Index::new().image(&small).image(&large).add(twin).build();
    let images: [&BuiltImage; 2] = [&small, &large];
    let source = in_memory(&images, &[]).await;
    case.ok("copying", copy(&source, &*case.place, &index, Limits::default(), &Events::none()).await);
    case.tag("v1", &index).await;
    case.same_bytes("the index", index.bytes(), case.at("v1").await.bytes());
    for image in images {
        case.claim(case.has("a child", &image.descriptor()).await, "a child of the index is not there");
    }
    case.equal("putting a child again", Placed::Present, case.ok("putting a child again", case.place.put_manifest(&small.manifest).await));
}
