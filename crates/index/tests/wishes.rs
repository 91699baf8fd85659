//! What the fronts for other tools ask of a plan: order, encoding, duplicates, and what one source becomes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod parts;

use content::{Events, Expected, Limits, Memory};
use index::{
    Checked, Duplicates, Encoding, IndexError, Lone, Manner, MediaChoice, OfIndex, Part, Role, Sequence, Spelling, Target, Wish, carry_out,
    gather, plan, plan_entries,
};
use oci::MediaType;
use parts::{decide, name, part, part_for, platforms, read, three};
use testkit::fixtures::{Image, Index, attestation_entry, attestation_for, put, put_index};

fn as_stated() -> Manner {
    Manner { spelling: Spelling::AsStated, of_index: OfIndex::Whole, ..Manner::default() }
}

async fn gathered(part: Part, manner: Manner) -> Result<index::Candidate, IndexError> {
    Ok(gather(vec![part], manner, Limits::default()).await?.found.remove(0).candidates.remove(0))
}

#[tokio::test]
async fn a_new_index_of_one_source_is_an_index() {
    let (place, images) = three().await;
    put_index(&place, &[&images[0]], &Index::new().image(&images[0]).annotation("a", "b").build(), Some("one")).await;
    let of = |tag: &'static str, lone| {
        let parts = vec![part(&place, tag)];
        async move { decide(parts, &Wish { lone, ..Wish::default() }).await.unwrap().document }
    };
    assert!(of("amd64", Lone::AsItIs).await.as_index().is_none());
    assert!(of("amd64", Lone::AnIndex).await.as_index().is_some());
    assert_eq!(of("one", Lone::AnIndex).await.digest(), of("one", Lone::AsItIs).await.digest());
    let new = of("one", Lone::ANewIndex).await;
    assert!(new.as_index().is_some_and(|index| index.annotations.is_empty()), "{new:?}");
}

#[tokio::test]
async fn duplicates_stay_where_that_is_wished_and_are_said() {
    let (place, images) = three().await;
    put(&place, &Image::new("linux/amd64").text("second").build(), Some("second")).await;
    let sources = read(vec![part(&place, "amd64"), part(&place, "amd64"), part(&place, "second")]).await.unwrap();
    let refused = plan(&sources, None, &Wish::default()).err().unwrap();
    assert!(matches!(refused, IndexError::SamePlatform { .. }), "{refused}");
    let kept = plan(&sources, None, &Wish { duplicates: Duplicates::Keep, ..Wish::default() }).unwrap();
    assert_eq!(platforms(&kept), ["linux/amd64"; 3]);
    assert_eq!(kept.entries[1].descriptor.digest, *images[0].digest());
    assert_eq!(kept.warnings.len(), 1, "{:?}", kept.warnings);
    assert!(kept.warnings[0].starts_with("two images for linux/amd64: amd64 ("), "{:?}", kept.warnings);
}

#[tokio::test]
async fn only_some_platforms_stay_and_a_missing_one_is_said() {
    let (place, _) = three().await;
    let parts = || vec![part(&place, "amd64"), part(&place, "arm")];
    let only = |text: &str| Wish { only: text.parse().unwrap(), ..Wish::default() };
    let plan = decide(parts(), &only("arm,s390x")).await.unwrap();
    assert_eq!(platforms(&plan), ["linux/arm/v7"]);
    assert_eq!(plan.warnings, ["no linux/s390x image among the sources: they offer linux/amd64, linux/arm/v7"]);
    assert!(matches!(decide(parts(), &only("s390x")).await, Err(IndexError::Empty)));
}

#[tokio::test]
async fn an_attestation_of_two_images_stays_twice_and_one_of_no_image_is_said() {
    let (place, images) = three().await;
    let attestation = attestation_for(&images[0]);
    put(&place, &attestation, None).await;
    let entry = |image| attestation_entry(&attestation, image);
    let index = Index::new().image(&images[0]).image(&images[1]).add(entry(&images[0])).add(entry(&images[1])).add(entry(&images[2]));
    put_index(&place, &[&images[0], &images[1], &attestation], &index.build(), Some("attested")).await;
    let plan = decide(vec![part(&place, "attested"), part(&place, "arm")], &Wish::default()).await.unwrap();
    assert_eq!(plan.entries.iter().filter(|entry| matches!(entry.role, Role::Attestation(_))).count(), 3);
    let plan = decide(vec![part(&place, "attested")], &Wish { lone: Lone::ANewIndex, ..Wish::default() }).await.unwrap();
    assert_eq!(plan.entries.iter().filter(|entry| matches!(entry.role, Role::Attestation(_))).count(), 2);
    let (digest, absent) = (attestation.digest().short(), images[2].digest().short());
    assert_eq!(plan.warnings, [format!("attestation {digest} of attested is left out: it speaks of {absent}, which is not there")]);
}

#[tokio::test]
async fn names_that_moved_before_one_that_did_not_are_named() {
    let (place, images) = three().await;
    let plan = decide(vec![part(&place, "amd64"), part(&place, "arm")], &Wish::default()).await.unwrap();
    let wrong = Expected::Digest(images[1].digest().clone());
    let names = vec![(name("one"), Expected::Any), (name("arm"), wrong.clone()), (name("three"), Expected::Any)];
    let carry = |names| {
        let targets = [Target { place: std::sync::Arc::new(place.clone()), names }];
        let plan = plan.clone();
        async move { carry_out(&plan, &targets, Limits::default(), &Events::none()).await.unwrap_err() }
    };
    let error = carry(names).await;
    assert_eq!(error.to_string(), "memory:one moved already, memory:arm was not");
    assert!(matches!(error, IndexError::HalfMoved { .. }), "{error}");
    // Where none moved before it, there is nothing more to say.
    let error = carry(vec![(name("arm"), wrong)]).await;
    assert!(matches!(error, IndexError::Content(content::Error::Moved { .. })), "{error}");
}

#[tokio::test]
async fn a_filter_that_everything_passes_leaves_the_bytes_as_they_are() {
    let (place, images) = three().await;
    // Nobody would write it so again.
    let index = Index::new().image(&images[0]).image(&images[1]).edit(|tree| tree["note"] = "kept".into()).build();
    put_index(&place, &[&images[0], &images[1]], &index, Some("pair")).await;
    let all = images[..2].iter().map(|image| image.platform.to_string()).collect::<Vec<_>>().join(",");
    let only = |text: &str, lone| Wish { only: text.parse().unwrap(), lone, ..Wish::default() };
    let plan = decide(vec![part(&place, "pair")], &only(&format!("{all},s390x"), Lone::AnIndex)).await.unwrap();
    assert_eq!(plan.document.bytes(), index.bytes());
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
    let lone = decide(vec![part(&place, "amd64")], &only("amd64", Lone::AsItIs)).await.unwrap();
    assert_eq!(lone.document.digest(), images[0].digest());
    assert!(matches!(decide(vec![part(&place, "amd64")], &only("s390x", Lone::AsItIs)).await, Err(IndexError::Empty)));
}

#[tokio::test]
async fn attestations_follow_the_images_that_stay_and_stand_last_where_that_is_wished() {
    let (place, images) = three().await;
    let attestation = attestation_for(&images[0]);
    let index = Index::new().image(&images[0]).add(attestation_entry(&attestation, &images[0])).build();
    put_index(&place, &[&images[0], &attestation], &index, Some("attested")).await;
    let sources = read(vec![part(&place, "attested"), part(&place, "arm")]).await.unwrap();
    let entries: Vec<_> = sources.iter().flat_map(|source| source.candidates.clone()).collect();
    let last = plan_entries(entries, &Wish { sequence: Sequence::AttestationsLast, ..Wish::default() }).unwrap();
    let roles: Vec<bool> = last.entries.iter().map(|entry| matches!(entry.role, Role::Attestation(_))).collect();
    assert_eq!(roles, [false, false, true]);
    let only = plan(&sources, None, &Wish { only: "arm".parse().unwrap(), ..Wish::default() }).unwrap();
    assert_eq!((only.entries.len(), platforms(&only)), (1, vec!["linux/arm/v7".to_owned()]));
}

#[tokio::test]
async fn docker_types_put_the_size_first_and_docker_manifest_indents_by_three() {
    let place = Memory::new();
    let image = Image::new("linux/arm64").docker().build();
    put(&place, &image, Some("a")).await;
    let text = |encoding| {
        let parts = vec![part(&place, "a")];
        async move {
            let plan = decide(parts, &Wish { encoding, lone: Lone::ANewIndex, ..Wish::default() }).await.unwrap();
            String::from_utf8(plan.document.bytes().to_vec()).unwrap()
        }
    };
    let (digest, size) = (image.digest().to_string(), image.manifest.bytes().len());
    let expected = format!(
        r#"{{
   "schemaVersion": 2,
   "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
   "manifests": [
      {{
         "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
         "size": {size},
         "digest": "{digest}",
         "platform": {{
            "architecture": "arm64",
            "os": "linux"
         }}
      }}
   ]
}}"#
    );
    assert_eq!(text(Encoding::DockerManifest).await, expected);
    assert_eq!(text(Encoding::DockerTypes).await, expected.replace("   ", "  "));
    assert!(text(Encoding::Oci).await.find("digest").unwrap() < text(Encoding::Oci).await.find("size").unwrap());
}

#[tokio::test]
async fn a_docker_list_of_oci_images_is_made_only_by_its_own_wish() {
    let (place, _) = three().await;
    let made = |media| {
        let parts = vec![part(&place, "amd64"), part(&place, "arm")];
        async move { decide(parts, &Wish { media, ..Wish::default() }).await }
    };
    assert!(matches!(made(MediaChoice::Docker).await, Err(IndexError::NeedsOtherBytes { .. })));
    let plan = made(MediaChoice::DockerOfAny).await.unwrap();
    assert_eq!((plan.document.media_type(), plan.warnings.len()), (&MediaType::DockerList, 1));
}

#[tokio::test]
async fn platforms_as_stated_are_kept_letter_for_letter_and_filled_from_the_config() {
    let place = Memory::new();
    let image = Image::new("linux/arm/v7").config(|config| drop(config.as_object_mut().unwrap().remove("variant"))).build();
    put(&place, &image, Some("arm")).await;
    put(&place, &Image::new("linux/arm64").build(), Some("arm64")).await;
    put(&place, &Image::new("windows/amd64:10.0.20348.1").build(), Some("windows")).await;
    let spelt = |part| async move { gathered(part, as_stated()).await.unwrap().descriptor.platform.unwrap() };
    assert_eq!(spelt(part(&place, "arm")).await.variant, None);
    let stated = Part { platform: Some(oci::Platform::new("linux", "arm64", Some("v8"))), ..part(&place, "arm64") };
    assert_eq!(spelt(stated).await.variant.as_deref(), Some("v8"));
    assert_eq!(spelt(part_for(&place, "windows", "windows/amd64")).await.os_version.as_deref(), Some("10.0.20348.1"));
    let lie = gathered(part_for(&place, "arm64", "linux/s390x"), as_stated()).await.err().unwrap();
    assert!(matches!(lie, IndexError::Disagrees { .. }), "{lie}");
    let forced = Manner { checked: Checked::Force, ..as_stated() };
    assert_eq!(
        gathered(part_for(&place, "arm64", "linux/s390x"), forced).await.unwrap().descriptor.platform.unwrap().architecture,
        "s390x"
    );
}

#[tokio::test]
async fn an_indexs_own_words_are_kept_and_compared_with_what_the_config_adds() {
    let place = Memory::new();
    let image = Image::new("linux/arm/v6").build();
    let entry = |words: &str| oci::Descriptor { platform: Some(testkit::fixtures::platform(words)), ..image.descriptor() };
    put_index(&place, &[&image], &Index::new().add(entry("linux/arm")).build(), Some("bare")).await;
    put_index(&place, &[&image], &Index::new().add(entry("linux/arm/v7")).build(), Some("lie")).await;
    let bare = gathered(part(&place, "bare"), as_stated()).await.unwrap();
    assert_eq!(bare.descriptor.platform.unwrap().variant, None);
    assert_eq!(bare.role, Role::Image("linux/arm/v6".parse().unwrap()));
    // A source of one image that is called by less than its config says gets the rest.
    put(&place, &image, Some("image")).await;
    let stated = Part { platform: Some(oci::Platform::new("linux", "arm", None)), ..part(&place, "image") };
    assert_eq!(gathered(stated, as_stated()).await.unwrap().descriptor.platform.unwrap().variant.as_deref(), Some("v6"));
    assert!(matches!(gathered(part(&place, "lie"), as_stated()).await, Err(IndexError::Disagrees { .. })));
}

#[tokio::test]
async fn what_says_no_platform_is_carried_along_where_platforms_are_kept_as_stated() {
    let place = Memory::new();
    put(&place, &Image::new("linux/amd64").artifact("application/vnd.acme.report").build(), Some("report")).await;
    assert!(matches!(gathered(part(&place, "report"), Manner::default()).await, Err(IndexError::NotAnImage { .. })));
    let carried = gathered(part(&place, "report"), as_stated()).await.unwrap();
    assert_eq!((carried.role, carried.descriptor.platform), (Role::Other, None));
    // No word makes an image of it, only force.
    let called = || part_for(&place, "report", "linux/amd64");
    assert!(matches!(gathered(called(), as_stated()).await, Err(IndexError::NotAnImage { .. })));
    assert!(gathered(called(), Manner { checked: Checked::Force, ..as_stated() }).await.is_ok());
}

#[tokio::test]
async fn an_index_with_a_stated_platform_is_narrowed_or_taken_whole() {
    let (place, images) = three().await;
    put_index(&place, &[&images[0], &images[1]], &parts::index_of(&[&images[0], &images[1]]), Some("two")).await;
    let count = |manner| {
        let part = part_for(&place, "two", "linux/arm64");
        async move { gather(vec![part], manner, Limits::default()).await.unwrap().found[0].candidates.len() }
    };
    assert_eq!(count(Manner::default()).await, 1);
    assert_eq!(count(Manner { of_index: OfIndex::Whole, ..Manner::default() }).await, 2);
}
