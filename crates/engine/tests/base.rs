//! What is read of an image that a stage begins with.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::SystemTime;

use content::{Keep, Memory, Shelf};
use engine::base::{Base, BaseError};
use engine::cache::Cache;
use layer::tar::{Entry, Writer};
use layer::{Compression, LayerWriter, Settings};
use oci::{Descriptor, MediaType, RawManifest};
use serde_json::{Value, json};

/// A layer in a place: its descriptor and its diff ID.
fn layer(place: &Memory, compression: Compression, entries: &[(Entry, &[u8])]) -> (Descriptor, String) {
    let mut blob = Vec::new();
    let mut writer = LayerWriter::create(&mut blob, Settings { compression, ..Settings::default() });
    for (entry, content) in entries {
        writer.append_bytes(entry, content).unwrap();
    }
    let made = writer.finish().unwrap();
    (blob_of(place, MediaType::OciLayerGzip, blob), made.diff_id.0.to_string())
}

fn blob_of(place: &Memory, media_type: MediaType, bytes: Vec<u8>) -> Descriptor {
    let descriptor = Descriptor::of(media_type, &bytes);
    place.insert_blob(bytes.into());
    descriptor
}

fn image(place: &Memory, layers: &[(Descriptor, String)], change: impl Fn(&mut Value)) -> RawManifest {
    let diff_ids: Vec<&String> = layers.iter().map(|(_, diff_id)| diff_id).collect();
    let mut config = json!({"os": "linux", "architecture": "arm64", "created": "2020-02-02T02:02:02Z", "unknown": 1,
        "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    change(&mut config);
    let config = blob_of(place, MediaType::OciConfig, config.to_string().into_bytes());
    let layers: Vec<&Descriptor> = layers.iter().map(|(layer, _)| layer).collect();
    let manifest = json!({"schemaVersion": 2, "mediaType": MediaType::OciManifest, "config": config, "layers": layers});
    RawManifest::parse(manifest.to_string().into_bytes().into(), None).unwrap()
}

async fn read(place: &Memory, manifest: &RawManifest) -> Result<Base, BaseError> {
    Base::read("acme/base", Arc::new(place.clone()), manifest).await
}

fn two(place: &Memory) -> [(Descriptor, String); 2] {
    let passwd = b"app:x:7:8:::\n".as_slice();
    let lower = [
        (Entry::directory("etc"), b"".as_slice()),
        (Entry::file("etc/passwd", passwd.len() as u64), passwd),
        (Entry::file("gone", 1), b"x"),
        (Entry::symlink("lib", "usr/lib"), b""),
    ];
    let upper = tar_of_upper();
    let diff_id = oci::Digest::of(&upper).to_string();
    let zstd = Compression::Zstd(layer::ZstdLevel::DEFAULT);
    [layer(place, zstd, &lower), (blob_of(place, MediaType::OciLayer, upper), diff_id)]
}

fn tar_of_upper() -> Vec<u8> {
    let mut upper = Writer::new(Vec::new());
    upper.whiteout(b"gone").unwrap();
    upper.append_bytes(&Entry::file("new", 3), b"new").unwrap();
    upper.finish().unwrap()
}

#[tokio::test]
async fn layers_of_every_compression_make_one_tree() {
    let place = Memory::new();
    let base = read(&place, &image(&place, &two(&place), |_| {})).await.unwrap();
    assert_eq!((base.platform().to_string().as_str(), base.created()), ("linux/arm64", Some("2020-02-02T02:02:02Z")));
    assert_eq!((base.layers().len(), &base.config()["unknown"]), (2, &json!(1)));
    let index = base.survey().await.unwrap().paths;
    let paths: Vec<String> = index.below(b"").map(|(path, _)| String::from_utf8(path.to_vec()).unwrap()).collect();
    assert_eq!(paths, ["etc", "etc/passwd", "lib", "new"]);
    let owner = index.owner("app").unwrap();
    assert_eq!((owner.uid, owner.gid), (7, 8));
    assert_eq!(index.destination(b"/lib/x", layer::index::Follow::All).unwrap().path, b"usr/lib/x");
}

#[tokio::test]
async fn what_is_no_image_or_contradicts_itself_is_no_base() {
    let place = Memory::new();
    let layers = two(&place);
    type Harm = fn(&mut Value);
    let harms: [(&str, Harm); 3] = [
        ("its config lists other layers than its manifest", |config| drop(config["rootfs"]["diff_ids"].as_array_mut().unwrap().pop())),
        ("its config does not say for which platform it is", |config| drop(config.as_object_mut().unwrap().remove("architecture"))),
        ("its config is broken", |config| *config = json!([])),
    ];
    for (expected, harm) in harms {
        let problem = read(&place, &image(&place, &layers, harm)).await.err().unwrap();
        assert_eq!(problem.to_string(), format!("acme/base cannot be a base: {expected}"));
    }
    let index = testkit::fixtures::Index::new().build();
    assert!(matches!(read(&place, &index).await, Err(BaseError::NoBase { .. })));
}

#[tokio::test]
async fn a_layer_that_is_not_what_it_is_said_to_be_is_named() {
    let place = Memory::new();
    let [lower, upper] = two(&place);
    let swapped = [(lower.0.clone(), upper.1.clone()), (upper.0.clone(), lower.1.clone())];
    let base = read(&place, &image(&place, &swapped, |_| {})).await.unwrap();
    assert!(matches!(base.survey().await, Err(BaseError::OtherLayer { layer, .. }) if layer == lower.0.digest));
    // Bytes that are no archive, and bytes that are not there.
    let noise = blob_of(&place, MediaType::OciLayer, vec![b'x'; 5000]);
    let base = read(&place, &image(&place, &[(noise, lower.1.clone())], |_| {})).await.unwrap();
    assert!(matches!(base.survey().await, Err(BaseError::Layer { .. })));
    let base = read(&place, &image(&place, std::slice::from_ref(&lower), |_| {})).await.unwrap();
    place.forget(&lower.0.digest);
    assert!(matches!(base.survey().await, Err(BaseError::Place(content::Error::Missing { .. }))));
}

#[tokio::test]
async fn a_base_is_streamed_once_whatever_it_is_called() {
    let (place, memory) = (Memory::new(), Memory::new());
    let cache = || Cache::new(Arc::new(memory.clone()), Arc::new(SystemTime::now));
    let [lower, upper] = two(&place);
    let base = read(&place, &image(&place, &[lower.clone(), upper.clone()], |_| {})).await.unwrap();
    let one = cache();
    let index = one.survey(&base, || ()).await.unwrap();
    assert_eq!(*index, base.survey().await.unwrap());
    place.forget(&lower.0.digest);
    assert!(base.survey().await.is_err());
    assert!(Arc::ptr_eq(&index, &one.survey(&base, || ()).await.unwrap()));
    let other = read(&place, &image(&place, &[lower, upper.clone()], |config| config["created"] = json!(null))).await.unwrap();
    assert_eq!(cache().survey(&other, || ()).await.unwrap(), index);
    // Another chain is another base, and a failure is not remembered.
    let alone = read(&place, &image(&place, std::slice::from_ref(&upper), |_| {})).await.unwrap();
    place.forget(&upper.0.digest);
    assert!(one.survey(&alone, || ()).await.is_err());
    place.insert_blob(tar_of_upper().into());
    let found = one.survey(&alone, || ()).await.unwrap();
    assert_ne!(found, index);
    // What is kept and cannot be read counts for nothing.
    struct Broken(Memory);
    impl Keep for Broken {
        fn get(&self, _: Shelf, _: &oci::Digest) -> Option<bytes::Bytes> {
            Some(b"PIX0".as_slice().into())
        }
        fn put(&self, shelf: Shelf, key: &oci::Digest, bytes: &[u8]) {
            self.0.put(shelf, key, bytes);
        }
    }
    let broken = Cache::new(Arc::new(Broken(memory.clone())), Arc::new(SystemTime::now));
    assert_eq!(broken.survey(&alone, || ()).await.unwrap(), found);
}
