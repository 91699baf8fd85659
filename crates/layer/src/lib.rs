//! Layers: how a tree of files becomes the blob that a manifest names.
//!
//! Works on readers and writers only: never opens a file by a path, never speaks to a place, and
//! holds no layer in memory. Start at [`gzip`].

mod compress;

pub use compress::{Compressed, DigestWriter, gunzip, gzip};
