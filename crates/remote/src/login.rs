//! Logging in: a name and password are tried, and kept only where the registry takes them.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Method;

use crate::account::Account;
use crate::ask::{Ask, Target};
use crate::auth::Scopes;
use crate::client::Client;
use crate::credentials::{Forgotten, Found, Keeper, Login, Secret, forget, forget_all, keep};
use crate::error::RemoteError;
use crate::host::Host;

/// A login that is tried, and what comes of it.
pub(crate) struct Trial {
    pub found: Found,
    /// The refresh token that the token server gave for the password.
    refresh: Mutex<Option<Secret>>,
}

impl Trial {
    pub(crate) fn remember(&self, refresh: Option<Secret>) {
        if refresh.is_some() {
            *self.refresh.lock().unwrap_or_else(PoisonError::into_inner) = refresh;
        }
    }
}

/// A login that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where.
    pub keeper: Keeper,
    /// Whether the registry has looked at it; one that lets everybody in has not.
    pub tried: bool,
}

impl Client {
    /// Shows a registry a name and password, and keeps them where it takes them. A token server's
    /// refresh token is kept in the place of the password, as Docker does.
    ///
    /// # Errors
    /// [`RemoteError::LoginRefused`] where the registry or its token server says no; nothing is kept then.
    pub async fn log_in(&self, account: &Account, user: &str, secret: Secret) -> Result<Kept, RemoteError> {
        let login = Login::Password { user: user.to_owned(), secret };
        let trial =
            Arc::new(Trial { found: Found { login: login.clone(), origin: format!("asked as {user}") }, refresh: Mutex::default() });
        let host = Host::on_trial(account.host(), self.trust(&account.to_string())?, self.shared(), Arc::clone(&trial));
        // A path may be that of many repositories, so there is no scope that would fit.
        let ask = Ask::new(Method::GET, Target::Path("/v2/".to_owned()), account.path().unwrap_or_default(), Scopes::none());
        let answer = host.call(&ask).await.map_err(|error| match error {
            RemoteError::Denied { source, .. } => RemoteError::LoginRefused(source),
            other => other,
        })?;
        if !answer.status.is_success() {
            return Err(answer.unexpected());
        }
        let refresh = trial.refresh.lock().unwrap_or_else(PoisonError::into_inner).take();
        let login = refresh.map_or(login, |secret| Login::Identity { user: user.to_owned(), secret });
        let keeper = keep(self.settings(), account, &login).await?;
        Ok(Kept { keeper, tried: host.has_demands() })
    }

    /// Forgets a login.
    ///
    /// # Errors
    /// Where the file is damaged or cannot be written, or a helper fails.
    pub async fn log_out(&self, account: &Account) -> Result<Forgotten, RemoteError> {
        forget(self.settings(), account).await
    }

    /// Forgets every login that Docker's file knows of, and returns whose they were.
    ///
    /// # Errors
    /// As [`Client::log_out`].
    pub async fn log_out_everywhere(&self) -> Result<Vec<String>, RemoteError> {
        forget_all(self.settings()).await
    }
}
