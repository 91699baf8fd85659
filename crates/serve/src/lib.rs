//! Our registry: a library of places offered by the OCI distribution protocol (distribution-spec 1.1).
//!
//! It speaks HTTP/1.1, with TLS or without, and asks its [`content::Library`] for everything that it
//! gives: it opens no file but certificate and passwords, keeps no image of its own, and shares no code
//! with the registry client, so that each can catch the other's mistakes. Without a [`Guard`], whoever
//! reaches the address may read and write, so whoever binds one that others reach decides that first.
//!
//! A request passes `server.rs` (connections, TLS), `access.rs` (the log), `guard.rs` (who may do what),
//! then `routes.rs` (what a path means), `registry.rs` (who answers it) and `handlers/` (how). Start at
//! [`Server::bind`].

mod access;
mod condition;
mod error;
#[doc(hidden)]
pub mod fuzz;
mod guard;
mod handlers;
mod intake;
mod patience;
mod query;
mod range;
mod refusal;
mod registry;
mod respond;
mod routes;
mod server;
mod tls;
mod uploads;

pub use access::AccessLine;
pub use error::{AirPlay, Cause, LineProblem, PasswordsError, ServeError, TlsError};
pub use guard::{Anonymous, Guard};
pub use server::{Bound, Limits, Options, Rules, Server};
pub use tls::Tls;
