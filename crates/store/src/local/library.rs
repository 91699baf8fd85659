//! The local store as a library of repositories: what `polyarch serve` offers.

use std::sync::Arc;

use async_trait::async_trait;
use content::{Draft, Library, Place, Result};
use oci::{Reference, ReferenceError, Tag, Thing};

use super::repository::Repository;
use super::{PLACE, Store};
use crate::StoreError;
use crate::names::NameOrigin;
use crate::tree::Needs;
use crate::upload::Upload;

#[async_trait]
impl Library for Store {
    async fn open(&self, repository: &str) -> Result<Arc<dyn Place>> {
        Ok(Arc::new(self.served(repository, Needs::Everything)?))
    }

    async fn repositories(&self) -> Result<Vec<String>> {
        self.off(|store| {
            let mut paths = Vec::new();
            for (_, named) in store.0.names.all()? {
                // A broken name is named by `check` and hides no other.
                paths.extend(named.map(|named| named.reference.served_path()));
            }
            paths.sort();
            paths.dedup();
            Ok(paths)
        })
        .await
    }

    async fn draft(&self) -> Result<Box<dyn Draft>> {
        self.off(|store| Ok(store.make()?)).await?;
        Ok(Box::new(Upload::begin(self.0.blobs.clone(), PLACE.to_owned()).await?))
    }
}

/// The local store as a library that takes sparse indexes: those of which not every image was pushed
/// (distribution-spec 1.1, "Pushing Manifests": a registry MAY take a manifest whose children are
/// missing).
///
/// What is missing stays missing: the name holds what is here, and [`Store::check`] tells the rest.
#[derive(Clone, Debug)]
pub struct SparseLibrary(Store);

#[async_trait]
impl Library for SparseLibrary {
    async fn open(&self, repository: &str) -> Result<Arc<dyn Place>> {
        Ok(Arc::new(self.0.served(repository, Needs::ItsImages)?))
    }

    async fn repositories(&self) -> Result<Vec<String>> {
        self.0.repositories().await
    }

    async fn draft(&self) -> Result<Box<dyn Draft>> {
        self.0.draft().await
    }
}

impl Store {
    /// Offers the store as a library that takes sparse indexes.
    pub fn sparse(&self) -> SparseLibrary {
        SparseLibrary(self.clone())
    }

    fn served(&self, repository: &str, needs: Needs) -> Result<Repository> {
        let wrong = |source| StoreError::BadRepository { path: repository.to_owned(), source };
        let name: Reference = repository.parse().map_err(wrong)?;
        if let Some(tag) = name.tag() {
            return Err(wrong(ReferenceError::Part { text: repository.to_owned(), part: format!(":{}", tag.as_str()) }).into());
        }
        if let Some(digest) = name.digest() {
            return Err(wrong(ReferenceError::Part { text: repository.to_owned(), part: format!("@{digest}") }).into());
        }
        let name = Reference::from_served_path(repository, Thing::Tag(Tag::latest())).map_err(wrong)?;
        // Whoever pushes to a server on this machine makes images on this machine.
        Ok(Repository::new(self.clone(), &name, NameOrigin::Made, needs))
    }
}
