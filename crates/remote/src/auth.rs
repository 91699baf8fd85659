//! Proving who we are: what a registry demands, and what is sent along because of it
//! (distribution, "Token Authentication Specification"; RFC 6750; RFC 7617).

mod bearer;
mod challenge;
mod scope;
mod tokens;

pub(crate) use bearer::{Stay, TokenAsk, basic, fetch};
pub(crate) use challenge::Challenge;
pub(crate) use scope::{Action, Scopes};
pub(crate) use tokens::{Token, Tokens};
