//! skopeo reads what we write, and we read what it writes.

use std::process::Command;

use content::Source;
use oci::Selector;
use testkit::fixtures::{Image, Index, put, put_index};

use super::{Folder, bytes_of, named};

/// Runs skopeo and returns what it printed; `None` where it is not installed.
fn skopeo(arguments: &[&str]) -> Option<String> {
    // Some versions give what they unpack to the owners that the tar names.
    if !testkit::is_root() {
        testkit::skip("skopeo unpacks archives as root only");
        return None;
    }
    let Some(program) = testkit::binary("skopeo") else {
        testkit::skip("skopeo is not installed");
        return None;
    };
    // An empty folder for its passwords: those of whoever runs the tests may not even be readable.
    let home = tempfile::tempdir().unwrap();
    let mut skopeo = Command::new(program);
    skopeo.args(["--insecure-policy"]).args(arguments).env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path());
    let done = skopeo.output().unwrap();
    assert!(done.status.success(), "skopeo {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    Some(String::from_utf8(done.stdout).unwrap())
}

#[tokio::test]
async fn skopeo_reads_our_archives() {
    let folder = Folder::new();
    let (amd, arm) = (Image::new("linux/amd64").layer_count(2).build(), Image::new("linux/arm64").build());
    let index = Index::new().image(&amd).image(&arm).build();
    let (layout, docker) = (folder.layout("l.tar"), folder.docker("d.tar"));
    put_index(&layout, &[&amd, &arm], &index, Some("1.0")).await;
    put_index(&docker, &[&amd, &arm], &index, Some("app:1.0")).await;
    put(&docker, &arm, Some("app:arm")).await;

    let path = format!("oci-archive:{}:1.0", folder.path("l.tar").display());
    let Some(raw) = skopeo(&["inspect", "--raw", &path]) else { return };
    assert_eq!(raw.as_bytes(), index.bytes());
    let copied = format!("oci:{}:x", folder.path("copied").display());
    skopeo(&["copy", "--all", &path, &copied]);
    let copied = store::Layout::open(folder.path("copied")).unwrap();
    assert_eq!(copied.manifest(&named("x")).await.unwrap().digest(), index.digest());

    for (name, image) in [("app:1.0", &amd), ("app:arm", &arm)] {
        let path = format!("docker-archive:{}:{name}", folder.path("d.tar").display());
        let config = skopeo(&["inspect", "--config", "--raw", "--override-arch", &image.platform.architecture, &path]).unwrap();
        assert_eq!(config.as_bytes(), image.config.1);
        let out = format!("oci:{}:{}", folder.path("out").display(), image.platform.architecture);
        skopeo(&["copy", &path, &out]);
    }
}

#[tokio::test]
async fn we_read_skopeos_archives() {
    let folder = Folder::new();
    let image = Image::new("linux/amd64").layer_count(3).build();
    let source = folder.layout("source.tar");
    put(&source, &image, Some("x")).await;
    let from = format!("oci-archive:{}:x", folder.path("source.tar").display());
    let layout = format!("oci-archive:{}:1.0", folder.path("l.tar").display());
    let Some(_) = skopeo(&["copy", &from, &layout]) else { return };
    let read = folder.layout("l.tar");
    assert_eq!(read.tags().await.unwrap(), ["1.0"]);
    assert_eq!(read.manifest(&Selector::Only).await.unwrap().bytes(), image.manifest.bytes());

    let docker = format!("docker-archive:{}:app:1.0", folder.path("d.tar").display());
    skopeo(&["copy", &from, &docker]);
    let read = folder.docker("d.tar");
    assert_eq!(read.tags().await.unwrap(), ["app:1.0"]);
    let found = read.manifest(&named("app:1.0")).await.unwrap();
    let view = found.as_image().unwrap();
    // skopeo keeps the config and inflates the layers.
    assert_eq!(bytes_of(&read, &view.config).await, image.config.1);
    assert_eq!(view.layers.len(), 3);
}
