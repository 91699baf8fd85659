//! The local store as a library of repositories: what `polyarch serve` offers.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use content::{Draft, Error, Item, Library, Place, Result};
use oci::{Algorithm, Descriptor, Digest, Hasher, MediaType, Reference, ReferenceError, Tag, Thing};

use super::{PLACE, Store};
use crate::StoreError;
use crate::blobs::{Blobs, hash_file};
use crate::ingest::{self, Target, Writing};
use crate::names::NameOrigin;

#[async_trait]
impl Library for Store {
    async fn open(&self, repository: &str) -> Result<Arc<dyn Place>> {
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
        Ok(self.repository(&name, NameOrigin::Made))
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
        let blobs = self.0.blobs.clone();
        let writing = Writing::hashed(blobs.ingest(), "write an upload".to_owned(), Hasher::new(Algorithm::Sha256)).await?;
        Ok(Box::new(Upload { blobs, writing }))
    }
}

/// An upload of which the digest comes last.
struct Upload {
    blobs: Blobs,
    writing: Writing,
}

#[async_trait]
impl Draft for Upload {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        Ok(self.writing.write(bytes).await?)
    }

    fn size(&self) -> u64 {
        self.writing.size()
    }

    async fn commit(self: Box<Self>, expected: &Digest) -> Result<Descriptor> {
        let (size, expected, path) = (self.writing.size(), expected.clone(), self.blobs.path(expected));
        let done = self.writing.finish(move |target| keep(target, expected, &path));
        let digest = done.await?;
        Ok(Descriptor::new(MediaType::Other("application/octet-stream".to_owned()), digest, size))
    }
}

fn keep(target: Target, expected: Digest, path: &std::path::Path) -> Result<Digest> {
    let Target { file, hasher } = target;
    let wish = format!("write blob {expected}");
    let got = match (hasher, expected.algorithm()) {
        (Some(hasher), Algorithm::Sha256) => hasher.finish(),
        // Hashed while it came in as nearly everybody wants it; a rare algorithm costs a second look.
        (_, algorithm) => {
            let again = file.reopen().and_then(|file| hash_file(file, algorithm));
            again.map_err(|error| StoreError::io(&wish, file.path(), error))?
        }
    };
    if got != expected {
        return Err(Error::WrongDigest { item: Item::Blob(expected), place: format!("an upload to {PLACE}"), got });
    }
    ingest::place(file, &wish, path)?;
    Ok(expected)
}
