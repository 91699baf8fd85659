//! Archives made to break their reader get a clear error, in bounded memory and time.

use std::io::Write;

use content::{Error, Source};
use oci::Selector;
use serde_json::{Value, json};
use store::archive::{Archive, Input, Settings};
use testkit::fixtures::{Image, docker_save};

use super::reading::{gzip, tar_of};
use super::{Folder, said};

/// Reads the only image of an archive of these bytes and returns what is said.
async fn refused(bytes: &[u8]) -> String {
    let folder = Folder::new();
    folder.with("a.tar", bytes);
    said(&folder.docker("a.tar").manifest(&Selector::Only).await.unwrap_err())
}

/// A classic archive with one image of one plain layer, its list and config edited.
async fn edited(edit: impl Fn(&mut Value, &mut Value)) -> String {
    let image = Image::new("linux/amd64").uncompressed().build();
    let mut list = json!([{"Config": "c.json", "RepoTags": ["app:1"], "Layers": ["l.tar"]}]);
    let mut config: Value = serde_json::from_slice(&image.config.1).unwrap();
    edit(&mut list, &mut config);
    refused(&tar_of(&[
        ("c.json", config.to_string().as_bytes()),
        ("l.tar", &image.layers[0].1),
        ("manifest.json", list.to_string().as_bytes()),
    ]))
    .await
}

fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "expected {part:?} in: {text}");
    }
}

#[tokio::test]
async fn cve_2024_3727_a_name_never_leads_out_of_the_archive() {
    for name in ["../../etc/passwd", "/etc/passwd", "a/../../x"] {
        holds(&edited(|list, _| list[0]["Config"] = json!(name)).await, &["leads out of the archive", name]);
        holds(&edited(|list, _| list[0]["Layers"][0] = json!(name)).await, &["leads out of the archive", name]);
    }
    let index =
        br#"{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"sha256:../../etc/passwd"}]}"#;
    holds(&refused(&tar_of(&[("index.json", index)])).await, &["lower-case hexadecimal"]);
}

#[tokio::test]
async fn links_stay_inside_and_end() {
    let linked = async |links: &[(&str, &str)]| {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, target) in links {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            tar.append_link(&mut header, name, target).unwrap();
        }
        refused(&tar.into_inner().unwrap()).await
    };
    holds(&linked(&[("manifest.json", "../../etc/passwd")]).await, &["leads out of the archive"]);
    holds(&linked(&[("manifest.json", "/etc/passwd")]).await, &["leads out of the archive"]);
    holds(&linked(&[("manifest.json", "b"), ("b", "manifest.json")]).await, &["too many links behind \"manifest.json\""]);
    holds(&linked(&[("manifest.json", "nothing")]).await, &["no manifest.json or index.json"]);
}

#[tokio::test]
async fn an_archive_that_is_cut_off_says_so() {
    let image = Image::new("linux/amd64").build();
    let whole = docker_save(&[(&image, &["app:1"])]);
    for length in [100, 513, 2000, whole.len() - 3000] {
        let text = refused(&whole[..length]).await;
        assert!(
            text.contains("is cut off: expected") || text.contains("no manifest.json") || text.contains("is named in manifest.json"),
            "{length}: {text}"
        );
    }
    let packed = gzip(&whole);
    holds(&refused(&packed[..packed.len() / 2]).await, &["is cut off"]);
}

#[tokio::test]
async fn what_is_no_archive_of_images_is_refused() {
    holds(&refused(b"this is a text and no tar, though it is longer than nothing").await, &["is cut off"]);
    holds(&refused(&[b'x'; 2048]).await, &["is no tar: no valid header at byte 0"]);
    holds(
        &refused(&tar_of(&[("etc/passwd", b"root")])).await,
        &["no manifest.json or index.json in", "it is no docker archive", "hint: `docker save`"],
    );
    holds(
        &refused(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0]).await,
        &["is compressed with zstd: expected a plain or gzip tar", "hint: zstd -dc ", "> plain.tar"],
    );
    holds(&refused(b"\xfd7zXZ\0\0\0").await, &["compressed with xz", "hint: xz -dc"]);
    holds(&refused(b"BZh91AY").await, &["compressed with bzip2", "hint: bzip2 -dc"]);
    let folder = Folder::new();
    let error = Archive::docker(folder.path(""), folder.settings()).resolve(&Selector::Only).await.unwrap_err();
    holds(&said(&error), &["is no file", "hint: a folder that holds an OCI layout is written oci:"]);
}

#[tokio::test]
async fn config_and_list_must_agree() {
    let text = edited(|_, config| config["rootfs"]["diff_ids"] = json!([])).await;
    holds(&text, &["config c.json: expected 0 layers, got 1 in manifest.json"]);
    let wrong = format!("sha256:{}", "0".repeat(64));
    let text = edited(|_, config| config["rootfs"]["diff_ids"] = json!([wrong])).await;
    holds(&text, &["layer l.tar: expected uncompressed bytes with digest sha256:0000", "got sha256:"]);
    holds(
        &edited(|list, _| list[0]["Layers"] = json!(["gone.tar"])).await,
        &["\"gone.tar\" is named in manifest.json and is not in the archive"],
    );
    holds(&edited(|list, _| list[0]["Config"] = json!(7)).await, &["manifest.json cannot be read", "invalid type"]);
    holds(&edited(|list, _| *list = json!({})).await, &["manifest.json cannot be read"]);
    holds(&edited(|list, _| *list = json!([])).await, &["no image in docker-archive:"]);
    holds(&edited(|_, config| *config = json!("x")).await, &["config sha256:", "is broken"]);
    // The config's name is its digest.
    let name = format!("{}.json", "ab".repeat(32));
    let text = refused(&tar_of(&[(&name, b"{}"), ("manifest.json", json!([{"Config": name, "Layers": []}]).to_string().as_bytes())])).await;
    holds(&text, &["blob sha256:abab", "expected these bytes to have its digest, got sha256:44136fa355b3678a"]);
}

#[tokio::test]
async fn layers_that_cannot_be_read_are_named() {
    let with_layer = async |layer: &[u8]| {
        let config = json!({"rootfs": {"diff_ids": [oci::Digest::of(b"x")]}}).to_string();
        let list = br#"[{"Config":"c.json","Layers":["l.tar"]}]"#;
        refused(&tar_of(&[("c.json", config.as_bytes()), ("l.tar", layer), ("manifest.json", list)])).await
    };
    holds(&with_layer(&[0x28, 0xb5, 0x2f, 0xfd, 0]).await, &["layer l.tar is compressed with zstd"]);
    let packed = gzip(&[7; 5000]);
    holds(&with_layer(&packed[..packed.len() - 9]).await, &["layer l.tar cannot be read"]);
    holds(&with_layer(b"").await, &["layer l.tar: expected uncompressed bytes"]);
}

#[tokio::test]
async fn lists_over_4_mib_are_not_read() {
    let large = vec![b' '; 4 * 1024 * 1024 + 1];
    for name in ["manifest.json", "index.json"] {
        holds(&refused(&tar_of(&[(name, &large)])).await, &["bytes of", name, "expected at most 4194304, got 4194305"]);
    }
}

/// The file of an archive that ends with an entry of 5 GiB, of which the disk holds nothing.
fn endless(files: &[(&str, &[u8])], name: &str) -> std::fs::File {
    const LENGTH: u64 = 5 << 30;
    let mut header = tar::Header::new_ustar();
    header.set_path(name).unwrap();
    header.set_size(LENGTH);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    let whole = tar_of(files);
    // Without the two blocks of zeros at its end.
    let (mut file, before) = (tempfile::tempfile().unwrap(), &whole[..whole.len() - 1024]);
    file.write_all(&[before, header.as_bytes()].concat()).unwrap();
    file.set_len(before.len() as u64 + 512 + LENGTH).unwrap();
    file
}

/// CVE-2023-25153: containerd read such documents into memory, however long they were.
#[tokio::test]
async fn cve_2023_25153_no_document_of_any_length_is_read_into_memory() {
    let folder = Folder::new();
    let refused = async |file, open: fn(Input, Settings) -> Archive| {
        said(&open(Input::File(file), folder.settings()).manifest(&Selector::Only).await.unwrap_err())
    };
    let limit = "expected at most 4194304, got 5368709120";
    holds(&refused(endless(&[], "manifest.json"), Archive::docker).await, &["bytes of manifest.json", limit]);
    holds(&refused(endless(&[], "index.json"), Archive::docker).await, &["bytes of index.json", limit]);
    holds(&refused(endless(&[], "index.json"), Archive::layout).await, &["bytes of index.json", limit]);
    let list = br#"[{"Config":"c.json","RepoTags":["app:1"],"Layers":[]}]"#;
    holds(&refused(endless(&[("manifest.json", list)], "c.json"), Archive::docker).await, &["bytes of c.json", limit]);
    // A manifest, and a config below one that is read.
    let endless_blob = |media_type: &str| {
        let digest = oci::Digest::of(b"endless");
        (json!({"mediaType": media_type, "digest": digest, "size": 5_u64 << 30}), format!("blobs/sha256/{}", digest.hex()))
    };
    let (entry, name) = endless_blob("application/vnd.oci.image.manifest.v1+json");
    let index = json!({ "manifests": [entry] }).to_string();
    let text = refused(endless(&[("index.json", index.as_bytes())], &name), Archive::layout).await;
    holds(&text, &["the manifest is too large", "got 5368709120"]);
    let (config, name) = endless_blob("application/vnd.oci.image.config.v1+json");
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": []}).to_string();
    let digest = oci::Digest::of(manifest.as_bytes());
    let index =
        json!({"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": manifest.len()}]});
    let (index, path) = (index.to_string(), format!("blobs/sha256/{}", digest.hex()));
    let file = endless(&[("index.json", index.as_bytes()), (&path, manifest.as_bytes())], &name);
    let archive = Archive::layout(Input::File(file), folder.settings());
    let manifest = archive.manifest(&Selector::Only).await.unwrap();
    let reader = archive.blob(&manifest.as_image().unwrap().config).await.unwrap();
    holds(&said(&reader.read_all(oci::MAX_MANIFEST_SIZE).await.unwrap_err()), &["bytes", limit]);
}

#[tokio::test]
async fn bombs_stop_at_the_limit() {
    let folder = Folder::new();
    let mut settings = folder.settings();
    settings.inflated = 1_000_000;
    let path = folder.with("a.tar", &gzip(&vec![0; 2_000_000]));
    let error = Archive::docker(path, settings.clone()).manifest(&Selector::Only).await.unwrap_err();
    assert!(matches!(error, Error::Limit { limit: 1_000_000, got: 1_000_001, .. }), "{}", said(&error));
    let config = json!({"rootfs": {"diff_ids": [oci::Digest::of(b"x")]}}).to_string();
    let list = br#"[{"Config":"c.json","Layers":["l.tar"]}]"#;
    let path =
        folder.with("b.tar", &tar_of(&[("c.json", config.as_bytes()), ("l.tar", &gzip(&vec![0; 2_000_000])), ("manifest.json", list)]));
    let error = Archive::docker(path, settings).manifest(&Selector::Only).await.unwrap_err();
    assert!(said(&error).starts_with("inflated bytes of layer l.tar"), "{}", said(&error));
}

/// Writes so many entries without content; every thousand of them has the same long names.
fn many(thousands: usize) -> std::fs::File {
    let mut headers = Vec::new();
    for number in 0..1000 {
        let mut header = tar::Header::new_ustar();
        header.set_path(format!("{number:0>99}")).unwrap();
        header.set_size(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        headers.extend_from_slice(header.as_bytes());
    }
    let mut file = tempfile::tempfile().unwrap();
    for _ in 0..thousands {
        file.write_all(&headers).unwrap();
    }
    file
}

#[tokio::test]
async fn half_a_million_entries_are_too_many() {
    let read = async |file| {
        let folder = Folder::new();
        Archive::docker(Input::File(file), folder.settings()).manifest(&Selector::Only).await.unwrap_err()
    };
    let error = read(many(500)).await;
    assert!(matches!(error, Error::Limit { limit: 67_108_864, .. }), "{}", said(&error));
    holds(&said(&read(many(20)).await), &["no manifest.json or index.json"]);
}

#[tokio::test]
async fn headers_that_lie_are_refused() {
    let entry = |kind: tar::EntryType, size: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_path("manifest.json").unwrap();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        [header.as_bytes().as_slice(), &[b'x'; 1024]].concat()
    };
    holds(&refused(&entry(tar::EntryType::Regular, u64::MAX / 2)).await, &["is cut off"]);
    holds(&refused(&entry(tar::EntryType::Regular, u64::MAX)).await, &["is no tar"]);
    holds(&refused(&entry(tar::EntryType::GNUSparse, 512)).await, &["entry \"manifest.json\" is a sparse file"]);
    let mut long = entry(tar::EntryType::GNULongName, 3 << 20);
    long.resize(4 << 20, b'x');
    holds(&refused(&long).await, &["bytes of an extended header", "expected at most 1048576"]);
}
