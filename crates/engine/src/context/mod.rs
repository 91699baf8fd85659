//! What is sent along with a Dockerfile.

pub(crate) mod attributes;
mod error;
mod folder;
mod origin;
mod whole;

pub use error::ContextError;
pub use folder::{Folder, Stamp, Visit, Walked};
pub use origin::Origin;
pub use whole::Context;
