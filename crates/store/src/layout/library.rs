//! A layout folder as a library of one repository: `polyarch serve DIR`.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use content::{Abilities, BlobReader, ByteStream, Draft, Error, Expected, Item, Library, Place, Placed, Result, Sink, Source, Tagged};
use oci::{Descriptor, Digest, RawManifest, Selector};

use super::Layout;
use crate::upload::Upload;

/// A layout folder under the path of one repository.
#[derive(Clone, Debug)]
pub struct LayoutLibrary {
    layout: Layout,
    repository: String,
}

impl LayoutLibrary {
    /// Offers a layout as a repository of that path.
    pub const fn new(layout: Layout, repository: String) -> Self {
        Self { layout, repository }
    }
}

#[async_trait]
impl Library for LayoutLibrary {
    async fn open(&self, repository: &str) -> Result<Arc<dyn Place>> {
        if repository != self.repository {
            return Err(Error::missing(Item::Repository, format!("{} (only {} is offered here)", self.layout.text(), self.repository)));
        }
        Ok(Arc::new(Offered(self.layout.clone())))
    }

    async fn repositories(&self) -> Result<Vec<String>> {
        Ok(vec![self.repository.clone()])
    }

    async fn draft(&self) -> Result<Box<dyn Draft>> {
        self.layout.off(|layout| Ok(layout.make()?)).await?;
        Ok(Box::new(Upload::begin(self.layout.blobs.clone(), self.layout.text()).await?))
    }
}

const LATEST: &str = "latest";

/// A layout whose nameless image has the tag that clients ask for when none is written: `latest`.
struct Offered(Layout);

impl Offered {
    async fn translate(&self, selector: &Selector) -> Result<Selector> {
        let nameless = matches!(selector, Selector::Name(name) if name == LATEST) && self.0.tags().await?.is_empty();
        Ok(if nameless { Selector::Only } else { selector.clone() })
    }
}

#[async_trait]
impl Source for Offered {
    fn name(&self) -> String {
        self.0.name()
    }

    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        self.0.resolve(&self.translate(selector).await?).await
    }

    async fn manifest(&self, selector: &Selector) -> Result<RawManifest> {
        self.0.manifest(&self.translate(selector).await?).await
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        self.0.blob(blob).await
    }

    async fn blob_range(&self, blob: &Descriptor, range: Range<u64>) -> Result<ByteStream> {
        self.0.blob_range(blob, range).await
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>> {
        self.0.blob_size(digest).await
    }

    async fn has(&self, child: &Descriptor) -> Result<bool> {
        self.0.has(child).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.0.referrers(subject).await
    }

    async fn tags(&self) -> Result<Vec<String>> {
        let tags = self.0.tags().await?;
        let nameless = tags.is_empty() && self.0.resolve(&Selector::Only).await.is_ok();
        Ok(if nameless { vec![LATEST.to_owned()] } else { tags })
    }
}

#[async_trait]
impl Sink for Offered {
    async fn put_blob(&self, blob: &Descriptor, from: &dyn Source) -> Result<Placed> {
        self.0.put_blob(blob, from).await
    }

    async fn put_manifest(&self, manifest: &RawManifest) -> Result<Placed> {
        self.0.put_manifest(manifest).await
    }

    async fn tag(&self, name: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        self.0.tag(name, root, expected).await
    }

    async fn remove(&self, selector: &Selector) -> Result<()> {
        self.0.remove(&self.translate(selector).await?).await
    }
}

impl Place for Offered {
    fn abilities(&self) -> Abilities {
        self.0.abilities()
    }

    fn width(&self) -> usize {
        self.0.width()
    }
}
