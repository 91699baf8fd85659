//! Bytes that come in before their digest is known, as a registry's uploads do.

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use content::{Draft, Error, Item, Result};
use oci::{Algorithm, Descriptor, Digest, Hasher, MediaType};

use crate::StoreError;
use crate::blobs::{Blobs, hash_file};
use crate::ingest::{self, Target, Writing};

/// An upload of which the digest comes last.
pub(crate) struct Upload {
    blobs: Blobs,
    writing: Writing,
    /// The place, as messages name it.
    place: String,
}

impl Upload {
    /// Begins a file beside the blobs; it is gone when it is dropped.
    pub(crate) async fn begin(blobs: Blobs, place: String) -> Result<Self> {
        let writing = Writing::hashed(blobs.ingest(), "write an upload".to_owned(), Hasher::new(Algorithm::Sha256)).await?;
        Ok(Self { blobs, writing, place })
    }
}

#[async_trait]
impl Draft for Upload {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        Ok(self.writing.write(bytes).await?)
    }

    async fn rest(&mut self) -> Result<()> {
        Ok(self.writing.rest().await?)
    }

    fn size(&self) -> u64 {
        self.writing.size()
    }

    async fn commit(self: Box<Self>, expected: &Digest) -> Result<Descriptor> {
        let (size, expected, path) = (self.writing.size(), expected.clone(), self.blobs.path(expected));
        let place = self.place;
        let done = self.writing.finish(move |target| keep(target, expected, &path, &place));
        let digest = done.await?;
        Ok(Descriptor::new(MediaType::Other("application/octet-stream".to_owned()), digest, size))
    }
}

fn keep(target: Target, expected: Digest, path: &Path, place: &str) -> Result<Digest> {
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
        return Err(Error::WrongDigest { item: Item::Blob(expected), place: format!("an upload to {place}"), got });
    }
    ingest::place(file, &wish, path)?;
    Ok(expected)
}
