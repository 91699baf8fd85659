//! What is copied from beside a plain folder.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod added;
mod archives;
mod fixture;
mod images;
mod stages;
