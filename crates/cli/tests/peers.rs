//! What `build` makes, beside what other builders make of the same Dockerfiles, and in the hands of the clients that
//! people have.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

#[path = "peers/alone.rs"]
mod alone;
#[path = "peers/buildah.rs"]
mod buildah;
#[path = "peers/buildkit.rs"]
mod buildkit;
#[path = "peers/cases.rs"]
mod cases;
#[path = "peers/gallery.rs"]
mod gallery;
#[path = "peers/image.rs"]
mod image;
#[path = "peers/podman.rs"]
mod podman;
#[path = "peers/takers.rs"]
mod takers;
#[path = "peers/tree.rs"]
mod tree;
