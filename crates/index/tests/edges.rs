//! Sources at the edge: nested, empty, enormous, half gone, of kinds nobody knows, or wrong already.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod parts;

use std::sync::Arc;
use std::time::{Duration, Instant};

use content::{Events, Expected, Limits, Memory, Sink, Source};
use index::{Change, IndexError, Manner, MediaChoice, Missing, Part, Role, Target, Wish, carry_out, gather, plan};
use oci::{Descriptor, MediaType, Selector};
use parts::{assemble, base, decide, index_of, name, part, part_for, place_nested, platforms, read, three};
use serde_json::json;
use testkit::fixtures::{Image, Index, attestation_entry, attestation_for, platform, put, put_index};

async fn forced(parts: Vec<Part>) -> Vec<index::Gathered> {
    gather(parts, Manner::believing(), Limits::default()).await.unwrap().found
}

async fn into(target: &Memory, plan: &index::Plan) {
    let targets = [Target { place: Arc::new(target.clone()), names: vec![(name("v1"), Expected::Any)] }];
    carry_out(plan, &targets, Limits::default(), &Events::none()).await.unwrap();
}

#[tokio::test]
async fn a_nested_index_alone_is_flattened_and_arrives() {
    let (place, images) = three().await;
    let inner = index_of(&[&images[0], &images[1]]);
    place_nested(&place, &inner).await;
    let outer = Index::new().add(inner.descriptor()).image(&images[2]).annotation("kept", "yes").build();
    put_index(&place, &[&images[2]], &outer, Some("nested")).await;
    let plan = assemble(vec![part(&place, "nested")]).await.unwrap();
    assert_eq!(platforms(&plan), ["linux/amd64", "linux/arm64", "linux/arm/v7"]);
    assert_eq!(plan.document.tree()["annotations"], json!({"kept": "yes"}));
    let target = Memory::new();
    into(&target, &plan).await;
    assert_eq!(target.manifest(&name("v1")).await.unwrap().bytes(), plan.document.bytes());
}

/// Four small documents that name each other a thousand times each.
#[tokio::test]
async fn an_index_that_repeats_itself_costs_no_more_than_the_limit() {
    let (place, images) = three().await;
    let mut child = index_of(&[&images[0]]);
    for _ in 0..3 {
        place_nested(&place, &child).await;
        let entry = child.descriptor();
        let repeated = move |number: u32| {
            let mut entry = serde_json::to_value(&entry).unwrap();
            entry["platform"] = json!({"os": "linux", "architecture": format!("a{number}")});
            entry
        };
        child = Index::new().edit(move |tree| tree["manifests"] = (0..1000).map(&repeated).collect()).build();
    }
    place_nested(&place, &child).await;
    let bomb = Part { selector: Selector::Digest(child.digest().clone()), ..part(&place, "bomb") };
    let start = Instant::now();
    let outcome = assemble(vec![bomb]).await;
    assert!(start.elapsed() < Duration::from_secs(20));
    assert!(outcome.is_err() || outcome.unwrap().entries.len() < 2_000);
}

#[tokio::test]
async fn an_index_without_an_image_is_never_made() {
    let (place, images) = three().await;
    put_index(&place, &[], &Index::new().build(), Some("empty")).await;
    put_index(&place, &[], &Index::new().edit(|tree| tree["manifests"] = json!(null)).build(), Some("null")).await;
    let attestation = attestation_for(&images[0]);
    put_index(&place, &[&attestation], &Index::new().add(attestation_entry(&attestation, &images[0])).build(), Some("orphan")).await;
    for tag in ["empty", "null", "orphan"] {
        let error = assemble(vec![part(&place, tag)]).await.err().unwrap();
        assert!(matches!(error, IndexError::Empty), "{tag}: {error}");
    }
}

#[tokio::test]
async fn a_wrong_entry_that_is_there_already_can_be_mended() {
    let (place, images) = three().await;
    let mut lie = images[0].descriptor();
    lie.platform = Some(platform("linux/s390x"));
    put_index(&place, &[&images[0], &images[1]], &Index::new().add(lie).image(&images[1]).build(), Some("app")).await;
    // One child is gone altogether.
    place.forget(images[1].digest());
    let there = forced(vec![part(&place, "app")]).await.pop().unwrap();
    let remove =
        Wish { remove: vec!["linux/s390x".parse().unwrap(), "linux/arm64".parse().unwrap()], change: Change::Append, ..Wish::default() };
    let mended = plan(&read(vec![part(&place, "arm")]).await.unwrap(), Some(&there), &remove).unwrap();
    assert_eq!(platforms(&mended), ["linux/arm/v7"]);
}

#[tokio::test]
async fn one_index_that_is_changed_keeps_its_annotations_and_several_are_told_apart() {
    let (place, images) = three().await;
    let noted =
        Index::new().image(&images[0]).image(&images[1]).annotation("vendor", "acme").edit(|tree| tree["x-mine"] = json!(1)).build();
    put_index(&place, &[&images[0], &images[1]], &noted, Some("noted")).await;
    let wish = Wish { annotations: vec!["index:a=b".parse().unwrap()], ..Wish::default() };
    let tree = decide(vec![part(&place, "noted")], &wish).await.unwrap().document.tree();
    assert_eq!((&tree["annotations"], &tree["x-mine"]), (&json!({"vendor": "acme", "a": "b"}), &json!(1)));
    let merged = assemble(vec![part(&place, "noted"), part(&place, "arm")]).await.unwrap();
    assert_eq!(merged.warnings, ["index annotations of noted are left behind: vendor"]);
}

#[tokio::test]
async fn what_is_missing_below_a_source_is_no_missing_source() {
    let (place, images) = three().await;
    put_index(&place, &[&images[0], &images[1]], &index_of(&[&images[0], &images[1]]), Some("app")).await;
    place.forget(images[1].digest());
    let parts = vec![part(&place, "app"), part(&place, "arm")];
    let error = gather(parts, Manner { missing: Missing::Ignore, ..Manner::default() }, Limits::default()).await.err().unwrap();
    assert!(error.to_string().contains(&images[1].digest().to_string()), "{error}");
    // One platform of it needs no other.
    let one = assemble(vec![part_for(&place, "app", "amd64"), part(&place, "arm")]).await.unwrap();
    assert_eq!(platforms(&one), ["linux/amd64", "linux/arm/v7"]);
}

#[tokio::test]
async fn a_config_that_names_half_a_platform_names_none() {
    let place = Memory::new();
    for (tag, key) in [("noos", "os"), ("noarch", "architecture")] {
        put(&place, &Image::new("linux/amd64").config(move |config| config[key] = json!("")).build(), Some(tag)).await;
        let error = assemble(vec![part(&place, tag)]).await.err().unwrap();
        assert!(matches!(error, IndexError::NoPlatform(_)), "{tag}: {error}");
    }
}

#[tokio::test]
async fn windows_is_named_with_as_much_of_its_version_as_one_likes() {
    let place = Memory::new();
    let made = ["windows/amd64:10.0.17763.5329", "windows/amd64:10.0.20348.2227"].map(|text| Image::new(text).text(text).build());
    put_index(&place, &[&made[0], &made[1]], &index_of(&[&made[0], &made[1]]), Some("win")).await;
    put(&place, &Image::new("linux/amd64").build(), Some("linux")).await;
    let one = assemble(vec![part_for(&place, "win", "windows(ltsc2022)/amd64"), part(&place, "linux")]).await.unwrap();
    assert_eq!(platforms(&one), ["windows/amd64:10.0.20348.2227", "linux/amd64"]);
    let both = assemble(vec![part_for(&place, "win", "windows/amd64"), part(&place, "linux")]).await.unwrap();
    assert_eq!(both.entries.len(), 3);
    let there = base(&place, "win").await;
    let remove = |text: &str| Wish { remove: vec![text.parse().unwrap()], change: Change::Append, ..Wish::default() };
    assert_eq!(platforms(&plan(&[], Some(&there), &remove("windows(ltsc2022)/amd64")).unwrap()), ["windows/amd64:10.0.17763.5329"]);
    assert!(matches!(plan(&[], Some(&there), &remove("windows/amd64")), Err(IndexError::Empty)));
    let wish = Wish {
        require: "windows(ltsc2019)/amd64".parse().unwrap(),
        annotations: vec!["manifest-descriptor[windows(ltsc2022)/amd64]:k=v".parse().unwrap()],
        ..Wish::default()
    };
    let noted = decide(vec![part(&place, "win")], &wish).await.unwrap();
    assert_eq!(noted.document.as_index().unwrap().manifests[1].annotations["k"], "v");
}

#[tokio::test]
async fn an_entry_of_an_unknown_kind_is_carried_along_as_bytes() {
    let (place, images) = three().await;
    let thing = bytes::Bytes::from_static(b"no manifest at all");
    place.insert_blob(thing.clone());
    let entry = Descriptor::of(MediaType::Other("application/vnd.acme.thing".to_owned()), &thing);
    put_index(&place, &[&images[0]], &Index::new().image(&images[0]).add(entry.clone()).build(), Some("odd")).await;
    let plan = assemble(vec![part(&place, "odd"), part(&place, "arm")]).await.unwrap();
    assert_eq!(plan.entries[1].role, Role::Other);
    let target = Memory::new();
    into(&target, &plan).await;
    assert_eq!(target.blob(&entry).await.unwrap().read_all(100).await.unwrap(), thing);
}

#[tokio::test]
async fn a_docker_list_that_was_asked_for_says_no_less_than_before() {
    let place = Memory::new();
    let docker = Image::new("linux/amd64").docker().build();
    let noted = Index::new().image(&docker).annotation("k", "v").build();
    put_index(&place, &[&docker], &noted, Some("noted")).await;
    let wish = Wish { media: MediaChoice::Docker, ..Wish::default() };
    let error = decide(vec![part(&place, "noted")], &wish).await.err().unwrap();
    assert_eq!(error.to_string(), "annotation k would be lost: a Docker manifest list has no annotations");
}

#[tokio::test]
async fn two_images_within_one_source_are_told_apart_by_digest() {
    use fault::Fault;
    let place = Memory::new();
    let made = ["one", "two"].map(|text| Image::new("linux/amd64").text(text).build());
    put_index(&place, &[&made[0], &made[1]], &index_of(&[&made[0], &made[1]]), Some("dup")).await;
    let error = assemble(vec![part(&place, "dup")]).await.err().unwrap();
    assert_eq!(
        error.hint().unwrap().to_string(),
        format!("dup holds both: take one of them by its digest, such as dup@{}", made[1].digest())
    );
    place.put_manifest(&made[0].manifest).await.unwrap();
}

/// Found by fuzzing: once with its platform, and once more with the config to tell it.
#[tokio::test]
async fn an_image_that_a_source_lists_twice_is_one_image() {
    let place = Memory::new();
    let image = Image::new("linux/amd64").build();
    let unsaid = Descriptor { platform: None, ..image.descriptor() };
    let index = Index::new().image(&image).add(unsaid).build();
    put_index(&place, &[&image], &index, Some("twice")).await;
    let plan = assemble(vec![part(&place, "twice")]).await.unwrap();
    assert_eq!(plan.document.bytes(), index.bytes());
    assert_eq!(platforms(&plan), ["linux/amd64"]);
}

/// Found by fuzzing: what nobody knows the type of is no other entry for its digest.
#[tokio::test]
async fn an_image_that_is_listed_as_bytes_too_is_an_image() {
    let place = Memory::new();
    let image = Image::new("linux/amd64").build();
    let bytes = Descriptor { media_type: MediaType::Other("application/vnd.acme.unknown".to_owned()), ..image.descriptor() };
    let index = Index::new().add(bytes).image(&image).build();
    put_index(&place, &[&image], &index, Some("both")).await;
    assert_eq!(platforms(&assemble(vec![part(&place, "both")]).await.unwrap()), ["linux/amd64"]);
}

/// Found by fuzzing: one of the two sizes is wrong, whichever is met first.
#[tokio::test]
async fn an_image_that_is_listed_with_two_sizes_is_refused_before_anything_is_written() {
    let place = Memory::new();
    let image = Image::new("linux/amd64").build();
    let wrong = Descriptor { size: 7, platform: Some(platform("linux/arm64")), ..image.descriptor() };
    let index = Index::new().image(&image).add(wrong).build();
    put_index(&place, &[&image], &index, Some("both")).await;
    let target = Memory::new();
    let copied = content::copy(&place, &target, &index, Limits::default(), &Events::none()).await;
    assert!(matches!(copied, Err(content::Error::WrongSize { .. })), "{copied:?}");
    assert!(assemble(vec![part(&place, "both")]).await.is_err());
    let same = Descriptor { size: 7, ..image.descriptor() };
    put_index(&place, &[&image], &Index::new().image(&image).add(same).build(), Some("same")).await;
    assert!(assemble(vec![part(&place, "same")]).await.is_err());
    assert!(!target.has(&image.descriptor()).await.unwrap());
    // A layer that is listed twice, as well.
    let image = Image::new("linux/amd64").manifest(|tree| {
        let mut layer = tree["layers"][0].clone();
        layer["size"] = json!(7);
        tree["layers"].as_array_mut().unwrap().push(layer);
    });
    let image = image.build();
    testkit::fixtures::put(&place, &image, Some("layers")).await;
    let copied = content::copy(&place, &target, &image.manifest, Limits::default(), &Events::none()).await;
    assert!(matches!(copied, Err(content::Error::WrongSize { .. })), "{copied:?}");
}

/// Found by fuzzing: believing what an index says of platforms is not believing its sizes.
#[tokio::test]
async fn a_size_that_is_wrong_is_never_published() {
    let place = Memory::new();
    let image = Image::new("linux/amd64").build();
    let index = Index::new().add(Descriptor { size: 7, ..image.descriptor() }).build();
    put_index(&place, &[&image], &index, Some("wrong")).await;
    let gathered = forced(vec![part(&place, "wrong")]).await;
    let plan = plan(&gathered, None, &Wish::default()).unwrap();
    let target = Memory::new();
    let targets = [Target { place: Arc::new(target.clone()), names: vec![(name("v1"), Expected::Any)] }];
    let done = carry_out(&plan, &targets, Limits::default(), &Events::none()).await;
    assert!(matches!(done, Err(IndexError::Content(content::Error::WrongSize { .. }))));
    assert!(target.tags().await.unwrap().is_empty());
}
