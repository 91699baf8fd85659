use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use content::{Memory, Source};
use oci::{Algorithm, Digest};
use serve::Limits;
use tokio::io::AsyncWriteExt;

use crate::client::{Answer, Running, start, start_with};
use crate::library::Shelf;

const UPLOADS: &str = "/v2/hello/blobs/uploads/";

async fn begin(server: &Running) -> String {
    let answer = server.send("POST", UPLOADS, &[], b"").await;
    assert_eq!((answer.status, answer.header("range")), (202, "0-0"), "{answer:?}");
    assert!(answer.header("location").ends_with(answer.header("docker-upload-uuid")));
    answer.header("location").to_owned()
}

async fn patch(server: &Running, location: &str, part: Option<&str>, bytes: &[u8]) -> Answer {
    let headers: Vec<(&str, &str)> = part.map(|part| ("Content-Range", part)).into_iter().collect();
    server.send("PATCH", location, &headers, bytes).await
}

#[tokio::test]
async fn a_blob_in_one_request() {
    let memory = Memory::new();
    let server = start(memory.clone());
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = Digest::with(algorithm, b"bytes");
        let answer = server.send("POST", &format!("{UPLOADS}?digest={digest}"), &[], b"bytes").await;
        assert_eq!((answer.status, answer.header("docker-content-digest")), (201, digest.to_string().as_str()));
        assert_eq!(server.get(answer.header("location")).await.body, b"bytes");
    }
    let wrong = server.send("POST", &format!("{UPLOADS}?digest={}", Digest::of(b"other")), &[], b"bytes").await;
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "DIGEST_INVALID"));
    let bad = server.send("POST", &format!("{UPLOADS}?digest=sha256:../../etc/passwd"), &[], b"bytes").await;
    assert_eq!((bad.status, bad.code().as_str()), (400, "DIGEST_INVALID"));
}

#[tokio::test]
async fn a_blob_in_chunks_in_their_order() {
    let memory = Memory::new();
    let server = start(memory.clone());
    let location = begin(&server).await;
    let first = patch(&server, &location, Some("0-4"), b"01234").await;
    assert_eq!((first.status, first.header("range"), first.header("location")), (202, "0-4", location.as_str()));
    for part in ["0-4", "6-10"] {
        let refused = patch(&server, &location, Some(part), b"56789").await;
        assert_eq!((refused.status, refused.header("range"), refused.code().as_str()), (416, "0-4", "RANGE_INVALID"), "{part}");
    }
    let short = patch(&server, &location, Some("5-9"), b"56").await;
    assert_eq!((short.status, short.header("range")), (400, "0-6"));
    let long = patch(&server, &location, Some("7-8"), b"789").await;
    assert_eq!((long.status, long.header("range")), (400, "0-6"));
    assert_eq!(patch(&server, &location, Some("later"), b"789").await.status, 400);
    let status = server.get(&location).await;
    assert_eq!((status.status, status.header("range")), (204, "0-6"));
    let last = server.send("PUT", &format!("{location}?digest={}", Digest::of(b"0123456789")), &[("Content-Range", "7-9")], b"789").await;
    assert_eq!(last.status, 201, "{last:?}");
    assert_eq!(memory.blob_size(&Digest::of(b"0123456789")).await.unwrap(), Some(10));
    assert_eq!(server.get(&location).await.code(), "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn a_blob_in_one_stream_of_unknown_length() {
    let memory = Memory::new();
    let server = start(memory.clone());
    let location = begin(&server).await;
    let mut stream = server.begin("PATCH", &location, &[("Transfer-Encoding", "chunked"), ("Connection", "close")]).await;
    for _ in 0..100 {
        stream.write_all(b"a\r\n0123456789\r\n").await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let answer = crate::client::finish(stream).await;
    assert_eq!((answer.status, answer.header("range")), (202, "0-999"));
    let digest = Digest::of("0123456789".repeat(100).as_bytes());
    let answer = server.send("PUT", &format!("{location}?digest={}", digest.to_string().replace(':', "%3A")), &[], b"").await;
    assert_eq!((answer.status, answer.header("location")), (201, format!("/v2/hello/blobs/{digest}").as_str()));
}

#[tokio::test]
async fn a_wrong_digest_ends_the_upload_and_a_bad_one_does_not() {
    let memory = Memory::new();
    let server = start(memory.clone());
    let location = begin(&server).await;
    patch(&server, &location, None, b"bytes").await;
    for query in ["", "?digest=", "?digest=sha256:12"] {
        let answer = server.send("PUT", &format!("{location}{query}"), &[], b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "DIGEST_INVALID"), "{query}");
    }
    assert_eq!(server.get(&location).await.status, 204);
    let answer = server.send("PUT", &format!("{location}?digest={}", Digest::of(b"other")), &[], b"").await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "DIGEST_INVALID"));
    assert!(answer.message().ends_with(&format!("got {}", Digest::of(b"bytes"))), "{}", answer.message());
    assert_eq!(server.get(&location).await.status, 404);
    assert_eq!(memory.blob_size(&Digest::of(b"bytes")).await.unwrap(), None);
}

#[tokio::test]
async fn uploads_are_given_up_and_belong_to_one_repository() {
    let server = start(Memory::new());
    let location = begin(&server).await;
    let other = location.replace("/hello/", "/other/");
    for method in ["GET", "PATCH", "PUT", "DELETE"] {
        let answer = server.send(method, &format!("{other}?digest={}", Digest::of(b"")), &[], b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "BLOB_UPLOAD_UNKNOWN"), "{method}");
    }
    assert_eq!(server.send("DELETE", &location, &[], b"").await.status, 204);
    assert_eq!(server.send("DELETE", &location, &[], b"").await.status, 404);
}

#[tokio::test]
async fn mounts_what_is_here_and_offers_an_upload_for_the_rest() {
    let (from, to) = (Memory::new(), Memory::new());
    let digest = from.insert_blob(Bytes::from_static(b"shared"));
    let server = start(Shelf::of([("acme/from", Arc::new(from)), ("hello", Arc::new(to.clone()))]));
    for query in [format!("mount={digest}&from=nobody"), format!("mount={digest}"), format!("mount={}&from=acme%2Ffrom", Digest::of(b"x"))]
    {
        let answer = server.send("POST", &format!("{UPLOADS}?{query}"), &[], b"").await;
        assert_eq!(answer.status, 202, "{query}");
        assert!(!answer.header("docker-upload-uuid").is_empty());
    }
    let answer = server.send("POST", &format!("{UPLOADS}?mount={digest}&from=acme/from"), &[], b"").await;
    assert_eq!((answer.status, answer.header("location")), (201, format!("/v2/hello/blobs/{digest}").as_str()));
    assert_eq!(to.blob_size(&digest).await.unwrap(), Some(6));
    let again = server.send("POST", &format!("{UPLOADS}?mount={digest}"), &[], b"").await;
    assert_eq!(again.status, 201, "it is here already");
    for (query, code) in
        [(format!("mount={digest}&from=../etc"), "NAME_INVALID"), ("mount=sha256:..&from=acme/from".to_owned(), "DIGEST_INVALID")]
    {
        let answer = server.send("POST", &format!("{UPLOADS}?{query}"), &[], b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{query}");
    }
}

/// Without `from=` the registry chooses (distribution-spec 1.1, "Mounting a blob from another repository").
#[tokio::test]
async fn a_store_mounts_a_blob_from_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = store::Store::open(folder.path().join("store"), Arc::new(std::time::SystemTime::now)).unwrap();
    let server = start(store);
    let digest = Digest::of(b"shared");
    assert_eq!(server.send("POST", &format!("/v2/acme/from/blobs/uploads/?digest={digest}"), &[], b"shared").await.status, 201);
    let mounted = server.send("POST", &format!("{UPLOADS}?mount={digest}"), &[], b"").await;
    assert_eq!((mounted.status, mounted.header("docker-content-digest")), (201, digest.to_string().as_str()));
    assert_eq!(server.get(&format!("/v2/hello/blobs/{digest}")).await.body, b"shared");
}

#[tokio::test]
async fn a_broken_connection_loses_only_what_had_not_arrived() {
    let memory = Memory::new();
    let server = start(memory.clone());
    let location = begin(&server).await;
    let mut stream = server.begin("PATCH", &location, &[("Content-Length", "10")]).await;
    stream.write_all(b"01234").await.unwrap();
    while server.get(&location).await.header("range") != "0-4" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(stream);
    let answer = patch(&server, &location, Some("5-9"), b"56789").await;
    assert_eq!((answer.status, answer.header("range")), (202, "0-9"), "{answer:?}");
    let answer = server.send("PUT", &format!("{location}?digest={}", Digest::of(b"0123456789")), &[], b"").await;
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn who_stops_sending_is_not_waited_for() {
    let server = start_with(Memory::new(), Limits { body_idle: Duration::from_millis(100), ..Limits::default() });
    let location = begin(&server).await;
    let mut stream = server.begin("PATCH", &location, &[("Content-Length", "10")]).await;
    stream.write_all(b"01234").await.unwrap();
    let answer = crate::client::finish(stream).await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "SIZE_INVALID"));
    assert_eq!(server.get(&location).await.header("range"), "0-4", "and can come back");
}

#[tokio::test]
async fn idle_uploads_and_too_many_uploads_end() {
    let limits = Limits { uploads: 2, upload_idle: Duration::from_millis(200), ..Limits::default() };
    let server = start_with(Memory::new(), limits);
    let location = begin(&server).await;
    begin(&server).await;
    let refused = server.send("POST", UPLOADS, &[], b"").await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "TOOMANYREQUESTS"));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(server.get(&location).await.status, 404);
    begin(&server).await;
}
