//! The files of images as plain files: below a folder of this machine, or as one tar.
//!
//! Start at [`plan()`]: it decides what goes where, for all platforms, before anything is written. Then [`write_folder`], or
//! [`write_tar`]. A folder of this machine is the one place where a path of an image becomes a path of a machine, and `root.rs` is
//! the only door to it: nothing there follows a link, and nothing has its name before it is whole.

mod content;
mod error;
mod folder;
mod plan;
mod root;
mod same;
mod tar;
mod thread;
mod written;

pub use error::{ExportError, Found};
pub use folder::write_folder;
pub use plan::{Arrangement, Options, Plan, PlatformFiles, plan, platform_folder};
pub use tar::{write_tar, write_tar_file};
pub use written::{LeftOut, Omission, Written};
