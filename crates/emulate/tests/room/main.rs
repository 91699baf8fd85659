//! Runs real probes, on this machine and by the emulators that it has.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod emulators;
mod facts;
mod files;
mod fixture;
mod private;
mod probes;
