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

/// CVE-2024-3727: a digest that somebody joins to a path. Every way in which a client can send one.
#[tokio::test]
async fn cve_2024_3727_a_digest_is_never_a_path() {
    let memory = Memory::new();
    let server = start(memory.clone());
    let location = server.send("POST", "/v2/hello/blobs/uploads/", &[], b"").await.header("location").to_owned();
    for digest in ["sha256:../../../secret", "sha256:..%2f..%2f..%2fsecret", "../secret:x", "sha256:/etc/passwd", "%2e%2e:..%00"] {
        let bad = |answer: crate::client::Answer, what: &str| {
            assert_eq!(answer.status, 400, "{what} {digest}: {answer:?}");
            assert!(["DIGEST_INVALID", "NAME_INVALID", "TAG_INVALID"].contains(&answer.code().as_str()), "{what} {digest}: {answer:?}");
        };
        for (method, what) in [("POST", "mount"), ("POST", "digest")] {
            bad(server.send(method, &format!("/v2/hello/blobs/uploads/?{what}={digest}&from=other"), &[], b"{}").await, what);
        }
        bad(server.send("PUT", &format!("{location}?digest={digest}"), &[], b"{}").await, "end of an upload");
        let plain = percent(digest);
        let condition = format!("\"{plain}\"");
        if !plain.contains('\0') {
            let answer = server.send("PUT", "/v2/hello/manifests/1", &[("If-Match", &condition)], MANIFEST.as_bytes()).await;
            bad(answer, "condition");
        }
        let manifest = MANIFEST.replace("DIGEST", &plain.replace('\0', ""));
        let answer = server.send("PUT", "/v2/hello/manifests/1", &[], manifest.as_bytes()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "MANIFEST_INVALID"), "{digest}: {answer:?}");
    }
    assert!(memory.tags().await.unwrap().is_empty());
}

const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
    "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"DIGEST","size":2},"layers":[]}"#;

/// What a path or query that is written so means.
fn percent(text: &str) -> String {
    text.replace("%2f", "/").replace("%2e", ".").replace("%00", "\0")
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
