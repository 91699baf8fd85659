use content::{Memory, Source};
use oci::Digest;

use crate::client::start;

#[tokio::test]
async fn bad_names_and_digests_end_before_anything_is_looked_up() {
    let memory = Memory::new();
    let server = start(memory.clone());
    let digest = Digest::of(b"x");
    for (path, code) in [
        ("/v2/../../etc/manifests/passwd".to_owned(), "NAME_INVALID"),
        ("/v2/hello/../../etc/manifests/passwd".to_owned(), "NAME_INVALID"),
        ("/v2/Hello/manifests/1".to_owned(), "NAME_INVALID"),
        ("/v2/a%2f..%2fb/manifests/1".to_owned(), "NAME_INVALID"),
        (format!("/v2/%2e%2e/blobs/{digest}"), "NAME_INVALID"),
        ("/v2/hello/blobs/sha256:../../etc/passwd".to_owned(), "DIGEST_INVALID"),
        ("/v2/hello/blobs/sha256:..%2f..%2fetc%2fpasswd".to_owned(), "DIGEST_INVALID"),
        ("/v2/hello/manifests/sha256:../../etc/passwd".to_owned(), "DIGEST_INVALID"),
        ("/v2/hello/referrers/..".to_owned(), "DIGEST_INVALID"),
        (format!("/v2/hello/blobs/{}", digest.to_string().to_uppercase()), "DIGEST_INVALID"),
        ("/v2/hello/manifests/a%00b".to_owned(), "TAG_INVALID"),
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            let answer = server.send(method, &path, &[], b"").await;
            assert_eq!((answer.status, answer.code().as_str()), (400, code), "{method} {path}");
        }
    }
    let upload = server.send("PATCH", "/v2/hello/blobs/uploads/..%2f..%2fx", &[], b"x").await;
    assert_eq!((upload.status, upload.code().as_str()), (404, "BLOB_UPLOAD_UNKNOWN"));
    assert!(memory.tags().await.unwrap().is_empty());
}

#[tokio::test]
async fn words_of_clients_stay_words_in_the_log() {
    let server = start(Memory::new());
    server.send("GET", "/v2/x%0a%1b[2J/tags/list?n=1", &[("User-Agent", "a\tb")], b"").await;
    let line = server.log.lock().unwrap().first().unwrap().clone();
    assert_eq!(line.user_agent, "a\tb");
    assert_eq!(line.path, "/v2/x%0a%1b[2J/tags/list");
    assert!(line.to_string().starts_with("GET /v2/x%0a%1b[2J/tags/list 400 "), "{line}");
    assert!(line.to_string().ends_with(" ms a"), "{line}");
}

#[tokio::test]
async fn an_index_of_very_many_missing_children_is_answered() {
    let server = start(Memory::new());
    let entries: Vec<String> = (0..20_000)
        .map(|number: u32| {
            format!(
                r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"{}"}}"#,
                Digest::of(&number.to_le_bytes())
            )
        })
        .collect();
    let index =
        format!(r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}}"#, entries.join(","));
    let answer = server.send("PUT", "/v2/hello/manifests/1", &[], index.as_bytes()).await;
    assert_eq!((answer.status, answer.json()["errors"].as_array().unwrap().len()), (400, 20_000));
}
