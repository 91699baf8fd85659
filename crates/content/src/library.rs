//! Many repositories under one roof: what a registry server offers.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use oci::{Descriptor, Digest};

use crate::{Place, Result};

/// Places by the path of a repository.
#[async_trait]
pub trait Library: Send + Sync {
    /// Opens one repository; it need not exist yet.
    ///
    /// # Errors
    /// Refuses a path that is none.
    async fn open(&self, repository: &str) -> Result<Arc<dyn Place>>;

    /// Lists the paths of all repositories, sorted.
    ///
    /// # Errors
    /// Only where the library cannot be read.
    async fn repositories(&self) -> Result<Vec<String>>;

    /// Starts an upload whose digest is known only at its end.
    ///
    /// # Errors
    /// Only where the library cannot be written.
    async fn draft(&self) -> Result<Box<dyn Draft>>;
}

/// Bytes on their way in. Nobody sees them before [`Draft::commit`]; dropping it forgets them.
#[async_trait]
pub trait Draft: Send + Sync {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// Where they cannot be written; the draft is then good for nothing.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Says that nothing may come for a long time: what a resting draft needs is its bytes on the
    /// disk, neither memory nor an open file. The next write goes on where the last one ended.
    ///
    /// # Errors
    /// As [`Draft::write`].
    async fn rest(&mut self) -> Result<()> {
        Ok(())
    }

    /// Returns the number of bytes written so far.
    fn size(&self) -> u64;

    /// Checks the digest and makes the bytes a blob of the library.
    ///
    /// # Errors
    /// [`crate::Error::WrongDigest`] forgets the bytes.
    async fn commit(self: Box<Self>, expected: &Digest) -> Result<Descriptor>;
}
