//! What a build takes from elsewhere: contexts, files behind URLs, repositories, and what becomes of servers that mean it ill.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "remotes/added.rs"]
mod added;
#[path = "remotes/contexts.rs"]
mod contexts;
#[path = "remotes/git.rs"]
mod git;
#[path = "remotes/git_refused.rs"]
mod git_refused;
#[path = "remotes/place.rs"]
mod place;
mod program;
#[path = "remotes/refused.rs"]
mod refused;
#[path = "remotes/repository.rs"]
mod repository;
