//! Who refers to an image is found, however it refers, and travels along.
#![allow(clippy::unwrap_used)]

use async_trait::async_trait;
use content::{
    BlobReader, By, Copied, Copier, Error, Events, Followed, Limits, Memory, Place, Placed, Referrer, ReferrerFault, Result, Source,
    Tagged, copy, copy_referrers, referring, subjects,
};
use oci::{Descriptor, Digest, MediaType, RawManifest, Selector};
use testkit::fixtures::{Artifact, Image, Index, Referred, old_tag, put, put_index, referred};

async fn place_of(world: &Referred) -> Memory {
    let place = Memory::new();
    world.put(&place, "v1").await;
    place
}

fn pairs(found: &[Referrer]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = found.iter().map(|referrer| (referrer.subject.to_string(), referrer.digest().to_string())).collect();
    pairs.sort();
    pairs
}

async fn follow(source: &dyn Source, target: &dyn Place, referrers: &[Referrer]) -> (Copied, Vec<Followed>) {
    let events = Events::none();
    copy_referrers(&Copier::new(target, Limits::default(), &events), source, referrers).await.unwrap()
}

#[tokio::test]
async fn everything_is_found_once_and_subjects_come_first() {
    let world = referred();
    let place = place_of(&world).await;
    let asked = subjects(&place, &world.index, Limits::default()).await.unwrap();
    assert_eq!(asked.len(), 5, "the index, two images and their attestations");
    let all = referring(&place, &asked, Limits::default()).await.unwrap();
    assert!(all.left_out.is_empty(), "{:?}", all.left_out);
    assert_eq!(pairs(&all.found), world.pairs());
    let position = |digest: &Digest| all.found.iter().position(|referrer| referrer.digest() == digest).unwrap();
    let (spdx, signature) = (world.artifacts[2].digest(), world.artifacts[3].digest());
    assert!(position(spdx) < position(signature), "a signature stands before what it signs");
    let ways: Vec<&By> = all.found.iter().flat_map(|referrer| &referrer.by).collect();
    assert_eq!(ways.iter().filter(|by| ***by == By::Subject).count(), 7);
    assert!(ways.contains(&&By::Tag(old_tag(world.index.digest(), "sig"))));
    // The kind of an artifact without one is its config's.
    let kind = |artifact: usize| all.found[position(world.artifacts[artifact].digest())].descriptor().artifact_type.unwrap();
    assert_eq!((kind(1).as_str(), kind(5).as_str()), ("application/vnd.cncf.notary.signature", "application/vnd.example.poem.v7"));
}

#[tokio::test]
async fn one_manifest_that_is_found_both_ways_is_one_referrer() {
    let (place, image) = (Memory::new(), Image::new("linux/amd64").build());
    put(&place, &image, Some("v1")).await;
    let signature = Artifact::of("application/vnd.example.signature").subject(&image.descriptor()).build();
    let tag = old_tag(image.digest(), "sig");
    put(&place, &signature, Some(&tag)).await;
    let all = referring(&place, &[image.digest().clone(), image.digest().clone()], Limits::default()).await.unwrap();
    assert_eq!(all.found.len(), 1);
    assert_eq!(all.found[0].by, [By::Subject, By::Tag(tag)]);
}

#[tokio::test]
async fn nested_indexes_are_subjects_too() {
    let (place, image) = (Memory::new(), Image::new("linux/amd64").build());
    let inner = Index::new().image(&image).build();
    let outer = Index::new().add(inner.descriptor()).build();
    put_index(&place, &[&image], &inner, None).await;
    put_index(&place, &[], &outer, Some("v1")).await;
    let found = subjects(&place, &outer, Limits::default()).await.unwrap();
    assert_eq!(found, [outer.digest().clone(), inner.digest().clone(), image.digest().clone()]);
    place.forget(inner.digest());
    assert_eq!(subjects(&place, &outer, Limits::default()).await.unwrap().len(), 2, "an index that is not there has no entries");
}

#[tokio::test]
async fn a_copy_is_referred_to_as_its_source_is() {
    let world = referred();
    let (source, target) = (place_of(&world).await, Memory::new());
    let asked = subjects(&source, &world.index, Limits::default()).await.unwrap();
    let all = referring(&source, &asked, Limits::default()).await.unwrap();
    copy(&source, &target, &world.index, Limits::default(), &Events::none()).await.unwrap();
    let (copied, followed) = follow(&source, &target, &all.found).await;
    assert!(copied.sent > 0);
    assert_eq!(followed.len(), all.found.len());
    assert!(followed.iter().all(|one| one.placed == Placed::Sent));
    assert!(followed.iter().flat_map(|one| &one.tags).all(|(_, tagged)| *tagged == Tagged::Moved));
    let there = referring(&target, &asked, Limits::default()).await.unwrap();
    assert_eq!(pairs(&there.found), pairs(&all.found));
    for (here, there) in all.found.iter().zip(&there.found) {
        assert_eq!((here.manifest.bytes(), &here.by), (there.manifest.bytes(), &there.by));
    }
    // The unknown artifact's blob has a sha512.
    let poem = &world.artifacts[5].layers[0];
    assert_eq!(target.blob(&poem.0).await.unwrap().read_all(1_000).await.unwrap(), poem.1);
    let (again, followed) = follow(&source, &target, &all.found).await;
    assert_eq!((again.sent, again.present), (0, all.found.len() as u64));
    assert!(followed.iter().all(|one| one.placed == Placed::Present && one.tags.iter().all(|(_, tagged)| *tagged == Tagged::Unchanged)));
}

#[tokio::test]
async fn sha512_subjects_have_no_old_tags() {
    let subject = Digest::with(oci::Algorithm::Sha512, b"subject");
    let place = Hostile { place: Memory::new(), subject: subject.clone(), list: Vec::new() };
    assert!(referring(&place, &[subject], Limits::default()).await.unwrap().found.is_empty());
}

/// A place whose list about one subject is what it likes, and that takes no name of more than 128 characters.
struct Hostile {
    place: Memory,
    subject: Digest,
    list: Vec<Descriptor>,
}

#[async_trait]
impl Source for Hostile {
    fn name(&self) -> String {
        "hostile".to_owned()
    }

    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        assert!(selector.to_string().len() <= 129, "{selector}");
        self.place.resolve(selector).await
    }

    async fn manifest(&self, selector: &Selector) -> Result<RawManifest> {
        self.place.manifest(selector).await
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        self.place.blob(blob).await
    }

    async fn has(&self, child: &Descriptor) -> Result<bool> {
        self.place.has(child).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        Ok(if *subject == self.subject { self.list.clone() } else { Vec::new() })
    }

    async fn tags(&self) -> Result<Vec<String>> {
        self.place.tags().await
    }
}

#[tokio::test]
async fn a_list_counts_only_as_far_as_the_manifests_bear_it_out() {
    let place = Memory::new();
    let (image, other) = (Image::new("linux/amd64").build(), Image::new("linux/arm64").build());
    let signature = Artifact::of("a/signature").subject(&image.descriptor()).build();
    let elsewhere = Artifact::of("a/signature").subject(&other.descriptor()).build();
    for image in [&image, &other, &signature, &elsewhere] {
        put(&place, image, None).await;
    }
    let gone = Descriptor::of(MediaType::OciManifest, b"gone");
    let list = vec![signature.descriptor(), elsewhere.descriptor(), other.descriptor(), gone.clone(), signature.descriptor()];
    let place = Hostile { place, subject: image.digest().clone(), list };
    let all = referring(&place, &[image.digest().clone()], Limits::default()).await.unwrap();
    assert_eq!(pairs(&all.found), [(image.digest().to_string(), signature.digest().to_string())]);
    let fault = |digest: &Digest| all.left_out.iter().find(|left_out| left_out.digest == *digest).unwrap();
    assert!(matches!(&fault(elsewhere.digest()).fault, ReferrerFault::OtherSubject(Some(subject)) if subject == other.digest()));
    assert!(matches!(fault(other.digest()).fault, ReferrerFault::OtherSubject(None)));
    assert!(matches!(fault(&gone.digest).fault, ReferrerFault::Missing));
    let text = fault(&gone.digest).to_string();
    assert!(text.contains("hostile lists it as a referrer") && text.ends_with("does not have it"), "{text}");
}

#[tokio::test]
async fn loops_end_and_endless_lists_are_refused() {
    // Tags can form a loop, which subjects cannot: each of two manifests is the other's signature.
    let place = Memory::new();
    let (one, two) = (Image::new("linux/amd64").build(), Image::new("linux/arm64").build());
    put(&place, &one, Some(&old_tag(two.digest(), "sig"))).await;
    put(&place, &two, Some(&old_tag(one.digest(), "sig"))).await;
    let all = referring(&place, &[one.digest().clone()], Limits::default()).await.unwrap();
    assert_eq!(all.found.len(), 2);
    let target = Memory::new();
    follow(&place, &target, &all.found).await;
    assert_eq!(target.tags().await.unwrap().len(), 2);

    let endless = (0..3_000_u32).map(|number| Descriptor::of(MediaType::OciManifest, &number.to_be_bytes())).collect();
    let place = Hostile { place: Memory::new(), subject: one.digest().clone(), list: endless };
    let refused = referring(&place, &[one.digest().clone()], Limits::default()).await;
    assert!(matches!(refused, Err(Error::Limit { limit: 2_000, got: 3_000, .. })), "{refused:?}");
}

#[tokio::test]
async fn a_tag_of_another_manifest_moves() {
    let world = referred();
    let (source, target) = (place_of(&world).await, Memory::new());
    let old = Image::new("linux/s390x").build();
    let tag = &world.tagged[0].0;
    put(&target, &old, Some(tag)).await;
    let all = referring(&source, &[world.index.digest().clone()], Limits::default()).await.unwrap();
    follow(&source, &target, &all.found).await;
    let now = target.resolve(&Selector::Name(tag.clone())).await.unwrap();
    assert_eq!(now.digest, *world.tagged[0].1.digest());
    assert!(target.manifest(&Selector::Digest(old.digest().clone())).await.is_ok());
}
