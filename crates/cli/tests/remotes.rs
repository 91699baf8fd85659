//! What a build takes from elsewhere: files behind URLs, and what becomes of servers that mean it ill.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "remotes/added.rs"]
mod added;
#[path = "remotes/place.rs"]
mod place;
mod program;
#[path = "remotes/refused.rs"]
mod refused;
