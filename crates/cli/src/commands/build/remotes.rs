//! Fetches what a build takes from elsewhere, each thing once, whatever asks for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use dockerfile::Address;
use engine::build::{Fetched, RemoteSource, Remotes};
use engine::run::Secret;
use fault::{AnyFault, Failure, Fault, Hint, Kind};
use fetch::{Download, Downloads, Secrets};
use oci::{Digest, DigestError};
use tokio::sync::OnceCell;

use crate::args::Size;
use crate::commands::Session;
use crate::open::Opener;

/// The variable for the largest file that is downloaded.
const LIMIT: &str = "POLYARCH_DOWNLOAD_LIMIT";
/// How large that is where nobody says.
const USUAL_LIMIT: u64 = 16_000_000_000;

/// Something that cannot be fetched before anybody is asked.
#[derive(Debug, thiserror::Error)]
pub enum RemotesError {
    /// No size.
    #[error("bad {LIMIT} {0:?}: expected a size")]
    Limit(String),
    /// No checksum.
    #[error(transparent)]
    Checksum(#[from] DigestError),
    /// A repository of git.
    #[error("{0} is a repository of git, which is not fetched yet")]
    Git(String),
}

impl Fault for RemotesError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Limit(_) => Some(Hint::new(format!("{LIMIT}=64GB"))),
            Self::Git(_) => Some(Hint::new("fetch it before the build, into the context, and ADD that folder")),
            Self::Checksum(_) => None,
        }
    }
}

/// Fetches for one build.
pub struct Fetcher {
    session: Session,
    downloads: Downloads,
    done: Mutex<HashMap<String, Arc<OnceCell<Fetched>>>>,
}

impl Fetcher {
    /// Prepares; nothing is asked yet. The secrets are those of the build, by their ids.
    ///
    /// # Errors
    /// Where there is no store, or settings cannot be used.
    pub fn new(
        session: &Session,
        opener: &Opener,
        secrets: impl Fn(&str) -> Option<Secret> + Send + Sync + 'static,
    ) -> Result<Self, Failure> {
        let store = opener.store()?;
        let downloads = Downloads {
            web: opener.web()?,
            library: Arc::new(store.clone()),
            keep: Arc::new(store.clone()),
            secrets: Secrets::new(move |id| secrets(id).map(|secret| secret.content().to_vec())),
            limit: limit(session)?,
            events: session.console.events(),
        };
        Ok(Self { session: session.clone(), downloads, done: Mutex::default() })
    }

    async fn file(&self, address: &dockerfile::HttpAddress, checksum: Option<&str>) -> Result<Fetched, Failure> {
        let checksum: Option<Digest> = checksum.map(str::parse).transpose().map_err(RemotesError::from)?;
        let shown = Address::Http(address.clone()).shown();
        let Download { blob, source, modified, is_known } = self.downloads.get(address, checksum.as_ref()).await?;
        self.session.console.say(if is_known { format!("{shown}: here already") } else { format!("fetched {shown}") });
        Ok(Fetched::File { name: address.file_name(), modified: modified.unwrap_or(0), blob: Box::new(blob), source })
    }

    async fn any(&self, wanted: &RemoteSource) -> Result<Fetched, Failure> {
        match &wanted.address {
            Address::Http(http) => self.file(http, wanted.checksum.as_deref()).await,
            Address::Git(git) => Err(RemotesError::Git(git.shown()).into()),
        }
    }
}

#[async_trait]
impl Remotes for Fetcher {
    async fn fetch(&self, wanted: &RemoteSource) -> Result<Fetched, AnyFault> {
        let key = format!("{wanted:?}");
        let cell = Arc::clone(self.done.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        cell.get_or_try_init(|| self.any(wanted)).await.cloned().map_err(Failure::into_fault)
    }
}

fn limit(session: &Session) -> Result<u64, RemotesError> {
    match session.context.variable(LIMIT).filter(|text| !text.is_empty()) {
        Some(text) => text.parse::<Size>().map(|size| size.0).map_err(|_| RemotesError::Limit(text)),
        None => Ok(USUAL_LIMIT),
    }
}
