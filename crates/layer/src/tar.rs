//! Tars: one type of entry, a writer that always writes the same bytes, and a reader that believes nothing.
//!
//! Start at [`Entry`], then [`Writer`] or [`Reader`].

mod entry;
mod header;
mod path;
mod pax;
mod read;
mod seen;
mod sparse;
mod windows;
mod write;

pub use entry::{Device, Entry, EntryKind, WHITEOUT, WHITEOUT_OPAQUE, Whiteout};
pub use header::looks_like_tar;
pub use path::{clean, leads_outside};
pub use read::{AbsoluteNames, Content, HardLinks, Limits, Reader, Rules, Symlinks};
pub(crate) use write::{Encoder, copy_content, pad};
pub use write::{Layout, Options, Writer};

/// Everything in a tar comes in blocks of this many bytes.
pub(crate) const BLOCK: usize = 512;

/// How many bytes fill the last block of `size` bytes.
pub(crate) const fn padding(size: u64) -> usize {
    ((BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64) as usize
}
