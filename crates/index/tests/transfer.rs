//! Moving an image as it is, or some of its platforms, on places in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::sync::{Arc, Mutex};

use content::{Copier, Event, Events, Expected, Limits, Memory, Source, copy};
use index::{IndexError, Order, Shipment, bring, decide, name};
use oci::{PlatformSet, RawManifest, Selector};
use testkit::faulty::Faulty;
use testkit::fixtures::{BuiltImage, Image, Index, attestation_entry, attestation_for, put_index, random_bytes};

fn tag(name: &str) -> Selector {
    Selector::Name(name.to_owned())
}

/// An index of three platforms, the first with an attestation, as `app` in a place.
async fn app() -> (Memory, Vec<BuiltImage>, RawManifest) {
    let images: Vec<BuiltImage> = ["linux/amd64", "linux/arm64", "linux/arm/v7"].map(|platform| Image::new(platform).build()).into();
    let attestation = attestation_for(&images[0]);
    let index = images.iter().fold(Index::new(), Index::image).add(attestation_entry(&attestation, &images[0]));
    let index = index.annotation("org.opencontainers.image.title", "app").build();
    let place = Memory::new();
    let all: Vec<&BuiltImage> = images.iter().chain([&attestation]).collect();
    put_index(&place, &all, &index, Some("app")).await;
    let images = images.into_iter().chain([attestation]).collect();
    (place, images, index)
}

fn order(source: &Memory, target: &Memory, platforms: &str) -> Order {
    Order {
        label: "app".to_owned(),
        source: Arc::new(source.clone()),
        selector: tag("app"),
        platforms: if platforms.is_empty() { PlatformSet::default() } else { platforms.parse().unwrap() },
        target: Arc::new(target.clone()),
        to: tag("copy"),
        expected: Expected::Any,
        is_new: false,
    }
}

async fn decided(order: Order) -> Result<Shipment, IndexError> {
    decide(order, Limits::default()).await
}

async fn ship(order: Order) -> Shipment {
    let (shipment, events) = (decided(order).await.unwrap(), Events::none());
    bring(&shipment, &Copier::new(&*shipment.order.target, Limits::default(), &events)).await.unwrap();
    name(&shipment).await.unwrap();
    shipment
}

fn words(platforms: &[oci::Platform]) -> Vec<String> {
    platforms.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn the_whole_image_arrives_byte_for_byte() {
    let (source, _, index) = app().await;
    let target = Memory::new();
    let shipment = ship(order(&source, &target, "")).await;
    assert!(shipment.is_exact() && !shipment.is_unchanged());
    assert_eq!(words(&shipment.taken), ["linux/amd64", "linux/arm64", "linux/arm/v7"]);
    assert_eq!(target.manifest(&tag("copy")).await.unwrap().bytes(), index.bytes());
    let again = decided(order(&source, &target, "")).await.unwrap();
    assert!(again.is_unchanged());
}

#[tokio::test]
async fn some_platforms_make_a_smaller_index_with_their_attestations() {
    let (source, images, _) = app().await;
    let target = Memory::new();
    let shipment = ship(order(&source, &target, "linux/arm,linux/amd64")).await;
    assert!(!shipment.is_exact());
    assert_eq!((words(&shipment.offered).len(), words(&shipment.taken)), (3, vec!["linux/amd64".into(), "linux/arm/v7".into()]));
    let index = target.manifest(&tag("copy")).await.unwrap();
    let entries: Vec<_> = index.as_index().unwrap().manifests.iter().map(|entry| entry.digest.clone()).collect();
    assert_eq!(entries, [images[0].digest().clone(), images[2].digest().clone(), images[3].digest().clone()]);
    assert_eq!(index.as_index().unwrap().annotations["org.opencontainers.image.title"], "app");
    assert!(!target.has(&images[1].descriptor()).await.unwrap(), "what was not asked for stays behind");
    assert!(decided(order(&source, &target, "linux/amd64,linux/arm/v7")).await.unwrap().is_unchanged(), "the same wish, the same bytes");
}

#[tokio::test]
async fn all_platforms_by_name_are_the_image_itself() {
    let (source, _, _) = app().await;
    assert!(decided(order(&source, &Memory::new(), "linux/amd64,linux/arm64,linux/arm/v7")).await.unwrap().is_exact());
}

#[tokio::test]
async fn a_platform_that_is_not_there_is_refused_with_those_that_are() {
    let (source, _, _) = app().await;
    let Err(error) = decided(order(&source, &Memory::new(), "linux/amd64,linux/s390x")).await else { panic!("it has no s390x") };
    assert!(matches!(error, IndexError::Absent { .. }));
    assert!(error.to_string().contains("linux/arm/v7"), "{error}");
}

#[tokio::test]
async fn a_single_image_is_itself_for_its_own_platform_and_nothing_for_another() {
    let (source, image, target) = (Memory::new(), Image::new("linux/arm64").build(), Memory::new());
    testkit::fixtures::put(&source, &image, Some("app")).await;
    assert!(ship(order(&source, &target, "linux/arm64")).await.is_exact());
    assert!(matches!(decided(order(&source, &target, "linux/amd64")).await, Err(IndexError::Absent { .. })));
}

#[tokio::test]
async fn a_name_that_is_not_what_was_expected_is_refused() {
    let (source, _, _) = app().await;
    let target = Memory::new();
    ship(order(&source, &target, "linux/amd64")).await;
    let guarded = Order { expected: Expected::Absent, ..order(&source, &target, "") };
    assert!(matches!(decided(guarded).await, Err(IndexError::Content(content::Error::Moved { .. }))));
    let done = Order { expected: Expected::Absent, ..order(&source, &target, "linux/amd64") };
    assert!(decided(done).await.unwrap().is_unchanged(), "what is done already is no conflict");
}

#[tokio::test]
async fn images_copied_at_once_share_what_they_have_in_common() {
    let layer = random_bytes(7, 100_000);
    let images: Vec<BuiltImage> = (0..8)
        .map(|number| {
            Image::new("linux/amd64").file("shared", layer.clone()).config(move |config| config["number"] = number.into()).build()
        })
        .collect();
    let source = Memory::new();
    for image in &images {
        testkit::fixtures::put(&source, image, None).await;
    }
    let (source, target, events) = (Faulty::new(source), Memory::new(), Events::none());
    let copier = Copier::new(&target, Limits::default(), &events);
    let copies = images.iter().map(|image| copier.copy(&source, &image.manifest));
    futures_util::future::try_join_all(copies).await.unwrap();
    let asked = source.asked();
    let mut distinct = asked.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(asked.len(), distinct.len(), "each blob is opened once");
    assert_eq!(asked.len(), 8 + 1);
}

#[tokio::test]
async fn a_copy_tells_what_it_brings_and_for_which_platforms() {
    let (source, images, index) = app().await;
    let heard: Arc<Mutex<Vec<Event>>> = Arc::default();
    let ears = Arc::clone(&heard);
    copy(&source, &Memory::new(), &index, Limits::default(), &Events::to(move |event| ears.lock().unwrap().push(event))).await.unwrap();
    let heard = heard.lock().unwrap();
    let Some(Event::Planned { blobs, .. }) = heard.first() else { panic!("the plan comes first: {heard:?}") };
    let config = images[1].manifest.as_image().unwrap().config.clone();
    let share = blobs.iter().find(|share| share.blob.digest == config.digest).unwrap();
    assert_eq!(words(&share.platforms), ["linux/arm64"]);
    let mut passed = heard.iter().filter_map(|event| match event {
        Event::Passed { blob, bytes, .. } if *blob == config.digest => Some(*bytes),
        _ => None,
    });
    assert_eq!(passed.next_back(), Some(config.size));
    let arrived = heard.iter().filter(|event| matches!(event, Event::Blob { .. })).count();
    assert_eq!(arrived, blobs.len(), "every planned blob ends");
}

#[tokio::test]
async fn a_name_that_a_list_has_shown_to_be_new_is_not_asked_for() {
    let (source, _, index) = app().await;
    let target = Memory::new();
    let shipment = ship(Order { is_new: true, ..order(&source, &target, "") }).await;
    assert!(shipment.is_exact() && shipment.current.is_none());
    assert_eq!(target.manifest(&tag("copy")).await.unwrap().bytes(), index.bytes());
}
