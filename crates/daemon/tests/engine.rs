//! Images of a real Docker Engine, read and written.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use content::{Error, Event, Events, Expected, Limits, Place, Sink, Source, Tagged, copy};
use daemon::{DaemonImages, Endpoint, Engine, ImageStore};
use oci::{Descriptor, Digest, ImageConfig, MediaType, Platform, Selector};
use store::archive::{Archive, Settings};
use testkit::contract::{self, Clause, Fixture};
use testkit::dockerd::Dockerd;
use testkit::fixtures::{BuiltImage, Image, Index, docker_save, in_memory, put, put_index, random_bytes};

/// The engine, connected, with the warnings it gave.
struct Connected {
    dockerd: &'static Dockerd,
    engine: Engine,
    warnings: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

impl Connected {
    async fn new() -> Option<Self> {
        let dockerd = Dockerd::shared()?;
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let listener = warnings.clone();
        let events = Events::to(move |event| {
            if let Event::Warning(text) = event {
                listener.lock().unwrap().push(text);
            }
        });
        let endpoint = Endpoint::parse(&dockerd.host(), None).unwrap();
        let engine = Engine::connect(endpoint, events).await.unwrap();
        Some(Self { dockerd, engine, warnings, folder: tempfile::tempdir().unwrap() })
    }

    fn image(&self, name: &str) -> DaemonImages {
        self.engine.image(name, self.settings()).unwrap()
    }

    fn settings(&self) -> Settings {
        Settings::new(self.folder.path(), Platform::new("linux", "amd64", None))
    }

    /// Runs docker and returns what it printed; `None` where it is not installed.
    fn docker(&self, arguments: &[&str]) -> Option<String> {
        let Output { status, stdout, stderr } = self.dockerd.docker(arguments)?;
        assert!(status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&stderr));
        Some(String::from_utf8(stdout).unwrap().trim().to_owned())
    }
}

/// A name that no other test uses.
fn fresh() -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    format!("test-{}/app", NUMBER.fetch_add(1, Ordering::Relaxed))
}

async fn bytes_of(place: &dyn Source, blob: &Descriptor) -> Vec<u8> {
    place.blob(blob).await.unwrap().read_all(u64::MAX).await.unwrap().to_vec()
}

fn inflate(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    layer::gunzip(bytes, &mut plain, u64::MAX).unwrap();
    plain
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_keeps_the_contract_as_far_as_it_can() {
    let Some(connected) = Connected::new().await else { return };
    let connected = Arc::new(connected);
    assert_eq!(connected.engine.image_store(), ImageStore::Classic);
    // An index is not refused here: the image for the engine's platform is loaded, and that is said.
    contract::all_but(&[Clause::Indexes], || {
        let connected = connected.clone();
        async move { Fixture::new(connected.image(&fresh()), connected) }
    })
    .await;
}

#[tokio::test]
async fn reads_what_docker_loaded() {
    let Some(connected) = Connected::new().await else { return };
    let name = fresh();
    let image = Image::new("linux/amd64").docker().file("data", random_bytes(1, 300_000)).layer_count(3).build();
    let (one, two) = (format!("{name}:1"), format!("{name}:2"));
    connected.dockerd.load(&docker_save(&[(&image, &[&one, &two])]));

    let place = connected.image(&one);
    let found = place.manifest(&Selector::Only).await.unwrap();
    assert_eq!(*found.media_type(), MediaType::DockerManifest);
    let view = found.as_image().unwrap();
    let config = bytes_of(&place, &view.config).await;
    assert_eq!(config, image.config.1);
    for (layer, diff_id) in view.layers.iter().zip(ImageConfig::parse(&config).unwrap().rootfs.diff_ids) {
        assert_eq!(layer.media_type, MediaType::DockerLayerGzip);
        assert_eq!(Digest::of(&inflate(&bytes_of(&place, layer).await)), diff_id.0);
    }
    assert_eq!(place.tags().await.unwrap(), ["1", "2"]);
    // The same image has the same digest, by another tag, by its id, and from `docker save`.
    assert_eq!(place.resolve(&Selector::Name("2".to_owned())).await.unwrap().digest, *found.digest());
    let by_id = connected.image(&image.config.0.digest.to_string());
    assert_eq!(by_id.manifest(&Selector::Only).await.unwrap().bytes(), found.bytes());
    assert_eq!(by_id.tags().await.unwrap(), ["1", "2"]);
    let again = connected.image(&one);
    again.manifest(&Selector::Digest(found.digest().clone())).await.unwrap();
    let file = connected.folder.path().join("saved.tar");
    let Some(_) = connected.docker(&["save", "-o", file.to_str().unwrap(), &one]) else { return };
    let saved = Archive::docker(file, connected.settings());
    assert_eq!(saved.resolve(&Selector::Only).await.unwrap().digest, *found.digest());
}

#[tokio::test]
async fn what_is_not_there_is_missing() {
    let Some(connected) = Connected::new().await else { return };
    let place = connected.image(&format!("{}:1", fresh()));
    for selector in [Selector::Only, Selector::Name("2".to_owned()), Selector::Digest(Digest::of(b"nowhere"))] {
        let error = place.manifest(&selector).await.unwrap_err();
        assert!(error.is_missing(), "{selector:?}: {error:?}");
    }
    assert!(place.manifest(&Selector::Only).await.unwrap_err().to_string().starts_with("no image in docker-daemon:test-"));
    assert!(place.remove(&Selector::Only).await.unwrap_err().is_missing());
    assert!(connected.image(&Digest::of(b"nowhere").to_string()).resolve(&Selector::Only).await.unwrap_err().is_missing());
    assert!(connected.engine.image("No Name", connected.settings()).unwrap_err().to_string().contains("names no image"));
}

#[tokio::test]
async fn docker_sees_what_was_loaded() {
    let Some(connected) = Connected::new().await else { return };
    let name = fresh();
    let image = Image::new("linux/amd64").file("data", random_bytes(2, 300_000)).layer_count(2).build();
    let place = connected.image(&format!("{name}:1"));
    put(&place, &image, None).await;
    assert_eq!(place.tag(&Selector::Only, &image.manifest, &Expected::Absent).await.unwrap(), Tagged::Moved);
    assert_eq!(place.tag(&Selector::Only, &image.manifest, &Expected::Any).await.unwrap(), Tagged::Unchanged);
    assert_eq!(place.tag(&Selector::Name("2".to_owned()), &image.manifest, &Expected::Any).await.unwrap(), Tagged::Moved);
    let id = image.config.0.digest.to_string();
    for tag in ["1", "2"] {
        let reference = format!("{name}:{tag}");
        let Some(shown) =
            connected.docker(&["image", "inspect", "--format", "{{.Id}} {{.Os}}/{{.Architecture}} {{len .RootFS.Layers}}", &reference])
        else {
            return;
        };
        assert_eq!(shown, format!("{id} linux/amd64 2"));
    }
    assert!(connected.warnings.lock().unwrap().is_empty(), "{:?}", connected.warnings);
    let error = place.tag(&Selector::Only, &image.manifest, &Expected::Absent).await.unwrap_err();
    assert!(matches!(error, Error::Moved { found: Some(_), .. }), "{error:?}");
    place.remove(&Selector::Name("2".to_owned())).await.unwrap();
    assert_eq!(place.tags().await.unwrap(), ["1"]);
    drop(place);
    let left: Vec<_> = std::fs::read_dir(connected.folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn of_an_index_the_engines_own_platform_is_loaded_and_that_is_said() {
    let Some(connected) = Connected::new().await else { return };
    let platforms = ["linux/arm64/v8", "linux/amd64", "linux/s390x"];
    let images: Vec<BuiltImage> = platforms.iter().map(|platform| Image::new(platform).build()).collect();
    let index = images.iter().fold(Index::new(), Index::image).build();
    let source = in_memory(&images.iter().collect::<Vec<_>>(), &[&index]).await;
    let place = connected.image(&fresh());
    copy(&source, &place as &dyn Place, &index, Limits::default(), &Events::none()).await.unwrap();
    assert_eq!(place.tag(&Selector::Only, &index, &Expected::Any).await.unwrap(), Tagged::Moved);
    assert_eq!(place.tag(&Selector::Only, &index, &Expected::Any).await.unwrap(), Tagged::Unchanged);
    let found = place.manifest(&Selector::Only).await.unwrap();
    assert_eq!(bytes_of(&place, &found.as_image().unwrap().config).await, images[1].config.1);
    let endpoint = connected.engine.endpoint();
    let warning = format!("the engine at {endpoint} keeps one platform per image: loaded linux/amd64 of 3");
    assert_eq!(*connected.warnings.lock().unwrap(), [warning]);

    connected.warnings.lock().unwrap().clear();
    let foreign = Index::new().image(&images[2]).build();
    let place = connected.image(&fresh());
    put_index(&place, &[&images[2]], &foreign, None).await;
    place.tag(&Selector::Only, &foreign, &Expected::Any).await.unwrap();
    let warning = format!("the engine at {endpoint} keeps one platform per image: loaded linux/s390x of 1, as none is for linux/amd64");
    assert_eq!(*connected.warnings.lock().unwrap(), [warning]);
}

#[tokio::test]
async fn what_no_engine_can_run_is_refused() {
    let Some(connected) = Connected::new().await else { return };
    let artifact = Image::new("linux/amd64").artifact("application/vnd.example.report").build();
    let place = connected.image(&fresh());
    put(&place, &artifact, None).await;
    let error = place.tag(&Selector::Only, &artifact.manifest, &Expected::Any).await.unwrap_err();
    assert!(matches!(&error, Error::Unsupported { cannot, .. } if cannot == "takes runnable images only"), "{error:?}");
    let image = Image::new("linux/amd64").build();
    let by_id = connected.image(&image.config.0.digest.to_string());
    put(&by_id, &image, None).await;
    let error = by_id.tag(&Selector::Only, &image.manifest, &Expected::Any).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
}

#[tokio::test]
async fn an_engine_that_cannot_load_says_why() {
    let Some(connected) = Connected::new().await else { return };
    // The config claims another layer than the one it has: only the engine looks into it.
    let image =
        Image::new("linux/amd64").config(|config| config["rootfs"]["diff_ids"][0] = serde_json::json!(Digest::of(b"another"))).build();
    let place = connected.image(&fresh());
    put(&place, &image, None).await;
    let error = place.tag(&Selector::Only, &image.manifest, &Expected::Any).await.unwrap_err().to_string();
    assert!(
        error.starts_with("the Docker Engine at unix:///") && error.contains("could not load test-") && error.contains("invalid diffID"),
        "{error}"
    );
    assert!(place.resolve(&Selector::Only).await.unwrap_err().is_missing());
}
