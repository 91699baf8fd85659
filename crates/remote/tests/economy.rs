//! How many requests things cost: every one is a round trip for somebody far away.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use content::{Expected, Placed, Recall, Sink, Source, Tagged};
use futures_util::future::join_all;
use oci::Selector;
use remote::{Client, Intent, Settings};
use support::recall::Diary;
use support::{Fake, answer, manifest_answer, open, settings, tag};
use testkit::fixtures::{Image, put};
use testkit::proxy::Latency;
use testkit::registry::{DebianRegistry, RegistryOptions};
use testkit::tokens::{TokenOptions, TokenServer};

const TAGS: usize = 6;

async fn fill(registry: &DebianRegistry, repository: &str) {
    let place = open(settings().0, &format!("{}/{repository}", registry.host()), Intent::Write);
    for number in 0..TAGS {
        put(&*place, &Image::new("linux/amd64").text(&format!("image {number}")).build(), Some(&format!("v{number}"))).await;
    }
    registry.clear_log();
}

/// Reads every tag and its config, all at once.
async fn read_all(settings: Settings, name: &str) {
    let place = open(settings, name, Intent::Read);
    join_all((0..TAGS).map(|number| {
        let place = Arc::clone(&place);
        async move {
            let manifest = place.manifest(&tag(&format!("v{number}"))).await.unwrap();
            let config = &manifest.as_image().unwrap().config;
            place.blob(config).await.unwrap().read_all(1 << 20).await.unwrap();
        }
    }))
    .await;
}

#[tokio::test]
async fn without_authentication_there_is_no_request_more_than_documents() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    fill(&registry, "app").await;
    read_all(settings().0, &format!("{}/app", registry.host())).await;
    let requests = registry.requests();
    assert_eq!(requests.len(), 2 * TAGS, "{requests:#?}");
    assert!(requests.iter().all(|request| request.starts_with("GET ") && request.ends_with(" 200")), "{requests:#?}");
}

#[tokio::test]
async fn with_bearer_there_are_two_more() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    fill(&registry, "app").await;
    let guard = TokenServer::start(registry.address(), TokenOptions::default()).await;
    read_all(settings().0, &format!("{}/app", guard.host())).await;
    assert_eq!(guard.asked(), ["repository:app:pull"]);
    let requests = guard.requests();
    assert_eq!(requests.len(), 2 * TAGS + 1, "{requests:#?}");
    assert_eq!(requests.iter().filter(|request| request.ends_with(" 401")).count(), 1, "{requests:#?}");
}

#[tokio::test]
async fn a_repository_for_writing_needs_one_token_in_all() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let guard = TokenServer::start(registry.address(), TokenOptions::default()).await;
    let place = open(settings().0, &format!("{}/app", guard.host()), Intent::Write);
    assert!(place.resolve(&tag("v1")).await.unwrap_err().is_missing());
    put(&*place, &Image::new("linux/amd64").build(), Some("v1")).await;
    place.manifest(&tag("v1")).await.unwrap();
    assert_eq!(guard.asked(), ["repository:app:pull,push"]);
}

#[tokio::test]
async fn writing_costs_one_request_each() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let place = open(settings().0, &format!("{}/app", registry.host()), Intent::Write);
    let image = Image::new("linux/amd64").build();
    put(&*place, &image, None).await;
    registry.clear_log();
    let fresh = open(settings().0, &format!("{}/app", registry.host()), Intent::Write);
    fresh.resolve(&Selector::Digest(image.digest().clone())).await.unwrap();
    registry.clear_log();
    assert_eq!(fresh.put_manifest(&image.manifest).await.unwrap(), Placed::Sent);
    assert_eq!(fresh.tag(&tag("v1"), &image.manifest, &Expected::Any).await.unwrap(), Tagged::Moved);
    let digest = image.digest();
    assert_eq!(registry.requests(), [format!("PUT /v2/app/manifests/{digest} 201"), "PUT /v2/app/manifests/v1 201".to_owned()]);
}

#[tokio::test]
async fn a_blob_of_the_same_repository_is_not_asked_for_and_a_neighbours_is_mounted() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let client = Client::new(settings().0).unwrap();
    let open = |name: &str| client.repository(&format!("{}/{name}", registry.host()).parse().unwrap(), Intent::Write);
    let (app, other) = (open("app"), open("team/other"));
    let image = Image::new("linux/amd64").build();
    put(&*app, &image, None).await;
    registry.clear_log();
    let layer = &image.layers[0].0;
    assert_eq!(open("app").put_blob(layer, &*app).await.unwrap(), Placed::Present);
    assert_eq!(registry.requests(), Vec::<String>::new());
    assert_eq!(other.put_blob(layer, &*app).await.unwrap(), Placed::Mounted);
    assert_eq!(registry.requests(), [format!("POST /v2/team/other/blobs/uploads/?mount={}&from=app 201", layer.digest)]);
    assert!(other.has(layer).await.unwrap());
}

#[tokio::test]
async fn a_mount_asks_for_two_scopes() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let guard = TokenServer::start(registry.address(), TokenOptions::default()).await;
    let client = Client::new(settings().0).unwrap();
    let open = |name: &str, intent| client.repository(&format!("{}/{name}", guard.host()).parse().unwrap(), intent);
    let image = Image::new("linux/amd64").build();
    put(&*open("base", Intent::Write), &image, None).await;
    guard.clear_log();
    let placed = open("app", Intent::Write).put_blob(&image.layers[0].0, &*open("base", Intent::Read)).await.unwrap();
    assert_eq!(placed, Placed::Mounted);
    assert_eq!(guard.asked(), ["repository:base:pull repository:app:pull,push"]);
    assert_eq!(guard.requests().len(), 1);
}

#[tokio::test]
async fn what_was_read_before_is_not_read_again() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    fill(&registry, "app").await;
    let memory = Arc::new(Diary::default());
    let with_memory = || {
        let mut settings = settings().0;
        settings.recall = Arc::clone(&memory) as Arc<dyn Recall>;
        settings
    };
    let name = format!("{}/app", registry.host());
    read_all(with_memory(), &name).await;
    registry.clear_log();
    read_all(with_memory(), &name).await;
    let requests = registry.requests();
    assert_eq!(requests.len(), TAGS, "{requests:#?}");
    assert!(requests.iter().all(|request| request.ends_with(" 304")), "{requests:#?}");
    let digest = memory.pointed_at(&format!("{name}:v1")).unwrap();
    registry.clear_log();
    let place = open(with_memory(), &name, Intent::Read);
    assert_eq!(*place.manifest(&Selector::Digest(digest)).await.unwrap().digest(), memory.pointed_at(&format!("{name}:v1")).unwrap());
    assert_eq!(registry.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_damaged_memory_costs_a_request_and_nothing_else() {
    let image = Image::new("linux/amd64").build();
    let manifest = image.manifest.clone();
    let fake = Fake::start(move |_, _| manifest_answer(&manifest)).await;
    let memory = Diary::default();
    memory.keep_document(image.digest(), &Bytes::from_static(b"damaged"));
    memory.keep_pointer(&format!("{}/app:v1", fake.host()), image.digest());
    let mut settings = settings().0;
    settings.recall = Arc::new(memory);
    let place = open(settings, &format!("{}/app", fake.host()), Intent::Read);
    assert_eq!(place.manifest(&tag("v1")).await.unwrap().digest(), image.digest());
    assert_eq!(fake.seen()[0].header("if-none-match"), None);
}

#[tokio::test]
async fn one_header_accepts_all_four_types() {
    let image = Image::new("linux/amd64").build();
    let manifest = image.manifest.clone();
    let fake = Fake::start(move |_, _| manifest_answer(&manifest)).await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Read);
    place.manifest(&tag("v1")).await.unwrap();
    place.resolve(&tag("v1")).await.unwrap();
    for seen in fake.seen() {
        let accept: Vec<_> = seen.headers.get_all("accept").iter().collect();
        assert_eq!(accept.len(), 1);
        assert_eq!(accept[0].to_str().unwrap().split(", ").count(), 4);
    }
    assert_eq!(fake.lines(), ["GET /v2/app/manifests/v1", "HEAD /v2/app/manifests/v1"]);
}

#[tokio::test]
async fn head_without_what_is_needed_becomes_get() {
    let image = Image::new("linux/amd64").build();
    let manifest = image.manifest.clone();
    let fake =
        Fake::start(move |seen, _| if seen.line.starts_with("HEAD") { answer(200, &[], "") } else { manifest_answer(&manifest) }).await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Read);
    assert_eq!(place.resolve(&tag("v1")).await.unwrap().digest, *image.digest());
    assert_eq!(fake.lines(), ["HEAD /v2/app/manifests/v1", "GET /v2/app/manifests/v1"]);
}

#[tokio::test]
async fn concurrent_requests_wait_for_one_scout() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let guard = TokenServer::start(registry.address(), TokenOptions::default()).await;
    let place = open(settings().0, &format!("{}/app", guard.host()), Intent::Read);
    let all = join_all((0..10).map(|number| {
        let place = Arc::clone(&place);
        async move { place.resolve(&tag(&format!("v{number}"))).await }
    }))
    .await;
    assert!(all.iter().all(|got| got.as_ref().is_err_and(content::Error::is_missing)));
    assert_eq!(guard.asked().len(), 1);
    assert_eq!(guard.requests().iter().filter(|request| request.ends_with(" 401")).count(), 1);
}

/// All tags and configs cost three round trips of waiting, the first of which settles the scheme and
/// what is demanded. A token costs one more, to its server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn round_trips() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    fill(&registry, "app").await;
    let round_trip = Duration::from_millis(500);
    let slow = Latency::start(registry.address(), round_trip).await;
    let start = Instant::now();
    read_all(settings().0, &format!("{}/app", slow.host())).await;
    let plain = start.elapsed();
    assert!((round_trip * 3..round_trip * 4).contains(&plain), "{plain:?}");
    let guard = TokenServer::start(registry.address(), TokenOptions::default()).await;
    let slow = Latency::start(guard.address(), round_trip).await;
    let start = Instant::now();
    read_all(settings().0, &format!("{}/app", slow.host())).await;
    let bearer = start.elapsed();
    // The token server is not behind the slow line here: its round trip is not in this sum.
    assert!((round_trip * 3..round_trip * 4).contains(&bearer), "{bearer:?}");
}
