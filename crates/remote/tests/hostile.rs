//! Hosts that mean harm, or only contradict themselves, and what many requests at once make of them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use content::{Sink, Source};
use futures_util::future::join_all;
use oci::Descriptor;
use remote::{HostRule, Intent};
use support::tls::Authority;
use support::tunnel::Tunnel;
use support::{Fake, answer, docker_config, manifest_answer, open, settings, tag};
use testkit::fixtures::{Image, in_memory};

#[tokio::test]
async fn a_demand_that_is_never_the_same_comes_to_an_end() {
    let tokens = Fake::start(|_, _| answer(200, &[], r#"{"token":"t"}"#)).await;
    let realm = format!("http://{}/token", tokens.host());
    let moody =
        Fake::start(move |_, number| answer(401, &[("www-authenticate", &format!("Bearer realm=\"{realm}\",service=\"s{number}\""))], ""))
            .await;
    let place = open(settings().0, &format!("{}/app", moody.host()), Intent::Read);
    let ended = tokio::time::timeout(Duration::from_secs(5), place.resolve(&tag("v1"))).await;
    assert_eq!(ended.expect("it goes on for ever").unwrap_err().to_string(), "denied");
    assert!(moody.seen().len() < 10, "{}", moody.seen().len());
}

#[tokio::test]
async fn requests_that_are_refused_together_all_show_who_we_are() {
    let manifest = Image::new("linux/amd64").build().manifest;
    let served = manifest.clone();
    let fake = Fake::start(move |seen, _| {
        if seen.line.contains("/open/") || seen.header("authorization").is_some() {
            manifest_answer(&served)
        } else {
            answer(401, &[("www-authenticate", "Basic realm=\"x\"")], "")
        }
    })
    .await;
    let config = docker_config(&fake.host(), "ann", "secret");
    let (mut settings, _) = settings();
    settings.docker_config = Some(config.path().to_owned());
    let client = remote::Client::new(settings).unwrap();
    let open = |name: &str| client.repository(&format!("{}/{name}", fake.host()).parse().unwrap(), Intent::Read);
    open("open").manifest(&tag("v1")).await.unwrap();
    let closed = open("closed");
    let all = join_all((0..6).map(|number| {
        let closed = Arc::clone(&closed);
        async move { closed.manifest(&tag(&format!("v{number}"))).await }
    }))
    .await;
    for read in all {
        assert_eq!(read.unwrap().digest(), manifest.digest());
    }
}

/// CVE-2020-15157 once more: the very first request, which finds out how a host is spoken to.
#[tokio::test]
async fn a_demand_of_the_host_behind_a_first_redirect_is_not_the_registrys() {
    let layer = Image::new("linux/amd64").build().layers[0].0.clone();
    let thief = Fake::start(|_, _| answer(200, &[], r#"{"token":"t"}"#)).await;
    let realm = format!("Bearer realm=\"http://{}/token\"", thief.host());
    let storage = Fake::start(move |_, _| answer(401, &[("www-authenticate", &realm)], "")).await;
    let there = format!("http://{}/blob", storage.host());
    let registry = Fake::start(move |_, _| answer(307, &[("location", &there)], "")).await;
    let config = docker_config(&registry.host(), "ann", "secret");
    let (mut settings, _) = settings();
    settings.docker_config = Some(config.path().to_owned());
    let error = open(settings, &format!("{}/app", registry.host()), Intent::Read).blob(&layer).await.err().unwrap();
    assert!(error.to_string().ends_with("was answered 401"), "{error}");
    assert_eq!(thief.lines(), Vec::<String>::new());
}

/// Answers nothing, for ever.
async fn silent() -> (tokio::net::TcpListener, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    (listener, host)
}

#[tokio::test]
async fn a_silent_host_costs_many_requests_no_more_time_than_one() {
    let (_listener, host) = silent().await;
    let (mut settings, _) = settings();
    settings.patience.silence = Duration::from_millis(200);
    settings.patience.tries = 2;
    settings.plain_http = HostRule::All;
    let place = open(settings, &format!("{host}/app"), Intent::Read);
    let (start, name) = (Instant::now(), tag("v1"));
    let all = join_all((0..12).map(|_| place.resolve(&name)));
    for read in all.await {
        assert!(read.unwrap_err().to_string().contains("stopped answering"));
    }
    assert!(start.elapsed() < Duration::from_millis(1_800), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_silent_token_server_costs_many_requests_no_more_time_than_one() {
    let (_listener, host) = silent().await;
    let demand = format!("Bearer realm=\"http://{host}/token\"");
    let fake = Fake::start(move |_, _| answer(401, &[("www-authenticate", &demand)], "")).await;
    let (mut settings, _) = settings();
    settings.patience.silence = Duration::from_millis(200);
    settings.patience.tries = 2;
    settings.plain_http = HostRule::All;
    let place = open(settings, &format!("{}/app", fake.host()), Intent::Read);
    let (start, name) = (Instant::now(), tag("v1"));
    let all = join_all((0..12).map(|_| place.resolve(&name)));
    for read in all.await {
        assert!(read.unwrap_err().to_string().contains("stopped answering"));
    }
    assert!(start.elapsed() < Duration::from_millis(1_800), "{:?}", start.elapsed());
}

/// `reg.example:443` is what a reference, `--insecure`, certs.d and NO_PROXY may all say.
#[tokio::test]
async fn a_port_that_goes_without_saying_may_be_said() {
    let authority = Authority::new();
    let manifest = Image::new("linux/amd64").build().manifest;
    let fake = Fake::start_tls(&authority, move |_, _| manifest_answer(&manifest)).await;
    let tunnel = Tunnel::start(fake.address).await;
    let name = "registry.example:443/app";
    let (mut insecure, _) = settings();
    insecure.proxies = tunnel.proxies();
    insecure.insecure = HostRule::Hosts(vec!["registry.example:443".to_owned()]);
    open(insecure, name, Intent::Read).resolve(&tag("v1")).await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("registry.example:443")).unwrap();
    std::fs::copy(authority.ca(), folder.path().join("registry.example:443/ca.crt")).unwrap();
    let (mut trusting, _) = settings();
    trusting.proxies = tunnel.proxies();
    trusting.certs_dirs = vec![folder.path().to_owned()];
    open(trusting, name, Intent::Read).resolve(&tag("v1")).await.unwrap();

    let before = tunnel.asked().len();
    let (mut direct, _) = settings();
    direct.proxies = tunnel.proxies();
    direct.proxies.except = Some("registry.example:443".to_owned());
    direct.patience.tries = 1;
    open(direct, name, Intent::Read).resolve(&tag("v1")).await.unwrap_err();
    assert_eq!(tunnel.asked().len(), before, "NO_PROXY names this host with its port");
}

#[tokio::test]
async fn a_tag_is_the_digest_that_the_registry_names_in_get_as_in_head() {
    let manifest = Image::new("linux/amd64").build().manifest;
    let long = oci::RawManifest::parse_with(oci::Algorithm::Sha512, manifest.bytes().clone(), None).unwrap();
    let served = long.clone();
    let fake = Fake::start(move |_, _| manifest_answer(&served)).await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Read);
    let head: Descriptor = place.resolve(&tag("v1")).await.unwrap();
    assert_eq!(&head.digest, long.digest());
    assert_eq!(place.manifest(&tag("v1")).await.unwrap().digest(), long.digest());
}

#[tokio::test]
async fn a_token_server_in_trouble_is_asked_again() {
    let manifest = Image::new("linux/amd64").build().manifest;
    for (status, intent) in [(429, Intent::Read), (503, Intent::Write)] {
        let served = manifest.clone();
        let fake = Fake::start(move |seen, number| match (seen.line.contains("/token"), seen.header("authorization")) {
            (true, _) if number < 2 => answer(status, &[("retry-after", "1")], ""),
            (true, _) => answer(200, &[], r#"{"token":"t"}"#),
            (_, Some(_)) => manifest_answer(&served),
            (_, None) => answer(401, &[("www-authenticate", r#"Bearer realm="/token""#)], ""),
        })
        .await;
        let start = Instant::now();
        let place = open(settings().0, &format!("{}/app", fake.host()), intent);
        match intent {
            Intent::Read => drop(place.resolve(&tag("v1")).await.unwrap()),
            // What must not be sent twice is not sent at all before there is a token.
            Intent::Write => place.remove(&tag("v1")).await.unwrap(),
        }
        assert!(start.elapsed() >= Duration::from_secs(1));
        assert_eq!(fake.lines().iter().filter(|line| line.contains("/token")).count(), 2, "{:?}", fake.lines());
    }
}

/// An upload may go to another host, but not out of HTTPS into the open.
#[tokio::test]
async fn an_upload_does_not_leave_https() {
    let authority = Authority::new();
    let image = Image::new("linux/amd64").build();
    let blob = &image.layers[0].0;
    let plain = Fake::start(|_, _| answer(201, &[], "")).await;
    let secure = Fake::start_tls(&authority, move |seen, _| match seen.line.split(' ').next() {
        Some("HEAD") => answer(404, &[], ""),
        Some("GET") => answer(200, &[], ""),
        _ => answer(202, &[("location", "http://storage.example/up?sig=hidden")], ""),
    })
    .await;
    // The tunnel for HTTPS leads to the registry, the proxy for HTTP to whoever listens in.
    let (tunnel, open_road) = (Tunnel::start(secure.address).await, Tunnel::start(plain.address).await);
    let (mut settings, told) = settings();
    settings.ca_files = vec![authority.ca()];
    settings.proxies = remote::Proxies { http: open_road.proxies().http, ..tunnel.proxies() };
    let place = open(settings, "registry.example/app", Intent::Write);
    let error = place.put_blob(blob, &in_memory(&[&image], &[]).await).await.unwrap_err();
    assert!(error.to_string().ends_with("which is not followed: it would leave HTTPS"), "{error}");
    assert!(plain.seen().is_empty());
    assert!(!format!("{error:?} {}", told.everything()).contains("hidden"));
}
