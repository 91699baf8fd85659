//! The protocol over real sockets: a client of a few lines on one side, so that nothing between test
//! and server can hide what is on the wire.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod blobs;
mod client;
mod clients;
mod guard;
mod hostile;
mod library;
mod limits;
mod lists;
mod manifest_tags;
mod manifests;
mod referrers;
mod running;
mod tls;
mod uploads;
