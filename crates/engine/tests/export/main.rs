//! The files of images as plain files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;
mod folder;
mod hostile;
mod plan;
mod stopped;
mod tar;
