//! What is special to layout folders: which image a selector means, and what survives an edit.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

use content::{Error, Events, Expected, Limits, Sink, Source, Tagged, copy};
use fault::{Fault, Kind};
use oci::{Digest, MediaType, Selector};
use serde_json::{Value, json};
use store::Layout;
use tempfile::TempDir;
use testkit::fixtures::{BuiltImage, Image, Index, attestation_entry, put, put_index, write_layout};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn name(text: &str) -> Selector {
    Selector::Name(text.to_owned())
}

fn index_of(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("index.json")).unwrap()).unwrap()
}

fn hidden_files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('.')).collect()
}

/// The error with everything behind it.
fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn images(texts: [&str; 2]) -> [BuiltImage; 2] {
    texts.map(|text| Image::new("linux/amd64").text(text).build())
}

#[tokio::test]
async fn the_example_is_one_image_of_six_platforms() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello");
    let bytes = fs::read(example.join("index.json")).unwrap();
    let layout = Layout::open(&example).unwrap();
    let whole = layout.manifest(&Selector::Only).await.unwrap();
    assert_eq!(whole.bytes(), &bytes);
    assert_eq!(whole.as_index().unwrap().manifests.len(), 6);
    let resolved = layout.resolve(&Selector::Only).await.unwrap();
    assert_eq!(
        (resolved.media_type, resolved.digest.clone(), resolved.size),
        (MediaType::OciIndex, Digest::of(&bytes), bytes.len() as u64)
    );
    assert_eq!(layout.manifest(&Selector::Digest(resolved.digest.clone())).await.unwrap().bytes(), &bytes);
    assert_eq!(layout.resolve(&Selector::Digest(resolved.digest)).await.unwrap().size, bytes.len() as u64);
    assert_eq!(layout.tags().await.unwrap(), Vec::<String>::new());
    let target = folder();
    let copied = copy(&layout, &Layout::create_or_open(target.path()).unwrap(), &whole, Limits::default(), &Events::none()).await.unwrap();
    assert!(copied.sent > 7, "{copied:?}");
}

#[tokio::test]
async fn an_index_without_a_media_type_is_read_as_one() {
    let folder = folder();
    let [one, two] = images(["one", "two"]);
    write_layout(folder.path(), &[(&one.manifest, None), (&two.manifest, None)], &[&one, &two]);
    let mut tree = index_of(folder.path());
    tree.as_object_mut().unwrap().remove("mediaType");
    fs::write(folder.path().join("index.json"), tree.to_string()).unwrap();
    let found = Layout::open(folder.path()).unwrap().manifest(&Selector::Only).await.unwrap();
    assert_eq!((found.media_type(), found.as_index().unwrap().manifests.len()), (&MediaType::OciIndex, 2));
}

#[tokio::test]
async fn only_means_the_one_image_or_asks_for_a_name() {
    let folder = folder();
    let layout = Layout::create_or_open(folder.path()).unwrap();
    assert!(matches!(layout.resolve(&Selector::Only).await, Err(Error::Missing { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "reading made something");
    let [one, two] = images(["one", "two"]);
    put(&layout, &one, Some("1.0")).await;
    assert_eq!(layout.resolve(&Selector::Only).await.unwrap().digest, *one.digest());
    put(&layout, &two, Some("2.0")).await;
    let error = layout.resolve(&Selector::Only).await.unwrap_err();
    assert!(matches!(&error, Error::Several { count: 2, names, .. } if names == "1.0, 2.0"), "{error}");
    assert_eq!(error.kind(), Kind::Usage);
}

#[tokio::test]
async fn the_nameless_image_is_replaced_and_names_stay() {
    let folder = folder();
    let layout = Layout::create_or_open(folder.path()).unwrap();
    let [one, two] = images(["one", "two"]);
    put(&layout, &one, Some("named")).await;
    put(&layout, &two, None).await;
    assert_eq!(layout.tag(&Selector::Only, &one.manifest, &Expected::Absent).await.unwrap(), Tagged::Moved);
    assert_eq!(layout.tag(&Selector::Only, &one.manifest, &Expected::Any).await.unwrap(), Tagged::Unchanged);
    assert!(matches!(layout.tag(&Selector::Only, &two.manifest, &Expected::Absent).await, Err(Error::Moved { .. })));
    assert_eq!(layout.tag(&Selector::Only, &two.manifest, &Expected::Digest(one.digest().clone())).await.unwrap(), Tagged::Moved);
    assert_eq!(layout.resolve(&Selector::Only).await.unwrap().digest, *two.digest());
    assert_eq!(layout.resolve(&name("named")).await.unwrap().digest, *one.digest());
    assert_eq!(index_of(folder.path())["manifests"].as_array().unwrap().len(), 2);
    layout.remove(&Selector::Only).await.unwrap();
    assert_eq!(layout.tags().await.unwrap(), ["named"]);
    assert_eq!(layout.resolve(&Selector::Only).await.unwrap().digest, *one.digest());
}

#[tokio::test]
async fn the_platforms_of_index_json_are_replaced_as_one_image() {
    let folder = folder();
    let [one, two] = images(["one", "two"]);
    write_layout(folder.path(), &[(&one.manifest, None), (&two.manifest, None)], &[&one, &two]);
    let layout = Layout::open(folder.path()).unwrap();
    let whole = layout.manifest(&Selector::Only).await.unwrap();
    layout.put_manifest(&whole).await.unwrap();
    assert_eq!(layout.tag(&Selector::Only, &whole, &Expected::Any).await.unwrap(), Tagged::Unchanged);
    let wrong = layout.tag(&Selector::Only, &one.manifest, &Expected::Digest(one.digest().clone())).await;
    assert!(matches!(wrong, Err(Error::Moved { found: Some(found), .. }) if found == *whole.digest()));
    layout.tag(&Selector::Only, &one.manifest, &Expected::Digest(whole.digest().clone())).await.unwrap();
    assert_eq!(layout.resolve(&Selector::Only).await.unwrap().digest, *one.digest());
}

#[tokio::test]
async fn unknown_fields_other_entries_and_their_order_survive_a_tag() {
    let folder = folder();
    let [one, two] = images(["one", "two"]);
    write_layout(folder.path(), &[(&one.manifest, Some("a")), (&one.manifest, Some("b")), (&one.manifest, Some("c"))], &[&one, &two]);
    let mut tree = index_of(folder.path());
    tree["x-unknown"] = json!({ "z": 1, "a": [null] });
    tree["manifests"][0]["x-entry"] = json!("kept");
    tree["manifests"][1]["annotations"]["org.opencontainers.image.created"] = json!("of the old content");
    tree["manifests"][2]["platform"] = json!({ "os": "linux", "architecture": "amd64", "x-platform": true });
    fs::write(folder.path().join("index.json"), serde_json::to_string_pretty(&tree).unwrap()).unwrap();
    let layout = Layout::open(folder.path()).unwrap();
    put(&layout, &two, Some("b")).await;
    put(&layout, &two, Some("d")).await;
    tree["manifests"][1] = json!({
        "mediaType": MediaType::OciManifest, "digest": two.digest(), "size": two.manifest.bytes().len(),
        "annotations": { "org.opencontainers.image.ref.name": "b" },
    });
    let mut last = tree["manifests"][1].clone();
    last["annotations"]["org.opencontainers.image.ref.name"] = json!("d");
    tree["manifests"].as_array_mut().unwrap().push(last);
    assert_eq!(fs::read_to_string(folder.path().join("index.json")).unwrap(), serde_json::to_string_pretty(&tree).unwrap());
}

#[tokio::test]
async fn what_docker_saved_keeps_both_its_names() {
    let folder = folder();
    let [one, two] = images(["one", "two"]);
    write_layout(folder.path(), &[(&one.manifest, Some("1.0"))], &[&one, &two]);
    let mut tree = index_of(folder.path());
    tree["manifests"][0]["annotations"]["io.containerd.image.name"] = json!("docker.io/library/hello:1.0");
    fs::write(folder.path().join("index.json"), tree.to_string()).unwrap();
    let layout = Layout::open(folder.path()).unwrap();
    for text in ["1.0", "hello:1.0", "docker.io/library/hello:1.0"] {
        assert_eq!(layout.resolve(&name(text)).await.unwrap().digest, *one.digest(), "{text}");
    }
    put(&layout, &two, Some("hello:1.0")).await;
    for text in ["1.0", "hello:1.0"] {
        assert_eq!(layout.resolve(&name(text)).await.unwrap().digest, *two.digest(), "{text}");
    }
    assert_eq!(layout.tags().await.unwrap(), ["1.0"]);
}

#[tokio::test]
async fn a_referrer_is_no_image_of_the_layout() {
    let folder = folder();
    let layout = Layout::create_or_open(folder.path()).unwrap();
    let image = Image::new("linux/amd64").build();
    put(&layout, &image, None).await;
    layout.tag(&Selector::Only, &image.manifest, &Expected::Any).await.unwrap();
    let signature = Image::new("linux/amd64").artifact("application/vnd.example.signature").subject(image.descriptor()).build();
    put(&layout, &signature, None).await;
    put(&layout, &signature, None).await;
    assert_eq!(layout.resolve(&Selector::Only).await.unwrap().digest, *image.digest());
    assert_eq!(index_of(folder.path())["manifests"].as_array().unwrap().len(), 2);
    layout.tag(&Selector::Only, &image.manifest, &Expected::Digest(image.digest().clone())).await.unwrap();
    assert_eq!(layout.referrers(image.digest()).await.unwrap()[0].digest, *signature.digest());
}

/// BuildKit's attestations stand in the index and name their subject. skopeo and containerd look for the one entry of `index.json`.
#[tokio::test]
async fn a_referrer_in_the_index_is_no_entry_of_its_own() {
    let folder = folder();
    let layout = Layout::create_or_open(folder.path()).unwrap();
    let image = Image::new("linux/amd64").build();
    let attestation = Image::new("linux/amd64").artifact("application/vnd.docker.attestation.manifest.v1+json").subject(image.descriptor());
    let (attestation, signature) =
        (attestation.build(), Image::new("linux/amd64").artifact("application/vnd.example").subject(image.descriptor()));
    let signature = signature.build();
    let index = Index::new().image(&image).add(attestation_entry(&attestation, &image)).build();
    put_index(&layout, &[&image, &attestation, &signature], &index, Some("1.0")).await;
    let listed: Vec<Value> = index_of(folder.path())["manifests"].as_array().unwrap().iter().map(|entry| entry["digest"].clone()).collect();
    assert_eq!(listed, [json!(signature.digest()), json!(index.digest())]);
    let found = layout.referrers(image.digest()).await.unwrap();
    assert_eq!(found.iter().map(|found| &found.digest).collect::<Vec<_>>(), [signature.digest(), attestation.digest()]);
}

#[tokio::test]
async fn a_manifest_that_an_index_needs_is_not_removed() {
    let folder = folder();
    let layout = Layout::create_or_open(folder.path()).unwrap();
    let [one, two] = images(["one", "two"]);
    let index = Index::new().image(&one).image(&two).build();
    put_index(&layout, &[&one, &two], &index, Some("all")).await;
    let error = layout.remove(&Selector::Digest(one.digest().clone())).await.unwrap_err();
    assert_eq!(error.to_string(), format!("manifest {} is part of {}", one.digest(), index.digest()));
    layout.tag(&name("one"), &one.manifest, &Expected::Absent).await.unwrap();
    layout.remove(&Selector::Digest(one.digest().clone())).await.unwrap();
    assert_eq!(layout.tags().await.unwrap(), ["all"]);
    assert!(layout.has(&index.descriptor()).await.unwrap());
    layout.remove(&Selector::Digest(index.digest().clone())).await.unwrap();
    layout.remove(&Selector::Digest(one.digest().clone())).await.unwrap();
    assert!(layout.remove(&Selector::Digest(one.config.0.digest.clone())).await.unwrap_err().is_missing());
}

#[test]
fn other_folders_are_refused_with_what_is_there() {
    let folder = folder();
    let missing = folder.path().join("missing");
    let text = |path: &Path| format!("{} is no OCI layout: expected", path.display());
    assert_eq!(Layout::open(&missing).unwrap_err().to_string(), format!("{} the file oci-layout, got nothing", text(&missing)));
    Layout::create_or_open(&missing).unwrap();
    assert_eq!(
        Layout::open(folder.path()).unwrap_err().to_string(),
        format!("{} the file oci-layout, got an empty folder", text(folder.path()))
    );
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let error = Layout::create_or_open(folder.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} an OCI layout, or an empty or new folder, got a folder with other files", text(folder.path()))
    );
    assert_eq!(error.kind(), Kind::Place);
    assert!(Layout::open(folder.path().join("notes.txt")).unwrap_err().to_string().ends_with("got a file"));
    fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    assert!(Layout::open(folder.path()).unwrap_err().to_string().ends_with("expected imageLayoutVersion 1.0.0, got version 2.0.0"));
    fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.1.0"}"#).unwrap();
    assert!(Layout::open(folder.path()).unwrap_err().to_string().ends_with("expected the file index.json, got none"));
}

#[tokio::test]
async fn a_broken_index_json_is_named_with_its_reason() {
    let folder = folder();
    let image = Image::new("linux/amd64").build();
    write_layout(folder.path(), &[(&image.manifest, Some("1"))], &[&image]);
    let layout = Layout::open(folder.path()).unwrap();
    let path = folder.path().join("index.json");
    let digest_path = r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"sha256:../../etc/passwd"}]}"#;
    for (bytes, reason) in [
        (b"garbage".to_vec(), "expected value"),
        (format!(r#"{{"manifests":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000)).into_bytes(), "recursion limit"),
        (digest_path.as_bytes().to_vec(), "lower-case hexadecimal"),
        (vec![b' '; 4 * 1024 * 1024 + 1], "expected at most 4194304 bytes, got 4194305"),
        (image.manifest.bytes().to_vec(), "ambiguous"),
    ] {
        fs::write(&path, &bytes).unwrap();
        let error = explain(&layout.resolve(&name("1")).await.unwrap_err());
        assert!(error.starts_with(&format!("{} is broken", path.display())) && error.contains(reason), "{reason}: {error}");
        layout.tag(&name("1"), &image.manifest, &Expected::Any).await.unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), bytes, "{reason}: written over");
    }
}

#[tokio::test]
async fn an_index_json_of_thousands_of_entries_is_read_quickly() {
    let folder = folder();
    let image = Image::new("linux/amd64").build();
    write_layout(folder.path(), &[(&image.manifest, Some("1"))], &[&image]);
    let mut tree = index_of(folder.path());
    let entry = json!({ "mediaType": MediaType::OciManifest, "digest": image.digest(), "size": 1, "annotations": { "org.opencontainers.image.ref.name": "x" } });
    tree["manifests"] = Value::Array(vec![entry; 15_000]);
    fs::write(folder.path().join("index.json"), tree.to_string()).unwrap();
    let layout = Layout::open(folder.path()).unwrap();
    let begin = std::time::Instant::now();
    assert_eq!(layout.tags().await.unwrap(), ["x"]);
    assert_eq!(layout.resolve(&Selector::Only).await.unwrap().digest, *image.digest());
    layout.tag(&name("x"), &image.manifest, &Expected::Any).await.unwrap();
    assert_eq!(index_of(folder.path())["manifests"].as_array().unwrap().len(), 1);
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn missing_and_broken_pieces_are_named() {
    let folder = folder();
    let image = Image::new("linux/amd64").build();
    let index = Index::new().image(&image).build();
    write_layout(folder.path(), &[(&index, Some("1"))], &[&image]);
    let layout = Layout::open(folder.path()).unwrap();
    let file = |digest: &Digest| folder.path().join("blobs/sha256").join(digest.hex());
    let only = |digest: &Digest| Selector::Digest(digest.clone());
    assert!(layout.has(&index.descriptor()).await.unwrap());

    let layer = &image.layers[0].0;
    fs::remove_file(file(&layer.digest)).unwrap();
    assert!(!layout.has(&index.descriptor()).await.unwrap(), "an index without a layer of its child is not whole");
    let error = layout.tag(&name("2"), &index, &Expected::Any).await.unwrap_err();
    assert_eq!(error.to_string(), format!("no blob {} in oci:{}", layer.digest, folder.path().display()));
    let error = layout.put_manifest(&image.manifest).await.unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error}");
    assert_eq!(layout.tags().await.unwrap(), ["1"]);

    fs::write(file(image.digest()), vec![b'{'; image.manifest.bytes().len()]).unwrap();
    let error = layout.manifest(&only(image.digest())).await.unwrap_err();
    assert!(matches!(error, Error::WrongDigest { .. }), "{error}");
    fs::write(file(image.digest()), vec![b' '; 4 * 1024 * 1024 + 1]).unwrap();
    let error = explain(&layout.manifest(&only(image.digest())).await.unwrap_err());
    assert!(error.contains("expected at most 4194304 bytes, got 4194305"), "{error}");
    fs::remove_file(file(image.digest())).unwrap();
    assert!(layout.manifest(&only(image.digest())).await.unwrap_err().is_missing());
    fs::create_dir(file(image.digest())).unwrap();
    let error = layout.manifest(&only(image.digest())).await.unwrap_err().to_string();
    assert!(error.ends_with("expected a file, got something else"), "{error}");
}

#[tokio::test]
async fn a_blob_with_other_bytes_or_another_length_is_refused_while_it_streams() {
    let folder = folder();
    let image = Image::new("linux/amd64").file("data", testkit::fixtures::random_bytes(1, 2_000_000)).build();
    write_layout(folder.path(), &[(&image.manifest, None)], &[&image]);
    let layout = Layout::open(folder.path()).unwrap();
    let (layer, bytes) = &image.layers[0];
    let file = folder.path().join("blobs/sha256").join(layer.digest.hex());
    let mut other = bytes.to_vec();
    *other.last_mut().unwrap() ^= 1;
    for (bytes, reason) in [(other, "to have its digest"), (bytes[..1_000_000].to_vec(), "got 1000000"), (bytes.repeat(2), "bytes, got")] {
        fs::write(&file, bytes).unwrap();
        let error = layout.blob(layer).await.unwrap().read_all(u64::MAX).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

/// Bazel's rules make layouts whose blobs are links to files elsewhere. The digest says whose bytes
/// they are, so following the link gives nothing away.
#[cfg(unix)]
#[tokio::test]
async fn blobs_may_be_links_and_are_checked_all_the_same() {
    let folder = folder();
    let image = Image::new("linux/amd64").build();
    let root = folder.path().join("layout");
    write_layout(&root, &[(&image.manifest, None)], &[&image]);
    let layout = Layout::open(&root).unwrap();
    let (config, bytes) = &image.config;
    let (file, elsewhere) = (root.join("blobs/sha256").join(config.digest.hex()), folder.path().join("elsewhere"));
    fs::rename(&file, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    assert_eq!(layout.blob(config).await.unwrap().read_all(u64::MAX).await.unwrap(), bytes);
    fs::write(&elsewhere, "secret").unwrap();
    assert!(layout.blob(config).await.unwrap().read_all(u64::MAX).await.is_err());
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    assert!(layout.blob(config).await.err().unwrap().to_string().ends_with("expected a file, got something else"));
}

#[tokio::test]
async fn a_full_write_leaves_no_hidden_file_and_old_ones_of_the_dead_go() {
    let folder = folder();
    let layout = Layout::create_or_open(folder.path()).unwrap();
    let image = Image::new("linux/amd64").build();
    put(&layout, &image, None).await;
    let dead = folder.path().join(".polyarch-dead");
    let (alive, held) = (folder.path().join(".polyarch-alive"), fs::File::create(folder.path().join(".polyarch-alive")).unwrap());
    held.lock().unwrap();
    fs::write(&dead, "half").unwrap();
    layout.tag(&name("1"), &image.manifest, &Expected::Any).await.unwrap();
    assert_eq!(hidden_files(folder.path()), [alive.file_name().unwrap().to_str().unwrap()]);
    drop(held);
    layout.tag(&name("2"), &image.manifest, &Expected::Any).await.unwrap();
    assert_eq!(hidden_files(folder.path()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_make_one_layout_and_lose_no_name() {
    let folder = folder();
    let path = folder.path().join("new");
    let image = Image::new("linux/amd64").build();
    let writers: Vec<_> = (0..12)
        .map(|number| {
            let (path, image) = (path.clone(), image.clone());
            tokio::spawn(async move {
                let layout = Layout::create_or_open(path).unwrap();
                put(&layout, &image, None).await;
                layout.tag(&name(&format!("n{number:02}")), &image.manifest, &Expected::Absent).await.unwrap();
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let names: Vec<String> = (0..12).map(|number| format!("n{number:02}")).collect();
    assert_eq!(Layout::open(&path).unwrap().tags().await.unwrap(), names);
    assert_eq!(hidden_files(&path), Vec::<String>::new());
}

/// `docker save hello:1.0 world:1.0`: one short name on two images.
#[tokio::test]
async fn a_short_name_of_two_images_is_not_written_over_or_removed() {
    let folder = folder();
    let [one, two] = images(["one", "two"]);
    let three = Image::new("linux/amd64").text("three").build();
    write_layout(folder.path(), &[(&one.manifest, Some("1.0")), (&two.manifest, Some("1.0"))], &[&one, &two]);
    let mut tree = index_of(folder.path());
    for (position, full) in ["docker.io/library/hello:1.0", "docker.io/library/world:1.0"].into_iter().enumerate() {
        tree["manifests"][position]["annotations"]["io.containerd.image.name"] = json!(full);
    }
    fs::write(folder.path().join("index.json"), tree.to_string()).unwrap();
    let layout = Layout::open(folder.path()).unwrap();
    put(&layout, &three, None).await;
    let error = layout.tag(&name("1.0"), &three.manifest, &Expected::Any).await.unwrap_err();
    assert!(error.to_string().ends_with("expected the name of one: hello:1.0, world:1.0"), "{error}");
    assert!(matches!(layout.remove(&name("1.0")).await, Err(Error::Several { count: 2, .. })));
    assert_eq!(index_of(folder.path()), tree);
    layout.tag(&name("world:1.0"), &three.manifest, &Expected::Any).await.unwrap();
    assert_eq!(layout.resolve(&name("hello:1.0")).await.unwrap().digest, *one.digest());
    assert_eq!(layout.resolve(&name("world:1.0")).await.unwrap().digest, *three.digest());
}
