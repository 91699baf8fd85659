//! From the upper folder of an overlay to the entries of a layer.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;
mod marks;
mod mounted;
mod rules;
