use std::sync::Arc;

use bytes::Bytes;
use content::Memory;
use oci::Digest;

use crate::client::{Answer, Running, start};
use crate::library::{Damaged, Shelf};

async fn range(server: &Running, digest: &Digest, headers: &[(&str, &str)]) -> Answer {
    server.send("GET", &format!("/v2/hello/blobs/{digest}"), headers, b"").await
}

#[tokio::test]
async fn whole_blobs_with_everything_a_cache_wants() {
    let memory = Memory::new();
    let digest = memory.insert_blob(Bytes::from_static(b"0123456789"));
    let nothing = memory.insert_blob(Bytes::new());
    let server = start(memory);
    let path = format!("/v2/a/b/blobs/{digest}");
    let (get, head) = (server.get(&path).await, server.send("HEAD", &path, &[("Range", "bytes=0-1")], b"").await);
    assert_eq!((get.body.as_slice(), head.body.len()), (b"0123456789".as_slice(), 0));
    for answer in [&get, &head] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-length"), "10");
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert_eq!(answer.header("docker-content-digest"), digest.to_string());
        assert_eq!(answer.header("etag"), format!("\"{digest}\""));
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert!(answer.header("cache-control").contains("immutable"));
    }
    assert_eq!(range(&server, &digest, &[("If-None-Match", &format!("\"{digest}\""))]).await.status, 304);
    let empty = server.get(&format!("/v2/a/blobs/{nothing}")).await;
    assert_eq!((empty.status, empty.header("content-length"), empty.body.len()), (200, "0", 0));
}

#[tokio::test]
async fn parts_of_blobs() {
    let memory = Memory::new();
    let digest = memory.insert_blob(Bytes::from_static(b"0123456789"));
    let server = start(memory);
    for (header, body, place) in [
        ("bytes=2-5", "2345", "bytes 2-5/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
        ("bytes=0-9", "0123456789", "bytes 0-9/10"),
    ] {
        let answer = range(&server, &digest, &[("Range", header)]).await;
        assert_eq!(
            (answer.status, String::from_utf8_lossy(&answer.body).as_ref(), answer.header("content-range")),
            (206, body, place),
            "{header}"
        );
        assert!(answer.is_whole());
    }
    for header in ["bytes=0-1,3-4", "bytes=5-2", "nonsense"] {
        let answer = range(&server, &digest, &[("Range", header)]).await;
        assert_eq!((answer.status, answer.body.len()), (200, 10), "{header}");
    }
    for header in ["bytes=10-", "bytes=-0"] {
        let answer = range(&server, &digest, &[("Range", header)]).await;
        assert_eq!(
            (answer.status, answer.header("content-range"), answer.code().as_str()),
            (416, "bytes */10", "RANGE_INVALID"),
            "{header}"
        );
    }
    let same = format!("\"{digest}\"");
    assert_eq!(range(&server, &digest, &[("Range", "bytes=0-1"), ("If-Range", &same)]).await.status, 206);
    assert_eq!(range(&server, &digest, &[("Range", "bytes=0-1"), ("If-Range", "\"other\"")]).await.status, 200);
}

#[tokio::test]
async fn no_blob_and_no_delete() {
    let memory = Memory::new();
    let digest = memory.insert_blob(Bytes::from_static(b"x"));
    let server = start(memory);
    let missing = server.get(&format!("/v2/hello/blobs/{}", Digest::of(b"nobody"))).await;
    assert_eq!((missing.status, missing.code().as_str()), (404, "BLOB_UNKNOWN"));
    let refused = server.send("DELETE", &format!("/v2/hello/blobs/{digest}"), &[], b"").await;
    assert_eq!((refused.status, refused.code().as_str(), refused.header("allow")), (405, "UNSUPPORTED", "GET, HEAD"));
    assert_eq!(server.get(&format!("/v2/hello/blobs/{digest}")).await.status, 200);
}

fn damaged(bytes: Vec<u8>, chunk: usize) -> (Shelf, Digest) {
    let inner = Memory::new();
    let digest = inner.insert_blob(Bytes::from(bytes));
    (Shelf::of([("hello", Arc::new(Damaged { inner, chunk }))]), digest)
}

#[tokio::test]
async fn a_damaged_blob_breaks_the_connection_before_its_end() {
    let (library, digest) = damaged(vec![7; 3_000_000], 64 * 1024);
    let server = start(library);
    for headers in [vec![], vec![("Range", "bytes=100-")]] {
        let answer = range(&server, &digest, &headers).await;
        assert!(matches!(answer.status, 200 | 206));
        assert!(!answer.body.is_empty());
        assert!(!answer.is_whole(), "the client was told that damaged bytes are the whole blob");
    }
    let problem = server.log.lock().unwrap().first().unwrap().problem.clone().unwrap();
    assert!(problem.contains("expected these bytes to have its digest"), "{problem}");
}

#[tokio::test]
async fn a_small_damaged_blob_is_refused_in_words_without_the_path() {
    let (library, digest) = damaged(b"{}".to_vec(), 1024);
    let server = start(library);
    let answer = range(&server, &digest, &[]).await;
    assert_eq!((answer.status, answer.message().as_str()), (500, "content of hello is damaged in this registry"));
    let line = server.log.lock().unwrap().first().unwrap().clone();
    assert!(line.problem.unwrap().contains("/home/someone/store"), "the owner reads where");
}

#[tokio::test]
async fn a_large_blob_arrives_whole() {
    let memory = Memory::new();
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let digest = memory.insert_blob(Bytes::from(bytes.clone()));
    let server = start(memory);
    let answer = range(&server, &digest, &[]).await;
    assert!(answer.is_whole() && answer.body == bytes);
    let line = server.log.lock().unwrap().first().unwrap().clone();
    assert_eq!((line.status, line.bytes), (200, 20_000_000));
}
