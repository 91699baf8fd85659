//! `RUN`: what it sees, what it leaves, and what becomes of one that fails.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "runs/bad.rs"]
mod bad;
#[path = "runs/caching.rs"]
mod caching;
#[path = "runs/copied.rs"]
mod copied;
#[path = "runs/kitchen.rs"]
mod kitchen;
#[path = "runs/logs.rs"]
mod logs;
#[path = "runs/mounts.rs"]
mod mounts;
mod program;
#[path = "runs/secrets.rs"]
mod secrets;
#[path = "runs/strangers.rs"]
mod strangers;
#[path = "runs/testing.rs"]
mod testing;
#[path = "runs/theirs.rs"]
mod theirs;
