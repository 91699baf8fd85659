//! Clauses about blobs on their way in.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use content::{Events, Expected, Limits, Placed, Tagged, copy};
use oci::{Descriptor, MediaType};

use super::case::{Case, named};
use crate::faulty::{Faulty, Lie};
use crate::fixtures::{Image, in_memory, random_bytes};

pub(super) async fn wrong_bytes(case: &Case) {
    // Several chunks, so that the fault shows when the place has taken some already.
    let image = Image::new("linux/amd64").file("data", random_bytes(7, 300_000)).build();
    let layer = &image.layers[0].0;
    let memory = in_memory(&[&image], &[]).await;
    for lie in [Lie::OtherBytes, Lie::TooFew, Lie::TooMany, Lie::Breaks] {
        let source = Faulty::new(memory.clone()).lie(&layer.digest, lie);
        let error = case.error(format_args!("putting a blob whose source lies ({lie:?})"), case.place.put_blob(layer, &source).await);
        case.claim(!error.is_missing(), format_args!("the source lied ({lie:?}), and the error says that something is missing: {error}"));
        case.claim(!case.has("the blob", layer).await, format_args!("after the lie ({lie:?}) it has the blob"));
        case.missing(format_args!("opening the blob after the lie ({lie:?})"), case.place.blob(layer).await);
        case.equal("the tags after the lie", Vec::<String>::new(), case.tags().await);
    }
    let honest = Faulty::new(memory);
    case.equal(
        "putting the right bytes afterwards",
        Placed::Sent,
        case.ok("putting the right bytes afterwards", case.place.put_blob(layer, &honest).await),
    );
    case.put(&image).await;
    case.tag("v1", &image.manifest).await;
    if case.abilities().exact {
        case.same_bytes("the blob", &image.layers[0].1, &case.read(layer).await);
    }
}

pub(super) async fn twice(case: &Case) {
    let image = Image::new("linux/amd64").layer_count(2).build();
    let source = Faulty::new(in_memory(&[&image], &[]).await);
    for round in [Placed::Sent, Placed::Present] {
        for (blob, _) in image.blobs() {
            let placed = case.ok("putting a blob", case.place.put_blob(blob, &source).await);
            case.claim(
                placed == round || !case.abilities().exact,
                format_args!("putting the blob {}: expected {round:?}, got {placed:?}", blob.digest),
            );
        }
        let placed = case.ok("putting the manifest", case.place.put_manifest(&image.manifest).await);
        case.claim(placed == round || !case.abilities().exact, format_args!("putting the manifest: expected {round:?}, got {placed:?}"));
    }
    if case.abilities().exact {
        case.equal("the blobs that were asked for", image.blobs().count(), source.asked().len());
    }
    case.tag("v1", &image.manifest).await;
}

pub(super) async fn many_at_once(case: &Case) {
    if !case.abilities().exact {
        return;
    }
    let blobs: Vec<(Descriptor, Bytes)> = (0..20_usize)
        .map(|number| random_bytes(100 + number as u64, 1_000 + number * 5_000))
        .map(|bytes| (Descriptor::of(MediaType::from("application/octet-stream"), &bytes), bytes))
        .collect();
    let mut image = Image::new("linux/amd64").build();
    image.layers.clone_from(&blobs);
    let source = Arc::new(Faulty::new(in_memory(&[&image], &[]).await));
    let puts: Vec<_> = (0..50)
        .map(|number| {
            let (place, source, blob) = (case.place.clone(), source.clone(), blobs[number % blobs.len()].0.clone());
            tokio::spawn(async move { place.put_blob(&blob, &*source).await })
        })
        .collect();
    for put in puts {
        case.ok("putting one of 50 blobs at once", put.await.unwrap_or_else(|error| case.fail(format_args!("a put panicked: {error}"))));
    }
    for (blob, bytes) in &blobs {
        case.claim(case.has("a blob", blob).await, format_args!("after 50 puts at once the blob {} is not there", blob.digest));
        case.same_bytes("a blob", bytes, &case.read(blob).await);
    }
}

pub(super) async fn half_done(case: &Case) {
    let old = Image::new("linux/amd64").text("old").build();
    case.put(&old).await;
    case.tag("v1", &old.manifest).await;
    let before = case.at("v1").await;
    let image = Image::new("linux/amd64").file("data", random_bytes(9, 300_000)).layer_count(3).build();
    let memory = in_memory(&[&image], &[]).await;
    let hanging = Faulty::new(memory.clone()).lie(&image.layers[0].0.digest, Lie::Hangs);
    let (limits, events) = (Limits::default(), Events::none());
    let stopped = tokio::time::timeout(Duration::from_millis(300), copy(&hanging, &*case.place, &image.manifest, limits, &events)).await;
    case.claim(stopped.is_err(), "a copy ended although its source hangs");
    case.claim(!hanging.asked().is_empty(), "the copy was stopped before it asked for anything");
    case.claim(!case.has("the half blob", &image.layers[0].0).await, "it has a blob of which only half came");
    case.claim(!case.has("the manifest", &image.manifest.descriptor()).await, "it has a manifest that was never put");
    case.equal("what the name points at", before.digest(), case.at("v1").await.digest());
    case.equal("the tags", vec!["v1".to_owned()], case.tags().await);
    case.ok("copying again", copy(&memory, &*case.place, &image.manifest, limits, &events).await);
    let tagged = case.ok("tagging", case.place.tag(&named("v1"), &image.manifest, &Expected::Digest(before.digest().clone())).await);
    case.equal("what tagging says", Tagged::Moved, tagged);
    case.claim(before.digest() != case.at("v1").await.digest(), "the name did not move after the second copy");
}
