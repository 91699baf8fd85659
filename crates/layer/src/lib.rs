//! Layers: how a tree of files becomes the blob that a manifest names, and what is in one.
//!
//! Works on readers and writers only: never opens a file by a path, never speaks to a place, and
//! holds no layer in memory. Start at [`tar::Entry`].

pub mod binary;
pub mod compact;
mod compress;
mod compression;
mod create;
mod cut;
mod error;
pub mod index;
mod inflate;
mod pool;
pub mod tar;

pub use compress::{Compressed, DigestWriter, gunzip, gzip};
pub use compression::{Compression, GzipLevel, ZstdLevel};
pub use create::{LayerWriter, Settings, recompress};
pub use error::{Got, LayerError, Limit, PathProblem, Problem};
pub use inflate::{CompressionFormat, Inflate, InflateLimits};
