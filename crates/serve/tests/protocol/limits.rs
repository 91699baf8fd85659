//! How much a server takes, and that a server which only gives takes nothing.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use content::{Memory, Source};
use oci::{Algorithm, Digest};
use serve::{Limits, Rules};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{finish, start, start_ruled, start_with};
use crate::library::tagged;

const UPLOADS: &str = "/v2/hello/blobs/uploads/";

#[tokio::test]
async fn a_server_that_only_gives_refuses_every_write_and_keeps_what_it_has() {
    let memory = Memory::new();
    let manifest = tagged(&memory, "1").await;
    let server = start_ruled(memory.clone(), Rules { read_only: true, ..Rules::default() });
    let digest = Digest::of(b"new");
    for (method, path) in [
        ("POST", UPLOADS.to_owned()),
        ("POST", format!("{UPLOADS}?digest={digest}")),
        ("POST", format!("{UPLOADS}?mount={digest}&from=other")),
        ("PATCH", format!("{UPLOADS}id")),
        ("PUT", format!("{UPLOADS}id?digest={digest}")),
        ("DELETE", format!("{UPLOADS}id")),
        ("PUT", "/v2/hello/manifests/2".to_owned()),
        ("PUT", format!("/v2/hello/manifests/{}?tag=2", manifest.digest())),
        ("DELETE", "/v2/hello/manifests/1".to_owned()),
        ("DELETE", format!("/v2/hello/manifests/{}", manifest.digest())),
        ("DELETE", format!("/v2/hello/blobs/{}", manifest.digest())),
    ] {
        let answer = server.send(method, &path, &[], b"new").await;
        assert_eq!((answer.status, answer.code().as_str(), answer.header("allow")), (405, "UNSUPPORTED", "GET, HEAD"), "{method} {path}");
    }
    assert_eq!(memory.tags().await.unwrap(), ["1"]);
    assert_eq!(memory.blob_size(&digest).await.unwrap(), None);
    assert_eq!(server.get("/v2/hello/manifests/1").await.body, *manifest.bytes());
}

#[tokio::test]
async fn a_blob_that_is_too_large_is_refused_as_soon_as_that_is_known() {
    let memory = Memory::new();
    let server = start_with(memory.clone(), Limits { blob: 10, ..Limits::default() });
    let digest = Digest::of(b"0123456789");
    let fits = server.send("POST", &format!("{UPLOADS}?digest={digest}"), &[], b"0123456789").await;
    assert_eq!(fits.status, 201);
    let whole = server.send("POST", &format!("{UPLOADS}?digest={digest}"), &[], b"0123456789+").await;
    assert_eq!((whole.status, whole.code().as_str()), (413, "SIZE_INVALID"));
    // Before the first byte, where the length is announced.
    let begun = server.send("POST", UPLOADS, &[], b"").await.header("location").to_owned();
    let announced = server.begin("PATCH", &begun, &[("Content-Length", "11"), ("Expect", "100-continue"), ("Connection", "close")]).await;
    assert_eq!(finish(announced).await.status, 413);
    assert_eq!(server.get(&begun).await.status, 404, "the upload is over");
    // And where it is not, or comes in pieces.
    let begun = server.send("POST", UPLOADS, &[], b"").await.header("location").to_owned();
    assert_eq!(server.send("PATCH", &begun, &[], b"0123456").await.status, 202);
    let mut stream = server.begin("PATCH", &begun, &[("Transfer-Encoding", "chunked"), ("Connection", "close")]).await;
    stream.write_all(b"4\r\n789+\r\n0\r\n\r\n").await.unwrap();
    assert_eq!(finish(stream).await.status, 413);
    assert_eq!(server.get(&begun).await.status, 404);
}

#[tokio::test]
async fn one_upload_too_many_is_told_when_to_come_back() {
    let server = start_with(Memory::new(), Limits { uploads: 1, ..Limits::default() });
    assert_eq!(server.send("POST", UPLOADS, &[], b"").await.status, 202);
    let refused = server.send("POST", UPLOADS, &[], b"").await;
    assert_eq!((refused.status, refused.code().as_str(), refused.header("retry-after")), (429, "TOOMANYREQUESTS", "10"));
    // Nothing that is whole at once is an upload under way.
    let whole = server.send("POST", &format!("{UPLOADS}?digest={}", Digest::of(b"x")), &[], b"x").await;
    assert_eq!(whole.status, 201);
}

/// Counts the files below a folder that this process holds open.
fn open_files(folder: &Path) -> usize {
    let Ok(handles) = fs::read_dir("/proc/self/fd") else { return 0 };
    handles.filter_map(|handle| fs::read_link(handle.ok()?.path()).ok()).filter(|path| path.starts_with(folder)).count()
}

#[tokio::test]
async fn uploads_under_way_hold_no_file_open_and_go_with_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = store::Store::open(folder.path().join("store"), Arc::new(SystemTime::now)).unwrap();
    let limits = Limits { upload_idle: Duration::from_millis(1500), body_idle: Duration::from_millis(100), ..Limits::default() };
    let server = start_with(store, limits);
    let ingest = folder.path().join("store/ingest");
    let mut locations = Vec::new();
    for _ in 0..100 {
        let location = server.send("POST", UPLOADS, &[], b"").await.header("location").to_owned();
        assert_eq!(server.send("PATCH", &location, &[], b"half of it, ").await.status, 202);
        locations.push(location);
    }
    assert_eq!((fs::read_dir(&ingest).unwrap().count(), open_files(&ingest)), (100, 0));
    let digest = Digest::with(Algorithm::Sha512, b"half of it, and the rest");
    let last = locations.pop().unwrap();
    let answer = server.send("PUT", &format!("{last}?digest={digest}"), &[], b"and the rest").await;
    assert_eq!((answer.status, answer.header("docker-content-digest")), (201, digest.to_string().as_str()));
    // One of which the last byte never comes: its request ends, and so does it.
    let mut silent = server.begin("PATCH", locations.last().unwrap(), &[("Content-Length", "10"), ("Connection", "close")]).await;
    silent.write_all(b"012345678").await.unwrap();
    assert_eq!(finish(silent).await.status, 408);
    let gone = async {
        while fs::read_dir(&ingest).unwrap().count() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("idle uploads keep their files");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let server = start_with(Memory::new(), Limits { connections: 2, ..Limits::default() });
    let mut resting: Vec<TcpStream> = Vec::new();
    for _ in 0..2 {
        let mut stream = server.begin("GET", "/v2/", &[]).await;
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        resting.push(stream);
    }
    let mut waiting = server.begin("GET", "/v2/", &[("Connection", "close")]).await;
    let early = tokio::time::timeout(Duration::from_millis(200), waiting.read_u8()).await;
    assert!(early.is_err(), "it was let in");
    resting.pop();
    assert_eq!(finish(waiting).await.status, 200);
}

#[tokio::test]
async fn who_takes_nothing_of_its_answer_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = store::Store::open(folder.path().join("store"), Arc::new(SystemTime::now)).unwrap();
    let server = start_with(store, Limits { write_idle: Duration::from_secs(2), ..Limits::default() });
    let bytes = vec![7; 32 * 1024 * 1024];
    let digest = Digest::of(&bytes);
    assert_eq!(server.send("POST", &format!("{UPLOADS}?digest={digest}"), &[], &bytes).await.status, 201);
    server.log.lock().unwrap().clear();
    // More than the buffers of both ends hold, and nobody who reads it.
    let silent = server.begin("GET", &format!("/v2/hello/blobs/{digest}"), &[]).await;
    let told = async {
        while server.log.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.expect("the answer was kept for a client that does not take it");
    assert!(server.log.lock().unwrap()[0].bytes < 32 * 1024 * 1024);
    drop(silent);
    // Who is slow and takes something is waited for.
    let mut slow = server.begin("GET", &format!("/v2/hello/blobs/{digest}"), &[("Connection", "close")]).await;
    let (mut buffer, mut total) = (vec![0; 2 * 1024 * 1024], 0);
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        total += slow.read(&mut buffer).await.unwrap();
    }
    while let Ok(count @ 1..) = slow.read(&mut buffer).await {
        total += count;
    }
    assert!(total > 32 * 1024 * 1024);
}

#[tokio::test]
async fn the_algorithm_of_an_upload_may_be_announced() {
    let server = start(Memory::new());
    let digest = Digest::with(Algorithm::Sha512, b"x");
    let begun = server.send("POST", &format!("{UPLOADS}?digest-algorithm=sha512"), &[], b"").await;
    assert_eq!(begun.status, 202);
    let answer = server.send("PUT", &format!("{}?digest={digest}", begun.header("location")), &[], b"x").await;
    assert_eq!((answer.status, answer.header("docker-content-digest")), (201, digest.to_string().as_str()));
    let unknown = server.send("POST", &format!("{UPLOADS}?digest-algorithm=md5"), &[], b"").await;
    assert_eq!((unknown.status, unknown.code().as_str()), (400, "DIGEST_INVALID"));
}
