//! A login in an address: it is sent, and never shown.

use std::fmt;

use super::{AddressReason, decoded};

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    name: String,
    password: String,
}

impl Login {
    /// Returns `NAME:PASSWORD`, to be sent and nothing else.
    pub fn reveal(&self) -> String {
        format!("{}:{}", self.name, self.password)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// Takes the login out of a URL of HTTP.
pub(super) fn split(text: &str) -> Result<(String, Option<Login>), AddressReason> {
    let (scheme, rest) = text.split_once("://").ok_or(AddressReason::NoHost)?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some((login, host)) = authority.rsplit_once('@') else { return Ok((text.to_owned(), None)) };
    let (name, password) = login.split_once(':').unwrap_or((login, ""));
    let text = |part: &str| String::from_utf8_lossy(&decoded(part)).into_owned();
    Ok((format!("{scheme}://{host}{path}"), Some(Login { name: text(name), password: text(password) })))
}
