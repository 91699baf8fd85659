//! Asking a host whether it is a registry, and whether it lets us in.

use reqwest::Method;

use crate::ask::{Ask, Target};
use crate::auth::Scopes;
use crate::client::Client;
use crate::error::RemoteError;

/// What a registry answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// With what it let us in, in words; none where it asked for nothing.
    pub credentials: Option<String>,
}

impl Client {
    /// Asks a registry for `/v2/`, with what is kept for it. `registry` is a host as
    /// [`Reference::registry`](oci::Reference::registry) writes it.
    ///
    /// # Errors
    /// Where nobody answers, it is no registry, or it refuses what it is shown; where a file of `registries.conf` is broken, or
    /// blocks the host.
    pub async fn greet(&self, registry: &str) -> Result<Greeting, RemoteError> {
        let host = self.host(registry, self.trust(registry)?);
        let ask = Ask::new(Method::GET, Target::Path("/v2/".to_owned()), "", Scopes::none());
        let answer = host.call(&ask).await?;
        if !answer.status.is_success() {
            return Err(answer.unexpected());
        }
        let (demand, credentials) = host.demand("").await;
        Ok(Greeting { credentials: demand.map(|_| credentials) })
    }
}
