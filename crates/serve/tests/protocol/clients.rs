//! Clients that others wrote, where they are installed: they read the specification without us.

use std::path::Path;

use bytes::Bytes;
use content::Memory;
use oci::{Descriptor, Digest, MediaType};
use serde_json::json;
use tokio::process::Command;

use crate::client::start;
use crate::library::{document, image_of};

async fn run(program: &str, words: &[&str]) -> String {
    // An empty folder for its passwords: those of whoever runs the tests may not even be readable.
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(program).args(words).env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path()).output().await.unwrap();
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Writes an OCI layout of one index of two images.
fn layout(folder: &Path) -> Digest {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let write = |bytes: &[u8]| std::fs::write(blobs.join(Digest::of(bytes).hex()), bytes).unwrap();
    let mut entries = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let layer = vec![0; 1024];
        let config = json!({ "architecture": architecture, "os": "linux", "rootfs": { "type": "layers", "diff_ids": [Digest::of(&layer)] }, "config": {} }).to_string();
        let manifest = image_of(config.as_bytes(), &layer);
        write(&layer);
        write(config.as_bytes());
        write(manifest.bytes());
        let mut entry = json!(manifest.descriptor());
        entry["platform"] = json!({ "architecture": architecture, "os": "linux" });
        entries.push(entry);
    }
    let index = document(&json!({ "schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(), "manifests": entries }));
    write(index.bytes());
    let mut root = json!(index.descriptor());
    root["annotations"] = json!({ "org.opencontainers.image.ref.name": "1.0" });
    std::fs::write(folder.join("index.json"), json!({ "schemaVersion": 2, "manifests": [root] }).to_string()).unwrap();
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    index.digest().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skopeo_pushes_lists_pulls_and_deletes() {
    if testkit::binary("skopeo").is_none() {
        return testkit::skip("skopeo is not installed");
    }
    let server = start(Memory::new());
    let folder = tempfile::tempdir().unwrap();
    let (source, back) = (folder.path().join("source"), folder.path().join("back"));
    let digest = layout(&source);
    let name = format!("docker://{}/acme/hello:1.0", server.address);
    let (from, to) = (format!("oci:{}:1.0", source.display()), format!("oci:{}:1.0", back.display()));
    let policy = ["--insecure-policy"];
    run("skopeo", &[&policy[..], &["copy", "--all", "--preserve-digests", "--dest-tls-verify=false", &from, &name]].concat()).await;
    let raw = run("skopeo", &["inspect", "--raw", "--tls-verify=false", &name]).await;
    assert_eq!(Digest::of(raw.as_bytes()), digest, "the index came back with its bytes");
    let config = run("skopeo", &["inspect", "--config", "--override-arch=arm64", "--tls-verify=false", &name]).await;
    assert!(config.contains("arm64"), "{config}");
    let tags = run("skopeo", &["list-tags", "--tls-verify=false", &format!("docker://{}/acme/hello", server.address)]).await;
    assert!(tags.contains("\"1.0\""), "{tags}");
    run("skopeo", &[&policy[..], &["copy", "--all", "--preserve-digests", "--src-tls-verify=false", &name, &to]].concat()).await;
    assert!(back.join("blobs/sha256").join(digest.hex()).exists());
    run("skopeo", &["delete", "--tls-verify=false", &name]).await;
    let lines = server.log.lock().unwrap().clone();
    assert!(lines.iter().all(|line| line.status < 500), "{lines:?}");
    let gone = Command::new("skopeo")
        .args(["inspect", "--raw", "--tls-verify=false", &name])
        .env("XDG_RUNTIME_DIR", "/nowhere")
        .output()
        .await
        .unwrap();
    assert!(!gone.status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_continues_a_blob_that_it_has_half_of() {
    if testkit::binary("curl").is_none() {
        return testkit::skip("curl is not installed");
    }
    let memory = Memory::new();
    let bytes: Vec<u8> = (0..2_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let digest = memory.insert_blob(Bytes::from(bytes.clone()));
    let blob = Descriptor::new(MediaType::OciLayer, digest, bytes.len() as u64);
    let server = start(memory);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("blob");
    std::fs::write(&file, &bytes[..777_777]).unwrap();
    let url = format!("http://{}/v2/hello/blobs/{}", server.address, blob.digest);
    run("curl", &["--silent", "--show-error", "--fail", "--noproxy", "*", "--continue-at", "-", "--output", file.to_str().unwrap(), &url])
        .await;
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    assert_eq!(server.log.lock().unwrap().first().unwrap().status, 206);
}
