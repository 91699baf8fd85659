//! Who refers to an image, at a registry that keeps no list of that: Debian's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;

use content::{Copier, Events, Limits, Memory, Place, Sink, Source, copy, copy_referrers, referring, subjects};
use futures_util::future::try_join_all;
use oci::{Descriptor, Digest, MediaType, RawManifest, Selector};
use remote::{Intent, Registry};
use serde_json::json;
use support::{open, settings, tag};
use testkit::fixtures::{Artifact, BuiltImage, Image, put, referred};
use testkit::registry::{DebianRegistry, RegistryOptions};

/// Opens the repository by a client that knows nothing.
fn app(registry: &DebianRegistry) -> Arc<Registry> {
    open(settings().0, &format!("{}/app", registry.host()), Intent::Write)
}

fn writes(registry: &DebianRegistry) -> Vec<String> {
    registry.requests().into_iter().filter(|line| !line.starts_with("GET ") && !line.starts_with("HEAD ")).collect()
}

fn fallback(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}

async fn all_of(place: &dyn Source, root: &RawManifest) -> Vec<(String, String, Vec<content::By>)> {
    let asked = subjects(place, root, Limits::default()).await.unwrap();
    let all = referring(place, &asked, Limits::default()).await.unwrap();
    assert!(all.left_out.is_empty(), "{:?}", all.left_out);
    all.found.iter().map(|one| (one.subject.to_string(), one.digest().to_string(), one.by.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_refers_arrives_and_a_second_time_nothing_is_written() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let (memory, world, events) = (Memory::new(), referred(), Events::none());
    world.put(&memory, "v1").await;
    let asked = subjects(&memory, &world.index, Limits::default()).await.unwrap();
    let all = referring(&memory, &asked, Limits::default()).await.unwrap();
    let target = app(&registry);
    copy(&memory, &*target, &world.index, Limits::default(), &events).await.unwrap();
    copy_referrers(&Copier::new(&*target, Limits::default(), &events), &memory, &all.found).await.unwrap();
    assert_eq!(all_of(&*app(&registry), &world.index).await, all_of(&memory, &world.index).await);
    // What readers choose by stands in the list; the index that refers is in it too.
    let list = app(&registry).manifest(&tag(&fallback(world.index.digest()))).await.unwrap();
    let listed = &list.as_index().unwrap().manifests;
    assert_eq!(listed.len(), 2);
    for manifest in [&world.artifacts[0].manifest, &world.collection] {
        assert!(listed.contains(&manifest.as_referrer()), "{manifest:?} in {listed:?}");
    }
    registry.clear_log();
    let again = app(&registry);
    copy_referrers(&Copier::new(&*again, Limits::default(), &events), &memory, &all.found).await.unwrap();
    assert_eq!(writes(&registry), Vec::<String>::new());
}

fn signature(number: u32, subject: &BuiltImage) -> BuiltImage {
    let artifact = Artifact::of("application/vnd.example.signature").annotation("number", &number.to_string());
    artifact.subject(&subject.manifest.descriptor()).build()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_referrers_of_one_image_share_their_writes_and_none_is_lost() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let (target, image) = (app(&registry), Image::new("linux/amd64").build());
    put(&*target, &image, Some("v1")).await;
    let signatures: Vec<BuiltImage> = (0..40).map(|number| signature(number, &image)).collect();
    for (blob, _) in signatures[0].blobs() {
        target.put_blob(blob, &testkit::fixtures::in_memory(&[&signatures[0]], &[]).await).await.unwrap();
    }
    registry.clear_log();
    try_join_all(signatures.iter().map(|signature| target.put_manifest(&signature.manifest))).await.unwrap();
    let name = fallback(image.digest());
    let written = writes(&registry).iter().filter(|line| line.contains(&name)).count();
    assert!((1..40).contains(&written), "the list of 40 was written {written} times");
    let mut listed: Vec<Digest> = app(&registry).referrers(image.digest()).await.unwrap().into_iter().map(|one| one.digest).collect();
    let mut expected: Vec<Digest> = signatures.iter().map(|one| one.digest().clone()).collect();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_have_listed_stays() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let (target, image) = (app(&registry), Image::new("linux/amd64").build());
    put(&*target, &image, Some("v1")).await;
    let (theirs, ours) = (signature(1, &image), signature(2, &image));
    put(&*target, &theirs, None).await;
    let bare = Descriptor::new(MediaType::OciManifest, theirs.digest().clone(), theirs.manifest.bytes().len() as u64);
    let list = json!({ "schemaVersion": 2, "mediaType": MediaType::OciIndex, "manifests": [bare], "annotations": { "by": "others" } });
    let list = RawManifest::parse(list.to_string().into(), None).unwrap();
    let name = Selector::Name(fallback(image.digest()));
    target.put_manifest(&list).await.unwrap();
    target.tag(&name, &list, &content::Expected::Any).await.unwrap();
    // By another process: this one would mend the entry, which lacks its type (sigstore/cosign#4641).
    put(&*app(&registry), &ours, None).await;
    let now = app(&registry).manifest(&name).await.unwrap();
    assert_eq!(now.tree()["annotations"]["by"], "others");
    assert_eq!(now.as_index().unwrap().manifests, [bare, ours.manifest.as_referrer()]);
    put(&*app(&registry), &theirs, None).await;
    let mended = app(&registry).manifest(&name).await.unwrap();
    assert_eq!(mended.as_index().unwrap().manifests, [theirs.manifest.as_referrer(), ours.manifest.as_referrer()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_under_the_tag_of_the_list_is_left_alone() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let (target, image) = (app(&registry), Image::new("linux/amd64").build());
    put(&*target, &image, Some(&fallback(image.digest()))).await;
    let signature = signature(1, &image);
    let memory = Memory::new();
    put(&memory, &signature, None).await;
    for _ in 0..2 {
        // Not the second time either: the manifest is there by then, and still nobody would find it.
        let refused = copy(&memory, &*target as &dyn Place, &signature.manifest, Limits::default(), &Events::none()).await;
        assert!(matches!(refused, Err(content::Error::Unsupported { .. })), "{refused:?}");
    }
    let found = target.resolve(&tag(&fallback(image.digest()))).await.unwrap();
    assert_eq!(found.digest, *image.digest());
}
