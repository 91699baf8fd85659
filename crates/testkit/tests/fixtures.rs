//! What the fixtures make is what real tools read, and the same every time.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::Command;

use oci::{ImageConfig, MediaType};
use testkit::fixtures::{self, BuiltImage, Image, Index};

/// Runs skopeo, which checks every digest it copies; `None` where it is not installed.
fn skopeo(arguments: &[&str]) -> Option<String> {
    let Some(program) = testkit::binary("skopeo") else {
        testkit::skip("skopeo is not installed");
        return None;
    };
    let output = Command::new(program).arg("--insecure-policy").args(arguments).output().unwrap();
    assert!(output.status.success(), "skopeo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_same_words_give_the_same_bytes() {
    let make = || Image::new("linux/arm/v7").text("hello").layer_count(2).build();
    assert_eq!(make().manifest.bytes(), make().manifest.bytes());
    // Pinned: another library, machine or day must not change it.
    assert_eq!(Image::new("linux/amd64").text("hello").uncompressed().build().digest().to_string(), PINNED);
    assert_eq!(fixtures::random_bytes(1, 5), fixtures::random_bytes(1, 9)[..5]);
    assert_ne!(fixtures::random_bytes(1, 8), fixtures::random_bytes(2, 8));
}

const PINNED: &str = "sha256:e486e6237b0fed68525d3ae6b20718582f0ee7998a2176c554e94f59a3928e9f";

#[test]
fn an_image_says_what_it_was_asked_to() {
    let windows = Image::new("windows/amd64:10.0.20348.1").docker().layer_count(3).build();
    let config = ImageConfig::parse(&windows.config.1).unwrap();
    assert_eq!(config.platform().unwrap(), windows.platform);
    assert_eq!(config.os_version.as_deref(), Some("10.0.20348.1"));
    assert_eq!(config.rootfs.diff_ids.len(), 3);
    assert_eq!(*windows.manifest.media_type(), MediaType::DockerManifest);
    assert!(windows.layers.iter().all(|(layer, _)| layer.media_type == MediaType::DockerLayerGzip));
    let bare = Image::new("linux/amd64").without_platform().config(|config| config["author"] = "me".into()).build();
    assert_eq!(ImageConfig::parse(&bare.config.1).unwrap().platform(), None);
    assert!(bare.config.1.windows(13).any(|part| part == br#""author":"me""#));
    let signature = Image::new("linux/amd64").artifact("application/x").subject(bare.descriptor()).build();
    let manifest = signature.manifest.as_image().unwrap();
    assert!(!manifest.is_image());
    assert_eq!(manifest.subject.as_ref().unwrap().digest, *bare.digest());
    assert_eq!(signature.descriptor().platform, None);
}

#[test]
fn an_attestation_names_its_image() {
    let image = Image::new("linux/amd64").build();
    let attestation = fixtures::attestation_for(&image);
    let index = Index::new().image(&image).add(fixtures::attestation_entry(&attestation, &image)).annotation("a", "b").build();
    let index = index.as_index().unwrap();
    assert_eq!(index.manifests[1].attests(), Some(image.digest().clone()));
    assert_eq!(index.manifests[1].platform.as_ref().unwrap().os, "unknown");
    assert_eq!(index.annotations["a"], "b");
}

#[test]
fn skopeo_reads_the_layout() {
    let folder = tempfile::tempdir().unwrap();
    let layout = folder.path().join("layout");
    let images = ["linux/amd64", "linux/arm64"].map(|platform| Image::new(platform).layer_count(2).build());
    let index = Index::new().image(&images[0]).image(&images[1]).build();
    fixtures::write_layout(&layout, &[(&index, Some("1.0")), (&images[0].manifest, None)], &[&images[0], &images[1]]);
    let target = format!("oci:{}:copy", text(&folder.path().join("copy")));
    let Some(_) = skopeo(&["copy", "--all", &format!("oci:{}:1.0", text(&layout)), &target]) else { return };
    assert_eq!(skopeo(&["inspect", "--raw", &target]).unwrap().as_bytes(), index.bytes());
}

#[test]
fn skopeo_reads_the_docker_archives() {
    // Two images with one layer in common, below different folders of the old format.
    let base = Image::new("linux/amd64").text("base").build();
    let more = Image::new("linux/amd64").text("base").layer_count(2).config(|config| config["author"] = "more".into()).build();
    let images: [(&BuiltImage, &[&str]); 2] = [(&base, &["hello:1.0", "localhost:5000/a/hello:latest"]), (&more, &["more:2"])];
    let folder = tempfile::tempdir().unwrap();
    for (name, archive) in [("classic.tar", fixtures::docker_save(&images)), ("modern.tar", fixtures::docker_save_modern(&images))] {
        let path = folder.path().join(name);
        std::fs::write(&path, archive).unwrap();
        for (image, tag) in [(&base, "hello:1.0"), (&base, "localhost:5000/a/hello:latest"), (&more, "more:2")] {
            let source = format!("docker-archive:{}:{tag}", text(&path));
            let Some(config) = skopeo(&["inspect", "--config", "--raw", &source]) else { return };
            assert_eq!(config.as_bytes(), image.config.1, "{source}");
            let copy = folder.path().join(format!("{name}-{}", tag.replace(['/', ':'], "-")));
            skopeo(&["copy", &source, &format!("oci:{}:copy", text(&copy))]);
        }
    }
}
