//! Clauses about names.

use std::sync::Arc;

use content::{Error, Expected, Tagged};
use oci::Digest;
use tokio::sync::Barrier;

use super::case::{Case, by_digest, chain, named};
use crate::fixtures::{BuiltImage, Image};

fn image(text: &str) -> BuiltImage {
    Image::new("linux/amd64").text(text).build()
}

pub(super) async fn invisible_until_tagged(case: &Case) {
    let image = image("invisible");
    case.put(&image).await;
    case.equal("the tags before tagging", Vec::<String>::new(), case.tags().await);
    case.no_tag("before tagging", "v1").await;
    case.no_tag("before tagging", "latest").await;
    if case.abilities().exact {
        case.ok("reading by digest before tagging", case.place.manifest(&by_digest(image.digest())).await);
    }
    case.tag("v1", &image.manifest).await;
    case.equal("the tags after tagging", vec!["v1".to_owned()], case.tags().await);
    case.ok("resolving the tag", case.place.resolve(&named("v1")).await);
    case.no_tag("after tagging another name", "latest").await;
}

pub(super) async fn tag_of_nothing(case: &Case) {
    let never = image("never put");
    case.error("tagging what was never put", case.place.tag(&named("v1"), &never.manifest, &Expected::Any).await);
    case.no_tag("after tagging what was never put", "v1").await;
    let old = image("old");
    case.put(&old).await;
    case.tag("v1", &old.manifest).await;
    let before = case.at("v1").await;
    case.error("moving a tag to what was never put", case.place.tag(&named("v1"), &never.manifest, &Expected::Any).await);
    case.equal("the tag after that", before.digest(), case.at("v1").await.digest());
}

pub(super) async fn tag_by_digest(case: &Case) {
    if !case.abilities().exact {
        return;
    }
    let image = image("by digest");
    case.put(&image).await;
    let tagged = case.place.tag(&by_digest(image.digest()), &image.manifest, &Expected::Any).await;
    case.equal("what tagging by digest says", Tagged::Unchanged, case.ok("tagging by digest", tagged));
    case.equal("the tags", Vec::<String>::new(), case.tags().await);
    case.ok("reading by digest", case.place.manifest(&by_digest(image.digest())).await);
}

pub(super) async fn tag_moves(case: &Case) {
    let (old, new) = (image("old"), image("new"));
    case.put(&old).await;
    case.put(&new).await;
    case.equal("tagging the first time", Tagged::Moved, case.tag("v1", &old.manifest).await);
    let first = case.at("v1").await;
    let again = case.tag("v1", &old.manifest).await;
    case.claim(
        again == Tagged::Unchanged || !case.abilities().exact,
        format_args!("tagging the same again: expected Unchanged, got {again:?}"),
    );
    case.equal("the tag after that", first.digest(), case.at("v1").await.digest());
    case.equal("moving the tag", Tagged::Moved, case.tag("v1", &new.manifest).await);
    let second = case.at("v1").await;
    case.claim(first.digest() != second.digest(), "the tag did not move");
    case.equal("the tags", vec!["v1".to_owned()], case.tags().await);
    if case.abilities().exact {
        case.equal("the tag", new.digest(), second.digest());
        let old_manifest = case.ok("reading what the tag pointed at", case.place.manifest(&by_digest(old.digest())).await);
        case.same_bytes("what the tag pointed at", old.manifest.bytes(), old_manifest.bytes());
    }
}

pub(super) async fn tags(case: &Case) {
    let image = image("many names");
    case.put(&image).await;
    let mut names = ["v2", "v10", "latest", "Big", "1.0", "_x", "v1", "a-b_c.d", "0", "sha-12ab", "v1.0.0-rc.1", "z"];
    for name in names {
        case.tag(name, &image.manifest).await;
    }
    names.sort_unstable();
    case.equal("the tags", names.map(str::to_owned).to_vec(), case.tags().await);
    for name in names {
        case.ok(format_args!("resolving {name}"), case.place.resolve(&named(name)).await);
    }
}

pub(super) async fn expected(case: &Case) {
    let (old, new) = (image("old"), image("new"));
    case.put(&old).await;
    case.put(&new).await;
    let place = &case.place;
    let name = named("v1");
    let other = Expected::Digest(Digest::of(b"other"));
    case.moved("expecting a digest where there is no tag", place.tag(&name, &old.manifest, &other).await, &other, None);
    case.no_tag("after that", "v1").await;
    case.ok("expecting no tag where there is none", place.tag(&name, &old.manifest, &Expected::Absent).await);
    let first = case.at("v1").await;
    let there = Some(first.digest());
    case.moved("expecting no tag where there is one", place.tag(&name, &new.manifest, &Expected::Absent).await, &Expected::Absent, there);
    case.moved("expecting another digest", place.tag(&name, &new.manifest, &other).await, &other, there);
    case.equal("the tag after two refusals", first.digest(), case.at("v1").await.digest());
    let right = Expected::Digest(first.digest().clone());
    case.equal(
        "expecting the right digest",
        Tagged::Moved,
        case.ok("expecting the right digest", place.tag(&name, &new.manifest, &right).await),
    );
    let second = case.at("v1").await;
    case.claim(first.digest() != second.digest(), "the tag did not move");
    case.moved("expecting what was there before", place.tag(&name, &old.manifest, &right).await, &right, Some(second.digest()));
    case.ok("expecting anything", place.tag(&name, &old.manifest, &Expected::Any).await);
    case.equal("the tag at the end", first.digest(), case.at("v1").await.digest());
}

pub(super) async fn race(case: &Case) {
    if !case.abilities().compare_and_swap {
        return;
    }
    let images: Vec<BuiltImage> = (0..8).map(|number| image(&format!("racer {number}"))).collect();
    for image in &images {
        case.put(image).await;
    }
    for round in 0..5 {
        let tag = format!("round-{round}");
        let start = Arc::new(Barrier::new(images.len()));
        let runs: Vec<_> = images
            .iter()
            .map(|image| {
                let (place, name, manifest, start) = (case.place.clone(), named(&tag), image.manifest.clone(), start.clone());
                tokio::spawn(async move {
                    // Nobody begins before everybody is ready.
                    start.wait().await;
                    place.tag(&name, &manifest, &Expected::Absent).await
                })
            })
            .collect();
        let mut results = Vec::new();
        for run in runs {
            results.push(run.await.unwrap_or_else(|error| case.fail(format_args!("a racer panicked: {error}"))));
        }
        let winner = case.at(&tag).await;
        let mut wins = 0;
        for (result, image) in results.into_iter().zip(&images) {
            match result {
                Ok(tagged) => {
                    wins += 1;
                    case.equal("what the winner is told", Tagged::Moved, tagged);
                    case.claim(
                        !case.abilities().exact || winner.digest() == image.digest(),
                        "a racer was told that it won, and the tag is another's",
                    );
                }
                Err(Error::Moved { found, .. }) => case.equal("the digest that a loser is told", Some(winner.digest()), found.as_ref()),
                Err(other) => case.fail(format_args!("a loser: expected Error::Moved, got {}", chain(&other))),
            }
        }
        case.equal("the winners of 8", 1, wins);
    }
}

pub(super) async fn never_between(case: &Case) {
    if !case.abilities().compare_and_swap {
        return;
    }
    let images = [image("even"), image("odd")];
    let mut allowed = Vec::new();
    for image in &images {
        case.put(image).await;
        case.tag("v1", &image.manifest).await;
        allowed.push(case.at("v1").await.digest().clone());
    }
    let (place, manifests) = (case.place.clone(), images.clone().map(|image| image.manifest));
    let writer = tokio::spawn(async move {
        for move_number in 0..40 {
            place.tag(&named("v1"), &manifests[move_number % 2], &Expected::Any).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    });
    while !writer.is_finished() {
        let seen = case.at("v1").await;
        case.claim(
            allowed.contains(seen.digest()),
            format_args!("a reader saw {}, which is neither the old nor the new image", seen.digest()),
        );
        case.equal("the tags while one moves", vec!["v1".to_owned()], case.tags().await);
        tokio::task::yield_now().await;
    }
    case.ok("moving a tag 40 times", writer.await.unwrap_or_else(|error| case.fail(format_args!("the writer panicked: {error}"))));
}
