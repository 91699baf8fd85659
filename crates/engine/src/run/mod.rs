//! What commands of a build run in.

mod settings;

pub use settings::{Access, Rights, Secret, Settings};
