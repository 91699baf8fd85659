use std::sync::Arc;

use bytes::Bytes;
use content::Memory;
use oci::{Descriptor, Digest, MediaType, RawManifest};
use serde_json::{Value, json};

use crate::client::{Running, start};
use crate::library::{Damaged, Shelf, document, tagged};

fn referrer(memory: &Memory, subject: &RawManifest, kind: Option<&str>, note: &str) -> RawManifest {
    memory.insert_blob(Bytes::from_static(b"{}"));
    let mut value = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OciManifest.as_str(),
        "config": Descriptor::of(MediaType::Other("application/vnd.example.config+json".to_owned()), b"{}"),
        "layers": [],
        "subject": subject.descriptor(),
        "annotations": { "note": note },
    });
    if let Some(kind) = kind {
        value["artifactType"] = kind.into();
    }
    document(&value)
}

async fn push(server: &Running, manifest: &RawManifest) -> String {
    let path = format!("/v2/hello/manifests/{}", manifest.digest());
    let answer = server.send("PUT", &path, &[("Content-Type", manifest.media_type().as_str())], manifest.bytes()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.header("oci-subject").to_owned()
}

fn notes(list: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut notes: Vec<_> = list["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (text(&entry["artifactType"]), text(&entry["annotations"]["note"])))
        .collect();
    notes.sort();
    notes
}

#[tokio::test]
async fn lists_who_refers_with_types_and_annotations() {
    let memory = Memory::new();
    let subject = tagged(&memory, "1").await;
    let server = start(memory.clone());
    let path = format!("/v2/hello/referrers/{}", subject.digest());
    let none = server.get(&path).await;
    assert_eq!(
        (none.status, none.json()["manifests"].clone(), none.header("content-type")),
        (200, json!([]), MediaType::OciIndex.as_str())
    );

    let signature = referrer(&memory, &subject, Some("application/vnd.example.signature+json"), "signed");
    let bill = referrer(&memory, &subject, None, "counted");
    for manifest in [&signature, &bill] {
        assert_eq!(push(&server, manifest).await, subject.digest().to_string(), "OCI-Subject says that it was understood");
    }
    let all = server.get(&path).await;
    assert_eq!(all.header("oci-filters-applied"), "");
    let pair = |kind: &str, note: &str| (kind.to_owned(), note.to_owned());
    assert_eq!(
        notes(&all.json()),
        [pair("application/vnd.example.config+json", "counted"), pair("application/vnd.example.signature+json", "signed")]
    );
    let entry = all.json()["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["digest"] == signature.digest().to_string())
        .cloned()
        .unwrap();
    assert_eq!(
        (entry["size"].clone(), entry["mediaType"].clone()),
        (json!(signature.bytes().len()), json!(MediaType::OciManifest.as_str()))
    );

    for kind in ["application/vnd.example.signature+json", "application%2Fvnd.example.signature%2Bjson"] {
        let some = server.get(&format!("{path}?artifactType={kind}")).await;
        assert_eq!((notes(&some.json()).len(), some.header("oci-filters-applied")), (1, "artifactType"), "{kind}");
    }
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let memory = Memory::new();
    let subject = tagged(&memory, "1").await;
    let server = start(memory.clone());
    for number in 0..3 {
        let note = format!("{number}{}", "x".repeat(2_000_000));
        push(&server, &referrer(&memory, &subject, Some("a/b+c"), &note)).await;
    }
    let mut path = format!("/v2/hello/referrers/{}?artifactType=a/b%2Bc", subject.digest());
    let mut seen = Vec::new();
    for _ in 0..3 {
        let answer = server.get(&path).await;
        assert!(answer.body.len() < 4 * 1024 * 1024);
        seen.extend(notes(&answer.json()).into_iter().map(|(_, note)| note[..1].to_owned()));
        path = answer.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    seen.sort();
    assert_eq!((seen, path.as_str()), (["0", "1", "2"].map(str::to_owned).to_vec(), ""));
}

#[tokio::test]
async fn a_place_that_does_not_know_sends_clients_to_the_tag() {
    let inner = Memory::new();
    let subject = tagged(&inner, "1").await;
    let signature = referrer(&inner, &subject, None, "signed");
    let server = start(Shelf::of([("hello", Arc::new(Damaged { inner, chunk: 1 }))]));
    assert_eq!(push(&server, &signature).await, "");
    assert_eq!(server.get(&format!("/v2/hello/referrers/{}", Digest::of(b""))).await.status, 404);
}
