//! What is copied from beside a plain folder: what stages made, images, and tars.
//!
//! Each becomes [`Files`]: a tree, and where the bytes of each file in it are. Bytes that can only be read as a stream, of layers
//! and of tars, are kept in a [`Spool`] until the build is over. Nothing is ever unpacked: no path in it becomes one of this machine.

mod add;
mod archive;
mod image;
mod picked;
mod spool;
mod stored;
mod tree;

pub use add::{AddError, AddFrom, FarFiles, add};
pub use archive::{ArchiveError, read_archive};
pub use image::read_image;
pub(crate) use image::{LayerFiles, name as entry_name};
pub use picked::pick;
pub use spool::{Span, Spool, SpoolError};
pub(crate) use stored::Stored;
pub use tree::Files;
