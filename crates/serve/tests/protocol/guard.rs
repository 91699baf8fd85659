//! Passwords and tokens: who gets in, who does not, and that nobody else reads them.

use std::path::PathBuf;

use content::{Memory, Source};
use oci::Digest;
use serde_json::Value;
use serve::{Anonymous, Guard, Options};
use tempfile::TempDir;

use crate::client::{Answer, Running, start_as};
use crate::library::tagged;

/// `htpasswd -nbB -C 4 me correct-horse`
const LINE: &str = "me:$2y$04$MVrBXQXSSabRkJV2hz5A6uYbd.s3UGtIzElklV5DHf0MT6yN/Ib1q\n";
/// `me:correct-horse`
const RIGHT: (&str, &str) = ("Authorization", "Basic bWU6Y29ycmVjdC1ob3JzZQ==");
const MANIFEST: &str = "/v2/hello/manifests/1";
const UPLOADS: &str = "/v2/hello/blobs/uploads/";

struct Guarded {
    server: Running,
    memory: Memory,
    file: PathBuf,
    _folder: TempDir,
}

async fn guarded(anonymous: Anonymous) -> Guarded {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passwords");
    std::fs::write(&file, LINE).unwrap();
    let memory = Memory::new();
    tagged(&memory, "1").await;
    let guard = Some(Guard::read(file.clone(), anonymous).unwrap());
    let server = start_as(memory.clone(), Options { guard, ..Options::default() });
    Guarded { server, memory, file, _folder: folder }
}

fn denied(answer: &Answer) -> bool {
    (answer.status, answer.code().as_str()) == (401, "UNAUTHORIZED") && !answer.header("www-authenticate").is_empty()
}

#[tokio::test]
async fn a_password_opens_everything_and_nothing_else_opens_anything() {
    let Guarded { server, memory, _folder, .. } = guarded(Anonymous::Nothing).await;
    for (method, path) in
        [("GET", "/v2/"), ("GET", MANIFEST), ("GET", "/v2/_catalog"), ("POST", UPLOADS), ("DELETE", MANIFEST), ("GET", "/x")]
    {
        let answer = server.send(method, path, &[], b"").await;
        assert!(denied(&answer), "{method} {path}: {answer:?}");
        assert_eq!(answer.header("www-authenticate"), "Basic realm=\"polyarch\"");
        assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
    }
    for value in [
        "Basic",
        "Basic !",
        "Basic bWU=",
        "Basic Og==",
        "Basic bWU6d3JvbmctaG9yc2U=",
        "Basic eW91OmNvcnJlY3QtaG9yc2U=",
        "Bearer x",
        "Digest username=\"me\"",
        "bWU6Y29ycmVjdC1ob3JzZQ==",
    ] {
        assert!(denied(&server.send("GET", MANIFEST, &[("Authorization", value)], b"").await), "{value}");
    }
    for value in [RIGHT.1, "basic bWU6Y29ycmVjdC1ob3JzZQ"] {
        assert_eq!(server.send("GET", MANIFEST, &[("Authorization", value)], b"").await.status, 200, "{value}");
    }
    let digest = Digest::of(b"x");
    assert_eq!(server.send("POST", &format!("{UPLOADS}?digest={digest}"), &[RIGHT], b"x").await.status, 201);
    assert_eq!(memory.blob_size(&digest).await.unwrap(), Some(1));
}

#[tokio::test]
async fn no_secret_reaches_the_log() {
    let Guarded { server, file, _folder, .. } = guarded(Anonymous::Pull).await;
    server.send("GET", MANIFEST, &[RIGHT], b"").await;
    server.send("GET", "/token?service=polyarch", &[RIGHT], b"").await;
    std::fs::write(&file, "me:secret-horse\n").unwrap();
    let broken = server.send("GET", MANIFEST, &[RIGHT], b"").await;
    assert_eq!(broken.status, 500, "a file that broke lets nobody in");
    assert!(!String::from_utf8_lossy(&broken.body).contains("passwords,"), "no path goes out");
    let lines = format!("{:?}", server.log.lock().unwrap());
    assert!(lines.contains("line 1: expected a bcrypt hash"), "{lines}");
    for secret in ["horse", "bWU6", "MVrB"] {
        assert!(!lines.contains(secret), "{secret}: {lines}");
    }
}

#[tokio::test]
async fn a_refused_upload_hears_why_while_it_is_still_sending() {
    let Guarded { server, _folder, .. } = guarded(Anonymous::Nothing).await;
    let answer = server.send("POST", &format!("{UPLOADS}?digest={}", Digest::of(b"")), &[], &vec![0; 4 * 1024 * 1024]).await;
    assert!(denied(&answer));
}

async fn token(server: &Running, headers: &[(&str, &str)]) -> String {
    let answer = server.send("GET", "/token?service=polyarch&scope=repository:hello:pull", headers, b"").await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
    let body: Value = answer.json();
    assert_eq!((&body["token"], &body["expires_in"]), (&body["access_token"], &300.into()));
    format!("Bearer {}", body["token"].as_str().unwrap())
}

#[tokio::test]
async fn everybody_reads_and_users_write() {
    let Guarded { server, memory, file, _folder } = guarded(Anonymous::Pull).await;
    // Who only reads is not even asked.
    assert_eq!(server.get(MANIFEST).await.status, 200);
    assert_eq!(server.send("GET", MANIFEST, &[("Authorization", "Basic Og==")], b"").await.status, 200);
    // But `/v2/` says what there is to be had, or Docker would never show its password.
    let root = server.get("/v2/").await;
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"polyarch\"", server.address);
    assert!(denied(&root) && root.header("www-authenticate") == realm, "{root:?}");
    let push = server.send("POST", UPLOADS, &[], b"").await;
    assert!(denied(&push) && push.header("www-authenticate") == format!("{realm},scope=\"repository:hello:pull,push\""), "{push:?}");
    let (guest, user) = (token(&server, &[]).await, token(&server, &[RIGHT]).await);
    for (bearer, write) in [(&guest, 401), (&user, 201)] {
        let headers = [("Authorization", bearer.as_str())];
        assert_eq!(server.send("GET", "/v2/", &headers, b"").await.status, 200);
        assert_eq!(server.send("GET", MANIFEST, &headers, b"").await.status, 200);
        let answer = server.send("POST", &format!("{UPLOADS}?digest={}", Digest::of(b"x")), &headers, b"x").await;
        assert_eq!(answer.status, write, "{answer:?}");
    }
    assert_eq!(memory.blob_size(&Digest::of(b"x")).await.unwrap(), Some(1));
    assert_eq!(server.send("POST", UPLOADS, &[RIGHT], b"").await.status, 202, "a password itself is good as well");
    assert!(denied(&server.send("GET", "/token", &[("Authorization", "Basic bWU6d3Jvbmc=")], b"").await));
    assert_eq!(server.send("POST", "/token", &[], b"").await.status, 405);
    // A token ends with its user.
    std::fs::write(&file, LINE.replace("me:", "someone:")).unwrap();
    assert!(denied(&server.send("GET", MANIFEST, &[("Authorization", &user)], b"").await));
    assert_eq!(server.send("GET", MANIFEST, &[("Authorization", &guest)], b"").await.status, 200);
}

#[tokio::test]
async fn a_host_that_is_none_never_comes_back_in_a_demand() {
    let Guarded { server, _folder, .. } = guarded(Anonymous::Pull).await;
    let answer = server.send("GET", "/v2/", &[("Host", "evil\"/,x=\"")], b"").await;
    assert!(!answer.header("www-authenticate").contains("evil"), "{answer:?}");
}
