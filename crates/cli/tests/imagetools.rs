//! `polyarch buildx imagetools` against a real registry: the words, the bytes, and what buildx gets wrong.
//!
//! What is expected is written out in the shapes that buildx 0.30 printed, with the fixtures' digests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;
#[path = "imagetools/world.rs"]
mod world;

#[path = "imagetools/create.rs"]
mod create;
#[path = "imagetools/holes.rs"]
mod holes;
#[path = "imagetools/inspect.rs"]
mod inspect;
#[path = "imagetools/page.rs"]
mod page;
#[path = "imagetools/refused.rs"]
mod refused;
