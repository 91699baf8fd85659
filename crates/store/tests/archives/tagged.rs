//! A docker archive whose names all belong to one repository, so that the contract's bare tags fit.

use async_trait::async_trait;
use content::{Abilities, BlobReader, Error, Expected, Item, Place, Placed, Result, Sink, Source, Tagged};
use oci::{Descriptor, Digest, RawManifest, Selector};
use store::archive::Archive;

const REPOSITORY: &str = "example.com/acme/app:";

pub struct OneRepository(pub Archive);

fn outer(selector: &Selector) -> Selector {
    match selector {
        Selector::Name(tag) => Selector::Name(format!("{REPOSITORY}{tag}")),
        other => other.clone(),
    }
}

fn inner(name: String) -> String {
    name.strip_prefix(REPOSITORY).map(str::to_owned).unwrap_or(name)
}

/// Says the tag as it was asked for.
fn short<T>(result: Result<T>) -> Result<T> {
    result.map_err(|error| match error {
        Error::Missing { item: Item::Tag(name), place } => Error::Missing { item: Item::Tag(inner(name)), place },
        other => other,
    })
}

#[async_trait]
impl Source for OneRepository {
    fn name(&self) -> String {
        self.0.name()
    }
    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        short(self.0.resolve(&outer(selector)).await)
    }
    async fn manifest(&self, selector: &Selector) -> Result<RawManifest> {
        short(self.0.manifest(&outer(selector)).await)
    }
    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        self.0.blob(blob).await
    }
    async fn has(&self, child: &Descriptor) -> Result<bool> {
        self.0.has(child).await
    }
    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.0.referrers(subject).await
    }
    async fn tags(&self) -> Result<Vec<String>> {
        Ok(self.0.tags().await?.into_iter().map(inner).collect())
    }
}

#[async_trait]
impl Sink for OneRepository {
    async fn put_blob(&self, blob: &Descriptor, from: &dyn Source) -> Result<Placed> {
        self.0.put_blob(blob, from).await
    }
    async fn put_manifest(&self, manifest: &RawManifest) -> Result<Placed> {
        self.0.put_manifest(manifest).await
    }
    async fn tag(&self, name: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        self.0.tag(&outer(name), root, expected).await
    }
    async fn remove(&self, selector: &Selector) -> Result<()> {
        self.0.remove(&outer(selector)).await
    }
}

impl Place for OneRepository {
    fn abilities(&self) -> Abilities {
        self.0.abilities()
    }
    fn width(&self) -> usize {
        self.0.width()
    }
}
