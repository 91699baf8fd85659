//! What `inspect` and `digest` tell of an image, on places in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use content::{Memory, Sink};
use index::{Depth, Description, IndexError, describe, find_image};
use oci::{Descriptor, Digest, Platform, RawManifest};
use testkit::fixtures::{BuiltImage, Image, Index, put, put_index};

fn image(platform: &str) -> BuiltImage {
    Image::new(platform).text(platform).build()
}

/// An entry that leaves its platform to the image's config.
fn unsaid(image: &BuiltImage) -> Descriptor {
    Descriptor { platform: None, ..image.descriptor() }
}

async fn look(place: &Memory, root: &RawManifest, depth: Depth) -> Result<Description, IndexError> {
    describe(place, "image", root, depth).await
}

fn shown(description: &Description) -> Vec<(&str, bool)> {
    description.platforms.iter().map(|entry| (entry.platform.as_str(), entry.missing)).collect()
}

async fn found(place: &Memory, root: &RawManifest, platform: &str) -> Result<Digest, String> {
    let wanted: Platform = platform.parse().unwrap();
    find_image(place, "image", root, &wanted).await.map(|entry| entry.digest).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_missing_child_fails_only_the_view_that_asks_for_everything() {
    let place = Memory::new();
    let (here, gone) = (image("linux/amd64"), image("linux/arm64"));
    let root = Index::new().image(&here).image(&gone).build();
    put_index(&place, &[&here, &gone], &root, None).await;
    place.forget(gone.digest());
    let best = look(&place, &root, Depth::Best).await.unwrap();
    assert_eq!(shown(&best), [("linux/amd64", false), ("linux/arm64", true)]);
    assert!(best.platforms[0].detail.is_some() && best.platforms[1].detail.is_none());
    assert_eq!(serde_json::to_value(&best).unwrap()["platforms"][1]["missing"], true);
    assert!(serde_json::to_value(&best).unwrap()["platforms"][0].get("missing").is_none());
    assert!(matches!(look(&place, &root, Depth::Full).await, Err(IndexError::Content(error)) if error.is_missing()));
    // A lone image whose config is not there.
    place.forget(&here.config.0.digest);
    let lone = look(&place, &here.manifest, Depth::Best).await.unwrap();
    assert_eq!(shown(&lone), [("unknown", true)]);
}

#[tokio::test]
async fn an_artifact_in_an_index_is_no_platform() {
    let place = Memory::new();
    let (one, other) = (image("linux/amd64"), Image::new("linux/amd64").artifact("application/x").build());
    let said = Descriptor { artifact_type: Some("application/x".to_owned()), ..unsaid(&other) };
    for entry in [Descriptor { artifact_type: None, ..unsaid(&other) }, said] {
        let root = Index::new().image(&one).add(entry).build();
        put_index(&place, &[&one, &other], &root, None).await;
        let description = look(&place, &root, Depth::Full).await.unwrap();
        assert_eq!(shown(&description), [("linux/amd64", false)]);
        assert_eq!(description.others.len(), 1);
        assert_eq!(description.others[0].artifact_type.as_deref(), Some("application/x"));
    }
}

#[tokio::test]
async fn a_platform_is_found_where_the_index_does_not_say_it() {
    let place = Memory::new();
    let images = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x"].map(image);
    let inner = Index::new().image(&images[0]).add(unsaid(&images[1])).build();
    let root = Index::new().add(unsaid(&images[2])).add(inner.descriptor()).build();
    put_index(&place, &[&images[0], &images[1], &images[2]], &inner, None).await;
    place.put_manifest(&root).await.unwrap();
    for image in &images[..3] {
        assert_eq!(found(&place, &root, &image.platform.to_string()).await.as_ref(), Ok(image.digest()));
    }
    let absent = found(&place, &root, "linux/s390x").await.unwrap_err();
    assert_eq!(absent, "no linux/s390x image in image: it offers linux/arm/v7, linux/amd64, linux/arm64");
    assert_eq!(found(&place, &images[0].manifest, "amd64").await.as_ref(), Ok(images[0].digest()));
    // What had to be read and is not there may be the image that was meant.
    place.forget(images[1].digest());
    assert!(found(&place, &root, "linux/s390x").await.unwrap_err().contains("no manifest sha256:"));
    assert_eq!(found(&place, &root, "amd64").await.as_ref(), Ok(images[0].digest()));
}

#[tokio::test]
async fn looking_for_a_platform_ends() {
    let place = Memory::new();
    let leaf = image("linux/amd64");
    put(&place, &leaf, None).await;
    let mut root = Index::new().image(&leaf).build();
    for _ in 0..3 {
        place.put_manifest(&root).await.unwrap();
        root = (0..100).fold(Index::new(), |index, _| index.add(root.descriptor())).build();
    }
    assert_eq!(found(&place, &root, "amd64").await.as_ref(), Ok(leaf.digest()));
    assert!(found(&place, &root, "arm64").await.unwrap_err().ends_with("it offers linux/amd64"));
    for _ in 0..2 {
        place.put_manifest(&root).await.unwrap();
        root = Index::new().add(root.descriptor()).build();
    }
    assert_eq!(found(&place, &root, "amd64").await.unwrap_err(), "levels of indexes in image: expected at most 3, got 4");
    let wide = (0..65).fold(Index::new(), |index, at| {
        let image = Image::new("linux/amd64").text(&at.to_string()).build();
        index.add(unsaid(&image))
    });
    assert_eq!(
        found(&place, &wide.build(), "arm64").await.unwrap_err(),
        "entries of image to read for linux/arm64: expected at most 64, got 65"
    );
}

#[tokio::test]
async fn a_platform_is_a_name_and_not_what_a_host_would_run() {
    let place = Memory::new();
    let images = ["linux/arm/v5", "linux/arm/v6", "windows/amd64:10.0.17763.5329", "windows/amd64:10.0.20348.2227"].map(image);
    let root = images.iter().fold(Index::new(), |index, image| index.image(image)).build();
    put_index(&place, &images.iter().collect::<Vec<_>>(), &root, None).await;
    assert!(found(&place, &root, "linux/arm/v7").await.unwrap_err().contains("it offers"));
    assert_eq!(found(&place, &root, "linux/arm/v6").await.as_ref(), Ok(images[1].digest()));
    assert_eq!(found(&place, &root, "windows(ltsc2022)/amd64").await.as_ref(), Ok(images[3].digest()));
    assert_eq!(found(&place, &root, "windows/amd64").await.as_ref(), Ok(images[2].digest()));
    assert!(found(&place, &root, "windows(ltsc2025)/amd64").await.is_err());
}
