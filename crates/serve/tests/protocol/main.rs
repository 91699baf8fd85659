//! The protocol over real sockets: a client of a few lines on one side, so that nothing between test
//! and server can hide what is on the wire.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod blobs;
mod client;
mod clients;
mod hostile;
mod library;
mod lists;
mod manifests;
mod referrers;
mod running;
mod uploads;
