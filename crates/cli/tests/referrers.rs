//! What refers to an image, on its way from a registry that lists it, to one that does not, and on to a
//! third that does: `inspect --referrers` says the same of all three.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use content::{Copier, Events, Expected, Limits, Sink, Source, copy_referrers, referring, subjects};
use oci::{Reference, Selector};
use program::{Home, Serving};
use remote::{Client, Intent, Registry, Settings};
use serde_json::Value;
use testkit::fixtures::{Referred, referred};
use testkit::registry::{DebianRegistry, RegistryOptions};

/// Opens `app` in a registry, by a client that knows nothing.
fn app(host: &str) -> Arc<Registry> {
    let mut settings = Settings::new("polyarch-test", SystemTime::now);
    settings.patience.silence = Duration::from_secs(20);
    Client::new(settings).unwrap().repository(&format!("{host}/app").parse::<Reference>().unwrap(), Intent::Write)
}

/// Copies the image with all that refers to it, the name last.
async fn carry(from: &Registry, to: &Registry) {
    let (name, limits, events) = (Selector::Name("v1".to_owned()), Limits::default(), Events::none());
    let root = from.manifest(&name).await.unwrap();
    let all = referring(from, &subjects(from, &root, limits).await.unwrap(), limits).await.unwrap();
    assert!(all.left_out.is_empty(), "{:?}", all.left_out);
    let copier = Copier::new(to, limits, &events);
    copier.copy(from, &root).await.unwrap();
    copy_referrers(&copier, from, &all.found).await.unwrap();
    to.tag(&name, &root, &Expected::Any).await.unwrap();
}

/// Returns what the program tells of it, without the name of the place.
fn told(home: &Home, host: &str) -> Value {
    let mut value: Value = serde_json::from_str(&home.done(&["inspect", "--referrers", "--json", &format!("{host}/app:v1")])).unwrap();
    value["name"].take();
    value
}

async fn check_bytes(world: &Referred, place: &Registry) {
    let tagged = world.tagged.iter().map(|(_, image)| image);
    for image in world.images.iter().chain(&world.artifacts).chain(tagged) {
        let manifest = place.manifest(&Selector::Digest(image.digest().clone())).await.unwrap();
        assert_eq!(manifest.bytes(), image.manifest.bytes());
        for (blob, bytes) in image.blobs() {
            assert_eq!(place.blob(blob).await.unwrap().read_all(1_000_000).await.unwrap(), bytes, "{}", blob.digest);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn referrers_survive_a_registry_that_does_not_list_them() {
    let Some(debian) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let (home, first_home, third_home) = (Home::new(), Home::new(), Home::new());
    let (first, third) = (Serving::start(&first_home, &[]), Serving::start(&third_home, &[]));
    let world = referred();
    world.put(&*app(&first.host), "v1").await;
    carry(&app(&first.host), &app(&debian.host())).await;
    carry(&app(&debian.host()), &app(&third.host)).await;
    let [one, two, three] = [&first.host, &debian.host(), &third.host].map(|host| told(&home, host));
    assert_eq!(one["referrers"]["found"].as_array().unwrap().len(), 2 + world.pairs().len());
    assert_eq!(one["referrers"]["rows"].as_array().unwrap().len(), 3);
    assert_eq!((&one, &one), (&two, &three));
    check_bytes(&world, &app(&debian.host())).await;
    check_bytes(&world, &app(&third.host)).await;
    // The third lists them itself: the tags that stood in for the list stayed behind.
    let tags = app(&third.host).tags().await.unwrap();
    let old: Vec<&String> = world.tagged.iter().map(|(tag, _)| tag).collect();
    assert!(tags.iter().all(|tag| tag == "v1" || old.contains(&tag)), "{tags:?}");
    assert_eq!(tags.len(), 1 + old.len());
}

#[test]
fn layouts_archives_and_the_store_show_the_same() {
    let home = Home::new();
    let signed = store::Layout::create_or_open(home.path().join("signed")).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(referred().put(&signed, "v1"));
    let look = |name: &str| {
        let value: Value = serde_json::from_str(&home.done(&["inspect", "--referrers", "--json", name])).unwrap();
        value["referrers"].clone()
    };
    let expected = look("oci:signed:v1");
    let mut source = "oci:signed:v1";
    for target in ["oci-archive:signed.tar:v1", "store:localhost/app:v1", "docker-archive:app.tar:localhost/app:v1", "oci:again:v1"] {
        home.done(&["copy", "--referrers", source, target]);
        assert_eq!(look(target), expected, "{target}");
        source = target;
    }
}

#[test]
fn looking_costs_four_questions_for_each_manifest_and_one_read() {
    let (home, server) = (Home::new(), Home::new());
    let serving = Serving::start(&server, &[]);
    let world = referred();
    tokio::runtime::Runtime::new().unwrap().block_on(world.put(&*app(&serving.host), "v1"));
    serving.requests();
    home.done(&["inspect", "--referrers", &format!("{}/app:v1", serving.host)]);
    let requests = serving.requests();
    // The image; for the index, its four entries, every referrer and the collection's member the list and
    // three old tags; each referrer and each attestation once.
    let (referrers, attestations) = (world.pairs().len(), 2);
    let asked = 1 + 4 + referrers + 1;
    assert!(requests.len() <= 1 + 4 * asked + referrers + attestations + 2, "{} requests: {requests:#?}", requests.len());
}
