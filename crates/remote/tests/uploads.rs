//! Blobs on their way to registries that have their own mind.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use bytes::Bytes;
use content::{Memory, Placed, Recall, Sink};
use oci::{Descriptor, MediaType};
use remote::{Client, Intent};
use support::recall::Diary;
use support::{Fake, Seen, answer, cut_off, docker_config, open, settings};
use testkit::faulty::Faulty;
use testkit::fixtures::{Image, in_memory, random_bytes};

/// A blob, and a memory that holds it.
async fn blob(size: usize) -> (Descriptor, Bytes, Memory) {
    let bytes = random_bytes(1, size);
    let blob = Descriptor::of(MediaType::OciLayerGzip, &bytes);
    let mut image = Image::new("linux/amd64").build();
    image.layers = vec![(blob.clone(), bytes.clone())];
    (blob, bytes, in_memory(&[&image], &[]).await)
}

fn method(seen: &Seen) -> &str {
    seen.line.split(' ').next().unwrap()
}

/// A registry without the blob, whose uploads lie at `/up`.
fn empty(seen: &Seen, put: impl Fn() -> Response<Body>) -> Response<Body> {
    match method(seen) {
        "HEAD" => answer(404, &[], ""),
        "POST" => answer(202, &[("location", "/up/1?_state=a%2Fb%3D")], ""),
        "PATCH" => answer(201, &[("location", "/up/1?_state=next"), ("range", "0-0")], ""),
        _ => put(),
    }
}

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn one_put_keeps_the_registrys_own_query() {
    let (blob, bytes, memory) = blob(100_000).await;
    let fake = Fake::start(|seen, _| empty(seen, || answer(201, &[], ""))).await;
    let (settings, told) = settings();
    assert_eq!(open(settings, &format!("{}/app", fake.host()), Intent::Write).put_blob(&blob, &memory).await.unwrap(), Placed::Sent);
    let hex = blob.digest.hex();
    assert_eq!(
        fake.lines(),
        [
            format!("HEAD /v2/app/blobs/{}", blob.digest),
            "POST /v2/app/blobs/uploads/".to_owned(),
            format!("PUT /up/1?_state=a%2Fb%3D&digest=sha256%3A{hex}")
        ]
    );
    let put = fake.seen()[2].clone();
    assert_eq!(put.body, bytes);
    assert_eq!((put.header("content-length"), put.header("transfer-encoding")), (Some("100000"), None));
    let shown = told.of("request").join("\n");
    assert!(shown.contains(&format!("_state=***&digest=sha256:{hex}")) && !shown.contains("a/b="), "{shown}");
}

#[tokio::test]
async fn a_registry_that_takes_no_large_body_gets_pieces() {
    for status in [413, 416, 400] {
        let (blob, bytes, memory) = blob(9 * MIB).await;
        let fake =
            Fake::start(move |seen, _| empty(seen, || if seen.body.is_empty() { answer(201, &[], "") } else { answer(status, &[], "") }))
                .await;
        let client = Client::new(settings().0).unwrap();
        let place = client.repository(&format!("{}/app", fake.host()).parse().unwrap(), Intent::Write);
        assert_eq!(place.put_blob(&blob, &memory).await.unwrap(), Placed::Sent);
        let patches: Vec<Seen> = fake.seen().into_iter().filter(|seen| method(seen) == "PATCH").collect();
        let ranges: Vec<_> = patches.iter().map(|seen| seen.header("content-range").unwrap().to_owned()).collect();
        let ends = [4 * MIB - 1, 8 * MIB - 1, 9 * MIB - 1];
        assert_eq!(ranges, [format!("0-{}", ends[0]), format!("{}-{}", ends[0] + 1, ends[1]), format!("{}-{}", ends[1] + 1, ends[2])]);
        assert_eq!(patches.iter().flat_map(|seen| seen.body.to_vec()).collect::<Vec<_>>(), bytes);
        assert!(patches[1].line.contains("_state=next"), "the second piece goes where the first one's answer says");
        // The next one is not tried whole again.
        let before = fake.lines().len();
        let other = client.repository(&format!("{}/other", fake.host()).parse().unwrap(), Intent::Write);
        other.put_blob(&blob, &memory).await.unwrap();
        let methods: Vec<String> = fake.seen()[before..].iter().map(|seen| method(seen).to_owned()).collect();
        assert_eq!(methods, ["HEAD", "POST", "PATCH", "PATCH", "PATCH", "PUT"]);
    }
}

#[tokio::test]
async fn a_piece_may_take_longer_than_silence_as_long_as_it_moves() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (blob, _, memory) = blob(5 * MIB).await;
    let fake = Fake::start(|seen, number| empty(seen, || answer(if number < 3 { 413 } else { 201 }, &[], ""))).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (host, target) = (listener.local_addr().unwrap().to_string(), fake.address);
    // A slow line: 128 KiB and a moment, so that a piece of 4 MiB takes 32 moments.
    let line = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = tokio::net::TcpStream::connect(target).await.unwrap();
            let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.into_split(), server.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
            tokio::spawn(async move {
                let mut buffer = vec![0; 128 * 1024];
                while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
                    if to_server.write_all(&buffer[..length]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
    });
    let (mut settings, _) = settings();
    settings.patience.silence = Duration::from_millis(300);
    let place = open(settings, &format!("{host}/app"), Intent::Write);
    assert_eq!(place.put_blob(&blob, &memory).await.unwrap(), Placed::Sent);
    let methods: Vec<_> = fake.seen().iter().map(|seen| method(seen).to_owned()).collect();
    assert_eq!(methods, ["HEAD", "POST", "PUT", "POST", "PATCH", "PATCH", "PUT"]);
    line.abort();
}

#[tokio::test]
async fn a_wrong_digest_is_no_reason_for_pieces() {
    let (blob, _, memory) = blob(5 * MIB).await;
    let fake = Fake::start(|seen, _| empty(seen, || answer(400, &[], r#"{"errors":[{"code":"DIGEST_INVALID","message":"m"}]}"#))).await;
    let error = open(settings().0, &format!("{}/app", fake.host()), Intent::Write).put_blob(&blob, &memory).await.unwrap_err();
    assert!(error.to_string().ends_with("was answered 400"), "{error}");
    assert_eq!(fake.lines().len(), 3);
}

#[tokio::test]
async fn a_failed_upload_begins_anew_from_its_first_byte() {
    for status in [500, 503, 404] {
        let (blob, bytes, memory) = blob(100_000).await;
        let fake =
            Fake::start(move |seen, number| empty(seen, || if number < 3 { answer(status, &[], "") } else { answer(201, &[], "") })).await;
        let source = Faulty::new(memory);
        open(settings().0, &format!("{}/app", fake.host()), Intent::Write).put_blob(&blob, &source).await.unwrap();
        assert_eq!(source.asked().len(), 2);
        let methods: Vec<String> = fake.seen().iter().map(|seen| method(seen).to_owned()).collect();
        assert_eq!(methods, ["HEAD", "POST", "PUT", "POST", "PUT"], "{status}");
        assert_eq!(fake.seen().last().unwrap().body, bytes);
    }
}

#[tokio::test]
async fn a_busy_registry_says_when_to_send_the_blob_again() {
    let (blob, _, memory) = blob(1_000).await;
    let fake = Fake::start(|seen, number| {
        empty(seen, || if number < 4 { answer(429, &[("retry-after", "1")], "") } else { answer(201, &[], "") })
    })
    .await;
    let start = std::time::Instant::now();
    open(settings().0, &format!("{}/app", fake.host()), Intent::Write).put_blob(&blob, &memory).await.unwrap();
    assert!(start.elapsed() >= std::time::Duration::from_secs(1));
}

/// ACR and others send uploads to a storage of theirs, with a signature in the address.
#[tokio::test]
async fn an_upload_elsewhere_gets_no_credentials() {
    let (blob, bytes, memory) = blob(100_000).await;
    let storage = Fake::start(|_, _| answer(201, &[], "")).await;
    let location = format!("http://{}/blob?sig=hidden", storage.host());
    let fake = Fake::start(move |seen, _| match (seen.header("authorization"), method(seen)) {
        (None, _) => answer(401, &[("www-authenticate", "Basic realm=\"r\"")], ""),
        (_, "HEAD") => answer(404, &[], ""),
        _ => answer(202, &[("location", &location)], ""),
    })
    .await;
    let config = docker_config(&fake.host(), "ann", "secret");
    let (mut settings, told) = settings();
    settings.docker_config = Some(config.path().to_owned());
    open(settings, &format!("{}/app", fake.host()), Intent::Write).put_blob(&blob, &memory).await.unwrap();
    let seen = storage.seen();
    assert_eq!((seen.len(), seen[0].header("authorization"), &seen[0].body), (1, None, &bytes));
    assert!(!told.everything().contains("hidden"));
}

#[tokio::test]
async fn a_refused_mount_of_any_kind_means_upload() {
    for status in [200, 202, 400, 401, 403, 404, 405, 501] {
        let (blob, bytes, memory) = blob(1_000).await;
        let whole_bytes = bytes.clone();
        let fake = Fake::start(move |seen, _| {
            if seen.line.contains("mount=") {
                return answer(status, &[("location", "/up/1")], "");
            }
            if seen.line.starts_with("GET /v2/base/blobs/") {
                return answer(200, &[], whole_bytes.clone());
            }
            empty(seen, || answer(201, &[], ""))
        })
        .await;
        drop(memory);
        let client = Client::new(settings().0).unwrap();
        let open = |name: &str| client.repository(&format!("{}/{name}", fake.host()).parse().unwrap(), Intent::Write);
        assert_eq!(open("app").put_blob(&blob, &*open("base")).await.unwrap(), Placed::Sent, "{status}");
        let put = fake.seen().into_iter().find(|seen| method(seen) == "PUT").unwrap();
        assert_eq!(put.body, bytes);
        // 202 has opened an upload already: it is used.
        assert_eq!(fake.lines().iter().any(|line| line == "POST /v2/app/blobs/uploads/"), status != 202, "{status}: {:?}", fake.lines());
    }
}

#[tokio::test]
async fn an_upload_without_a_place_is_a_broken_answer() {
    let (blob, _, memory) = blob(1_000).await;
    let fake = Fake::start(|seen, _| if method(seen) == "HEAD" { answer(404, &[], "") } else { answer(202, &[], "") }).await;
    let error = open(settings().0, &format!("{}/app", fake.host()), Intent::Write).put_blob(&blob, &memory).await.unwrap_err();
    assert!(error.to_string().ends_with("is broken: expected a Location header"), "{error}");
}

/// Loses the answer to the first body, and says this when asked how much is there.
async fn broken_off(range: &'static str, refuse_rest: bool) -> Fake {
    let cut = AtomicBool::new(false);
    Fake::start(move |seen, _| match method(seen) {
        "PUT" if !cut.swap(true, Ordering::SeqCst) => cut_off(Bytes::new(), 10, &[], 201),
        "GET" => answer(204, &[("range", range), ("location", "/up/1?_state=later")], ""),
        "PATCH" if refuse_rest => answer(416, &[("range", range)], ""),
        _ => empty(seen, || answer(201, &[], "")),
    })
    .await
}

#[tokio::test]
async fn nonsense_about_what_is_there_is_not_believed() {
    let (blob, bytes, memory) = blob(100_000).await;
    for range in ["0-0", "0-100000", "5-99", "bytes", "0-18446744073709551615", "-1"] {
        let fake = broken_off(range, false).await;
        open(settings().0, &format!("{}/app", fake.host()), Intent::Write).put_blob(&blob, &memory).await.unwrap();
        let last = fake.seen().last().unwrap().clone();
        assert!(method(&last) == "PUT" && last.body == bytes, "{range}: {:?}", fake.lines());
    }
}

#[tokio::test]
async fn a_registry_that_takes_nothing_up_gets_everything_again() {
    let (blob, bytes, memory) = blob(100_000).await;
    let fake = broken_off("0-49999", true).await;
    open(settings().0, &format!("{}/app", fake.host()), Intent::Write).put_blob(&blob, &memory).await.unwrap();
    let seen = fake.seen();
    let patch = seen.iter().find(|seen| method(seen) == "PATCH").unwrap();
    assert_eq!((patch.header("content-range"), &patch.body), (Some("50000-99999"), &bytes.slice(50_000..)));
    assert_eq!(seen.last().unwrap().body, bytes, "{:?}", fake.lines());
}

#[tokio::test]
async fn that_a_host_wants_pieces_is_remembered_and_checked_by_use() {
    let (blob, bytes, memory) = blob(5 * MIB).await;
    let diary = Arc::new(Diary::default());
    let remembering = || {
        let (mut settings, _) = settings();
        settings.recall = diary.clone();
        settings
    };
    let whole_refused = |seen: &Seen| empty(seen, || if seen.body.is_empty() { answer(201, &[], "") } else { answer(413, &[], "") });
    let fake = Fake::start(move |seen, _| whole_refused(seen)).await;
    let place = |name: &str| open(remembering(), &format!("{}/{name}", fake.host()), Intent::Write);
    place("one").put_blob(&blob, &memory).await.unwrap();
    let before = fake.lines().len();
    place("two").put_blob(&blob, &memory).await.unwrap();
    let methods: Vec<String> = fake.seen()[before..].iter().map(|seen| method(seen).to_owned()).collect();
    assert_eq!(methods, ["HEAD", "POST", "PATCH", "PATCH", "PUT"]);

    let other =
        Fake::start(|seen, _| if method(seen) == "PATCH" { answer(405, &[], "") } else { empty(seen, || answer(201, &[], "")) }).await;
    diary.keep_fact(&other.host(), "uploads", "in pieces");
    open(remembering(), &format!("{}/app", other.host()), Intent::Write).put_blob(&blob, &memory).await.unwrap();
    assert_eq!(other.seen().last().unwrap().body, bytes);
    assert_eq!(diary.fact(&other.host(), "uploads").as_deref(), Some(""));
}
