//! Folders that somebody else wrote, to break their reader.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use content::{Library, Source};
use oci::{Descriptor, Digest, MediaType, Selector};
use serde_json::json;
use store::{Layout, NameOrigin, Store};
use testkit::fixtures::{Image, put};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Texts that a reader who joins paths would follow out of `blobs/sha256`, to a file that is there.
const PATHS: [&str; 5] =
    ["sha256:../../secret", "sha256:/etc/passwd", "../secret:../../secret", "sha256/../../secret", "sha256:..\\..\\secret"];

/// Says an error with everything behind it.
fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn layout(folder: &Path, index: &serde_json::Value) -> Layout {
    fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    fs::write(folder.join("secret"), "{}").unwrap();
    Layout::open(folder).unwrap()
}

/// CVE-2024-3727: containers/image made paths of digests that it had not looked at.
#[tokio::test]
async fn cve_2024_3727_a_digest_in_a_layout_is_never_a_path() {
    for digest in PATHS {
        let folder = tempfile::tempdir().unwrap();
        let own = layout(folder.path(), &json!({"manifests": [{"mediaType": MANIFEST, "digest": digest, "size": 2}]}));
        let text = said(&own.manifest(&Selector::Only).await.unwrap_err());
        assert!(text.contains("bad digest") && text.contains("index.json"), "{digest}: {text}");
        assert!(own.tags().await.is_err());
        // One level below: in a manifest that the index names rightly.
        let manifest = json!({"schemaVersion": 2, "layers": [],
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": 2}})
        .to_string();
        let right = Digest::of(manifest.as_bytes());
        let own = layout(folder.path(), &json!({"manifests": [{"mediaType": MANIFEST, "digest": right, "size": manifest.len()}]}));
        fs::write(folder.path().join("blobs/sha256").join(right.hex()), manifest).unwrap();
        let text = said(&own.manifest(&Selector::Only).await.unwrap_err());
        assert!(text.contains("bad digest") && text.contains(&right.to_string()), "{digest}: {text}");
    }
}

#[tokio::test]
async fn cve_2024_3727_a_digest_in_the_store_is_never_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_owned(), Arc::new(SystemTime::now)).unwrap();
    let place = store.repository(&"hello".parse().unwrap(), NameOrigin::Made);
    let image = Image::new("linux/amd64").build();
    put(&*place, &image, Some("1")).await;
    fs::write(folder.path().join("secret"), "{}").unwrap();
    let name = folder.path().join("names/docker.io/library/hello/_tags/1.json");
    let written = fs::read_to_string(&name).unwrap();
    for digest in PATHS {
        let mut file: serde_json::Value = serde_json::from_str(&written).unwrap();
        file["descriptor"]["digest"] = json!(digest);
        fs::write(&name, file.to_string()).unwrap();
        let text = said(&place.manifest(&Selector::Name("1".to_owned())).await.unwrap_err());
        assert!(text.contains("bad digest") && text.contains("1.json"), "{digest}: {text}");
    }
    // What is no digest in the folder of blobs is no blob, and is not followed when all are read.
    fs::write(&name, written).unwrap();
    fs::write(folder.path().join("blobs/sha256/..secret"), "x").unwrap();
    let draft = store.draft().await.unwrap();
    assert!(draft.commit(&Digest::of(b"other")).await.is_err());
    assert_eq!(place.manifest(&Selector::Name("1".to_owned())).await.unwrap().bytes(), image.manifest.bytes());
}

/// CVE-2023-25153 for folders: a document of 5 GiB, of which the disk holds nothing.
#[tokio::test]
async fn cve_2023_25153_no_document_of_any_length_is_read_into_memory() {
    let folder = tempfile::tempdir().unwrap();
    let digest = Digest::of(b"endless");
    let endless = |path: &Path| File::create(path).unwrap().set_len(5 << 30).unwrap();
    let own = layout(folder.path(), &json!({"manifests": [{"mediaType": MANIFEST, "digest": digest, "size": 5_u64 << 30}]}));
    endless(&folder.path().join("blobs/sha256").join(digest.hex()));
    let text = said(&own.manifest(&Selector::Only).await.unwrap_err());
    assert!(text.contains("expected at most 4194304 bytes, got 5368709120"), "{text}");
    let config = Descriptor::new(MediaType::OciConfig, digest, 5 << 30);
    let text = said(&own.blob(&config).await.unwrap().read_all(oci::MAX_MANIFEST_SIZE).await.unwrap_err());
    assert!(text.contains("expected at most 4194304, got 5368709120"), "{text}");
    endless(&folder.path().join("index.json"));
    let text = said(&own.manifest(&Selector::Only).await.unwrap_err());
    assert!(text.contains("expected at most 4194304 bytes, got 5368709120"), "{text}");
    endless(&folder.path().join("oci-layout"));
    assert!(Layout::open(folder.path()).is_err());
}
