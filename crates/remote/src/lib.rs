//! A registry over HTTP, as a place (OCI distribution-spec 1.1, Docker Registry HTTP API v2).
//!
//! Speaks to registries, token servers and credential helpers, and makes one repository a
//! [`content::Place`]. Never reads the environment or the clock: both come in through [`Settings`];
//! the files that the settings name are read here, when they are first needed. Start at
//! [`Client::repository`], then `registry.rs` for what a repository does and `host.rs` for how one
//! request travels. [`Web`] asks any address, for whoever fetches what is in no registry.

mod account;
mod answer;
mod ask;
mod auth;
mod client;
mod credentials;
mod download;
mod error;
mod facts;
#[doc(hidden)]
pub mod fuzz;
mod greet;
mod host;
mod known;
mod listing;
mod login;
mod manifests;
mod mirrored;
mod pace;
mod payload;
mod pieces;
mod probe;
mod quirks;
mod redirect;
mod referrers;
mod registries;
mod registry;
mod retry;
mod scout;
mod settings;
mod settle;
mod tagging;
mod tags;
mod transport;
mod upload;
mod web;
mod wire;

pub use account::Account;
pub use client::{Client, Intent};
pub use credentials::{Forgotten, Keeper, Secret};
pub use error::{Cause, Refusal, RemoteError};
pub use greet::Greeting;
pub use listing::{Listing, Page};
pub use login::Kept;
pub use probe::{Ability, Depth, Finding, Probed, Verdict};
pub use registries::{RegistriesFile, ShortName};
pub use registry::Registry;
pub use retry::Patience;
pub use settings::{GivenLogin, HostRule, Proxies, Settings};
pub use web::{Web, WebAnswer, WebRequest};
