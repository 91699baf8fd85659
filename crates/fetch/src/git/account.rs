//! What the host of a repository is shown.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dockerfile::GitAddress;
use remote::Secret;
use url::Url;

use super::settings::Configuration;
use crate::credentials::{Secrets, authority};

/// A token, sent as a password; BuildKit's name for it. `.HOST` behind it makes it one for that host.
const TOKEN: &str = "GIT_AUTH_TOKEN";
/// The value of the header `Authorization`.
const HEADER: &str = "GIT_AUTH_HEADER";
/// Who sends a token, as GitHub, GitLab and others take it.
const USER: &str = "x-access-token";

/// The header that a host is shown; nothing for what is not asked by HTTP.
pub(super) struct Account {
    header: Option<String>,
    hidden: Vec<String>,
}

impl Account {
    /// Finds it: the secrets of the build, for this host before those for all, then the login of the address.
    pub(super) fn of(address: &GitAddress, secrets: &Secrets) -> Self {
        let mut account = Self { header: None, hidden: Vec::new() };
        let Some(host) = address.remote.parse::<Url>().ok().filter(|url| url.scheme().starts_with("http")).and_then(|url| authority(&url))
        else {
            return account;
        };
        let basic = |login: String| format!("basic {}", STANDARD.encode(login));
        let given = |name: &str| secrets.line(&format!("{name}.{host}")).or_else(|| secrets.line(name));
        let login = address.login.as_ref().map(dockerfile::Login::reveal);
        let token = given(TOKEN);
        account.hidden.extend(token.iter().cloned());
        account.hidden.extend(login.iter().flat_map(|login| login.split(':').map(ToOwned::to_owned)));
        account.header = given(HEADER).or_else(|| token.map(|token| basic(format!("{USER}:{token}")))).or_else(|| login.map(basic));
        account.hidden.extend(account.header.iter().cloned());
        account
    }

    /// Returns the header's value.
    pub(super) fn for_http(&self) -> Option<Secret> {
        self.header.clone().map(Secret::new)
    }

    /// Tells git of it: by the environment, for the host of the address alone, where the repository is still on that.
    pub(super) fn tell(&self, written: &str, place: &str, configuration: &mut Configuration) {
        let (Some(header), Ok(written), Ok(place)) = (&self.header, written.parse::<Url>(), place.parse::<Url>()) else { return };
        if written.origin() == place.origin() {
            let origin = place.origin().ascii_serialization();
            configuration.set(&format!("http.{origin}/.extraHeader"), &format!("Authorization: {header}"));
        }
    }

    /// Lists what is never shown.
    pub(super) fn hidden(&self) -> Vec<String> {
        // A name that is part of every address hides nothing.
        self.hidden.iter().filter(|text| text.len() > 3).cloned().collect()
    }
}
