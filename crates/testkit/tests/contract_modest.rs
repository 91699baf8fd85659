//! A place that can do the least, and says so, passes the suite: it writes manifests anew, takes no
//! index, never forgets, compares and writes in two steps, and knows no referrers.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use async_trait::async_trait;
use content::{Abilities, BlobReader, Error, Expected, Memory, Place, Placed, Result, Sink, Source, Tagged, check_expected};
use oci::{Descriptor, Digest, RawManifest, Selector};
use testkit::contract::{self, Fixture};

#[derive(Default)]
struct Modest(Memory);

/// The same image in other bytes.
fn rewritten(manifest: &RawManifest) -> RawManifest {
    RawManifest::parse(format!("{:#}\n", manifest.tree()).into(), None).unwrap()
}

impl Modest {
    fn unable(&self, cannot: &str) -> Error {
        Error::Unsupported { place: self.name(), cannot: cannot.to_owned(), hint: None }
    }
}

#[async_trait]
impl Source for Modest {
    fn name(&self) -> String {
        "modest".to_owned()
    }

    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        self.0.resolve(selector).await
    }

    async fn manifest(&self, selector: &Selector) -> Result<RawManifest> {
        self.0.manifest(selector).await
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        self.0.blob(blob).await
    }

    async fn has(&self, child: &Descriptor) -> Result<bool> {
        self.0.has(child).await
    }

    async fn referrers(&self, _: &Digest) -> Result<Vec<Descriptor>> {
        Ok(Vec::new())
    }

    async fn tags(&self) -> Result<Vec<String>> {
        self.0.tags().await
    }
}

#[async_trait]
impl Sink for Modest {
    async fn put_blob(&self, blob: &Descriptor, from: &dyn Source) -> Result<Placed> {
        self.0.put_blob(blob, from).await
    }

    async fn put_manifest(&self, manifest: &RawManifest) -> Result<Placed> {
        if manifest.as_index().is_some() {
            return Err(self.unable("holds one platform per name"));
        }
        self.0.put_manifest(&rewritten(manifest)).await
    }

    async fn tag(&self, name: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        let found = match self.0.resolve(name).await {
            Ok(found) => Some(found.digest),
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(error),
        };
        let Selector::Name(text) = name else { return Err(self.unable("has names only")) };
        check_expected(&self.name(), text, expected, found.as_ref())?;
        // Always "moved": it does not remember which bytes an image came in.
        self.0.tag(name, &rewritten(root), &Expected::Any).await.map(|_| Tagged::Moved)
    }

    async fn remove(&self, _: &Selector) -> Result<()> {
        Err(self.unable("never forgets"))
    }
}

impl Place for Modest {
    fn abilities(&self) -> Abilities {
        Abilities { exact: false, indexes: false, compare_and_swap: false, remove: false, referrers: false }
    }
}

#[tokio::test]
async fn a_place_that_can_do_the_least_passes() {
    contract::all(|| async { Fixture::new(Modest::default(), ()) }).await;
}
