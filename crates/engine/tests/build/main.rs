//! Builds, from a Dockerfile and a folder to an image in a library in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod far;
mod made;
mod provenance;
mod refused;
mod world;
