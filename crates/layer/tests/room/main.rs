//! The room as those see it who build on it, and other tools as judges of what it writes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;
mod golden;
mod hostile;
mod machines;
mod sparse;
mod tools;
mod tree;
