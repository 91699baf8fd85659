//! `docker manifest`: its folder of half-made lists, what it does with them, and what it prints.
//!
//! A list lives as files below `manifests/` in docker's configuration folder until it is pushed: one
//! file an image. Docker and polyarch may take turns on them. Start at [`Folder`], then [`List`].

mod entry;
mod error;
mod folder;
mod inspect;
mod list;
mod platforms;

pub use entry::{Entry, Location};
pub use error::{DockerError, Flaw};
pub use folder::Folder;
pub use inspect::{show_entries, show_entry, show_index, show_manifest};
pub use list::{Annotate, Forgotten, List};
pub use platforms::is_supported;
