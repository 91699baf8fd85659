//! Fixtures, servers and suites for tests: images made in memory, the contract that every place
//! passes, real servers on loopback, console transcripts.
//!
//! Never used outside tests, and free to panic: a panic here is a test's failure, so it says what
//! was expected, then what was seen. Start at [`fixtures::Image`], then [`contract::all`].

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod busybox;
pub mod contract;
pub mod dockerd;
pub mod faulty;
pub mod fixtures;
mod host;
pub mod hostile;
pub mod proxy;
#[cfg(target_os = "linux")]
pub mod refuse;
pub mod registry;
pub mod tokens;
pub mod transcript;
mod wire;

pub use busybox::{busybox_layer, busybox_layer_with};
pub use host::{binary, is_root, skip};
#[cfg(unix)]
pub use host::{contains, passes_modes, takes_marks};
