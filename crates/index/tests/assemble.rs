//! What an index becomes: the decisions of `create` on places in memory.
//!
//! Tests named `hole_N` are the inputs on which other tools lose, mix up or invent something.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod parts;

use std::sync::Arc;

use content::{Events, Expected, Limits, Memory, Source, Tagged};
use index::{Attestations, Change, IndexError, Manner, MediaChoice, Missing, Part, Role, Target, Wish, carry_out, gather, plan};
use oci::{Annotations, Digest, MediaType, Platform, Selector};
use parts::{assemble, base, decide, index_of, name, part, part_for, place_nested, platforms, read, three};
use serde_json::json;
use testkit::fixtures::{Image, Index, attestation_entry, attestation_for, platform, put, put_index};

#[tokio::test]
async fn keeps_the_order_of_the_arguments_and_reads_platforms_from_configs() {
    let (place, images) = three().await;
    let plan = assemble(vec![part(&place, "arm"), part(&place, "amd64"), part(&place, "arm64")]).await.unwrap();
    assert_eq!(platforms(&plan), ["linux/arm/v7", "linux/amd64", "linux/arm64"]);
    assert_eq!(*plan.document.media_type(), MediaType::OciIndex);
    let view = plan.document.as_index().unwrap();
    assert_eq!(view.manifests[0].digest, *images[2].digest());
    assert_eq!(view.manifests[0].platform.as_ref().unwrap().variant.as_deref(), Some("v7"));
    assert_eq!(plan.document.tree()["manifests"][1]["platform"], json!({"architecture": "amd64", "os": "linux"}));
}

#[tokio::test]
async fn the_same_wish_gives_the_same_bytes() {
    let (place, _) = three().await;
    let parts = || vec![part(&place, "amd64"), part(&place, "arm")];
    assert_eq!(assemble(parts()).await.unwrap().document.bytes(), assemble(parts()).await.unwrap().document.bytes());
}

#[tokio::test]
async fn a_variant_that_the_config_leaves_out_is_filled_in() {
    let place = Memory::new();
    let image = Image::new("linux/arm/v7").config(|config| drop(config.as_object_mut().unwrap().remove("variant"))).build();
    put(&place, &image, Some("arm")).await;
    put(&place, &Image::new("linux/amd64").build(), Some("amd64")).await;
    let plan = assemble(vec![part(&place, "arm"), part(&place, "amd64")]).await.unwrap();
    assert_eq!(platforms(&plan), ["linux/arm/v7", "linux/amd64"]);
}

#[tokio::test]
async fn one_unmodified_source_keeps_its_bytes_whatever_its_shape() {
    let (place, images) = three().await;
    let odd = Index::new().image(&images[0]).image(&images[1]).edit(|tree| tree["x-unknown"] = json!({"kept": [1, 2]})).build();
    put_index(&place, &[&images[0], &images[1]], &odd, Some("odd")).await;
    assert_eq!(assemble(vec![part(&place, "odd")]).await.unwrap().document.bytes(), odd.bytes());
    assert_eq!(assemble(vec![part(&place, "arm")]).await.unwrap().document.bytes(), images[2].manifest.bytes());
}

#[tokio::test]
async fn hole_2_an_index_as_source_is_flattened() {
    let (place, images) = three().await;
    put_index(&place, &[&images[0], &images[1]], &index_of(&[&images[0], &images[1]]), Some("two")).await;
    let plan = assemble(vec![part(&place, "two"), part(&place, "arm")]).await.unwrap();
    assert_eq!(platforms(&plan), ["linux/amd64", "linux/arm64", "linux/arm/v7"]);
    // An index inside an index, too.
    let inner = index_of(&[&images[0], &images[1]]);
    let outer = Index::new().add(inner.descriptor()).image(&images[2]).build();
    put_index(&place, &[&images[2]], &outer, Some("nested")).await;
    place_nested(&place, &inner).await;
    let again = decide(vec![part(&place, "nested"), part(&place, "arm")], &Wish::default()).await.unwrap();
    assert_eq!(platforms(&again), ["linux/amd64", "linux/arm64", "linux/arm/v7"]);
}

#[tokio::test]
async fn hole_3_and_4_append_reads_what_the_registry_holds_now() {
    let (place, images) = three().await;
    put_index(&place, &[&images[0], &images[1]], &index_of(&[&images[0], &images[1]]), Some("app")).await;
    let there = base(&place, "app").await;
    let sources = read(vec![part(&place, "arm")]).await.unwrap();
    let append = Wish { change: Change::Append, target: "app".to_owned(), ..Wish::default() };
    let plan_ = plan(&sources, Some(&there), &append).unwrap();
    assert_eq!(platforms(&plan_), ["linux/amd64", "linux/arm64", "linux/arm/v7"]);
    let other = Image::new("linux/arm64").text("new").build();
    put(&place, &other, Some("arm64")).await;
    let newer = read(vec![part(&place, "arm64")]).await.unwrap();
    let error = plan(&newer, Some(&there), &append).err().unwrap();
    assert!(matches!(error, IndexError::AlreadyThere { .. }), "{error}");
    let replaced = plan(&newer, Some(&there), &Wish { change: Change::Replace, ..append.clone() }).unwrap();
    assert_eq!(platforms(&replaced), ["linux/amd64", "linux/arm64"]);
    assert_eq!(replaced.entries[1].descriptor.digest, *other.digest());
    let error = plan(&sources, Some(&there), &Wish { change: Change::Replace, ..append }).err().unwrap();
    assert_eq!(error.to_string(), "no linux/arm/v7 image to replace in app: it has linux/amd64, linux/arm64");
}

#[tokio::test]
async fn hole_5_a_failed_create_leaves_nothing_and_the_next_one_works() {
    let (place, _) = three().await;
    let target = Memory::new();
    let error = assemble(vec![part(&place, "amd64"), part(&place, "s390x")]).await.err().unwrap();
    assert_eq!(error.to_string(), "no tag s390x in memory");
    assert!(target.tags().await.unwrap().is_empty());
    put(&place, &Image::new("linux/s390x").build(), Some("s390x")).await;
    let plan = assemble(vec![part(&place, "amd64"), part(&place, "s390x")]).await.unwrap();
    let targets = [Target { place: Arc::new(target.clone()), names: vec![(name("v1"), Expected::Any), (name("latest"), Expected::Any)] }];
    let outcome = carry_out(&plan, &targets, Limits::default(), &Events::none()).await.unwrap();
    assert_eq!(outcome.names, [Tagged::Moved, Tagged::Moved]);
    assert_eq!(target.manifest(&name("latest")).await.unwrap().bytes(), plan.document.bytes());
    let again = carry_out(&plan, &targets, Limits::default(), &Events::none()).await.unwrap();
    assert_eq!(again.names, [Tagged::Unchanged, Tagged::Unchanged]);
    assert_eq!(again.copied.sent, 0);
}

#[tokio::test]
async fn hole_6_removing_what_is_not_there_is_an_error() {
    let (place, images) = three().await;
    put_index(&place, &[&images[0], &images[1]], &index_of(&[&images[0], &images[1]]), Some("app")).await;
    let there = base(&place, "app").await;
    let remove =
        |text: &str| Wish { remove: vec![text.parse().unwrap()], change: Change::Append, target: "app".to_owned(), ..Wish::default() };
    let plan_ = plan(&[], Some(&there), &remove("aarch64")).unwrap();
    assert_eq!(platforms(&plan_), ["linux/amd64"]);
    assert!(matches!(plan(&[], Some(&there), &remove("riscv64")), Err(IndexError::NothingTo { verb: "remove", .. })));
    let all = Wish { remove: vec!["amd64".parse().unwrap(), "arm64".parse().unwrap()], ..remove("amd64") };
    assert!(matches!(plan(&[], Some(&there), &all), Err(IndexError::Empty)));
}

#[tokio::test]
async fn hole_7_two_images_for_one_platform_are_refused_after_normalising() {
    let place = Memory::new();
    put(&place, &Image::new("linux/arm64").text("one").build(), Some("one")).await;
    put(&place, &Image::new("linux/arm64/v8").text("two").build(), Some("two")).await;
    let error = assemble(vec![part(&place, "one"), part(&place, "two")]).await.err().unwrap().to_string();
    assert!(error.starts_with("two images for linux/arm64: one (sha256:"), "{error}");
    assert!(error.contains(" and two (sha256:"), "{error}");
    // The very same image twice is no contradiction.
    assert_eq!(platforms(&assemble(vec![part(&place, "one"), part(&place, "one")]).await.unwrap()), ["linux/arm64"]);
}

#[tokio::test]
async fn hole_9_attestations_follow_their_image() {
    let (place, images) = three().await;
    let attestation = attestation_for(&images[0]);
    let entry = attestation_entry(&attestation, &images[0]);
    put(&place, &attestation, None).await;
    let attested = Index::new().image(&images[0]).add(entry.clone()).build();
    put_index(&place, &[&images[0], &attestation], &attested, Some("attested")).await;
    let parts = || vec![part(&place, "attested"), part(&place, "arm64")];
    let kept = assemble(parts()).await.unwrap();
    assert_eq!(kept.entries.len(), 3);
    assert_eq!(kept.entries[1].role, Role::Attestation(images[0].digest().clone()));
    assert_eq!(kept.document.as_index().unwrap().manifests[1].annotations, entry.annotations);
    let dropped = decide(parts(), &Wish { attestations: Attestations::Drop, ..Wish::default() }).await.unwrap();
    assert_eq!(dropped.entries.len(), 2);
    // Taking one platform of an index takes its attestation along and no other.
    let one = assemble(vec![part_for(&place, "attested", "linux/amd64"), part(&place, "arm")]).await.unwrap();
    assert_eq!(one.entries.len(), 3);
    // A replaced image takes its attestation with it.
    let newer = Image::new("linux/amd64").text("newer").build();
    put(&place, &newer, Some("newer")).await;
    let there = base(&place, "attested").await;
    let replaced =
        plan(&read(vec![part(&place, "newer")]).await.unwrap(), Some(&there), &Wish { change: Change::Replace, ..Wish::default() });
    assert_eq!(replaced.unwrap().entries.len(), 1);
    let removed = Wish { remove: vec!["linux/amd64".parse().unwrap()], change: Change::Append, ..Wish::default() };
    let left = plan(&read(vec![part(&place, "arm")]).await.unwrap(), Some(&there), &removed).unwrap();
    assert_eq!((left.entries.len(), platforms(&left)), (1, vec!["linux/arm/v7".to_owned()]));
}

#[tokio::test]
async fn hole_10_windows_versions_come_from_the_config() {
    let place = Memory::new();
    for (tag, text) in [("2022", "windows/amd64:10.0.20348.1"), ("2025", "windows/amd64:10.0.26100.2")] {
        put(&place, &Image::new(text).text(tag).build(), Some(tag)).await;
    }
    let plan = assemble(vec![part(&place, "2022"), part(&place, "2025")]).await.unwrap();
    assert_eq!(platforms(&plan), ["windows/amd64:10.0.20348.1", "windows/amd64:10.0.26100.2"]);
    assert_eq!(plan.document.tree()["manifests"][0]["platform"]["os.version"], "10.0.20348.1");
    let short = assemble(vec![part_for(&place, "2022", "windows(ltsc2022)/amd64"), part(&place, "2025")]).await.unwrap();
    assert_eq!(platforms(&short)[0], "windows/amd64:10.0.20348.1", "the config's version is the more precise one");
    let error = assemble(vec![part_for(&place, "2022", "windows(ltsc2025)/amd64")]).await.err().unwrap();
    assert!(matches!(error, IndexError::Disagrees { .. }), "{error}");
}

#[tokio::test]
async fn hole_11_an_entry_without_platform_is_read_from_its_config() {
    let (place, images) = three().await;
    let mut bare = images[1].descriptor();
    bare.platform = None;
    let index = Index::new().add(bare).build();
    put_index(&place, &[&images[1]], &index, Some("bare")).await;
    let plan = assemble(vec![part(&place, "bare"), part(&place, "amd64")]).await.unwrap();
    assert_eq!(platforms(&plan), ["linux/arm64", "linux/amd64"]);
    put(&place, &Image::new("linux/amd64").without_platform().build(), Some("nothing")).await;
    let error = assemble(vec![part(&place, "nothing")]).await.err().unwrap();
    assert_eq!(error.to_string(), "nothing does not say what platform it is for");
    let given = assemble(vec![part_for(&place, "nothing", "linux/riscv64"), part(&place, "amd64")]).await.unwrap();
    assert_eq!(platforms(&given), ["linux/riscv64", "linux/amd64"]);
}

#[tokio::test]
async fn hole_12_a_stated_platform_is_checked_against_the_config() {
    let (place, images) = three().await;
    let parts = || vec![part_for(&place, "amd64", "linux/s390x"), part(&place, "arm64")];
    let error = assemble(parts()).await.err().unwrap();
    assert_eq!(error.to_string(), "amd64 is not what it is said to be: expected linux/s390x, its config says linux/amd64");
    let forced = gather(parts(), Manner::believing(), Limits::default()).await.unwrap().found;
    assert_eq!(platforms(&plan(&forced, None, &Wish::default()).unwrap()), ["linux/s390x", "linux/arm64"]);
    // An index that lies about its child is found out the same way.
    let mut lie = images[0].descriptor();
    lie.platform = Some(platform("linux/arm64"));
    put_index(&place, &[&images[0]], &Index::new().add(lie).build(), Some("lie")).await;
    let error = assemble(vec![part(&place, "lie")]).await.err().unwrap();
    assert!(matches!(error, IndexError::Disagrees { .. }), "{error}");
}

#[tokio::test]
async fn a_lone_image_called_by_another_variant_becomes_an_index_that_says_so() {
    let place = Memory::new();
    let image = Image::new("linux/arm/v7").config(|config| drop(config.as_object_mut().unwrap().remove("variant"))).build();
    put(&place, &image, Some("arm")).await;
    let plan = assemble(vec![part_for(&place, "arm", "linux/arm/v6")]).await.unwrap();
    assert!(plan.document.as_index().is_some());
    assert_eq!(platforms(&plan), ["linux/arm/v6"]);
}

#[tokio::test]
async fn hole_14_places_mix() {
    let (place, _) = three().await;
    let (other, target) = (Memory::new(), Memory::new());
    put(&other, &Image::new("linux/s390x").docker().build(), Some("s390x")).await;
    let plan = assemble(vec![part(&place, "amd64"), part(&other, "s390x")]).await.unwrap();
    assert_eq!(plan.warnings.len(), 1, "a mix of OCI and Docker is said aloud");
    assert_eq!(*plan.document.media_type(), MediaType::OciIndex);
    let targets = [Target { place: Arc::new(target.clone()), names: vec![(name("v1"), Expected::Any)] }];
    carry_out(&plan, &targets, Limits::default(), &Events::none()).await.unwrap();
    for entry in &target.manifest(&name("v1")).await.unwrap().as_index().unwrap().manifests {
        let manifest = target.manifest(&Selector::Digest(entry.digest.clone())).await.unwrap();
        for blob in manifest.as_image().unwrap().blobs() {
            target.blob(blob).await.unwrap().read_all(u64::MAX).await.unwrap();
        }
    }
}

#[tokio::test]
async fn hole_15_a_tag_that_moved_is_not_overwritten() {
    let (place, images) = three().await;
    let plan = assemble(vec![part(&place, "amd64"), part(&place, "arm64")]).await.unwrap();
    let run = |expected| {
        let plan = plan.clone();
        let targets = [Target { place: Arc::new(place.clone()), names: vec![(name("arm"), expected)] }];
        async move { carry_out(&plan, &targets, Limits::default(), &Events::none()).await }
    };
    let error = run(Expected::Absent).await.err().unwrap().to_string();
    assert!(error.contains("expected no such tag, got") && error.contains(&images[2].digest().to_string()), "{error}");
    assert!(run(Expected::Digest(Digest::of(b"other"))).await.is_err());
    assert_eq!(place.resolve(&name("arm")).await.unwrap().digest, *images[2].digest());
    run(Expected::Digest(images[2].digest().clone())).await.unwrap();
    assert_eq!(place.resolve(&name("arm")).await.unwrap().digest, *plan.document.digest());
}

#[tokio::test]
async fn hole_16_an_annotation_lands_or_is_an_error() {
    let (place, images) = three().await;
    let wish = |text: &str| Wish { annotations: vec![text.parse().unwrap()], ..Wish::default() };
    let parts = || vec![part(&place, "amd64"), part(&place, "arm64")];
    let index = decide(parts(), &wish("index:org.example=yes")).await.unwrap();
    assert_eq!(index.document.as_index().unwrap().annotations, Annotations::from([("org.example".to_owned(), "yes".to_owned())]));
    // Written as arm64/v8, meant is arm64.
    let one = decide(parts(), &wish("manifest-descriptor[linux/arm64/v8]:k=v")).await.unwrap();
    let entries = &one.document.as_index().unwrap().manifests;
    assert!(entries[0].annotations.is_empty());
    assert_eq!(entries[1].annotations["k"], "v");
    let error = decide(parts(), &wish("manifest-descriptor[linux/s390x]:k=v")).await.err().unwrap();
    assert!(matches!(error, IndexError::Annotation { .. }), "{error}");
    put(&place, &Image::new("linux/s390x").docker().build(), Some("docker")).await;
    let error = decide(vec![part(&place, "docker")], &wish("index:k=v")).await.err().unwrap();
    assert_eq!(error.to_string(), "annotation index:k=v would be lost: a Docker manifest list has no annotations");
    // What the index said before survives an append.
    let noted = Index::new().image(&images[0]).annotation("old", "kept").edit(|tree| tree["x-mine"] = json!(1)).build();
    put_index(&place, &[&images[0]], &noted, Some("noted")).await;
    let there = base(&place, "noted").await;
    let sources = read(vec![part(&place, "arm")]).await.unwrap();
    let tree = plan(&sources, Some(&there), &Wish { change: Change::Append, ..wish("index:new=1") }).unwrap().document.tree();
    assert_eq!((&tree["annotations"], &tree["x-mine"]), (&json!({"old": "kept", "new": "1"}), &json!(1)));
}

#[tokio::test]
async fn the_type_follows_the_children_and_never_changes_them() {
    let place = Memory::new();
    for (tag, text) in [("a", "linux/amd64"), ("b", "linux/arm64")] {
        put(&place, &Image::new(text).docker().build(), Some(tag)).await;
    }
    put(&place, &Image::new("linux/s390x").build(), Some("oci")).await;
    let media = |media| Wish { media, ..Wish::default() };
    let docker = decide(vec![part(&place, "a"), part(&place, "b")], &media(MediaChoice::Auto)).await.unwrap();
    assert_eq!(*docker.document.media_type(), MediaType::DockerList);
    let oci = decide(vec![part(&place, "a"), part(&place, "b")], &media(MediaChoice::Oci)).await.unwrap();
    assert_eq!((oci.document.media_type(), oci.warnings.len()), (&MediaType::OciIndex, 1));
    let error = decide(vec![part(&place, "a"), part(&place, "oci")], &media(MediaChoice::Docker)).await.err().unwrap();
    assert_eq!(error.to_string(), "a Docker manifest list needs Docker children: oci is an OCI image");
}

#[tokio::test]
async fn required_platforms_are_there_or_nothing_is_made() {
    let (place, _) = three().await;
    let wish = |text: &str| Wish { require: text.parse().unwrap(), ..Wish::default() };
    let parts = || vec![part(&place, "amd64"), part(&place, "arm")];
    assert!(decide(parts(), &wish("amd64,armhf")).await.is_ok());
    let error = decide(parts(), &wish("amd64,arm64,s390x")).await.err().unwrap();
    assert_eq!(error.to_string(), "required platforms are missing: expected linux/arm64, linux/s390x, got linux/amd64, linux/arm/v7");
}

#[tokio::test]
async fn missing_sources_are_left_out_only_when_asked_and_never_all() {
    let (place, _) = three().await;
    let run = |tags: &[&str]| {
        let parts: Vec<Part> = tags.iter().map(|tag| part(&place, tag)).collect();
        let manner = Manner { missing: Missing::Ignore, ..Manner::default() };
        async move { gather(parts, manner, Limits::default()).await }
    };
    let sources = run(&["amd64", "none"]).await.unwrap();
    let absent: Vec<&str> = sources.absent.iter().map(|absent| absent.label.as_str()).collect();
    assert_eq!((sources.found.len(), absent.as_slice()), (1, ["none"].as_slice()));
    assert_eq!(run(&["none", "nothing"]).await.unwrap().existing().err().unwrap().to_string(), "none of the 2 sources exists");
}

#[tokio::test]
async fn a_missing_child_stops_everything() {
    let (place, images) = three().await;
    put_index(&place, &[&images[0], &images[1]], &index_of(&[&images[0], &images[1]]), Some("app")).await;
    place.forget(images[1].digest());
    let error = assemble(vec![part(&place, "app")]).await.err().unwrap();
    assert_eq!(error.to_string(), format!("no manifest {} in memory", images[1].digest()));
    // A missing layer is found before the index exists in the target.
    let (place, images) = three().await;
    let plan = assemble(vec![part(&place, "amd64"), part(&place, "arm")]).await.unwrap();
    place.forget(&images[2].layers[0].0.digest);
    let target = Memory::new();
    let targets = [Target { place: Arc::new(target.clone()), names: vec![(name("v1"), Expected::Any)] }];
    assert!(carry_out(&plan, &targets, Limits::default(), &Events::none()).await.is_err());
    assert!(target.tags().await.unwrap().is_empty());
    assert!(!target.has(&plan.document.descriptor()).await.unwrap());
}

#[tokio::test]
async fn something_that_is_no_image_is_refused() {
    let place = Memory::new();
    put(&place, &Image::new("linux/amd64").artifact("application/vnd.example.thing").build(), Some("thing")).await;
    let error = assemble(vec![part(&place, "thing")]).await.err().unwrap();
    assert!(matches!(error, IndexError::NotAnImage { .. } | IndexError::NoPlatform(_)), "{error}");
}

#[tokio::test]
async fn limits_hold_for_wide_and_deep_indexes() {
    let (place, images) = three().await;
    let wide = Index::new()
        .edit(|tree| {
            let entry = |number: u32| json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 3, "digest": Digest::of(&number.to_be_bytes())});
            tree["manifests"] = (0..10_000).map(entry).collect();
        })
        .build();
    put_index(&place, &[], &Index::new().image(&images[0]).build(), Some("fine")).await;
    place_nested(&place, &wide).await;
    let selector = Selector::Digest(wide.digest().clone());
    let part_of_wide = Part { selector, ..part(&place, "wide") };
    let error = assemble(vec![part_of_wide]).await.err().unwrap().to_string();
    assert_eq!(error, "entries of wide: expected at most 2000, got 10000");
    let mut inner = Index::new().image(&images[0]).build();
    for _ in 0..6 {
        place_nested(&place, &inner).await;
        inner = Index::new().add(inner.descriptor()).build();
    }
    place_nested(&place, &inner).await;
    let deep = Part { selector: Selector::Digest(inner.digest().clone()), ..part(&place, "deep") };
    let error = assemble(vec![deep]).await.err().unwrap().to_string();
    assert!(error.starts_with("levels of indexes in deep: expected at most 3"), "{error}");
}

#[tokio::test]
async fn an_index_that_does_not_have_the_platform_says_what_it_has() {
    let (place, images) = three().await;
    put_index(&place, &[&images[0], &images[1]], &index_of(&[&images[0], &images[1]]), Some("app")).await;
    let error = assemble(vec![part_for(&place, "app", "riscv64")]).await.err().unwrap();
    assert_eq!(error.to_string(), "no linux/riscv64 image in app: it offers linux/amd64, linux/arm64");
    let platform: Platform = "linux/arm64".parse().unwrap();
    assert!(assemble(vec![part_for(&place, "app", "aarch64")]).await.unwrap().platforms().all(|own| own.same_as(&platform)));
}
