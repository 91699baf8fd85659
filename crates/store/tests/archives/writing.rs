//! What is written, and what happens to what was there.

use std::fs;
use std::sync::Arc;

use content::{Error, Events, Expected, Limits, Place, Sink, Source, Tagged, copy};
use oci::{Descriptor, Digest, MediaType, RawManifest, Selector};
use serde_json::{Value, json};
use store::archive::Archive;
use testkit::fixtures::{BuiltImage, Image, Index, docker_save, in_memory, put, put_index, referred};

use super::reading::{gzip, tar_of};
use super::{Folder, bytes_of, inflate, named, said, untar};

fn image(text: &str) -> BuiltImage {
    Image::new("linux/amd64").text(text).build()
}

fn document(folder: &Folder, file: &str, entry: &str) -> Value {
    let entries = untar(&folder.path(file));
    let found: Vec<&Vec<u8>> = entries.iter().filter(|(name, _)| name == entry).map(|(_, bytes)| bytes).collect();
    assert_eq!(found.len(), 1, "{entry} once in {file}");
    serde_json::from_slice(found[0]).unwrap()
}

#[tokio::test]
async fn nothing_is_at_the_file_before_a_name_moves() {
    let folder = Folder::new();
    let archive = folder.layout("a.tar");
    put(&archive, &image("one"), None).await;
    assert!(!folder.path("a.tar").exists());
    assert_eq!(folder.files().len(), 1, "the file under way");
    drop(archive);
    assert_eq!(folder.files(), Vec::<String>::new());

    let before = tar_of(&[("index.json", br#"{"manifests":[]}"#)]);
    folder.with("a.tar", &before);
    let archive = folder.layout("a.tar");
    put(&archive, &image("one"), None).await;
    assert_eq!(fs::read(folder.path("a.tar")).unwrap(), before);
    drop(archive);
    assert_eq!(folder.files(), ["a.tar"]);
}

#[tokio::test]
async fn the_same_content_makes_the_same_file() {
    let folder = Folder::new();
    for name in ["a.tar", "b.tar"] {
        put(&folder.docker(name), &image("one"), Some("app:1")).await;
    }
    assert_eq!(fs::read(folder.path("a.tar")).unwrap(), fs::read(folder.path("b.tar")).unwrap());
}

#[tokio::test]
async fn a_second_run_writes_nothing() {
    let folder = Folder::new();
    let image = image("one");
    let stamp = || {
        let metadata = fs::metadata(folder.path("a.tar")).unwrap();
        (metadata.modified().unwrap(), metadata.len())
    };
    put(&folder.docker("a.tar"), &image, Some("app:1")).await;
    let first = stamp();
    let archive = folder.docker("a.tar");
    put(&archive, &image, None).await;
    let tagged = archive.tag(&named("docker.io/library/app:1"), &image.manifest, &Expected::Digest(image.digest().clone())).await.unwrap();
    assert_eq!((tagged, stamp(), folder.files()), (Tagged::Unchanged, first, vec!["a.tar".to_owned()]));
}

#[tokio::test]
async fn what_an_archive_holds_survives_the_next_writer() {
    let folder = Folder::new();
    let (one, two) = (image("one"), image("two"));
    put(&folder.layout("a.tar"), &one, Some("1")).await;
    // As another tool could have left it: unknown fields, unknown files.
    let mut files = untar(&folder.path("a.tar"));
    for (name, bytes) in &mut files {
        if name == "index.json" {
            let mut tree: Value = serde_json::from_slice(bytes).unwrap();
            tree["org.example"] = json!({"z": 1, "a": 2});
            tree["manifests"][0]["org.example"] = json!("entry");
            *bytes = tree.to_string().into_bytes();
        }
    }
    files.push(("notes/readme.txt".to_owned(), b"mine".to_vec()));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    folder.with("a.tar", &tar_of(&files));
    put(&folder.layout("a.tar"), &two, Some("2")).await;

    let archive = folder.layout("a.tar");
    assert_eq!(archive.tags().await.unwrap(), ["1", "2"]);
    assert_eq!(bytes_of(&archive, &one.layers[0].0).await, one.layers[0].1);
    let index = document(&folder, "a.tar", "index.json");
    assert_eq!((&index["org.example"], &index["manifests"][0]["org.example"]), (&json!({"z": 1, "a": 2}), &json!("entry")));
    assert!(untar(&folder.path("a.tar")).contains(&("notes/readme.txt".to_owned(), b"mine".to_vec())));
}

/// As containerd writes it. What makes them by itself makes them root's, and skopeo fails over that for whoever is not root.
#[tokio::test]
async fn folders_stand_before_what_is_in_them() {
    let folder = Folder::new();
    for (number, name) in ["1", "2"].iter().enumerate() {
        put(&folder.layout("a.tar"), &image(name), Some(name)).await;
        let names: Vec<String> = untar(&folder.path("a.tar")).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names[..2], ["blobs/", "blobs/sha256/"], "{number}");
        assert_eq!(names.iter().filter(|name| name.ends_with('/')).count(), 2, "{names:?}");
    }
}

#[tokio::test]
async fn what_no_name_reaches_is_left_behind_by_the_writer_after_next() {
    let folder = Folder::new();
    let holds = |blob: &Descriptor| untar(&folder.path("a.tar")).iter().any(|(name, _)| name.ends_with(blob.digest.hex()));
    let (old, new) = (image("old"), image("new"));
    put(&folder.layout("a.tar"), &old, Some("1")).await;
    put(&folder.layout("a.tar"), &new, Some("1")).await;
    assert!(holds(&old.layers[0].0), "a reader of the old image may still be at work");
    put(&folder.layout("a.tar"), &image("next"), Some("2")).await;
    assert!(!holds(&old.layers[0].0) && holds(&new.layers[0].0));
    // Content that a writer was told is there stays, though no name reaches it yet.
    put(&folder.layout("a.tar"), &image("newest"), Some("1")).await;
    let archive = folder.layout("a.tar");
    assert!(archive.has(&new.manifest.descriptor()).await.unwrap());
    put(&archive, &image("last"), None).await;
    archive.tag(&named("back"), &new.manifest, &Expected::Absent).await.unwrap();
    assert_eq!(bytes_of(&folder.layout("a.tar"), &new.layers[0].0).await, new.layers[0].1);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_do_not_know_each_other_lose_nothing() {
    let folder = Arc::new(Folder::new());
    let write = |number: usize| {
        let folder = folder.clone();
        tokio::spawn(async move {
            let image = image(&format!("image {number}"));
            let archive = folder.docker("a.tar");
            put(&archive, &image, None).await;
            archive.tag(&named(&format!("app:{number}")), &image.manifest, &Expected::Absent).await.unwrap();
            let race = image.manifest.clone();
            archive.tag(&named("app:race"), &race, &Expected::Absent).await.map(|_| race.digest().clone())
        })
    };
    let writers: Vec<_> = (0..8).map(write).collect();
    let mut winners = Vec::new();
    for writer in writers {
        match writer.await.unwrap() {
            Ok(digest) => winners.push(digest),
            Err(error) => assert!(matches!(error, Error::Moved { .. }), "{}", said(&error)),
        }
    }
    let archive = folder.docker("a.tar");
    let mut names: Vec<String> = (0..8).map(|number| format!("app:{number}")).collect();
    names.push("app:race".to_owned());
    assert_eq!(archive.tags().await.unwrap(), names);
    assert_eq!(winners, [archive.resolve(&named("app:race")).await.unwrap().digest]);
    for name in names {
        let found = archive.manifest(&named(&name)).await.unwrap();
        bytes_of(&archive, &found.as_image().unwrap().layers[0]).await;
    }
    assert_eq!(folder.files(), ["a.tar"]);
}

#[tokio::test]
async fn a_writer_is_told_when_the_file_changed_under_it() {
    let folder = Folder::new();
    let (one, two, three) = (image("one"), image("two"), image("three"));
    put(&folder.layout("a.tar"), &one, Some("1")).await;
    let archive = folder.layout("a.tar");
    put(&archive, &two, None).await;
    put(&folder.layout("a.tar"), &three, Some("1")).await;
    let expected = Expected::Digest(one.digest().clone());
    let error = archive.tag(&named("1"), &two.manifest, &expected).await.unwrap_err();
    assert!(matches!(&error, Error::Moved { found: Some(found), .. } if found == three.digest()), "{}", said(&error));
    assert_eq!(folder.layout("a.tar").resolve(&named("1")).await.unwrap().digest, *three.digest());
    // The same writer can go on, knowing better.
    archive.tag(&named("1"), &two.manifest, &Expected::Digest(three.digest().clone())).await.unwrap();
    assert_eq!(folder.layout("a.tar").resolve(&named("1")).await.unwrap().digest, *two.digest());
}

#[tokio::test]
async fn a_writer_never_counts_on_content_that_is_gone() {
    let folder = Folder::new();
    let one = image("one");
    put(&folder.layout("a.tar"), &one, Some("1")).await;
    let archive = folder.layout("a.tar");
    assert!(archive.has(&one.layers[0].0).await.unwrap());
    fs::remove_file(folder.path("a.tar")).unwrap();
    put(&folder.layout("a.tar"), &image("two"), Some("2")).await;
    archive.put_manifest(&one.manifest).await.unwrap();
    let error = archive.tag(&named("1"), &one.manifest, &Expected::Any).await.unwrap_err();
    assert!(error.is_missing(), "{}", said(&error));
    assert_eq!(folder.layout("a.tar").tags().await.unwrap(), ["2"]);
}

#[tokio::test]
async fn an_archive_of_docker_24_gets_the_new_shape_and_keeps_its_images() {
    let folder = Folder::new();
    let old = Image::new("linux/amd64").layer_count(2).build();
    folder.with("a.tar", &docker_save(&[(&old, &["app:1", "app:2"])]));
    let before = folder.docker("a.tar").manifest(&named("app:1")).await.unwrap();
    put(&folder.docker("a.tar"), &image("new"), Some("app:2")).await;
    let archive = folder.docker("a.tar");
    assert_eq!(archive.tags().await.unwrap(), ["app:1", "app:2"]);
    let after = archive.manifest(&named("app:1")).await.unwrap();
    assert_eq!(after.bytes(), before.bytes());
    assert_eq!(bytes_of(&archive, &after.as_image().unwrap().config).await, old.config.1);
    for layer in &after.as_image().unwrap().layers {
        inflate(&bytes_of(&archive, layer).await);
    }
    let names: Vec<Value> =
        document(&folder, "a.tar", "manifest.json").as_array().unwrap().iter().map(|image| image["RepoTags"].clone()).collect();
    assert_eq!(names, [json!(["app:1"]), json!(["app:2"])]);
}

#[tokio::test]
async fn manifest_json_names_the_image_that_an_older_docker_can_load() {
    let folder = Folder::new();
    let (arm, amd) = (Image::new("linux/arm64").docker().build(), Image::new("linux/amd64").docker().build());
    let both = Index::new().docker().image(&arm).image(&amd).build();
    let archive = folder.docker("a.tar");
    put_index(&archive, &[&arm, &amd], &both, Some("ghcr.io/acme/app:1")).await;
    put(&archive, &arm, Some("app")).await;
    archive.tag(&named("app:two"), &arm.manifest, &Expected::Any).await.unwrap();
    let path = |blob: &Descriptor| format!("blobs/sha256/{}", blob.digest.hex());
    let item = |image: &BuiltImage, names: &[&str]| json!({"Config": path(&image.config.0), "RepoTags": names, "Layers": [path(&image.layers[0].0)]});
    assert_eq!(
        document(&folder, "a.tar", "manifest.json"),
        json!([item(&amd, &["ghcr.io/acme/app:1"]), item(&arm, &["app:latest", "app:two"])])
    );
    let index = document(&folder, "a.tar", "index.json");
    let marks = json!({"io.containerd.image.name": "ghcr.io/acme/app:1", "org.opencontainers.image.ref.name": "1"});
    assert_eq!((&index["manifests"][0]["annotations"], &index["manifests"][0]["mediaType"]), (&marks, &json!(MediaType::DockerList)));
    assert_eq!(document(&folder, "a.tar", "oci-layout"), json!({"imageLayoutVersion": "1.0.0"}));
    assert_eq!(archive.loadable(&both).await.unwrap().unwrap().digest(), amd.digest());
}

/// An engine that is told of a signature tries to unpack its text, and refuses the whole archive.
#[tokio::test]
async fn old_signatures_are_kept_and_no_engine_is_told_of_them() {
    let folder = Folder::new();
    let archive = folder.docker("a.tar");
    let world = referred();
    let (tag, signature) = &world.tagged[0];
    put(&archive, signature, Some(tag)).await;
    put(&archive, &world.images[0], Some("acme/app:1")).await;
    let list = document(&folder, "a.tar", "manifest.json");
    let names: Vec<&Value> = list.as_array().unwrap().iter().map(|image| &image["RepoTags"]).collect();
    assert_eq!(names, [&json!(["acme/app:1"])]);
    let again = folder.docker("a.tar");
    assert_eq!(again.resolve(&named(tag)).await.unwrap().digest, *signature.digest());
    assert_eq!(again.tags().await.unwrap(), ["acme/app:1"]);
    assert_eq!(again.resolve(&Selector::Only).await.unwrap().digest, *world.images[0].digest());
}

#[tokio::test]
async fn long_digests_make_a_tar_that_others_read() {
    let folder = Folder::new();
    let bytes = b"named by 128 digits".as_slice();
    let digest = Digest::with(oci::Algorithm::Sha512, bytes);
    let manifest = RawManifest::parse(
        json!({"schemaVersion": 2, "mediaType": MediaType::OciManifest, "config": Descriptor::new(MediaType::OciEmpty, digest.clone(), bytes.len() as u64), "layers": []}).to_string().into(),
        None,
    )
    .unwrap();
    let mut carrier = image("carrier");
    carrier.layers = vec![(manifest.as_image().unwrap().config.clone(), bytes.into())];
    let archive = folder.layout("a.tar");
    copy(&in_memory(&[&carrier], &[&manifest]).await, &archive as &dyn Place, &manifest, Limits::default(), &Events::none()).await.unwrap();
    archive.tag(&Selector::Only, &manifest, &Expected::Any).await.unwrap();
    assert!(untar(&folder.path("a.tar")).contains(&(format!("blobs/sha512/{}", digest.hex()), bytes.to_vec())));
}

#[tokio::test]
async fn the_nameless_image_is_replaced_by_the_next_one() {
    let folder = Folder::new();
    let (one, two) = (image("one"), image("two"));
    for image in [&one, &two] {
        let archive = folder.layout("a.tar");
        put(&archive, image, None).await;
        archive.tag(&Selector::Only, &image.manifest, &Expected::Any).await.unwrap();
    }
    let archive = folder.layout("a.tar");
    assert_eq!(archive.manifest(&Selector::Only).await.unwrap().digest(), two.digest());
    let error = archive.tag(&Selector::Only, &two.manifest, &Expected::Absent).await.unwrap_err();
    assert!(matches!(error, Error::Moved { .. }), "{}", said(&error));
}

#[tokio::test]
async fn places_that_cannot_be_written_are_refused_with_the_reason() {
    let folder = Folder::new();
    let one = image("one");
    let source = in_memory(&[&one], &[]).await;
    let refused = async |archive: Archive| said(&archive.put_blob(&one.config.0, &source).await.unwrap_err());
    let dash = refused(Archive::docker(std::path::PathBuf::from("-"), folder.settings())).await;
    assert!(dash.starts_with("cannot write to -: an archive is written to a file"), "{dash}");
    let text = refused(Archive::docker(std::path::PathBuf::from("/dev/null"), folder.settings())).await;
    assert!(text.starts_with("cannot write to /dev/null"), "{text}");
    assert!(Archive::docker(std::path::PathBuf::from("/dev/null"), folder.settings()).check_target().is_err());
    assert!(folder.docker("new.tar").check_target().is_ok());
    let text = refused(folder.layout("")).await;
    assert!(text.contains("is no file"), "{text}");
    folder.with("text", b"not to be lost, and no archive either: a shopping list of some length, say");
    let text = refused(folder.layout("text")).await;
    assert!(text.contains("is cut off"), "{text}");
    let index = tar_of(&[("index.json", br#"{"manifests":[]}"#)]);
    folder.with("a.tar.gz", &gzip(&index));
    let text = refused(folder.layout("a.tar.gz")).await;
    assert!(text.contains("is compressed with gzip: expected a plain tar | hint: name another file, or first: gzip -dc"), "{text}");
    // An empty file is a place kept free (mktemp).
    folder.with("empty", b"");
    put(&folder.layout("empty"), &one, Some("1")).await;
    let archive = folder.docker("names.tar");
    put(&archive, &one, None).await;
    let error = archive.tag(&named("No Name"), &one.manifest, &Expected::Any).await.unwrap_err();
    assert!(said(&error).contains("cannot name an image in a docker archive"), "{}", said(&error));
    let error = archive.remove(&named("app:1")).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{}", said(&error));
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_mode_stays_and_a_new_one_is_like_any_other() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let mode = |name: &str| fs::metadata(folder.path(name)).unwrap().permissions().mode() & 0o777;
    put(&folder.layout("a.tar"), &image("one"), Some("1")).await;
    folder.with("other", b"");
    assert_eq!(mode("a.tar"), mode("other"));
    fs::set_permissions(folder.path("a.tar"), fs::Permissions::from_mode(0o640)).unwrap();
    put(&folder.layout("a.tar"), &image("two"), Some("2")).await;
    assert_eq!(mode("a.tar"), 0o640);
    // A link stays one: its target gets the new file.
    std::os::unix::fs::symlink("a.tar", folder.path("link.tar")).unwrap();
    put(&folder.layout("link.tar"), &image("three"), Some("3")).await;
    assert!(fs::symlink_metadata(folder.path("link.tar")).unwrap().is_symlink());
    assert_eq!(folder.layout("a.tar").tags().await.unwrap(), ["1", "2", "3"]);
}

#[tokio::test]
async fn what_a_killed_writer_left_is_swept() {
    let folder = Folder::new();
    folder.with(".polyarch-killed", b"half a tar");
    let alive = folder.layout("b.tar");
    put(&alive, &image("alive"), None).await;
    put(&folder.layout("a.tar"), &image("one"), Some("1")).await;
    assert!(!folder.path(".polyarch-killed").exists());
    alive.tag(&named("1"), &image("alive").manifest, &Expected::Any).await.unwrap();
    assert_eq!(folder.files(), ["a.tar", "b.tar"]);
}

#[tokio::test]
async fn a_writer_waits_for_another_one_in_the_same_folder() {
    let folder = Folder::new();
    let image = image("one");
    let archive = folder.layout("a.tar");
    put(&archive, &image, None).await;
    let other = fs::File::open(folder.path("")).unwrap();
    other.lock().unwrap();
    let tagging = tokio::spawn({
        let archive = archive.clone();
        async move { archive.tag(&named("1"), &image.manifest, &Expected::Any).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(!folder.path("a.tar").exists() && !tagging.is_finished());
    drop(other);
    assert_eq!(tagging.await.unwrap().unwrap(), Tagged::Moved);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_leaves_the_file_as_it_was() {
    use std::process::Command;

    let folder = Folder::new();
    let disk = folder.path("disk");
    fs::create_dir(&disk).unwrap();
    if !Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(&disk).output().is_ok_and(|done| done.status.success()) {
        testkit::skip("mounting a small tmpfs needs root");
        return;
    }
    let large = Image::new("linux/amd64").file("data", testkit::fixtures::random_bytes(3, 12 << 20)).uncompressed().build();
    let _mounted = Mounted(disk.clone());
    let archive = folder.layout("disk/a.tar");
    put(&archive, &image("old"), Some("1")).await;
    let before = fs::read(disk.join("a.tar")).unwrap();
    let source = in_memory(&[&large], &[]).await;
    let error = copy(&source, &archive, &large.manifest, Limits::default(), &Events::none()).await.unwrap_err();
    let text = said(&error);
    assert!(text.starts_with(&format!("cannot write {}/a.tar | No space left", disk.display())), "{text}");
    assert!(text.contains("hint: the disk is full"), "{text}");
    assert_eq!(fs::read(disk.join("a.tar")).unwrap(), before);
    // What was written of it is given back, and smaller things still fit.
    put(&archive, &image("small"), Some("2")).await;
    assert_eq!(archive.tags().await.unwrap(), ["1", "2"]);
}

/// A disk that is unmounted at the end.
#[cfg(target_os = "linux")]
struct Mounted(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Drop for Mounted {
    fn drop(&mut self) {
        std::process::Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

/// `docker save hello:1.0 world:1.0`, as a layout: one short name on two images.
#[tokio::test]
async fn full_names_stay_and_a_short_name_of_two_images_is_not_written_over() {
    let folder = Folder::new();
    let (one, two, three) = (image("one"), image("two"), image("three"));
    let archive = folder.docker("a.tar");
    put(&archive, &one, Some("hello:1.0")).await;
    put(&archive, &two, Some("world:1.0")).await;
    let before = fs::read(folder.path("a.tar")).unwrap();

    let archive = folder.layout("a.tar");
    put(&archive, &three, None).await;
    let error = archive.tag(&named("1.0"), &three.manifest, &Expected::Any).await.unwrap_err();
    assert!(matches!(&error, Error::Several { names, .. } if names == "hello:1.0, world:1.0"), "{}", said(&error));
    assert_eq!(fs::read(folder.path("a.tar")).unwrap(), before);
    archive.tag(&named("world:1.0"), &three.manifest, &Expected::Any).await.unwrap();
    assert_eq!(archive.tags().await.unwrap(), ["hello:1.0", "world:1.0"]);
    let marks = &document(&folder, "a.tar", "index.json")["manifests"][1]["annotations"];
    assert_eq!(marks["io.containerd.image.name"], "docker.io/library/world:1.0");
    assert_eq!(marks["org.opencontainers.image.ref.name"], "1.0");
}

#[tokio::test]
async fn a_damaged_manifest_is_put_again() {
    let folder = Folder::new();
    let image = image("one");
    put(&folder.layout("a.tar"), &image, Some("1")).await;
    let path = format!("blobs/sha256/{}", image.digest().hex());
    let mut files = untar(&folder.path("a.tar"));
    for (name, bytes) in &mut files {
        if *name == path {
            bytes.fill(b' ');
        }
    }
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    folder.with("a.tar", &tar_of(&files));
    let archive = folder.layout("a.tar");
    assert!(!archive.has(&image.manifest.descriptor()).await.unwrap());
    put(&archive, &image, Some("2")).await;
    assert_eq!(folder.layout("a.tar").manifest(&named("2")).await.unwrap().bytes(), image.manifest.bytes());
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_a_file_that_is_still_to_be_made_stays() {
    let folder = Folder::new();
    std::os::unix::fs::symlink("a.tar", folder.path("link.tar")).unwrap();
    put(&folder.layout("link.tar"), &image("one"), Some("1")).await;
    assert!(folder.path("link.tar").is_symlink());
    assert_eq!(folder.layout("a.tar").tags().await.unwrap(), ["1"]);
}
