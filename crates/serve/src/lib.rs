//! Our registry: a library of places offered by the OCI distribution protocol (distribution-spec 1.1).
//!
//! It speaks HTTP/1.1 to whoever connects and asks its [`content::Library`] for everything else: it
//! opens no file, keeps no image of its own, and shares no code with the registry client, so that
//! each can catch the other's mistakes. It knows no users and no TLS: whoever reaches the address may
//! read and write, which is why the address is this machine's own unless somebody says otherwise.
//!
//! Start at [`Server::bind`]; then `routes.rs` (what a path means), `registry.rs` (who answers it) and
//! `handlers/` (how).

mod access;
mod condition;
mod error;
#[doc(hidden)]
pub mod fuzz;
mod handlers;
mod intake;
mod query;
mod range;
mod refusal;
mod registry;
mod respond;
mod routes;
mod server;
mod uploads;

pub use access::AccessLine;
pub use error::{AirPlay, ServeError};
pub use server::{Bound, Limits, Options, Server};
