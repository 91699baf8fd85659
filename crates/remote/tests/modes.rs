//! Registries as they are: each mode of the hostile registry, and what a push and a copy make of it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use content::{Copied, Copier, Error, Events, Expected, Limits, Memory, Placed, Sink, Source, Tagged, copy};
use fault::Fault;
use futures_util::{StreamExt, stream};
use oci::{Descriptor, MediaType, RawManifest, Selector};
use remote::{Client, Intent, Registry, Settings};
use support::recall::Diary;
use support::{Told, open, settings, tag, whole};
use testkit::fixtures::{BuiltImage, Image, Index, in_memory, random_bytes};
use testkit::hostile::{HostileRegistry, Immutable, Mode, Mount};

const MIB: usize = 1024 * 1024;

/// An image with a layer that is no matter of one packet.
fn image(platform: &str, size: usize) -> BuiltImage {
    let bytes = random_bytes(size as u64, size);
    Image::new(platform).file("big", bytes).uncompressed().build()
}

/// An index over two images, and a memory that holds all of it.
async fn cargo(size: usize) -> (RawManifest, Memory) {
    let (amd, arm) = (image("linux/amd64", size), image("linux/arm64", 1_000));
    let index = Index::new().image(&amd).image(&arm).build();
    let memory = in_memory(&[&amd, &arm], &[&index]).await;
    (index, memory)
}

/// Settings for a registry of which every third answer fails, to many who ask at once: so often
/// that luck plays no part.
fn stubborn() -> (Settings, Told) {
    let (mut settings, told) = settings();
    settings.patience.tries = 12;
    (settings, told)
}

fn place(registry: &HostileRegistry, repository: &str) -> (Arc<Registry>, Told) {
    let (settings, told) = stubborn();
    (open(settings, &format!("{}/{repository}", registry.host()), Intent::Write), told)
}

/// Brings an index to a place and names it, as `push` does.
async fn push(target: &Registry, source: &dyn Source, index: &RawManifest) -> content::Result<Copied> {
    let copied = copy(source, target, index, Limits::default(), &Events::none()).await?;
    target.tag(&tag("v1"), index, &Expected::Any).await?;
    Ok(copied)
}

/// Reads everything back by another client, so that nothing is remembered.
async fn read_back(registry: &HostileRegistry, repository: &str, index: &RawManifest) {
    let (settings, _) = stubborn();
    let there = open(settings, &format!("{}/{repository}", registry.host()), Intent::Read);
    let memory = Memory::new();
    let root = there.manifest(&tag("v1")).await.unwrap();
    assert_eq!(root.digest(), index.digest());
    copy(&*there, &memory, &root, Limits::default(), &Events::none()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn push_and_copy_succeed_in_every_mode_that_lets_them() {
    // One never lets them, one takes its time: both below.
    let modes = Mode::ALL.into_iter().filter(|mode| !matches!(mode, Mode::WrongDigest | Mode::RateLimit { .. }));
    stream::iter(modes).for_each_concurrent(8, push_and_copy).await;
}

async fn push_and_copy(mode: Mode) {
    let (index, memory) = cargo(5 * MIB).await;
    let registry = HostileRegistry::start(&[mode]).await;
    let (target, told) = place(&registry, "app");
    push(&target, &memory, &index).await.unwrap_or_else(|error| panic!("push, {mode}: {}\n{}", whole(&error), told.everything()));
    // From there to a neighbour, by one client: mounted where that works.
    let (settings, told) = stubborn();
    let client = Client::new(settings).unwrap();
    let open = |name: &str| client.repository(&format!("{}/{name}", registry.host()).parse().unwrap(), Intent::Write);
    let (source, target) = (open("app"), open("other"));
    let root = source.manifest(&tag("v1")).await.unwrap_or_else(|error| panic!("read, {mode}: {}", whole(&error)));
    let copied = push(&target, &*source, &root).await;
    let copied = copied.unwrap_or_else(|error| panic!("copy, {mode}: {}\n{}", whole(&error), told.everything()));
    assert_eq!(copied.mounted == 0, matches!(mode, Mode::Mount(_)), "{mode}: {copied:?}");
    read_back(&registry, "other", &index).await;
    assert!(!registry.leaked(), "{mode}: credentials went elsewhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modes_together() {
    let (index, memory) = cargo(3 * MIB).await;
    let modes = [
        Mode::CreatedPatch,
        Mode::BodyCap { bytes: 4 << 20, status: 416 },
        Mode::Mount(Mount::Unauthorized),
        Mode::Lag(Duration::from_millis(100)),
        Mode::PlaceholderScope,
        Mode::ShortTokens(12),
        Mode::RelativeLocation,
        Mode::NoReferrers,
        Mode::BareRange,
        Mode::CutUpload { bytes: 1_000_000, times: 2 },
        Mode::CutDownload { bytes: 1_000_000, times: 2 },
        Mode::Elsewhere,
        Mode::Warnings,
    ];
    let registry = HostileRegistry::start(&modes).await;
    let (target, told) = place(&registry, "app");
    push(&target, &memory, &index).await.unwrap_or_else(|error| panic!("{}\n{}", whole(&error), told.everything()));
    read_back(&registry, "app", &index).await;
    assert_eq!(told.of("warning").len() + told.of("notice").len(), 1, "{}", told.everything());
    assert!(!registry.leaked());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_limit_is_waited_out() {
    let (index, memory) = cargo(1_000).await;
    let registry = HostileRegistry::start(&[Mode::RateLimit { requests: 8, seconds: 1 }]).await;
    let (target, _) = place(&registry, "app");
    push(&target, &memory, &index).await.unwrap();
    assert!(registry.requests().iter().any(|request| request.ends_with(" 429")));
    assert_eq!(target.resolve(&tag("v1")).await.unwrap().digest, *index.digest());
}

#[tokio::test]
async fn a_registry_that_names_other_digests_is_not_believed() {
    let (index, memory) = cargo(1_000).await;
    let registry = HostileRegistry::start(&[]).await;
    let (target, _) = place(&registry, "app");
    push(&target, &memory, &index).await.unwrap();
    registry.turn(&[Mode::WrongDigest]);
    let (fresh, _) = place(&registry, "app");
    assert!(matches!(fresh.manifest(&tag("v1")).await.unwrap_err(), Error::WrongDigest { .. }));
    assert!(matches!(push(&fresh, &memory, &index).await.unwrap_err(), Error::WrongDigest { .. }));
}

/// A blob, and a memory that holds it.
async fn blob(size: usize) -> (Descriptor, Memory) {
    let bytes = random_bytes(9, size);
    let blob = Descriptor::of(MediaType::OciLayerGzip, &bytes);
    let mut image = Image::new("linux/amd64").build();
    image.layers = vec![(blob.clone(), bytes)];
    (blob, in_memory(&[&image], &[]).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_upload_goes_on_where_it_broke() {
    let size = 8 * MIB;
    let (blob, memory) = blob(size).await;
    // Whole and in pieces: every body is cut off, so only going on can ever end it.
    for modes in [
        vec![Mode::CutUpload { bytes: 1_000_000, times: u32::MAX }],
        vec![Mode::CutUpload { bytes: 1_000_000, times: u32::MAX }, Mode::BodyCap { bytes: 4 << 20, status: 413 }],
        vec![Mode::CutUpload { bytes: 1_000_000, times: u32::MAX }, Mode::RelativeLocation, Mode::CreatedPatch],
    ] {
        let registry = HostileRegistry::start(&modes).await;
        let (target, told) = place(&registry, "app");
        let placed = target.put_blob(&blob, &memory).await.unwrap_or_else(|error| panic!("{}\n{}", whole(&error), told.everything()));
        assert_eq!(placed, Placed::Sent);
        assert_eq!(registry.received(), size as u64, "{modes:?}: each byte once");
        assert!(target.has(&blob).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_upload_begins_anew_where_nobody_says_how_much_is_there() {
    let size = 2 * MIB;
    let (blob, memory) = blob(size).await;
    for mode in [Mode::StuckRange, Mode::ForgetUploads] {
        let registry = HostileRegistry::start(&[Mode::CutUpload { bytes: 1_000_000, times: 1 }, mode]).await;
        let (target, _) = place(&registry, "app");
        assert_eq!(target.put_blob(&blob, &memory).await.unwrap(), Placed::Sent);
        assert_eq!(registry.received(), 1_000_000 + size as u64, "{mode}");
    }
    // Cut off for ever: given up, and said.
    let registry = HostileRegistry::start(&[Mode::CutUpload { bytes: 1_000_000, times: u32::MAX }, Mode::ForgetUploads]).await;
    let (target, _) = place(&registry, "app");
    let error = target.put_blob(&blob, &memory).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the connection to {} broke", registry.host()));
}

#[tokio::test]
async fn what_was_put_is_waited_for_within_bounds() {
    let (index, memory) = cargo(1_000).await;
    let lag = Duration::from_millis(400);
    let registry = HostileRegistry::start(&[Mode::Lag(lag)]).await;
    let (target, told) = place(&registry, "app");
    let start = Instant::now();
    push(&target, &memory, &index).await.unwrap();
    assert_eq!(target.resolve(&tag("v1")).await.unwrap().digest, *index.digest());
    assert!(start.elapsed() >= lag);
    assert!(told.of("retry").iter().any(|text| text.contains("does not see yet what the manifest names")), "{}", told.everything());
    assert!(told.of("retry").iter().any(|text| text.contains("does not show v1 yet as it was put")), "{}", told.everything());
    // Moved: the old manifest is no answer either.
    let other = RawManifest::parse([index.bytes(), " ".as_bytes()].concat().into(), None).unwrap();
    target.put_manifest(&other).await.unwrap();
    target.tag(&tag("v1"), &other, &Expected::Digest(index.digest().clone())).await.unwrap();
    assert_eq!(target.resolve(&tag("v1")).await.unwrap().digest, *other.digest());

    // Not for ever, and not for what somebody else put.
    let registry = HostileRegistry::start(&[Mode::Lag(Duration::from_secs(60))]).await;
    let (mut settings, _) = settings();
    settings.patience.lag = Duration::from_millis(200);
    let target = open(settings, &format!("{}/app", registry.host()), Intent::Write);
    let start = Instant::now();
    let error = push(&target, &memory, &index).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(whole(&error).contains("is unknown"), "{}", whole(&error));
    let start = Instant::now();
    assert!(target.manifest(&tag("other")).await.unwrap_err().is_missing());
    assert!(start.elapsed() < Duration::from_millis(100));
}

/// The next process cannot know what this one has put, so whoever knows the registry waits.
#[tokio::test]
async fn a_registry_that_was_seen_to_lag_is_waited_for_in_later_runs_too() {
    let (index, memory) = cargo(1_000).await;
    let registry = HostileRegistry::start(&[Mode::Lag(Duration::from_millis(300))]).await;
    let diary = Arc::new(Diary::default());
    let run = || {
        let (mut settings, _) = settings();
        settings.recall = diary.clone();
        open(settings, &format!("{}/app", registry.host()), Intent::Write)
    };
    push(&run(), &memory, &index).await.unwrap();
    let alone = image("linux/s390x", 500);
    let source = in_memory(&[&alone], &[]).await;
    let (later, events) = (run(), Events::none());
    Copier::new(&*later, Limits::default(), &events).copy_below(&source, &alone.manifest).await.unwrap();
    later.tag(&tag("alone"), &alone.manifest, &Expected::Any).await.unwrap();
    assert_eq!(run().resolve(&tag("alone")).await.unwrap().digest, *alone.digest());
}

#[tokio::test]
async fn what_was_removed_is_not_waited_for() {
    let (index, memory) = cargo(1_000).await;
    let registry = HostileRegistry::start(&[]).await;
    let (target, _) = place(&registry, "app");
    push(&target, &memory, &index).await.unwrap();
    target.remove(&Selector::Digest(index.digest().clone())).await.unwrap();
    let start = Instant::now();
    assert!(target.resolve(&tag("v1")).await.unwrap_err().is_missing());
    assert!(start.elapsed() < Duration::from_millis(500));
}

#[tokio::test]
async fn an_immutable_tag_is_unchanged_or_refused() {
    let (index, memory) = cargo(1_000).await;
    let other = RawManifest::parse([index.bytes(), " ".as_bytes()].concat().into(), None).unwrap();
    for manner in [Immutable::Harbor, Immutable::Ecr, Immutable::Conflict] {
        let registry = HostileRegistry::start(&[Mode::Immutable(manner)]).await;
        let (first, _) = place(&registry, "app");
        push(&first, &memory, &index).await.unwrap();
        for expected in [Expected::Any, Expected::Digest(index.digest().clone())] {
            let (target, _) = place(&registry, "app");
            registry.clear_log();
            target.check_movable(&tag("v1"), index.digest()).await.unwrap();
            assert_eq!(target.tag(&tag("v1"), &index, &Expected::Digest(index.digest().clone())).await.unwrap(), Tagged::Unchanged);
            assert!(registry.requests().iter().all(|request| request.starts_with("HEAD")), "{:?}", registry.requests());
            target.check_movable(&tag("new"), other.digest()).await.unwrap();

            let early = target.check_movable(&tag("v1"), other.digest()).await;
            assert_eq!(early.is_err(), manner == Immutable::Harbor, "{manner:?}");
            target.put_manifest(&other).await.unwrap();
            let error = target.tag(&tag("v1"), &other, &expected).await.unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("tag v1 of {}/app is immutable: expected to move it, the registry keeps it where it is", registry.host()),
                "{manner:?} {expected:?}"
            );
            assert!(error.hint().is_some());
            // Once is enough: it is not tried again.
            let before = registry.requests().len();
            assert!(target.check_movable(&tag("v1"), other.digest()).await.is_err());
            assert_eq!(registry.requests().len(), before);
            assert_eq!(target.resolve(&tag("v1")).await.unwrap().digest, *index.digest());
        }
    }
}

#[tokio::test]
async fn the_question_whether_a_tag_moves_is_asked_once_and_changes_nothing() {
    let (index, memory) = cargo(1_000).await;
    let other = RawManifest::parse([index.bytes(), " ".as_bytes()].concat().into(), None).unwrap();
    let registry = HostileRegistry::start(&[]).await;
    let (target, _) = place(&registry, "app");
    push(&target, &memory, &index).await.unwrap();
    target.check_movable(&tag("v1"), other.digest()).await.unwrap();
    assert_eq!(target.resolve(&tag("v1")).await.unwrap().digest, *index.digest());
    target.put_manifest(&other).await.unwrap();
    target.tag(&tag("v1"), &other, &Expected::Any).await.unwrap();
    registry.clear_log();
    target.check_movable(&tag("v1"), index.digest()).await.unwrap();
    assert_eq!(registry.requests(), Vec::<String>::new(), "tags of this repository were seen to move");
}

#[tokio::test]
async fn what_a_host_refused_is_not_asked_of_it_again() {
    let (index, memory) = cargo(1_000).await;
    let registry = HostileRegistry::start(&[Mode::Mount(Mount::Forbidden), Mode::NoReferrers]).await;
    let (settings, _) = settings();
    let client = Client::new(settings).unwrap();
    let open = |name: &str| client.repository(&format!("{}/{name}", registry.host()).parse().unwrap(), Intent::Write);
    push(&open("app"), &memory, &index).await.unwrap();
    registry.clear_log();
    for digest in [index.digest().clone(), oci::Digest::of(b"x")] {
        assert!(open("app").referrers(&digest).await.unwrap().is_empty());
    }
    assert_eq!(registry.requests().iter().filter(|request| request.contains("/referrers/")).count(), 1, "{:?}", registry.requests());
    let (one, two) = (image("linux/amd64", 10), image("linux/amd64", 20));
    let source = open("app");
    for built in [&one, &two] {
        testkit::fixtures::put(&*source, built, None).await;
    }
    registry.clear_log();
    for built in [&one, &two] {
        open("other").put_blob(&built.layers[0].0, &*source).await.unwrap();
    }
    assert_eq!(registry.requests().iter().filter(|request| request.contains("mount=")).count(), 1, "{:?}", registry.requests());
}
