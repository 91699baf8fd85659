//! What a probe finds out: of Debian's registry, and of one that is difficult.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use content::Source;
use oci::{Selector, Tag};
use remote::{Ability, Depth, Intent, Probed, Verdict};
use support::{Fake, answer, open, settings};
use testkit::fixtures::{Image, put};
use testkit::hostile::{HostileRegistry, Immutable, Mode, Mount};
use testkit::registry::{DebianRegistry, RegistryOptions};

const MARK: &str = "polyarch-probe-0123456789ab";

async fn probe(host: &str, write: bool) -> Probed {
    let (intent, depth) = if write { (Intent::Write, Depth::Write(MARK.parse::<Tag>().unwrap())) } else { (Intent::Read, Depth::Read) };
    open(settings().0, &format!("{host}/app"), intent).probe(None, &depth).await.unwrap()
}

fn verdict(probed: &Probed, ability: Ability) -> Verdict {
    probed.about(ability).unwrap_or_else(|| panic!("{ability:?}: {probed:#?}")).verdict
}

fn detail(probed: &Probed, ability: Ability) -> &str {
    &probed.about(ability).unwrap().detail
}

#[tokio::test]
async fn reading_leaves_no_trace() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let place = open(settings().0, &format!("{}/app", registry.host()), Intent::Write);
    put(&*place, &Image::new("linux/amd64").build(), Some("v1")).await;
    registry.clear_log();
    let probed = probe(&registry.host(), false).await;
    assert!(registry.requests().iter().all(|line| line.starts_with("GET ") || line.starts_with("HEAD ")), "{:?}", registry.requests());
    for (ability, expected) in [
        (Ability::Api, Verdict::Yes),
        (Ability::Authentication, Verdict::No),
        (Ability::Tags, Verdict::Yes),
        (Ability::Digest, Verdict::Yes),
        (Ability::ConditionalGet, Verdict::Yes),
        (Ability::RateLimit, Verdict::No),
        (Ability::Referrers, Verdict::No),
    ] {
        assert_eq!(verdict(&probed, ability), expected, "{probed:#?}");
    }
    assert!(Ability::WRITTEN.iter().all(|ability| verdict(&probed, *ability) == Verdict::Unknown));
    assert_eq!(detail(&probed, Ability::Api), "registry/2.0");
    assert_eq!(probed.about(Ability::Tags).unwrap().evidence, "GET tags/list?n=1: 200");
}

#[tokio::test]
async fn debian_s_registry_takes_what_it_takes() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let place = open(settings().0, &format!("{}/app", registry.host()), Intent::Write);
    put(&*place, &Image::new("linux/amd64").build(), Some("v1")).await;
    let probed = probe(&registry.host(), true).await;
    for (ability, expected) in [
        (Ability::ChunkedUpload, Verdict::Yes),
        (Ability::CancelUpload, Verdict::Yes),
        (Ability::Mount, Verdict::Yes),
        (Ability::Index, Verdict::Yes),
        (Ability::ReadAfterWrite, Verdict::Yes),
        (Ability::NestedIndex, Verdict::Yes),
        (Ability::SparseIndex, Verdict::No),
        (Ability::Subject, Verdict::No),
        (Ability::ConditionalPut, Verdict::No),
        (Ability::MovableTag, Verdict::Yes),
        (Ability::DeleteTag, Verdict::No),
        (Ability::DeleteManifest, Verdict::Yes),
        (Ability::DeleteBlob, Verdict::Yes),
    ] {
        assert_eq!(verdict(&probed, ability), expected, "{probed:#?}");
    }
    assert_eq!(probed.left, [] as [String; 0]);
    assert_eq!(place.tags().await.unwrap(), ["v1"]);
    assert!(place.manifest(&Selector::Name("v1".to_owned())).await.is_ok());
}

#[tokio::test]
async fn what_is_difficult_is_found() {
    let modes =
        [Mode::CreatedPatch, Mode::StuckRange, Mode::Mount(Mount::Accepted), Mode::NoReferrers, Mode::Immutable(Immutable::Conflict)];
    let registry = HostileRegistry::start(&modes).await;
    let probed = probe(&registry.host(), true).await;
    assert_eq!(verdict(&probed, Ability::ChunkedUpload), Verdict::Yes, "{probed:#?}");
    assert_eq!(detail(&probed, Ability::ChunkedUpload), "PATCH is answered 201, Range does not tell what was stored");
    assert_eq!(verdict(&probed, Ability::Mount), Verdict::No);
    assert_eq!(verdict(&probed, Ability::Referrers), Verdict::No);
    assert_eq!(verdict(&probed, Ability::Subject), Verdict::No);
    assert_eq!(verdict(&probed, Ability::MovableTag), Verdict::No);
}

#[tokio::test]
async fn a_registry_that_refuses_everything_is_an_answer() {
    let fake = Fake::start(|seen, _| match seen.line.as_str() {
        "GET /v2/" => answer(200, &[], "{}"),
        _ => answer(404, &[], r#"{"errors":[{"code":"NAME_UNKNOWN","message":"who"}]}"#),
    })
    .await;
    let probed = probe(&fake.host(), true).await;
    assert_eq!(verdict(&probed, Ability::Api), Verdict::Yes);
    assert_eq!(verdict(&probed, Ability::Referrers), Verdict::Unknown);
    let finding = probed.about(Ability::ChunkedUpload).unwrap();
    assert_eq!((finding.verdict, finding.evidence.as_str()), (Verdict::Unknown, "POST blobs/uploads/: 404"));
    assert!(probed.left.is_empty());
}

#[tokio::test]
async fn who_may_come_in_is_told() {
    let credentials = Some(("me".to_owned(), "hunter2".to_owned()));
    let Some(registry) = DebianRegistry::start(&RegistryOptions { credentials, ..RegistryOptions::default() }) else { return };
    let stranger = probe(&registry.host(), false).await;
    assert_eq!(verdict(&stranger, Ability::Api), Verdict::Yes);
    assert!(detail(&stranger, Ability::Authentication).starts_with("basic; "), "{stranger:#?}");
    assert_eq!(verdict(&stranger, Ability::Tags), Verdict::Unknown);
    assert!(stranger.about(Ability::Tags).unwrap().evidence.starts_with("GET tags/list?n=1: denied"), "{stranger:#?}");
    let folder = support::docker_config(&registry.host(), "me", "hunter2");
    let (mut settings, _) = settings();
    settings.docker_config = Some(folder.path().to_owned());
    let friend = open(settings, &format!("{}/app", registry.host()), Intent::Read).probe(None, &Depth::Read).await.unwrap();
    assert_eq!(friend.about(Ability::Authentication).unwrap().evidence, "GET /v2/: 200, after 401");
    assert!(!format!("{friend:?}").contains("hunter2"));
}

#[tokio::test]
async fn docker_hub_s_quota_is_told() {
    let image = Image::new("linux/amd64").build();
    let manifest = image.manifest.clone();
    let fake = Fake::start(move |seen, _| {
        if seen.line.contains("/tags/list") {
            return answer(200, &[], r#"{"tags":["latest"]}"#);
        }
        let mut response = support::manifest_answer(&manifest);
        response.headers_mut().insert("ratelimit-limit", "100;w=21600".parse().unwrap());
        response.headers_mut().insert("ratelimit-remaining", "76;w=21600".parse().unwrap());
        response
    })
    .await;
    let probed = probe(&fake.host(), false).await;
    assert_eq!(detail(&probed, Ability::RateLimit), "76 of 100 left, for 6 h");
    assert!(fake.lines().iter().all(|line| !line.starts_with("GET /v2/app/manifests")), "{:?}", fake.lines());
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_an_error() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let place = open(settings().0, &format!("{free}/app"), Intent::Read);
    assert!(place.probe(None, &Depth::Read).await.is_err());
}
