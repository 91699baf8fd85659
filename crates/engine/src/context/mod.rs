//! What is sent along with a Dockerfile.

mod beneath;
mod error;
mod folder;

pub use error::ContextError;
pub use folder::{Folder, Stamp, Visit, Walked};
