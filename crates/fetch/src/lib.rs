//! Fetches what builds take from elsewhere: files by HTTP, and files of repositories through the
//! program git.
//!
//! What was fetched is a blob of a library, and what an address led to is remembered, so that nothing is fetched twice that did
//! not change. Addresses stand in files that others write: nothing of them becomes an option of a program, no login leaves for
//! another host, and whatever never ends is ended. Never reads the environment or the clock. Start at
//! [`Downloads::get`] and [`Repositories::get`].

mod credentials;
mod download;
mod error;
mod git;
mod record;

pub use credentials::Secrets;
pub use download::{Download, Downloads};
pub use error::{FetchError, GitSaid};
pub use git::{Checkout, CheckoutWish, GitSettings, Repositories};
