//! Broken connections, busy hosts, redirects, and answers that lie.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::{Duration, Instant};

use bytes::Bytes;
use content::{Error, Item, Source};
use oci::{Descriptor, Digest, MediaType, Selector};
use remote::Intent;
use support::tls::Authority;
use support::tunnel::Tunnel;
use support::{Fake, Seen, answer, cut_off, docker_config, manifest_answer, open, settings, tag, whole};
use testkit::fixtures::{Image, random_bytes};

fn layer(bytes: &Bytes) -> Descriptor {
    Descriptor::of(MediaType::OciLayerGzip, bytes)
}

/// Where a request's range starts.
fn start_of(seen: &Seen) -> usize {
    seen.header("range").map_or(0, |range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap())
}

async fn read(place: &remote::Registry, blob: &Descriptor) -> content::Result<Bytes> {
    place.blob(blob).await?.read_all(u64::MAX).await
}

#[tokio::test]
async fn a_dropped_blob_is_taken_up_where_it_broke() {
    let bytes = random_bytes(1, 400_000);
    let (blob, whole_bytes) = (layer(&bytes), bytes.clone());
    // 100,000 bytes with every connection: more breaks than tries, as each makes progress.
    let fake = Fake::start(move |seen, _| {
        let (start, total) = (start_of(seen), whole_bytes.len());
        let end = (start + 50_000).min(total);
        let range = format!("bytes {start}-{}/{total}", total - 1);
        let (status, headers): (u16, &[(&str, &str)]) = if start > 0 { (206, &[("content-range", &range)]) } else { (200, &[]) };
        if end == total {
            answer(status, headers, whole_bytes.slice(start..))
        } else {
            cut_off(whole_bytes.slice(start..end), total - start, headers, status)
        }
    })
    .await;
    let (settings, told) = settings();
    let place = open(settings, &format!("{}/app", fake.host()), Intent::Read);
    assert_eq!(read(&place, &blob).await.unwrap(), bytes);
    let ranges: Vec<_> = fake.seen().iter().map(start_of).collect();
    assert_eq!(ranges.len(), 8, "{ranges:?}");
    assert!(ranges.windows(2).all(|pair| pair[0] < pair[1]), "{ranges:?}");
    assert_eq!(told.of("retry").len(), 7);
}

#[tokio::test]
async fn a_server_that_breaks_off_after_every_few_bytes_is_given_up() {
    let bytes = random_bytes(4, 2_000);
    let (blob, whole_bytes) = (layer(&bytes), bytes.clone());
    let fake = Fake::start(move |seen, _| {
        let (start, total) = (start_of(seen), whole_bytes.len());
        let range = format!("bytes {start}-{}/{total}", total - 1);
        let (status, headers): (u16, &[(&str, &str)]) = if start > 0 { (206, &[("content-range", &range)]) } else { (200, &[]) };
        cut_off(whole_bytes.slice(start..(start + 10).min(total)), total - start, headers, status)
    })
    .await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Read);
    let error = read(&place, &blob).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the connection to {} broke", fake.host()));
    assert_eq!(fake.seen().len(), 5, "as often as a server is tried that sends nothing");
}

#[tokio::test]
async fn a_server_without_ranges_is_read_past_what_is_here() {
    let bytes = random_bytes(2, 300_000);
    let (blob, whole_bytes) = (layer(&bytes), bytes.clone());
    let fake = Fake::start(move |_, number| match number {
        0 => cut_off(whole_bytes.slice(..100_000), whole_bytes.len(), &[], 200),
        _ => answer(200, &[], whole_bytes.clone()),
    })
    .await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Read);
    assert_eq!(read(&place, &blob).await.unwrap(), bytes);
    assert!(start_of(&fake.seen()[1]) > 0);
}

#[tokio::test]
async fn another_range_than_asked_for_is_refused() {
    let bytes = random_bytes(3, 300_000);
    let (blob, whole_bytes) = (layer(&bytes), bytes.clone());
    let fake = Fake::start(move |_, number| match number {
        0 => cut_off(whole_bytes.slice(..100_000), whole_bytes.len(), &[], 200),
        _ => answer(206, &[("content-range", "bytes 5-299999/300000")], whole_bytes.slice(5..)),
    })
    .await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Read);
    let error = read(&place, &blob).await.unwrap_err();
    assert!(error.to_string().ends_with("is broken: expected the range that was asked for"), "{error}");
}

#[tokio::test]
async fn a_blob_that_never_comes_further_is_given_up() {
    let bytes = random_bytes(4, 300_000);
    let (blob, whole_bytes) = (layer(&bytes), bytes.clone());
    let fake = Fake::start(move |seen, number| {
        let start = start_of(seen);
        let range = format!("bytes {start}-299999/300000");
        if number == 0 {
            cut_off(whole_bytes.slice(..100_000), 300_000, &[], 200)
        } else {
            cut_off(Bytes::new(), 300_000 - start, &[("content-range", &range)], 206)
        }
    })
    .await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Read);
    let error = read(&place, &blob).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the connection to {} broke", fake.host()));
    assert_eq!(fake.lines().len(), 5);
}

#[tokio::test]
async fn wrong_bytes_are_seen_at_the_end_of_the_stream() {
    let bytes = random_bytes(5, 100_000);
    let blob = layer(&bytes);
    let fake = Fake::start(|_, _| answer(200, &[], random_bytes(6, 100_000))).await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Read);
    assert!(matches!(read(&place, &blob).await.unwrap_err(), Error::WrongDigest { .. }));
}

#[tokio::test]
async fn a_manifest_that_breaks_off_is_asked_for_again() {
    let image = Image::new("linux/amd64").build();
    let manifest = image.manifest.clone();
    let fake = Fake::start(move |_, number| match number {
        0 => cut_off(manifest.bytes().slice(..10), manifest.bytes().len(), &[("content-type", manifest.media_type().as_str())], 200),
        _ => manifest_answer(&manifest),
    })
    .await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Read);
    assert_eq!(place.manifest(&tag("v1")).await.unwrap().digest(), image.digest());
    assert_eq!(fake.lines().len(), 2);
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let image = Image::new("linux/amd64").build();
    let manifest = image.manifest.clone();
    let fake =
        Fake::start(move |_, number| if number == 0 { answer(429, &[("retry-after", "1")], "") } else { manifest_answer(&manifest) }).await;
    let (settings, told) = settings();
    let start = Instant::now();
    open(settings, &format!("{}/app", fake.host()), Intent::Read).manifest(&tag("v1")).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(told.of("retry"), [format!("GET http://{}/v2/app/manifests/v1 was answered 429; trying again in 1.0 s", fake.host())]);
}

#[tokio::test]
async fn a_busy_host_is_given_up_after_some_tries() {
    for (status, message) in
        [(429, "answers no more for now: its rate limit is reached"), (503, "was answered 503"), (500, "was answered 500")]
    {
        let fake =
            Fake::start(move |_, _| answer(status, &[], r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"pull rate limit"}]}"#)).await;
        let error = open(settings().0, &format!("{}/app", fake.host()), Intent::Read).manifest(&tag("v1")).await.unwrap_err();
        assert!(error.to_string().ends_with(message), "{error}");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "pull rate limit");
        assert_eq!(fake.lines().len(), 5);
    }
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    for status in [400, 403, 404, 410, 501] {
        let fake = Fake::start(move |_, _| answer(status, &[], "")).await;
        open(settings().0, &format!("{}/app", fake.host()), Intent::Read).manifest(&tag("v1")).await.unwrap_err();
        assert_eq!(fake.lines().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn silence_ends_by_itself() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (mut settings, _) = settings();
    settings.patience.silence = Duration::from_millis(50);
    settings.patience.tries = 2;
    let error = open(settings, &format!("{address}/app"), Intent::Read).manifest(&tag("v1")).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("{address} stopped answering")), "{error}");
    drop(listener);
}

/// CVE-2020-15157: containerd sent the registry's password wherever a redirect led.
#[tokio::test]
async fn cve_2020_15157_a_redirect_takes_no_credentials_along() {
    let bytes = random_bytes(7, 10_000);
    let (blob, whole_bytes) = (layer(&bytes), bytes.clone());
    let thief = Fake::start(move |_, _| answer(200, &[], whole_bytes.clone())).await;
    let target = format!("http://{}/storage?sig=hidden", thief.host());
    let fake = Fake::start(move |seen, _| match seen.header("authorization") {
        Some(_) => answer(307, &[("location", &target)], ""),
        None => answer(401, &[("www-authenticate", "Basic realm=\"r\"")], ""),
    })
    .await;
    let config = docker_config(&fake.host(), "ann", "secret");
    let (mut settings, told) = settings();
    settings.docker_config = Some(config.path().to_owned());
    let place = open(settings, &format!("{}/app", fake.host()), Intent::Read);
    assert_eq!(read(&place, &blob).await.unwrap(), bytes);
    // "ann:secret"
    assert_eq!(fake.seen()[1].header("authorization"), Some("Basic YW5uOnNlY3JldA=="));
    assert_eq!(thief.seen().len(), 1);
    assert_eq!(thief.seen()[0].header("authorization"), None);
    assert!(!told.everything().contains("hidden") && !told.everything().contains("YW5u"), "{}", told.everything());
    assert!(told.everything().contains("/storage?sig=***"), "{}", told.everything());
}

/// The same trick by a challenge: whoever is redirected to cannot ask for the password either.
#[tokio::test]
async fn cve_2020_15157_a_challenge_after_a_redirect_gets_nothing() {
    let thief = Fake::start(|_, _| answer(401, &[("www-authenticate", "Basic realm=\"r\"")], "")).await;
    let target = format!("http://{}/", thief.host());
    let fake = Fake::start(move |_, _| answer(307, &[("location", &target)], "")).await;
    let config = docker_config(&fake.host(), "ann", "secret");
    let (mut settings, _) = settings();
    settings.docker_config = Some(config.path().to_owned());
    let error = open(settings, &format!("{}/app", fake.host()), Intent::Read).manifest(&tag("v1")).await.unwrap_err();
    assert!(error.to_string().ends_with("was answered 401"), "{error}");
    assert!(thief.seen().iter().all(|seen| seen.header("authorization").is_none()));
}

#[tokio::test]
async fn redirects_that_are_not_followed() {
    let authority = Authority::new();
    for (location, reason) in [
        ("http://other.example/x?sig=hidden", "it would leave HTTPS"),
        ("file:///etc/passwd", "it is neither http nor https"),
        ("ftp://h/", "it is neither http nor https"),
    ] {
        let fake = Fake::start_tls(&authority, move |_, _| answer(302, &[("location", location)], "")).await;
        let tunnel = Tunnel::start(fake.address).await;
        let (mut settings, _) = settings();
        settings.ca_files = vec![authority.ca()];
        settings.proxies = tunnel.proxies();
        let error = open(settings, "registry.example/app", Intent::Read).manifest(&tag("v1")).await.unwrap_err();
        assert!(error.to_string().ends_with(&format!("which is not followed: {reason}")), "{error}");
        assert!(!whole(&error).contains("hidden"));
        assert_eq!(tunnel.asked().len(), 1);
    }
    let fake = Fake::start(|_, _| answer(302, &[("location", "/again")], "")).await;
    let error = open(settings().0, &format!("{}/app", fake.host()), Intent::Read).manifest(&tag("v1")).await.unwrap_err();
    assert!(error.to_string().contains("there were 5 redirects before it"), "{error}");
    assert_eq!(fake.lines().len(), 6);
}

#[tokio::test]
async fn documents_have_an_end() {
    let fake = Fake::start(|_, _| answer(200, &[], random_bytes(8, 4 * 1024 * 1024 + 1))).await;
    let error = open(settings().0, &format!("{}/app", fake.host()), Intent::Read).manifest(&tag("v1")).await.unwrap_err();
    assert!(error.to_string().ends_with("is too long: expected at most 4194304 bytes"), "{error}");
}

#[tokio::test]
async fn pages_made_for_browsers_are_not_shown() {
    let fake = Fake::start(|_, _| answer(400, &[("content-type", "text/html")], "<html><h1>gateway</h1></html>")).await;
    let error = open(settings().0, &format!("{}/app", fake.host()), Intent::Read).manifest(&tag("v1")).await.unwrap_err();
    assert!(!whole(&error).contains("gateway"), "{}", whole(&error));
}

#[tokio::test]
async fn a_digest_that_does_not_fit_the_bytes() {
    let (image, other) = (Image::new("linux/amd64").build(), Image::new("linux/arm64").build());
    let (manifest, wrong) = (image.manifest.clone(), other.digest().to_string());
    let fake = Fake::start(move |_, _| {
        answer(200, &[("content-type", manifest.media_type().as_str()), ("docker-content-digest", &wrong)], manifest.bytes().clone())
    })
    .await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Read);
    assert!(matches!(place.manifest(&tag("v1")).await.unwrap_err(), Error::WrongDigest { got, .. } if got == *image.digest()));
    let right = Selector::Digest(image.digest().clone());
    assert!(matches!(place.resolve(&right).await.unwrap_err(), Error::WrongDigest { got, .. } if got == *other.digest()));
    // Without the header the digest that was asked for is enough to tell.
    let manifest = image.manifest.clone();
    let fake = Fake::start(move |_, _| answer(200, &[("content-type", manifest.media_type().as_str())], manifest.bytes().clone())).await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Read);
    assert!(matches!(place.manifest(&Selector::Digest(other.digest().clone())).await.unwrap_err(), Error::WrongDigest { .. }));
    place.manifest(&right).await.unwrap();
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let fake = Fake::start(|seen, _| {
        let code = if seen.line.contains("/nowhere/") { "NAME_UNKNOWN" } else { "MANIFEST_UNKNOWN" };
        answer(404, &[], format!(r#"{{"errors":[{{"code":"{code}","message":"m"}}]}}"#))
    })
    .await;
    let missing = |error| match error {
        Error::Missing { item, .. } => item,
        other => panic!("{other:?}"),
    };
    let place = |name: &str| open(settings().0, &format!("{}/{name}", fake.host()), Intent::Read);
    assert_eq!(missing(place("app").manifest(&tag("v1")).await.unwrap_err()), Item::Tag("v1".to_owned()));
    let digest = Digest::of(b"");
    assert_eq!(missing(place("app").manifest(&Selector::Digest(digest.clone())).await.unwrap_err()), Item::Manifest(digest));
    assert_eq!(missing(place("nowhere").manifest(&tag("v1")).await.unwrap_err()), Item::Repository);
    assert_eq!(missing(place("nowhere").tags().await.unwrap_err()), Item::Repository);
}

#[tokio::test]
async fn warnings_are_passed_on_once() {
    let image = Image::new("linux/amd64").build();
    let manifest = image.manifest.clone();
    let fake = Fake::start(move |_, _| {
        let mut response = manifest_answer(&manifest);
        response.headers_mut().insert("warning", "299 - \"Your plan ends soon\"".parse().unwrap());
        response
    })
    .await;
    let (settings, told) = settings();
    let place = open(settings, &format!("{}/app", fake.host()), Intent::Read);
    for _ in 0..3 {
        place.manifest(&tag("v1")).await.unwrap();
    }
    assert_eq!(told.of("notice"), [format!("{} says: Your plan ends soon", fake.host())]);
}
