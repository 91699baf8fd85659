//! The suite catches places that break the contract: each sin is found by the clause meant for it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use content::{Abilities, BlobReader, Error, Expected, Item, Memory, Place, Placed, Result, Sink, Source, Tagged};
use futures_util::FutureExt;
use oci::{Descriptor, Digest, RawManifest, Selector};
use testkit::contract::{self, Clause, Fixture};

/// What is wrong with a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sin {
    /// Asks the source for blobs it has.
    SendsTwice,
    /// Keeps blobs whose bytes were wrong.
    KeepsWrongBytes,
    /// Says that a missing tag is some other error.
    HidesMissing,
    /// Writes manifests anew.
    Reformats,
    /// Drops one manifest of two for a platform.
    LosesEntries,
    /// Lists names in the order of their making.
    UnsortedTags,
    /// Names everything `latest` that is put.
    TagsOnPut,
    /// Names what is not there.
    TagsNothing,
    /// Says Moved for a name that stays.
    AlwaysMoved,
    /// Does not look at what was expected.
    IgnoresExpected,
    /// Names the wrong digest in the error.
    NamesOtherDigest,
    /// Looks at what was expected, then writes, in two steps.
    LooksThenWrites,
    /// Removes a name before it writes the new one.
    VanishesWhileMoving,
    /// Says that what is not there was removed.
    RemovesNothing,
    /// Keeps the names of a manifest that was removed.
    KeepsNames,
    /// Finds nobody who refers.
    NoReferrers,
    /// Answers a wrong size.
    WrongSize,
    /// Has a blob from its first byte on.
    HasHalves,
    /// Takes indexes although it says that it does not.
    TakesIndexes,
    /// Serves other bytes for blobs.
    OtherBytes,
    /// Makes a name of a digest.
    NamesDigests,
}

struct Sinner {
    sin: Sin,
    inner: Memory,
    order: Mutex<Vec<String>>,
    seen: Mutex<Vec<Digest>>,
}

impl Sinner {
    fn sins(&self, sin: Sin) -> bool {
        self.sin == sin
    }
}

#[async_trait]
impl Source for Sinner {
    fn name(&self) -> String {
        "sinner".to_owned()
    }

    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        let mut descriptor = self.inner.resolve(selector).await?;
        descriptor.size += u64::from(self.sins(Sin::WrongSize));
        Ok(descriptor)
    }

    async fn manifest(&self, selector: &Selector) -> Result<RawManifest> {
        let manifest = self.inner.manifest(selector).await;
        match manifest {
            Err(Error::Missing { .. }) if self.sins(Sin::HidesMissing) => {
                Err(Error::Several { place: self.name(), count: 0, names: String::new() })
            }
            Ok(manifest) if self.sins(Sin::Reformats) => Ok(RawManifest::parse(manifest.tree().to_string().into(), None).unwrap()),
            Ok(manifest) if self.sins(Sin::LosesEntries) && manifest.as_index().is_some() => {
                let mut tree = manifest.tree();
                let entries = tree["manifests"].as_array_mut().unwrap();
                entries.dedup_by_key(|entry| entry["platform"].clone());
                Ok(RawManifest::parse(tree.to_string().into(), None).unwrap())
            }
            other => other,
        }
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        if self.sins(Sin::OtherBytes) {
            return Ok(BlobReader::of(blob, "sinner", "other".into()));
        }
        self.inner.blob(blob).await
    }

    async fn has(&self, child: &Descriptor) -> Result<bool> {
        let seen = self.seen.lock().unwrap().contains(&child.digest);
        Ok(seen || self.inner.has(child).await?)
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        if self.sins(Sin::NoReferrers) { Ok(Vec::new()) } else { self.inner.referrers(subject).await }
    }

    async fn tags(&self) -> Result<Vec<String>> {
        let mut tags = self.inner.tags().await?;
        if self.sins(Sin::UnsortedTags) {
            let order = self.order.lock().unwrap().clone();
            tags.sort_by_key(|tag| order.iter().position(|other| other == tag));
        }
        Ok(tags)
    }
}

#[async_trait]
impl Sink for Sinner {
    async fn put_blob(&self, blob: &Descriptor, from: &dyn Source) -> Result<Placed> {
        if self.sins(Sin::HasHalves) {
            self.seen.lock().unwrap().push(blob.digest.clone());
        }
        if self.sins(Sin::SendsTwice) && self.inner.has(blob).await? {
            from.blob(blob).await?.read_all(u64::MAX).await?;
        }
        let placed = self.inner.put_blob(blob, from).await;
        if placed.is_err() && self.sins(Sin::KeepsWrongBytes) {
            self.seen.lock().unwrap().push(blob.digest.clone());
        }
        placed
    }

    async fn put_manifest(&self, manifest: &RawManifest) -> Result<Placed> {
        let placed = self.inner.put_manifest(manifest).await?;
        if self.sins(Sin::TagsOnPut) {
            self.inner.tag(&Selector::Name("latest".to_owned()), manifest, &Expected::Any).await?;
        }
        Ok(placed)
    }

    async fn tag(&self, name: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        self.order.lock().unwrap().push(name.to_string().trim_start_matches(':').to_owned());
        match self.sin {
            Sin::TagsNothing => drop(self.inner.put_manifest(root).await?),
            Sin::NamesDigests if matches!(name, Selector::Digest(_)) => {
                return self.inner.tag(&Selector::Name("digest".to_owned()), root, expected).await;
            }
            Sin::IgnoresExpected => return self.inner.tag(name, root, &Expected::Any).await,
            Sin::AlwaysMoved => return self.inner.tag(name, root, expected).await.map(|_| Tagged::Moved),
            Sin::NamesOtherDigest => {
                return self.inner.tag(name, root, expected).await.map_err(|error| match error {
                    Error::Moved { name, place, expected, .. } => Error::Moved { name, place, expected, found: Some(Digest::of(b"other")) },
                    other => other,
                });
            }
            Sin::LooksThenWrites if *expected == Expected::Absent => {
                if let Ok(found) = self.inner.resolve(name).await {
                    return Err(Error::Moved {
                        name: name.to_string(),
                        place: self.name(),
                        expected: expected.clone(),
                        found: Some(found.digest),
                    });
                }
                gap().await;
                return self.inner.tag(name, root, &Expected::Any).await;
            }
            Sin::VanishesWhileMoving if *expected == Expected::Any => {
                let _ = self.inner.remove(name).await;
                gap().await;
            }
            _ => {}
        }
        self.inner.tag(name, root, expected).await
    }

    async fn remove(&self, selector: &Selector) -> Result<()> {
        match (self.sin, selector) {
            (Sin::RemovesNothing, _) => match self.inner.remove(selector).await {
                Err(Error::Missing { item: Item::Tag(_) | Item::Manifest(_), .. }) => Ok(()),
                other => other,
            },
            (Sin::KeepsNames, Selector::Digest(digest)) => {
                self.inner.manifest(selector).await?;
                self.inner.forget(digest);
                Ok(())
            }
            _ => self.inner.remove(selector).await,
        }
    }
}

impl Place for Sinner {
    fn abilities(&self) -> Abilities {
        Abilities { indexes: !self.sins(Sin::TakesIndexes), ..self.inner.abilities() }
    }
}

/// The moment in which others can come between two steps that should be one.
async fn gap() {
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
}

/// Tells whether the clause finds fault with the sinner.
async fn caught(clause: Clause, sin: Sin) -> bool {
    let make = || async move {
        let sinner = Sinner { sin, inner: Memory::new(), order: Mutex::default(), seen: Mutex::default() };
        Fixture::shared(Arc::new(sinner), ())
    };
    AssertUnwindSafe(contract::one(clause, make)).catch_unwind().await.is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sin_is_caught() {
    for (clause, sin) in [
        (Clause::Twice, Sin::SendsTwice),
        (Clause::WrongBytes, Sin::KeepsWrongBytes),
        (Clause::Empty, Sin::HidesMissing),
        (Clause::OddJson, Sin::Reformats),
        (Clause::SamePlatform, Sin::LosesEntries),
        (Clause::Indexes, Sin::OtherBytes),
        (Clause::Tags, Sin::UnsortedTags),
        (Clause::InvisibleUntilTagged, Sin::TagsOnPut),
        (Clause::HalfDone, Sin::TagsOnPut),
        (Clause::TagOfNothing, Sin::TagsNothing),
        (Clause::TagMoves, Sin::AlwaysMoved),
        (Clause::Expected, Sin::IgnoresExpected),
        (Clause::Expected, Sin::NamesOtherDigest),
        (Clause::Race, Sin::NamesOtherDigest),
        (Clause::Race, Sin::LooksThenWrites),
        (Clause::NeverBetween, Sin::VanishesWhileMoving),
        (Clause::RemoveNothing, Sin::RemovesNothing),
        (Clause::RemoveManifest, Sin::KeepsNames),
        (Clause::Referrers, Sin::NoReferrers),
        (Clause::Resolve, Sin::WrongSize),
        (Clause::HalfDone, Sin::HasHalves),
        (Clause::WrongBytes, Sin::HasHalves),
        (Clause::Indexes, Sin::TakesIndexes),
        (Clause::ExactBlob, Sin::OtherBytes),
        (Clause::SameImage, Sin::OtherBytes),
        (Clause::EmptyBlob, Sin::OtherBytes),
        (Clause::BigBlob, Sin::OtherBytes),
        (Clause::Sha512, Sin::OtherBytes),
        (Clause::ManyAtOnce, Sin::OtherBytes),
        (Clause::TagByDigest, Sin::NamesDigests),
    ] {
        assert!(caught(clause, sin).await, "{clause:?} does not catch a place that {sin:?}");
    }
}
