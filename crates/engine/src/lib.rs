//! Carries a build out: looks at contexts, and writes layers and what is told of them.
//!
//! What a step means is decided in `graph`; here the bytes are. Start at [`context::Folder`] for where they come from, at
//! [`files::Files`] for what else is copied from, at [`base::Base`] for what a stage begins with, at [`pack::pack`] for where the
//! bytes go, at [`differ::diff`] for what a program changed, at [`truth::judge`] for whether they are what the label says, at [`cache::Cache`] for what need not be done again,
//! at [`export::plan()`] for images as plain files, at [`provenance::Account`] for what is told of how an image came to be, and at [`build::Request`] for all of it together.

pub mod base;
mod beneath;
pub mod build;
pub mod cache;
pub mod context;
pub mod differ;
pub mod export;
pub mod files;
mod ground;
pub mod machines;
pub mod pack;
pub mod program;
pub mod provenance;
pub mod roots;
pub mod run;
pub mod truth;
