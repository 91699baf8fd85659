//! What other tools wrote comes out right, and the same every time.

use std::fs;
use std::io::Cursor;

use content::{Error, Limits, Source, walk};
use oci::{Digest, ImageConfig, MediaType, RawManifest, Selector, annotation};
use serde_json::{Value, json};
use store::archive::{Archive, Input, Kind};
use testkit::fixtures::{BuiltImage, Image, docker_save, docker_save_modern, random_bytes};

use super::{Folder, bytes_of, inflate, named, said};

/// A tar of named files.
pub fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    layer::gzip(bytes, &mut packed).unwrap();
    packed
}

/// Everything that makes the image is the same as in the fixture, though the manifest is made anew.
async fn is_image(place: &dyn Source, manifest: &RawManifest, image: &BuiltImage) {
    assert_eq!(*manifest.media_type(), MediaType::DockerManifest);
    let view = manifest.as_image().unwrap();
    assert_eq!(view.config.media_type, MediaType::DockerConfig);
    let config = bytes_of(place, &view.config).await;
    assert_eq!(config, image.config.1, "the config's bytes");
    let diff_ids = ImageConfig::parse(&config).unwrap().rootfs.diff_ids;
    assert_eq!(view.layers.len(), diff_ids.len());
    for (layer, diff_id) in view.layers.iter().zip(diff_ids) {
        assert_eq!(layer.media_type, MediaType::DockerLayerGzip);
        assert_eq!(Digest::of(&inflate(&bytes_of(place, layer).await)), diff_id.0);
    }
}

fn two() -> (BuiltImage, BuiltImage) {
    let one = Image::new("linux/amd64").file("data", random_bytes(1, 300_000)).layer_count(3).build();
    let other = Image::new("linux/arm64/v8").file("data", random_bytes(1, 300_000)).layer_count(2).build();
    (one, other)
}

#[tokio::test]
async fn docker_save_of_before_version_25() {
    let (one, other) = two();
    let folder = Folder::new();
    folder.with("a.tar", &docker_save(&[(&one, &["app:1.0", "ghcr.io/acme/app:2"]), (&other, &[])]));
    let archive = folder.docker("a.tar");
    assert_eq!(archive.tags().await.unwrap(), ["app:1.0", "ghcr.io/acme/app:2"]);
    let found = archive.manifest(&named("app:1.0")).await.unwrap();
    is_image(&archive, &found, &one).await;
    for name in ["docker.io/library/app:1.0", "ghcr.io/acme/app:2"] {
        assert_eq!(archive.resolve(&named(name)).await.unwrap().digest, *found.digest(), "{name}");
    }
    let error = archive.manifest(&Selector::Only).await.unwrap_err();
    assert!(
        matches!(&error, Error::Several { count: 2, names, .. } if names.starts_with("app:1.0, ") && names.ends_with(".json")),
        "{}",
        said(&error)
    );
    assert!(archive.manifest(&named("app:3")).await.unwrap_err().is_missing());

    // By digest it is found without being asked for by name first, and so are its blobs.
    let fresh = folder.docker("a.tar");
    let again = fresh.manifest(&Selector::Digest(found.digest().clone())).await.unwrap();
    assert_eq!(again.bytes(), found.bytes());
    let layer = &found.as_image().unwrap().layers[0];
    let fresh = folder.docker("a.tar");
    assert_eq!(bytes_of(&fresh, layer).await.len() as u64, layer.size);
    assert!(fresh.manifest(&Selector::Digest(Digest::of(b"nowhere"))).await.unwrap_err().is_missing());
    walk(&archive, &found, None, Limits::default()).await.unwrap();
    assert_eq!(folder.files(), ["a.tar"]);
}

#[tokio::test]
async fn the_same_archive_gives_the_same_digest_however_it_arrives() {
    let image = Image::new("linux/s390x").file("data", random_bytes(2, 200_000)).layer_count(4).build();
    let bytes = docker_save(&[(&image, &["app:1"])]);
    let folder = Folder::new();
    let path = folder.with("plain.tar", &bytes);
    let packed = folder.with("packed.tar.gz", &gzip(&bytes));
    let inputs = [
        Input::Path(path.clone()),
        Input::Path(packed.clone()),
        Input::Reader(Box::new(Cursor::new(bytes.clone()))),
        Input::Reader(Box::new(fs::File::open(&packed).unwrap())),
        Input::File(fs::File::open(&path).unwrap()),
    ];
    let mut digests = Vec::new();
    for input in inputs {
        let archive = Archive::docker(input, folder.settings());
        let found = archive.manifest(&Selector::Only).await.unwrap();
        is_image(&archive, &found, &image).await;
        digests.push(found.digest().clone());
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    assert_eq!(folder.files(), ["packed.tar.gz", "plain.tar"]);
}

#[tokio::test]
async fn layers_that_are_compressed_already_keep_their_bytes() {
    let image = Image::new("linux/amd64").layer_count(2).build();
    let layers: Vec<&[u8]> = image.layers.iter().map(|(_, bytes)| &bytes[..]).collect();
    // The first one is named twice, and once by a hard link.
    let mut config: Value = serde_json::from_slice(&image.config.1).unwrap();
    let first = config["rootfs"]["diff_ids"][0].clone();
    config["rootfs"]["diff_ids"].as_array_mut().unwrap().extend([first.clone(), first]);
    let config = config.to_string();
    let list =
        json!([{"Config": "c.json", "Layers": ["0.tar", "1.tar", "./0.tar", "twin.tar"], "RepoTags": null, "Unknown": 1}]).to_string();
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in [("c.json", config.as_bytes()), ("0.tar", layers[0]), ("1.tar", layers[1]), ("manifest.json", list.as_bytes())] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, bytes).unwrap();
    }
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Link);
    link.set_size(0);
    tar.append_link(&mut link, "twin.tar", "0.tar").unwrap();
    let folder = Folder::new();
    folder.with("a.tar", &tar.into_inner().unwrap());
    let archive = folder.docker("a.tar");
    let found = archive.manifest(&Selector::Only).await.unwrap();
    let digests: Vec<&Digest> = found.as_image().unwrap().layers.iter().map(|layer| &layer.digest).collect();
    let [first, second] = [&image.layers[0].0.digest, &image.layers[1].0.digest];
    assert_eq!(digests, [first, second, first, first]);
    assert_eq!(bytes_of(&archive, &found.as_image().unwrap().layers[0]).await, image.layers[0].1);
}

#[tokio::test]
async fn docker_save_of_version_25_is_read_as_it_is() {
    let (one, other) = two();
    let bytes = docker_save_modern(&[(&one, &["app:1.0"]), (&other, &["app:2.0"])]);
    let folder = Folder::new();
    let path = folder.with("a.tar", &bytes);
    let archive = folder.docker("a.tar");
    assert_eq!(archive.tags().await.unwrap(), ["app:1.0", "app:2.0"]);
    let found = archive.manifest(&named("app:1.0")).await.unwrap();
    assert_eq!(*found.media_type(), MediaType::OciManifest);
    let layer = &found.as_image().unwrap().layers[0];
    assert_eq!(layer.media_type, MediaType::OciLayer);
    assert_eq!(bytes_of(&archive, layer).await, inflate(&one.layers[0].1));
    // The OCI view of the same file calls them by their tags.
    let oci = folder.layout("a.tar");
    assert_eq!(oci.tags().await.unwrap(), ["1.0", "2.0"]);
    assert_eq!(oci.resolve(&named("1.0")).await.unwrap().digest, *found.digest());
    assert_eq!(oci.resolve(&named("app:1.0")).await.unwrap().digest, *found.digest());
    // What an engine made up while saving is not believed where somebody asks for that.
    let classic = Archive::docker_classic(path, folder.settings());
    let made = classic.manifest(&named("app:1.0")).await.unwrap();
    is_image(&classic, &made, &one).await;
}

#[tokio::test]
async fn names_that_only_manifest_json_has_are_found() {
    let image = Image::new("linux/amd64").uncompressed().build();
    let blob = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
    let entry = image.manifest.descriptor();
    let index = json!({"schemaVersion": 2, "manifests": [entry]}).to_string();
    let list =
        json!([{"Config": blob(&image.config.0.digest), "RepoTags": ["app:1", "app:2"], "Layers": [blob(&image.layers[0].0.digest)]}])
            .to_string();
    let files: [(&str, &[u8]); 5] = [
        (&blob(image.digest()), image.manifest.bytes()),
        (&blob(&image.config.0.digest), &image.config.1),
        (&blob(&image.layers[0].0.digest), &image.layers[0].1),
        ("index.json", index.as_bytes()),
        ("manifest.json", list.as_bytes()),
    ];
    let folder = Folder::new();
    folder.with("a.tar", &tar_of(&files));
    let archive = folder.docker("a.tar");
    assert_eq!(archive.tags().await.unwrap(), ["app:1", "app:2"]);
    assert_eq!(archive.manifest(&named("app:2")).await.unwrap().bytes(), image.manifest.bytes());
    assert_eq!(archive.manifest(&Selector::Only).await.unwrap().bytes(), image.manifest.bytes());
    assert_eq!(folder.layout("a.tar").tags().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn entries_without_names_are_the_platforms_of_one_image() {
    let (one, other) = two();
    let index = json!({"schemaVersion": 2, "x": "kept", "manifests": [one.descriptor(), other.descriptor()]}).to_string();
    let mut files = vec![("index.json".to_owned(), index.clone().into_bytes())];
    for image in [&one, &other] {
        files.push((format!("./blobs/sha256/{}", image.digest().hex()), image.manifest.bytes().to_vec()));
        files.extend(image.blobs().map(|(blob, bytes)| (format!("./blobs/sha256/{}", blob.digest.hex()), bytes.to_vec())));
    }
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    let folder = Folder::new();
    folder.with("a.tar", &tar_of(&files));
    let archive = folder.layout("a.tar");
    let whole = archive.manifest(&Selector::Only).await.unwrap();
    assert_eq!(whole.bytes(), &index);
    assert_eq!(archive.manifest(&Selector::Digest(whole.digest().clone())).await.unwrap().bytes(), &index);
    walk(&archive, &whole, None, Limits::default()).await.unwrap();
    assert!(archive.has(&other.manifest.descriptor()).await.unwrap());
}

#[tokio::test]
async fn one_name_on_two_images_is_not_guessed() {
    let (one, other) = two();
    let entry = |image: &BuiltImage| {
        let mut entry = image.descriptor();
        entry.annotations.insert(annotation::REF_NAME.to_owned(), "1.0".to_owned());
        json!(entry)
    };
    let folder = Folder::new();
    folder.with("a.tar", &tar_of(&[("index.json", json!({"manifests": [entry(&one), entry(&other)]}).to_string().as_bytes())]));
    let error = folder.layout("a.tar").resolve(&named("1.0")).await.unwrap_err();
    assert!(matches!(error, Error::Several { count: 2, .. }), "{}", said(&error));
    // The list is there and its content is not.
    let error = folder.layout("a.tar").manifest(&Selector::Digest(one.digest().clone())).await.unwrap_err();
    assert!(error.is_missing(), "{}", said(&error));
}

#[tokio::test]
async fn a_file_is_recognised_by_what_is_in_it() {
    let image = Image::new("linux/amd64").build();
    let folder = Folder::new();
    let docker = folder.with("d.tar", &docker_save(&[(&image, &["app:1"])]));
    let layout = folder.with("l.tar", &tar_of(&[("index.json", br#"{"manifests":[]}"#)]));
    assert_eq!(Archive::recognise(&docker, folder.settings()).unwrap().kind(), Kind::Docker);
    assert_eq!(Archive::recognise(&layout, folder.settings()).unwrap().kind(), Kind::Layout);
    let error = folder.layout("d.tar").resolve(&Selector::Only).await.unwrap_err();
    let text = said(&error);
    assert!(text.starts_with("no index.json in ") && text.contains("hint: it looks like a docker archive: docker-archive:"), "{text}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_is_read_to_its_end_first() {
    let image = Image::new("linux/amd64").build();
    let folder = Folder::new();
    let pipe = folder.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let bytes = docker_save(&[(&image, &["app:1"])]);
    let (path, copy) = (pipe.clone(), bytes.clone());
    let writer = std::thread::spawn({
        let path = path.clone();
        move || fs::write(path, copy)
    });
    let archive = Archive::docker(pipe.clone(), folder.settings());
    let found = archive.manifest(&Selector::Only).await.unwrap();
    is_image(&archive, &found, &image).await;
    writer.join().unwrap().unwrap();
    // As well where its kind has to be found out first.
    let writer = std::thread::spawn(move || fs::write(path, bytes));
    let archive = Archive::recognise(&pipe, folder.settings()).unwrap();
    assert_eq!(archive.resolve(&named("app:1")).await.unwrap().digest, *found.digest());
    writer.join().unwrap().unwrap();
}
