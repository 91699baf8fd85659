//! `run`: a program of an image, what it sees, what becomes of it, and that nothing is left of it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "running/ending.rs"]
mod ending;
#[path = "running/image.rs"]
mod image;
#[path = "runs/kitchen.rs"]
#[allow(dead_code, reason = "every test file is a crate of its own and uses its part of this")]
mod kitchen;
#[path = "running/nobody.rs"]
mod nobody;
mod program;
#[path = "running/pulled.rs"]
mod pulled;
#[path = "running/refused.rs"]
mod refused;
#[path = "running/seen.rs"]
mod seen;
#[path = "running/started.rs"]
mod started;
#[path = "running/streams.rs"]
mod streams;
#[path = "running/terminal.rs"]
mod terminal;
#[path = "runs/theirs.rs"]
mod theirs;
