use content::{Expected, Memory, Sink, Source};
use oci::{Algorithm, Digest, MediaType, Selector};
use serde_json::json;

use crate::client::{Running, start};
use crate::library::{Damaged, Shelf, document, image, image_of, tagged};

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

async fn put(server: &Running, thing: &str, media: &str, bytes: &[u8], condition: Option<(&str, &str)>) -> crate::client::Answer {
    let mut headers = vec![("Content-Type", media)];
    headers.extend(condition);
    server.send("PUT", &format!("/v2/hello/manifests/{thing}"), &headers, bytes).await
}

#[tokio::test]
async fn reads_exact_bytes_by_tag_and_digest() {
    let memory = Memory::new();
    let manifest = tagged(&memory, "1.0").await;
    let server = start(memory);
    let digest = manifest.digest().to_string();
    for thing in ["1.0", &digest] {
        let path = format!("/v2/acme/hello/manifests/{thing}");
        let answer = server.get(&path).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, *manifest.bytes());
        let head = server.send("HEAD", &path, &[], b"").await;
        assert!(head.body.is_empty());
        for answer in [&answer, &head] {
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("content-type"), OCI);
            assert_eq!(answer.header("docker-content-digest"), digest);
            assert_eq!(answer.header("content-length"), manifest.bytes().len().to_string());
            assert_eq!(answer.header("etag"), format!("\"{digest}\""));
            assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
        }
        let known = server.send("GET", &path, &[("If-None-Match", &format!("\"{digest}\""))], b"").await;
        assert_eq!((known.status, known.body.len()), (304, 0));
    }
}

#[tokio::test]
async fn docker_20_10_gets_the_index_that_it_accepts() {
    let memory = Memory::new();
    let child = tagged(&memory, "child").await;
    let index = document(&json!({ "schemaVersion": 2, "mediaType": MediaType::DockerList.as_str(), "manifests": [child.descriptor()] }));
    memory.put_manifest(&index).await.unwrap();
    memory.tag(&Selector::Name("1.0".to_owned()), &index, &Expected::Any).await.unwrap();
    let server = start(memory);
    let accept = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v1+prettyjws, application/json";
    let answer =
        server.send("GET", "/v2/hello/manifests/1.0", &[("Accept", accept), ("User-Agent", "docker/20.10.24 go/go1.19")], b"").await;
    assert_eq!(answer.header("content-type"), MediaType::DockerList.as_str());
    assert_eq!(answer.body, *index.bytes());
}

#[tokio::test]
async fn what_is_missing_is_said_by_code() {
    let server = start(Memory::new());
    let nobody = Digest::of(b"nobody");
    for thing in ["1.0", &nobody.to_string()] {
        let path = format!("/v2/hello/manifests/{thing}");
        for method in ["GET", "DELETE"] {
            let answer = server.send(method, &path, &[], b"").await;
            assert_eq!((answer.status, answer.code().as_str()), (404, "MANIFEST_UNKNOWN"), "{method} {thing}");
            assert!(answer.message().contains("in hello"), "{}", answer.message());
        }
        assert_eq!(server.send("HEAD", &path, &[], b"").await.status, 404);
    }
}

#[tokio::test]
async fn a_layer_is_no_manifest() {
    let memory = Memory::new();
    let layer = memory.insert_blob("a layer".into());
    let server = start(Shelf::of([("hello", std::sync::Arc::new(Damaged { inner: memory, chunk: 1 }))]));
    let answer = server.get(&format!("/v2/hello/manifests/{layer}")).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "MANIFEST_UNKNOWN"), "{}", answer.message());
}

#[tokio::test]
async fn writes_by_tag_and_by_digest_of_either_kind() {
    let memory = Memory::new();
    let manifest = image(&memory, "a");
    let server = start(memory.clone());
    let answer = put(&server, "1.0", OCI, manifest.bytes(), None).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("docker-content-digest"), manifest.digest().to_string());
    assert_eq!(answer.header("oci-subject"), "");
    let read = server.get(answer.header("location")).await;
    assert_eq!(read.body, *manifest.bytes());
    assert_eq!(memory.tags().await.unwrap(), ["1.0"]);

    let long = Digest::with(Algorithm::Sha512, manifest.bytes()).to_string();
    for digest in [manifest.digest().to_string(), long] {
        let answer = put(&server, &digest, OCI, manifest.bytes(), Some(("If-Match", "\"ignored\""))).await;
        assert_eq!((answer.status, answer.header("docker-content-digest")), (201, digest.as_str()));
        assert_eq!(server.get(&format!("/v2/hello/manifests/{digest}")).await.body, *manifest.bytes());
    }
    assert_eq!(memory.tags().await.unwrap(), ["1.0"], "a digest is no tag");
}

#[tokio::test]
async fn refuses_broken_documents_and_keeps_nothing() {
    let memory = Memory::new();
    let manifest = image(&memory, "a");
    let server = start(memory.clone());
    let both = format!("{{\"schemaVersion\":2,\"config\":{},\"manifests\":[]}}", json!(manifest.as_image().unwrap().config));
    for (thing, media, bytes, code, words) in [
        ("1", OCI, b"{".as_slice(), "MANIFEST_INVALID", "line 1"),
        ("1", OCI, both.as_bytes(), "MANIFEST_INVALID", "both a manifest and an index"),
        ("1", INDEX, manifest.bytes(), "MANIFEST_INVALID", "ambiguous"),
        ("1", "text/plain", b"{}", "MANIFEST_INVALID", "expected an image manifest or an index"),
        (&Digest::of(b"other").to_string(), OCI, manifest.bytes(), "DIGEST_INVALID", "got sha256:"),
        ("sha256:12", OCI, manifest.bytes(), "DIGEST_INVALID", "64"),
        ("-x", OCI, manifest.bytes(), "TAG_INVALID", "bad tag"),
    ] {
        let answer = put(&server, thing, media, bytes, None).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{thing}: {answer:?}");
        assert!(answer.message().contains(words), "{}", answer.message());
    }
    let huge = vec![b' '; 4 * 1024 * 1024 + 1];
    let answer = put(&server, "1", OCI, &huge, None).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "SIZE_INVALID"));
    let mut stream = server.begin("PUT", "/v2/hello/manifests/1", &[("Transfer-Encoding", "chunked"), ("Connection", "close")]).await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, &[format!("{:x}\r\n", huge.len()).as_bytes(), &huge, b"\r\n0\r\n\r\n"].concat())
        .await
        .unwrap();
    assert_eq!(crate::client::finish(stream).await.status, 413);
    assert!(memory.tags().await.unwrap().is_empty());
    assert!(!memory.has(&manifest.descriptor()).await.unwrap());
}

#[tokio::test]
async fn names_every_missing_child() {
    let memory = Memory::new();
    let server = start(memory.clone());
    let orphan = image_of(b"no config", b"no layer");
    let answer = put(&server, "1", OCI, orphan.bytes(), None).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "MANIFEST_BLOB_UNKNOWN"));
    let digests: Vec<String> =
        answer.json()["errors"].as_array().unwrap().iter().map(|one| one["detail"]["digest"].as_str().unwrap().to_owned()).collect();
    assert_eq!(digests, [Digest::of(b"no config").to_string(), Digest::of(b"no layer").to_string()]);

    let here = tagged(&memory, "here").await;
    let index = document(&json!({ "schemaVersion": 2, "manifests": [here.descriptor(), orphan.descriptor()] }));
    let answer = put(&server, "1", INDEX, index.bytes(), None).await;
    assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 1);
    assert!(answer.message().contains(&orphan.digest().to_string()), "{}", answer.message());
    assert_eq!(memory.tags().await.unwrap(), ["here"]);
}

#[tokio::test]
async fn a_tag_moves_only_when_it_is_what_the_writer_counts_on() {
    let memory = Memory::new();
    let (first, second) = (image(&memory, "first"), image(&memory, "second"));
    let server = start(memory.clone());
    let quoted = |digest: &Digest| format!("\"{digest}\"");
    let (one, two) = (quoted(first.digest()), quoted(second.digest()));
    let current = async || memory.resolve(&Selector::Name("1".to_owned())).await.map(|found| quoted(&found.digest)).unwrap_or_default();

    for (condition, bytes, status, then) in [
        (("If-Match", "*"), first.bytes(), 412, ""),
        (("If-Match", one.as_str()), first.bytes(), 412, ""),
        (("If-None-Match", "*"), first.bytes(), 201, &one),
        (("If-None-Match", "*"), second.bytes(), 412, &one),
        (("If-Match", two.as_str()), second.bytes(), 412, &one),
        (("If-Match", one.as_str()), second.bytes(), 201, &two),
        (("If-Match", "*"), first.bytes(), 201, &one),
        (("If-Match", "\"nonsense\""), second.bytes(), 400, &one),
        (("If-None-Match", two.as_str()), second.bytes(), 400, &one),
    ] {
        let answer = put(&server, "1", OCI, bytes, Some(condition)).await;
        assert_eq!(answer.status, status, "{condition:?}: {answer:?}");
        assert_eq!(current().await, then, "{condition:?}");
    }
    let answer = put(&server, "1", OCI, second.bytes(), Some(("If-Match", &two))).await;
    assert_eq!(answer.code(), "PRECONDITION_FAILED");
    assert_eq!(answer.message(), format!("hello:1 moved: expected {}, found {}", second.digest(), first.digest()));
    assert_eq!(answer.json()["errors"][0]["detail"]["found"], first.digest().to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_writers_with_one_expectation_exactly_one_wins() {
    let memory = Memory::new();
    let base = tagged(&memory, "1").await;
    let rivals: Vec<_> = (0..16).map(|number| image(&memory, &format!("rival {number}"))).collect();
    let server = start(memory);
    let expected = format!("\"{}\"", base.digest());
    let answers =
        futures_util::future::join_all(rivals.iter().map(|rival| put(&server, "1", OCI, rival.bytes(), Some(("If-Match", &expected)))))
            .await;
    let winners: Vec<&str> =
        answers.iter().filter(|answer| answer.status == 201).map(|answer| answer.header("docker-content-digest")).collect();
    assert_eq!(winners.len(), 1);
    for loser in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(loser.status, 412);
        assert!(loser.message().ends_with(&format!("found {}", winners[0])), "{}", loser.message());
    }
    assert_eq!(server.get("/v2/hello/manifests/1").await.header("docker-content-digest"), winners[0]);
}

#[tokio::test]
async fn a_tag_goes_alone_and_a_manifest_with_its_tags() {
    let memory = Memory::new();
    let manifest = tagged(&memory, "1").await;
    memory.tag(&Selector::Name("2".to_owned()), &manifest, &Expected::Any).await.unwrap();
    let server = start(memory.clone());
    assert_eq!(server.send("DELETE", "/v2/hello/manifests/1", &[], b"").await.status, 202);
    assert_eq!(memory.tags().await.unwrap(), ["2"]);
    assert_eq!(server.send("DELETE", &format!("/v2/hello/manifests/{}", manifest.digest()), &[], b"").await.status, 202);
    assert!(memory.tags().await.unwrap().is_empty());
    assert_eq!(server.get(&format!("/v2/hello/manifests/{}", manifest.digest())).await.status, 404);
}

#[tokio::test]
async fn a_place_that_never_forgets_says_so_without_its_path() {
    let damaged = Damaged { inner: Memory::new(), chunk: 1 };
    let server = start(Shelf::of([("hello", std::sync::Arc::new(damaged))]));
    let answer = server.send("DELETE", "/v2/hello/manifests/1", &[], b"").await;
    assert_eq!((answer.status, answer.message().as_str()), (405, "hello never forgets"));
}
