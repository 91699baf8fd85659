//! Sources in memory, and the short way from them to a plan.

#![allow(dead_code, reason = "every test file is a crate of its own and uses its part of this")]

use std::sync::Arc;

use content::{Limits, Memory, Sink};
use index::{Gathered, IndexError, Manner, Part, Plan, Wish, gather, plan};
use oci::{RawManifest, Selector};
use testkit::fixtures::{BuiltImage, Image, Index, put};

pub fn name(text: &str) -> Selector {
    Selector::Name(text.to_owned())
}

pub fn part(place: &Memory, tag: &str) -> Part {
    Part { label: tag.to_owned(), place: Arc::new(place.clone()), selector: name(tag), platform: None }
}

pub fn part_for(place: &Memory, tag: &str, platform: &str) -> Part {
    Part { platform: Some(platform.parse().unwrap()), ..part(place, tag) }
}

pub async fn read(parts: Vec<Part>) -> Result<Vec<Gathered>, IndexError> {
    Ok(gather(parts, Manner::default(), Limits::default()).await?.found)
}

pub async fn decide(parts: Vec<Part>, wish: &Wish) -> Result<Plan, IndexError> {
    plan(&read(parts).await?, None, wish)
}

pub async fn assemble(parts: Vec<Part>) -> Result<Plan, IndexError> {
    decide(parts, &Wish::default()).await
}

pub async fn base(place: &Memory, tag: &str) -> Gathered {
    read(vec![part(place, tag)]).await.unwrap().pop().unwrap()
}

pub fn platforms(plan: &Plan) -> Vec<String> {
    plan.platforms().map(ToString::to_string).collect()
}

/// A place with `amd64`, `arm64` and `arm` images under tags of these names.
pub async fn three() -> (Memory, [BuiltImage; 3]) {
    let place = Memory::new();
    let images = ["linux/amd64", "linux/arm64", "linux/arm/v7"].map(|platform| Image::new(platform).text(platform).build());
    for (image, tag) in images.iter().zip(["amd64", "arm64", "arm"]) {
        put(&place, image, Some(tag)).await;
    }
    (place, images)
}

pub fn index_of(images: &[&BuiltImage]) -> RawManifest {
    images.iter().fold(Index::new(), |index, image| index.image(image)).build()
}

pub async fn place_nested(place: &Memory, inner: &RawManifest) {
    place.put_manifest(inner).await.unwrap();
}
