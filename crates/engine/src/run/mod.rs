//! Commands of a build: what they run in, and what comes of them.
//!
//! The sandbox runs one process; here it gets its layers, its user, its mounts and its variables, and what it has written becomes
//! a layer. Start at [`Runner`]; [`Settings`] is what the flags of a build say of all commands.

mod agent;
mod caches;
mod error;
mod mounts;
mod output;
mod runner;
mod settings;
mod spec;

pub use crate::ground::GroundError;
pub use error::RunError;
pub use output::{Listener, Stream};
pub use runner::Runner;
pub use settings::{Access, Rights, Secret, Settings};

pub(crate) use mounts::{Mounted, check};
pub(crate) use runner::Left;
pub(crate) use spec::Job;
