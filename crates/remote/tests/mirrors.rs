//! registries.conf at work: mirrors, other locations, blocked and insecure names.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;
use std::sync::Arc;

use content::{Place, Source};
use fault::{ExitCode, Fault};
use oci::{Reference, Selector};
use remote::{Client, Intent, RegistriesFile, RemoteError, Settings, ShortName};
use support::tls::Authority;
use support::tunnel::Tunnel;
use support::{Fake, Told, answer, cut_off, docker_config, manifest_answer, open, settings, tag, whole, write};
use testkit::fixtures::{BuiltImage, Image, put, random_bytes};
use testkit::registry::{DebianRegistry, RegistryOptions};
use testkit::tokens::{TokenOptions, TokenServer, User};

/// Settings with one file of this text.
fn with(folder: &Path, text: &str) -> (Settings, Told) {
    let (mut settings, told) = settings();
    let path = folder.join("registries.conf");
    write(&path, text);
    settings.registries = vec![RegistriesFile { path, own: false, named: true }];
    (settings, told)
}

fn place(settings: &Settings, name: &str, intent: Intent) -> Arc<dyn Place> {
    Client::new(settings.clone()).unwrap().place(&name.parse::<Reference>().unwrap(), intent).unwrap()
}

fn mirrors(home: &str, mirrors: &[&str]) -> String {
    let all: String = mirrors.iter().map(|location| format!("[[registry.mirror]]\nlocation = \"{location}\"\n")).collect();
    format!("[[registry]]\nlocation = \"{home}\"\n{all}")
}

async fn read_all(place: &dyn Source, image: &BuiltImage) -> content::Result<()> {
    place.manifest(&tag("v1")).await?;
    place.manifest(&Selector::Digest(image.digest().clone())).await?;
    for (layer, bytes) in &image.layers {
        assert_eq!(place.blob(layer).await?.read_all(100_000_000).await?, *bytes);
    }
    Ok(())
}

fn image() -> BuiltImage {
    Image::new("linux/amd64").file("small", random_bytes(1, 1000)).build()
}

#[tokio::test]
async fn a_mirror_is_read_first_and_never_written() {
    let (Some(home), Some(mirror)) =
        (DebianRegistry::start(&RegistryOptions::default()), DebianRegistry::start(&RegistryOptions::default()))
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (name, copy) = (format!("{}/acme/app", home.host()), format!("{}/copies/acme/app", mirror.host()));
    let image = image();
    for name in [&name, &copy] {
        put(&*open(settings().0, name, Intent::Write), &image, Some("v1")).await;
    }
    let (with_mirror, _) = with(folder.path(), &mirrors(&home.host(), &[&format!("{}/copies", mirror.host())]));
    home.clear_log();
    read_all(&*place(&with_mirror, &name, Intent::Read), &image).await.unwrap();
    assert!(home.requests().is_empty(), "{:?}", home.requests());

    mirror.clear_log();
    let other = Image::new("linux/arm64").build();
    let written = place(&with_mirror, &name, Intent::Write);
    put(&*written, &other, Some("v2")).await;
    assert_eq!(written.resolve(&tag("v2")).await.unwrap().digest, *other.digest());
    assert!(mirror.requests().is_empty(), "{:?}", mirror.requests());
    // What it lacks comes from home, and so do lists.
    let read = place(&with_mirror, &name, Intent::Read);
    assert_eq!(read.manifest(&tag("v2")).await.unwrap().digest(), other.digest());
    assert_eq!(read.tags().await.unwrap(), ["v1", "v2"]);
    assert_eq!(read.name(), name);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_mirror_the_next_is_asked() {
    let Some(home) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let name = format!("{}/app", home.host());
    let image = image();
    put(&*open(settings().0, &name, Intent::Write), &image, Some("v1")).await;
    let other = Image::new("linux/arm64").build().manifest;
    let broken = Fake::start(|_, _| answer(500, &[], "")).await;
    let denying = Fake::start(|_, _| answer(403, &[], "")).await;
    let empty = Fake::start(|_, _| answer(404, &[], "")).await;
    // It gives another manifest than the digest in its header names, and blobs with wrong bytes.
    let real = image.digest().to_string();
    let lying = Fake::start(move |_, _| answer(200, &[("docker-content-digest", &real)], other.bytes().clone())).await;
    let folder = tempfile::tempdir().unwrap();
    for (mirror, told_of) in
        [(broken.host(), true), (denying.host(), true), (empty.host(), false), (lying.host(), true), ("127.0.0.1:1".to_owned(), true)]
    {
        let (settings, told) = with(folder.path(), &mirrors(&home.host(), &[&mirror]));
        read_all(&*place(&settings, &name, Intent::Read), &image).await.unwrap_or_else(|error| panic!("{mirror}: {}", whole(&error)));
        let passed_over = told.everything().matches("was passed over").count();
        assert_eq!(passed_over, usize::from(told_of), "{mirror}: {}", told.everything());
    }
    // All of them, one after the other; and the home's own answer where it has nothing either.
    let hosts = [broken.host(), denying.host(), empty.host(), lying.host()];
    let (settings, _) = with(folder.path(), &mirrors(&home.host(), &hosts.each_ref().map(String::as_str)));
    let read = place(&settings, &name, Intent::Read);
    read_all(&*read, &image).await.unwrap();
    let error = read.manifest(&tag("v9")).await.unwrap_err();
    assert!(error.is_missing() && whole(&error).contains(&home.host()), "{}", whole(&error));
}

#[tokio::test]
async fn a_long_blob_that_breaks_off_is_continued_elsewhere() {
    let Some(home) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let name = format!("{}/app", home.host());
    let image = Image::new("linux/amd64").file("long", random_bytes(2, 6_000_000)).build();
    put(&*open(settings().0, &name, Intent::Write), &image, Some("v1")).await;
    let (blob, bytes) = image.layers[0].clone();
    let whole_length = bytes.len();
    let part = bytes.slice(..5_000_000);
    // The first answer breaks off, and there is no second.
    let mirror = Fake::start(move |seen, _| match seen.header("range") {
        None => cut_off(part.clone(), whole_length, &[], 200),
        Some(_) => answer(404, &[], ""),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let (settings, _) = with(folder.path(), &mirrors(&home.host(), &[&mirror.host()]));
    home.clear_log();
    let read = place(&settings, &name, Intent::Read).blob(&blob).await.unwrap().read_all(100_000_000).await.unwrap();
    assert_eq!(read, bytes);
    assert_eq!(home.requests().iter().filter(|line| line.contains("/blobs/")).count(), 1, "{:?}", home.requests());
}

#[tokio::test]
async fn a_mirror_gets_its_own_credentials_and_no_others() {
    let Some(home) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let image = image();
    put(&*open(settings().0, &format!("{}/app", home.host()), Intent::Write), &image, Some("v1")).await;
    let user = User { name: "ann".to_owned(), password: "hunter2".to_owned(), identity_token: None, actions: vec!["pull"] };
    let guard =
        TokenServer::start(home.address(), TokenOptions { users: vec![user], anonymous: Vec::new(), ..TokenOptions::default() }).await;
    let mirror = Fake::start(|_, _| answer(401, &[("www-authenticate", "Basic realm=\"x\"")], "")).await;
    let config = docker_config(&guard.host(), "ann", "hunter2");
    let folder = tempfile::tempdir().unwrap();
    let (mut settings, _) = with(folder.path(), &mirrors(&guard.host(), &[&mirror.host()]));
    settings.docker_config = Some(config.path().to_owned());
    read_all(&*place(&settings, &format!("{}/app", guard.host()), Intent::Read), &image).await.unwrap();
    assert!(!mirror.seen().is_empty() && mirror.seen().iter().all(|seen| seen.header("authorization").is_none()));
}

#[tokio::test]
async fn mirrors_for_digests_or_for_tags_alone() {
    let Some(home) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let name = format!("{}/app", home.host());
    let image = image();
    put(&*open(settings().0, &name, Intent::Write), &image, Some("v1")).await;
    let mirror = Fake::start(|_, _| answer(404, &[], "")).await;
    let folder = tempfile::tempdir().unwrap();
    let by_tag = "GET /v2/app/manifests/v1".to_owned();
    let by_digest = format!("GET /v2/app/manifests/{}", image.digest());
    for (pull, expected) in [("all", vec![&by_tag, &by_digest]), ("digest-only", vec![&by_digest]), ("tag-only", vec![&by_tag])] {
        let before = mirror.lines().len();
        let text = format!("{}pull-from-mirror = \"{pull}\"\n", mirrors(&home.host(), &[&mirror.host()]));
        let (settings, _) = with(folder.path(), &text);
        let read = place(&settings, &name, Intent::Read);
        read.manifest(&tag("v1")).await.unwrap();
        read.manifest(&Selector::Digest(image.digest().clone())).await.unwrap();
        let mut lines: Vec<String> = mirror.lines().split_off(before);
        lines.dedup();
        assert_eq!(lines.iter().collect::<Vec<_>>(), expected, "{pull}");
    }
}

#[tokio::test]
async fn short_names_are_for_the_persons_own_file_to_say() {
    let folder = tempfile::tempdir().unwrap();
    let (mut settings, _) = with(folder.path(), "unqualified-search-registries = [\"a.lan\"]\n[aliases]\nhello = \"b.lan/hello\"\n");
    let meaning = |settings: &Settings, name: &str| Client::new(settings.clone()).unwrap().meaning(&name.parse().unwrap()).unwrap();
    for name in ["hello", "other"] {
        assert_eq!(meaning(&settings, name), ShortName::AsWritten, "{name}");
    }
    settings.registries[0].own = true;
    let is = |name: &str| ShortName::Is(name.parse().unwrap(), folder.path().join("registries.conf"));
    assert_eq!(meaning(&settings, "hello:1"), is("b.lan/hello:1"));
    assert_eq!(meaning(&settings, "acme/other"), is("a.lan/acme/other"));
    assert_eq!(meaning(&settings, "docker.io/library/hello"), ShortName::AsWritten);
}

#[tokio::test]
async fn another_location_is_for_reading_alone() {
    let (Some(home), Some(moved)) =
        (DebianRegistry::start(&RegistryOptions::default()), DebianRegistry::start(&RegistryOptions::default()))
    else {
        return;
    };
    let image = image();
    put(&*open(settings().0, &format!("{}/new/app", moved.host()), Intent::Write), &image, Some("v1")).await;
    let folder = tempfile::tempdir().unwrap();
    let text = format!("[[registry]]\nprefix = \"{}/old\"\nlocation = \"{}/new\"\n", home.host(), moved.host());
    let (settings, _) = with(folder.path(), &text);
    let name = format!("{}/old/app", home.host());
    read_all(&*place(&settings, &name, Intent::Read), &image).await.unwrap();
    assert!(place(&settings, &name, Intent::Write).resolve(&tag("v1")).await.unwrap_err().is_missing());
}

#[tokio::test]
async fn what_is_blocked_is_never_asked() {
    let fake = Fake::start(|_, _| answer(200, &[], "")).await;
    let folder = tempfile::tempdir().unwrap();
    let (settings, told) = with(folder.path(), &format!("[[registry]]\nlocation = \"{}\"\nblocked = true\n", fake.host()));
    let client = Client::new(settings).unwrap();
    for intent in [Intent::Read, Intent::Write] {
        let error = client.place(&format!("{}/app", fake.host()).parse().unwrap(), intent).err().unwrap();
        let file = folder.path().join("registries.conf");
        assert_eq!(error.to_string(), format!("{}/app is blocked by {}", fake.host(), file.display()));
        assert_eq!(ExitCode::of(error.kind()).number(), 3);
    }
    let login = client.log_in(&fake.host().parse().unwrap(), "ann", remote::Secret::new("p")).await;
    assert!(matches!(login, Err(RemoteError::Blocked { .. })));
    assert!(fake.seen().is_empty() && told.of("request").is_empty());
}

#[tokio::test]
async fn insecure_is_https_without_proof_and_then_http_for_that_prefix_alone() {
    let authority = Authority::new();
    let manifest = image().manifest;
    let copy = manifest.clone();
    let secure = Fake::start_tls(&authority, move |_, _| manifest_answer(&manifest)).await;
    let plain = Fake::start(move |_, _| manifest_answer(&copy)).await;
    let folder = tempfile::tempdir().unwrap();
    let text = "[[registry]]\nlocation = \"registry.example/open\"\ninsecure = true\n";
    for (fake, lines) in [(&secure, 1), (&plain, 1)] {
        let tunnel = Tunnel::start(fake.address).await;
        let (mut settings, _) = with(folder.path(), text);
        settings.proxies = tunnel.proxies();
        place(&settings, "registry.example/open/app", Intent::Read).manifest(&tag("v1")).await.unwrap();
        assert!(place(&settings, "registry.example/closed/app", Intent::Read).manifest(&tag("v1")).await.is_err());
        assert_eq!(fake.lines().iter().filter(|line| line.contains("/open/")).count(), lines);
        assert!(fake.lines().iter().all(|line| !line.contains("/closed/")), "{:?}", fake.lines());
    }
}

#[tokio::test]
async fn a_broken_file_is_an_error_and_an_odd_one_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let (broken, _) = with(folder.path(), "[[registry]]\nlocation = 5\n");
    let error = Client::new(broken).unwrap().place(&"a.lan/x".parse().unwrap(), Intent::Read).err().unwrap();
    let path = folder.path().join("registries.conf");
    assert!(error.to_string().starts_with(&format!("{}:2:12: expected TOML", path.display())), "{error}");
    assert!(matches!(error, RemoteError::Damaged { .. }));
    let (odd, told) = with(folder.path(), "speed = 1\n");
    place(&odd, "a.lan/x", Intent::Read);
    assert_eq!(told.of("warning"), [format!("{}: speed is not a key that is known here; it was left out", path.display())]);
    // One that nobody named need not be there; pieces come in the order of their names.
    let pieces = folder.path().join("registries.conf.d");
    std::fs::create_dir(&pieces).unwrap();
    write(&pieces.join("20-late.conf"), "[[registry]]\nlocation = \"a.lan\"\nblocked = true\n");
    write(&pieces.join("10-early.conf"), "[[registry]]\nlocation = \"a.lan\"\n");
    write(&pieces.join("30-other.txt"), "no TOML");
    let (mut settings, _) = settings();
    settings.registries =
        [folder.path().join("nowhere.conf"), pieces].map(|path| RegistriesFile { path, own: false, named: false }).to_vec();
    let late = Client::new(settings.clone()).unwrap().place(&"a.lan/x".parse().unwrap(), Intent::Read);
    assert!(matches!(late, Err(RemoteError::Blocked { .. })));
    settings.registries[0].named = true;
    let named = Client::new(settings).unwrap().place(&"a.lan/x".parse().unwrap(), Intent::Read);
    assert!(matches!(named, Err(RemoteError::File { .. })));
}
