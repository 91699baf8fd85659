//! Runs real processes in a root made of a static busybox, as root and as an ordinary user.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bounds;
mod contained;
mod early;
mod ending;
mod entered;
mod fixture;
mod followed;
mod mounted;
mod process;
mod restricted;
mod strangers;
mod streams;
mod view;
