//! Content on this machine's disk, as places: the local store, OCI layout folders, image archives.
//!
//! Never opens a socket, never looks for a folder by itself, never tells the time. Whatever it
//! writes is whole or not there: files come in beside the content and are renamed into place. Start
//! at [`Store`] and [`Layout`]; what both have in common is in `blobs.rs` and `tree.rs`.

pub mod archive;
mod blobs;
mod error;
mod ingest;
mod layout;
mod local;
mod lock;
mod names;
mod referrers;
mod small;
mod tree;
mod upload;
mod work;

pub use error::StoreError;
pub use layout::{Layout, LayoutLibrary};
pub use local::{
    CacheItem, CachePlan, CacheUsage, CacheWish, Entry, Finding, Kept, KeptLog, Log, PruneItem, PrunePlan, Pruned, SparseLibrary, Store,
    Usage, Why,
};
pub use names::{NameOrigin, Named};

/// The version of the local store's folder; a higher one is refused.
pub const STORE_VERSION: u64 = 1;
/// The version of the local store's name files; a higher one is refused.
pub const NAME_VERSION: u64 = 1;
