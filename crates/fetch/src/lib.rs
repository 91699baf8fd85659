//! Fetches what builds take from elsewhere: files by HTTP.
//!
//! What was fetched is a blob of a library, and what an address led to is remembered, so that nothing is fetched twice that did
//! not change. Addresses stand in files that others write: nothing of them becomes an option of a program, no login leaves for
//! another host, and whatever never ends is ended. Never reads the environment or the clock. Start at [`Downloads::get`].

mod credentials;
mod download;
mod error;
mod record;

pub use credentials::Secrets;
pub use download::{Download, Downloads};
pub use error::FetchError;
