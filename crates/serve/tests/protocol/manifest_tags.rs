//! Several tags in one request (distribution-spec, end-7b), and indexes of which not everything is here.

use content::{Memory, Source};
use oci::{Algorithm, Digest, Selector};
use serde_json::json;
use serve::Rules;

use crate::client::{Running, start, start_ruled};
use crate::library::{document, image};

fn path(digest: &Digest, tags: &[&str]) -> String {
    let query: Vec<String> = tags.iter().map(|tag| format!("tag={tag}")).collect();
    format!("/v2/hello/manifests/{digest}?{}", query.join("&"))
}

async fn tags(server: &Running) -> String {
    server.get("/v2/hello/tags/list").await.json()["tags"].to_string()
}

#[tokio::test]
async fn one_request_moves_several_tags_and_names_each() {
    let memory = Memory::new();
    let server = start(memory.clone());
    let manifest = image(&memory, "a");
    let many = ["1", "1.2", "1.2.3", "latest", "a", "b", "c", "d", "e", "f", "1"];
    let answer = server.send("PUT", &path(manifest.digest(), &many), &[], manifest.bytes()).await;
    assert_eq!((answer.status, answer.all("oci-tag")), (201, many[..10].to_vec()), "{answer:?}");
    for tag in many {
        assert_eq!(memory.resolve(&Selector::Name(tag.to_owned())).await.unwrap().digest, *manifest.digest());
    }
    // A manifest of a rarer digest gets its tags only so: by a tag alone it would have another one.
    let digest = Digest::with(Algorithm::Sha512, manifest.bytes());
    let answer = server.send("PUT", &path(&digest, &["long"]), &[], manifest.bytes()).await;
    assert_eq!((answer.status, answer.header("docker-content-digest")), (201, digest.to_string().as_str()));
    assert_eq!(server.get("/v2/hello/manifests/long").await.header("docker-content-digest"), digest.to_string());
    let plain = server.send("PUT", "/v2/hello/manifests/other", &[], manifest.bytes()).await;
    assert_eq!((plain.status, plain.header("oci-tag")), (201, ""));
}

#[tokio::test]
async fn a_bad_tag_too_many_tags_and_a_condition_on_several_move_nothing() {
    let memory = Memory::new();
    let server = start(memory.clone());
    let manifest = image(&memory, "a");
    let numbers: Vec<String> = (0..47).map(|number| number.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    for (tags, headers, status, code) in [
        (&["1", ".."][..], &[][..], 400, "TAG_INVALID"),
        (&numbers, &[], 414, "TAG_INVALID"),
        (&["1", "2"], &[("If-None-Match", "*")], 400, "UNSUPPORTED"),
    ] {
        let answer = server.send("PUT", &path(manifest.digest(), tags), headers, manifest.bytes()).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    assert!(memory.tags().await.unwrap().is_empty());
    for status in [201, 412] {
        let answer = server.send("PUT", &path(manifest.digest(), &["1"]), &[("If-None-Match", "*")], manifest.bytes()).await;
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn sparse_indexes_are_taken_where_that_is_the_rule() {
    for (sparse, status) in [(false, 400), (true, 201)] {
        let memory = Memory::new();
        let server = start_ruled(memory.clone(), Rules { sparse, ..Rules::default() });
        let (here, absent) = (image(&memory, "here"), image(&Memory::new(), "absent"));
        assert_eq!(server.send("PUT", &path(here.digest(), &[]), &[], here.bytes()).await.status, 201);
        let index = document(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [here.descriptor(), absent.descriptor()],
        }));
        let answer = server.send("PUT", "/v2/hello/manifests/both", &[], index.bytes()).await;
        assert_eq!(answer.status, status, "{answer:?}");
        // An image without its layers is no sparse index.
        let answer = server.send("PUT", "/v2/hello/manifests/one", &[], absent.bytes()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "MANIFEST_BLOB_UNKNOWN"));
        if sparse {
            assert_eq!(tags(&server).await, r#"["both"]"#);
            assert_eq!(server.get(&path(absent.digest(), &[])).await.status, 404);
        }
    }
}
