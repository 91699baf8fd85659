//! Manifests, configs, and indexes planned from them.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use content::{Events, Expected, Limits, Memory, Sink, Source};
use index::{Attestations, Checked, Depth, Gathered, IndexError, Manner, MediaChoice, Part, Plan, Role, Target, Wish};
use oci::{Descriptor, Digest, ImageConfig, MediaType, Platform, RawManifest, Selector};

use crate::records::{self, Record};
use crate::wait;

const LIMITS: Limits = Limits { depth: 3, manifests: 50, at_once: 4 };

/// A document keeps its bytes and its digest, is one thing and never two, and survives an edit of
/// nothing.
pub fn manifest(bytes: &[u8]) {
    let announced = [None, Some(MediaType::OciIndex), Some(MediaType::OciManifest), Some(MediaType::DockerList)];
    for announced in announced {
        let Ok(document) = RawManifest::parse(Bytes::copy_from_slice(bytes), announced.as_ref()) else { continue };
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(document.bytes(), bytes);
        assert_eq!(*document.digest(), Digest::of(bytes));
        assert_eq!(document.descriptor().size, bytes.len() as u64);
        assert_eq!(document.as_index().is_some(), document.media_type().is_index(), "{shown}");
        assert_ne!(document.as_index().is_some(), document.as_image().is_some(), "{shown}");
        let tree = document.tree();
        let says = |key: &str| tree.get(key).is_some_and(|value| !value.is_null());
        assert!(!says("manifests") || !says("config") && !says("layers"), "a manifest and an index at once: {shown}");
        let again = RawManifest::parse(tree.to_string().into(), announced.as_ref()).unwrap_or_else(|error| panic!("{error}: {shown}"));
        assert_eq!(again.media_type(), document.media_type(), "{shown}");
        assert_eq!(children(&again), children(&document), "{shown}");
    }
}

/// A config's platform is whole or none, and the same after it went through JSON.
pub fn config(bytes: &[u8]) {
    let Ok(config) = ImageConfig::parse(bytes) else { return };
    let Some(platform) = config.platform() else { return };
    assert!(!platform.os.is_empty() && !platform.architecture.is_empty() && !platform.is_unknown());
    let written = serde_json::to_vec(&platform).unwrap();
    assert_eq!(ImageConfig::parse(&written).unwrap().platform(), Some(platform));
}

/// A plan is the same twice, has one image for each platform and nothing that no source has, and what
/// it makes is what it said. The records are documents; one whose name begins with `+` is a source,
/// for the platform that follows; `?` opens the wish.
pub fn index(bytes: &[u8]) {
    let records = records::read(bytes);
    wait(plan(&records));
}

async fn plan(records: &[Record]) {
    let (place, mut parts) = (Memory::new(), Vec::new());
    for record in records {
        place.insert_blob(Bytes::copy_from_slice(&record.content));
        let Ok(document) = RawManifest::parse(Bytes::copy_from_slice(&record.content), None) else { continue };
        place.put_manifest(&document).await.unwrap();
        look(&place, &document, records).await;
        if let Some(platform) = record.name.strip_prefix(b"+") {
            parts.push(part(&place, &document, platform));
        }
    }
    let (wish, checked) = wish(records);
    let manner = Manner { checked, ..Manner::default() };
    let gather = |parts| async move { Ok::<_, IndexError>(index::gather(parts, manner, LIMITS).await?.found) };
    let Ok(sources) = gather(parts).await else { return };
    let Ok(plan) = index::plan(&sources, None, &wish) else { return };
    let again = index::plan(&sources, None, &wish).unwrap();
    assert_eq!(plan.document.bytes(), again.document.bytes(), "a plan that is another one the second time");
    check(&plan, &sources);
    let (target, name) = (Memory::new(), Selector::Name("made".to_owned()));
    let targets = [Target { place: Arc::new(target.clone()), names: vec![(name.clone(), Expected::Absent)] }];
    let Ok(outcome) = index::carry_out(&plan, &targets, LIMITS, &Events::none()).await else { return };
    assert_eq!(&outcome.digest, plan.document.digest());
    assert_eq!(target.manifest(&name).await.unwrap().bytes(), plan.document.bytes());
    content::walk(&target, &plan.document, None, LIMITS).await.unwrap();
    // What was made is a source that needs no change.
    let Ok(made) = gather(vec![part(&target, &plan.document, b"")]).await else { return };
    let same = index::plan(&made, None, &Wish::default()).unwrap();
    assert_eq!(same.document.bytes(), plan.document.bytes(), "an index that is not itself");
}

/// Describing a document and looking for an image in it end, and find no image that is not there.
async fn look(place: &Memory, document: &RawManifest, records: &[Record]) {
    let described = index::describe(place, "it", document, Depth::Best).await;
    assert!(described.is_err() || described.is_ok_and(|it| it.digest == *document.digest()));
    for wanted in ["linux/amd64", "linux/arm/v7"] {
        let wanted: Platform = wanted.parse().unwrap();
        if let Ok(found) = index::find_image(place, "it", document, &wanted).await {
            let hex = found.digest.hex().as_bytes();
            let mentions = |record: &Record| record.content.windows(hex.len()).any(|window| window == hex);
            let is = |record: &Record| Digest::with(found.digest.algorithm(), &record.content) == found.digest;
            assert!(records.iter().any(|record| is(record) || mentions(record)), "nobody said {}", found.digest);
        }
    }
}

fn check(plan: &Plan, sources: &[Gathered]) {
    assert_eq!(*plan.document.digest(), Digest::of(plan.document.bytes()));
    let platforms: Vec<&Platform> = plan.platforms().collect();
    for (position, platform) in platforms.iter().enumerate() {
        assert!(platforms.iter().skip(position + 1).all(|other| !other.same_as(platform)), "two images for {platform}");
    }
    let offered: HashSet<&Digest> =
        sources.iter().flat_map(|source| &source.candidates).map(|candidate| &candidate.descriptor.digest).collect();
    for entry in &plan.entries {
        assert!(offered.contains(&entry.descriptor.digest), "an entry that no source has: {}", entry.descriptor.digest);
        if let Role::Attestation(subject) = &entry.role {
            assert!(*subject != entry.descriptor.digest);
        }
    }
}

fn part(place: &Memory, document: &RawManifest, platform: &[u8]) -> Part {
    Part {
        label: "source".to_owned(),
        place: Arc::new(place.clone()),
        selector: Selector::Digest(document.digest().clone()),
        platform: std::str::from_utf8(platform).ok().and_then(|text| text.parse().ok()),
    }
}

/// The letters of its name choose; each line of its content is an annotation.
fn wish(records: &[Record]) -> (Wish, Checked) {
    let Some(record) = records.iter().find(|record| record.name.starts_with(b"?")) else { return Default::default() };
    let has = |letter: u8| record.name.contains(&letter);
    let media = match (has(b'o'), has(b'd')) {
        (true, _) => MediaChoice::Oci,
        (false, true) => MediaChoice::Docker,
        (false, false) => MediaChoice::Auto,
    };
    let lines = std::str::from_utf8(&record.content).unwrap_or_default().lines();
    let wish = Wish {
        attestations: if has(b'a') { Attestations::Drop } else { Attestations::Keep },
        annotations: lines.filter_map(|line| line.parse().ok()).collect(),
        media,
        ..Wish::default()
    };
    (wish, if has(b'f') { Checked::Force } else { Checked::Compare })
}

fn children(document: &RawManifest) -> Vec<Descriptor> {
    let entries = document.as_index().into_iter().flat_map(|index| &index.manifests);
    let blobs = document.as_image().into_iter().flat_map(|image| image.layers.iter().chain([&image.config]));
    entries.chain(blobs).cloned().collect()
}
