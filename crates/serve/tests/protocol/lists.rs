use std::sync::Arc;

use content::{Expected, Memory, Sink};
use oci::Selector;

use crate::client::start;
use crate::library::{Damaged, Shelf, tagged};

#[tokio::test]
async fn this_is_a_registry() {
    let server = start(Memory::new());
    for path in ["/v2/", "/v2"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, b"{}".as_slice()));
        assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
        let head = server.send("HEAD", path, &[], b"").await;
        assert_eq!((head.status, head.body.len()), (200, 0));
    }
    let nothing = server.get("/").await;
    assert_eq!((nothing.status, nothing.code().as_str()), (404, "UNSUPPORTED"));
    let method = server.send("DELETE", "/v2/", &[], b"").await;
    assert_eq!((method.status, method.header("allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn tags_in_pages() {
    let memory = Memory::new();
    let manifest = tagged(&memory, "b").await;
    for name in ["c", "a", "not a tag"] {
        memory.tag(&Selector::Name(name.to_owned()), &manifest, &Expected::Any).await.unwrap();
    }
    let server = start(Shelf::of([("acme/hello", Arc::new(memory)), ("empty", Arc::new(Memory::new()))]));
    let list = async |query: &str| server.get(&format!("/v2/acme/hello/tags/list{query}")).await;
    assert_eq!(list("").await.json(), serde_json::json!({ "name": "acme/hello", "tags": ["a", "b", "c"] }));
    let first = list("?n=2").await;
    assert_eq!(
        (first.json()["tags"].clone(), first.header("link")),
        (serde_json::json!(["a", "b"]), "</v2/acme/hello/tags/list?n=2&last=b>; rel=\"next\"")
    );
    let next = first.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
    let second = server.get(&next).await;
    assert_eq!((second.json()["tags"].clone(), second.header("link")), (serde_json::json!(["c"]), ""));
    assert_eq!(list("?n=0").await.json()["tags"], serde_json::json!([]));
    let bad = list("?n=many").await;
    assert_eq!((bad.status, bad.code().as_str()), (400, "PAGINATION_NUMBER_INVALID"));
    assert_eq!(server.get("/v2/empty/tags/list").await.json()["tags"], serde_json::json!([]));
}

#[tokio::test]
async fn no_such_repository() {
    let server = start(Shelf::of([("broken", Arc::new(Damaged { inner: Memory::new(), chunk: 1 }))]));
    for name in ["nobody", "broken"] {
        let answer = server.get(&format!("/v2/{name}/tags/list")).await;
        assert_eq!((answer.status, answer.code(), answer.message()), (404, "NAME_UNKNOWN".to_owned(), format!("no repository {name}")));
    }
}

#[tokio::test]
async fn the_catalog_in_pages_without_names_that_no_address_has() {
    let place = || -> Arc<dyn content::Place> { Arc::new(Memory::new()) };
    let server = start(Shelf::of([("hello", place()), ("ghcr.io/acme/api", place()), ("localhost:5000/a", place()), ("z", place())]));
    assert_eq!(server.get("/v2/_catalog").await.json()["repositories"], serde_json::json!(["ghcr.io/acme/api", "hello", "z"]));
    let first = server.get("/v2/_catalog?n=1").await;
    assert_eq!(first.header("link"), "</v2/_catalog?n=1&last=ghcr%2Eio%2Facme%2Fapi>; rel=\"next\"");
    assert_eq!(server.get("/v2/_catalog?n=1&last=ghcr%2Eio%2Facme%2Fapi").await.json()["repositories"], serde_json::json!(["hello"]));
}
