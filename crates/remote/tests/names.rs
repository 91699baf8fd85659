//! Tags: moving them with care, listing and removing them, and who refers to whom.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use content::{Error, Expected, Sink, Source, Tagged};
use fault::{Fault, Kind};
use oci::Selector;
use remote::Intent;
use serde_json::json;
use support::{Fake, Seen, answer, open, settings, tag};
use testkit::fixtures::{BuiltImage, Image, put};
use testkit::registry::{DebianRegistry, RegistryOptions};

fn image(text: &str) -> BuiltImage {
    Image::new("linux/amd64").text(text).build()
}

fn head(image: &BuiltImage) -> axum::http::Response<axum::body::Body> {
    let (digest, size) = (image.digest().to_string(), image.manifest.bytes().len().to_string());
    answer(
        200,
        &[("docker-content-digest", &digest), ("content-type", image.manifest.media_type().as_str()), ("content-length", &size)],
        "",
    )
}

fn is_head(seen: &Seen) -> bool {
    seen.line.starts_with("HEAD")
}

#[tokio::test]
async fn conditions_are_sent_along() {
    let (old, new) = (image("old"), image("new"));
    let (before, after) = (old.clone(), new.clone());
    let fake = Fake::start(move |seen, number| match number {
        _ if !is_head(seen) => answer(201, &[], ""),
        0 => head(&before),
        _ => head(&after),
    })
    .await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Write);
    let expected = Expected::Digest(old.digest().clone());
    assert_eq!(place.tag(&tag("v1"), &new.manifest, &expected).await.unwrap(), Tagged::Moved);
    assert_eq!(fake.lines(), ["HEAD /v2/app/manifests/v1", "PUT /v2/app/manifests/v1", "HEAD /v2/app/manifests/v1"]);
    assert_eq!(fake.seen()[1].header("if-match"), Some(format!("\"{}\"", old.digest()).as_str()));
    assert_eq!(fake.seen()[1].header("if-none-match"), None);
    assert_eq!(fake.seen()[1].body, *new.manifest.bytes());
}

#[tokio::test]
async fn a_registry_that_knows_conditions_names_the_winner() {
    let (mine, winner) = (image("mine"), image("winner"));
    let theirs = winner.clone();
    let fake = Fake::start(move |seen, number| match number {
        0 => answer(404, &[], ""),
        _ if is_head(seen) => head(&theirs),
        _ => answer(412, &[], ""),
    })
    .await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Write);
    let error = place.tag(&tag("v1"), &mine.manifest, &Expected::Absent).await.unwrap_err();
    assert!(matches!(&error, Error::Moved { found: Some(found), expected: Expected::Absent, .. } if found == winner.digest()), "{error:?}");
    assert_eq!(fake.seen()[1].header("if-none-match"), Some("*"));
}

#[tokio::test]
async fn a_lost_race_is_seen_by_reading_back() {
    let (mine, winner) = (image("mine"), image("winner"));
    let theirs = winner.clone();
    // Takes every PUT; somebody else's came a moment later.
    let fake = Fake::start(move |seen, number| match number {
        0 => answer(404, &[], ""),
        _ if is_head(seen) => head(&theirs),
        _ => answer(201, &[], ""),
    })
    .await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Write);
    let error = place.tag(&tag("v1"), &mine.manifest, &Expected::Absent).await.unwrap_err();
    assert!(matches!(&error, Error::Moved { found: Some(found), .. } if found == winner.digest()), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_was_lost_is_no_lost_race() {
    let mine = image("mine");
    let ours = mine.clone();
    // The first PUT was done and its answer lost; the second finds the tag there.
    let fake = Fake::start(move |seen, number| match number {
        0 => answer(404, &[], ""),
        1 => answer(502, &[], ""),
        _ if is_head(seen) => head(&ours),
        _ => answer(412, &[], ""),
    })
    .await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Write);
    assert_eq!(place.tag(&tag("v1"), &mine.manifest, &Expected::Absent).await.unwrap(), Tagged::Moved);
}

/// Most registries take a PUT whatever its condition says, so it is not sent again blindly.
#[tokio::test]
async fn an_answer_that_was_lost_overwrites_nobody() {
    let (mine, winner) = (image("mine"), image("winner"));
    for lost in [502, 500, 503] {
        let theirs = winner.clone();
        let fake = Fake::start(move |seen, number| match number {
            0 => answer(404, &[], ""),
            _ if is_head(seen) => head(&theirs),
            _ => answer(lost, &[], ""),
        })
        .await;
        let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Write);
        let error = place.tag(&tag("v1"), &mine.manifest, &Expected::Absent).await.unwrap_err();
        assert!(matches!(&error, Error::Moved { found: Some(found), .. } if found == winner.digest()), "{error:?}");
        assert_eq!(fake.lines().iter().filter(|line| line.starts_with("PUT")).count(), 1, "{:?}", fake.lines());
    }
}

#[tokio::test]
async fn a_guarded_tag_is_sent_again_where_nothing_has_changed() {
    let mine = image("mine");
    let ours = mine.clone();
    let fake = Fake::start(move |seen, number| match number {
        _ if is_head(seen) && number > 3 => head(&ours),
        _ if is_head(seen) => answer(404, &[], ""),
        1 => answer(500, &[], ""),
        _ => answer(201, &[], ""),
    })
    .await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Write);
    assert_eq!(place.tag(&tag("v1"), &mine.manifest, &Expected::Absent).await.unwrap(), Tagged::Moved);
    let methods: Vec<String> = fake.lines().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(methods, ["HEAD", "PUT", "HEAD", "PUT", "HEAD"]);
}

#[tokio::test]
async fn a_registry_that_rewrites_manifests_is_caught() {
    let (mine, other) = (image("mine"), image("other"));
    let digest = other.digest().to_string();
    let fake = Fake::start(move |_, _| answer(201, &[("docker-content-digest", &digest)], "")).await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Write);
    assert!(matches!(place.put_manifest(&mine.manifest).await.unwrap_err(), Error::WrongDigest { got, .. } if got == *other.digest()));
    assert!(matches!(place.tag(&tag("v1"), &mine.manifest, &Expected::Any).await.unwrap_err(), Error::WrongDigest { .. }));
}

#[tokio::test]
async fn what_is_no_tag_is_refused_before_anything_is_sent() {
    let fake = Fake::start(|_, _| answer(200, &[], "")).await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Write);
    for text in ["../x", "", "a b", "v1/manifests"] {
        let error = place.manifest(&tag(text)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{error}");
        assert!(place.tag(&tag(text), &image("x").manifest, &Expected::Any).await.is_err());
    }
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn tags_come_in_pages() {
    let fake = Fake::start(|seen, _| {
        if seen.line.contains("last=b") {
            answer(200, &[], r#"{"name":"app","tags":["a","c"]}"#)
        } else {
            answer(200, &[("link", "</v2/app/tags/list?n=2&last=b>; rel=\"next\"")], r#"{"tags":["z","b"]}"#)
        }
    })
    .await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Read);
    assert_eq!(place.tags().await.unwrap(), ["a", "b", "c", "z"]);
    let nothing = Fake::start(|_, _| answer(200, &[], r#"{"name":"app","tags":null}"#)).await;
    assert!(open(settings().0, &format!("{}/app", nothing.host()), Intent::Read).tags().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_list_leads_nowhere_else_and_comes_to_an_end() {
    let other = Fake::start(|_, _| answer(200, &[], r#"{"tags":[]}"#)).await;
    let link = format!("<http://{}/v2/app/tags/list?last=b>; rel=\"next\"", other.host());
    let fake = Fake::start(move |_, _| answer(200, &[("link", &link)], r#"{"tags":[]}"#)).await;
    let error = open(settings().0, &format!("{}/app", fake.host()), Intent::Read).tags().await.unwrap_err();
    assert!(error.to_string().ends_with("expected a next page at the same host"), "{error}");
    assert!(other.seen().is_empty());
    let endless =
        Fake::start(|_, number| answer(200, &[("link", &format!("</v2/app/tags/list?last={number}>; rel=\"next\""))], r#"{"tags":[]}"#))
            .await;
    let error = open(settings().0, &format!("{}/app", endless.host()), Intent::Read).tags().await.unwrap_err();
    assert!(matches!(error, Error::Limit { limit: 1_000, .. }), "{error:?}");
}

#[tokio::test]
async fn a_tag_that_cannot_be_removed_alone_is_named_with_its_digest() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let place = open(settings().0, &format!("{}/app", registry.host()), Intent::Write);
    let image = image("kept");
    put(&*place, &image, Some("v1")).await;
    let error = place.remove(&tag("v1")).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    assert_eq!(error.hint().unwrap().to_string(), format!("remove {}/app@{}, with every tag it has", registry.host(), image.digest()));
    assert_eq!(place.tags().await.unwrap(), ["v1"]);
}

#[tokio::test]
async fn a_registry_with_the_referrers_api_is_asked_and_left_alone() {
    let subject = image("subject");
    let artifact = Image::new("linux/amd64").artifact("application/vnd.example.report").subject(subject.descriptor()).build();
    let list = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [artifact.descriptor()] })
        .to_string();
    let fake =
        Fake::start(move |seen, _| if seen.line.contains("/referrers/") { answer(200, &[], list.clone()) } else { answer(201, &[], "") })
            .await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Write);
    place.put_manifest(&artifact.manifest).await.unwrap();
    assert_eq!(place.referrers(subject.digest()).await.unwrap().len(), 1);
    let (digest, of) = (artifact.digest(), subject.digest());
    // What writes is no scout: one goes before it.
    assert_eq!(
        fake.lines(),
        [
            "GET /v2/".to_owned(),
            format!("PUT /v2/app/manifests/{digest}"),
            format!("GET /v2/app/referrers/{of}"),
            format!("GET /v2/app/referrers/{of}")
        ]
    );
}

#[tokio::test]
async fn the_stand_in_list_of_referrers_keeps_what_others_wrote() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let place = open(settings().0, &format!("{}/app", registry.host()), Intent::Write);
    let subject = image("subject");
    put(&*place, &subject, Some("v1")).await;
    let first = Image::new("linux/amd64")
        .artifact("application/vnd.example.a")
        .subject(subject.descriptor())
        .manifest(|tree| tree["annotations"] = json!({ "k": "v" }))
        .build();
    put(&*place, &first, None).await;
    let list_tag = tag(&format!("sha256-{}", subject.digest().hex()));
    // Another tool's list, with fields that nobody here knows.
    let mut tree = place.manifest(&list_tag).await.unwrap().tree();
    tree["org.example"] = json!("kept");
    tree["manifests"][0]["org.example"] = json!({ "b": 1, "a": 2 });
    let list = oci::RawManifest::parse(tree.to_string().into(), None).unwrap();
    place.tag(&list_tag, &list, &Expected::Any).await.unwrap();
    let second = Image::new("linux/amd64").artifact("application/vnd.example.b").subject(subject.descriptor()).build();
    for _ in 0..2 {
        put(&*place, &second, None).await;
    }
    let tree = place.manifest(&list_tag).await.unwrap().tree();
    assert_eq!(tree["org.example"], "kept");
    assert_eq!(tree["manifests"][0]["org.example"].to_string(), r#"{"b":1,"a":2}"#);
    assert_eq!(tree["manifests"][0]["annotations"]["k"], "v");
    assert_eq!(tree["manifests"].as_array().unwrap().len(), 2);
    assert_eq!(tree["manifests"][1]["artifactType"], "application/vnd.example.b");
    let referrers = place.referrers(subject.digest()).await.unwrap();
    assert_eq!(referrers.len(), 2);
    assert!(place.referrers(second.digest()).await.unwrap().is_empty());
    assert!(place.manifest(&Selector::Digest(subject.digest().clone())).await.is_ok());
}

/// "If that pull returns a manifest other than an image index, the client SHOULD report a failure"
/// (distribution-spec 1.1, "Pushing Manifests with Subject").
#[tokio::test]
async fn an_image_under_the_tag_of_the_stand_in_list_is_not_overwritten() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let place = open(settings().0, &format!("{}/app", registry.host()), Intent::Write);
    let (subject, other) = (image("subject"), image("somebody else's"));
    put(&*place, &subject, Some("v1")).await;
    let list_tag = format!("sha256-{}", subject.digest().hex());
    put(&*place, &other, Some(&list_tag)).await;
    let artifact = Image::new("linux/amd64").artifact("application/vnd.example.a").subject(subject.descriptor()).build();
    for (blob, _) in &artifact.layers {
        place.put_blob(blob, &testkit::fixtures::in_memory(&[&artifact], &[]).await).await.unwrap();
    }
    let config = &artifact.manifest.as_image().unwrap().config;
    place.put_blob(config, &testkit::fixtures::in_memory(&[&artifact], &[]).await).await.unwrap();
    let error = place.put_manifest(&artifact.manifest).await.unwrap_err();
    assert!(error.to_string().contains(&list_tag), "{error}");
    assert_eq!(place.manifest(&tag(&list_tag)).await.unwrap().digest(), other.digest());
}
