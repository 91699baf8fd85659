//! Fetches what a build takes from elsewhere, each thing once, whatever asks for it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use dockerfile::{Address, GitAddress, HttpAddress};
use engine::build::{Fetched, FetchedFiles, RemoteSource, Remotes};
use engine::provenance::Material;
use fault::{AnyFault, Failure, Fault, Hint, Kind};
use fetch::{CheckoutWish, Download, Downloads, GitSettings, Repositories, Secrets};
use graph::TreePath;
use oci::{Digest, DigestError};
use tokio::sync::OnceCell;

use super::arrived::tree;
use super::running::Given;
use crate::args::Size;
use crate::commands::Session;
use crate::open::Opener;

/// The variable for the largest thing that is fetched.
const LIMIT: &str = "POLYARCH_DOWNLOAD_LIMIT";
/// How large that is where nobody says.
const USUAL_LIMIT: u64 = 16_000_000_000;
/// The agent that git is given, by its id.
const AGENT: &str = "default";

/// Something that cannot be fetched before anybody is asked.
#[derive(Debug, thiserror::Error)]
pub enum RemotesError {
    /// No size.
    #[error("bad {LIMIT} {0:?}: expected a size")]
    Limit(String),
    /// No checksum.
    #[error(transparent)]
    Checksum(#[from] DigestError),
}

impl Fault for RemotesError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Limit(_) => Some(Hint::new(format!("{LIMIT}=64GB"))),
            Self::Checksum(_) => None,
        }
    }
}

/// Something from elsewhere, with what is known of it.
#[derive(Clone)]
pub struct Came {
    /// What it is.
    pub fetched: Fetched,
    /// When its commit was made, where it is of a repository, in seconds since 1970.
    pub committed: Option<i64>,
}

/// What fetches, made when it is first needed: a build of what is here needs neither network nor git.
struct Means {
    downloads: Downloads,
    repositories: Repositories,
}

/// Fetches for one build.
pub struct Fetcher<'a> {
    session: &'a Session,
    opener: &'a Opener,
    given: Given,
    means: OnceLock<Means>,
    known: Known,
}

/// What came already, whoever fetched it.
#[derive(Clone, Default)]
pub struct Known(Arc<Mutex<HashMap<String, Arc<OnceCell<Came>>>>>);

impl<'a> Fetcher<'a> {
    /// Prepares; nothing is asked yet. What is `known` is not fetched again.
    pub fn new(session: &'a Session, opener: &'a Opener, given: Given, known: Known) -> Self {
        Self { session, opener, given, means: OnceLock::new(), known }
    }

    /// Returns where files are put meanwhile.
    pub fn scratch(&self) -> PathBuf {
        self.session.context.scratch.clone()
    }

    fn means(&self) -> Result<&Means, Failure> {
        if let Some(means) = self.means.get() {
            return Ok(means);
        }
        let (store, context) = (self.opener.store()?, &self.session.context);
        let given = self.given.secrets.clone();
        let secrets = Secrets::new(move |id| given.get(id).map(|secret| secret.content().to_vec()));
        let (web, limit) = (self.opener.web()?, limit(self.session)?);
        let downloads = Downloads {
            web: web.clone(),
            library: Arc::new(store.clone()),
            keep: Arc::new(store.clone()),
            secrets: secrets.clone(),
            limit,
            events: self.session.console.events(),
        };
        let settings = GitSettings {
            programs: context.programs.clone(),
            proxies: context.proxies.clone(),
            ca_files: context.global.ca_file.clone(),
            agent: self.given.agents.get(AGENT).cloned(),
        };
        let (library, keep) = (Arc::new(store.clone()), Arc::new(store.clone()));
        let repositories = Repositories { web, library, keep, secrets, settings, scratch: self.scratch(), limit };
        Ok(self.means.get_or_init(|| Means { downloads, repositories }))
    }

    /// Fetches a context, or a Dockerfile.
    ///
    /// # Errors
    /// Where it cannot be had.
    pub async fn context(&self, address: &Address, keep_git_dir: bool) -> Result<Came, Failure> {
        self.once(&RemoteSource { address: address.clone(), checksum: None, keep_git_dir }).await
    }

    async fn once(&self, wanted: &RemoteSource) -> Result<Came, Failure> {
        // A login is no part of the text.
        let key = format!("{wanted:?}");
        let cell = Arc::clone(self.known.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        let fetch = || async {
            match &wanted.address {
                Address::Http(http) => self.file(http, wanted.checksum.as_deref()).await,
                Address::Git(git) => self.repository(git, wanted).await,
            }
        };
        cell.get_or_try_init(fetch).await.cloned()
    }

    async fn file(&self, address: &HttpAddress, checksum: Option<&str>) -> Result<Came, Failure> {
        let checksum: Option<Digest> = checksum.map(str::parse).transpose().map_err(RemotesError::from)?;
        let shown = Address::Http(address.clone()).shown();
        let Download { blob, source, modified, is_known } = self.means()?.downloads.get(address, checksum.as_ref()).await?;
        self.session.console.say(if is_known { format!("{shown}: here already") } else { format!("fetched {shown}") });
        let material = Material::of_file(address, &blob.digest);
        let files = FetchedFiles::File { name: address.file_name(), modified: modified.unwrap_or(0), blob: Box::new(blob), source };
        Ok(Came { fetched: Fetched { files, material }, committed: None })
    }

    async fn repository(&self, address: &GitAddress, wanted: &RemoteSource) -> Result<Came, Failure> {
        let shown = address.shown();
        let wish = CheckoutWish { checksum: wanted.checksum.clone(), keeps_git: wanted.keep_git_dir };
        let checkout = self.means()?.repositories.get(address, &wish).await?;
        let commit = checkout.commit.get(..12).unwrap_or(&checkout.commit);
        let here = if checkout.is_known { ", which is here already" } else { "" };
        self.session.console.say(format!("{shown} is commit {commit}{here}"));
        let (committed, material) = (Some(checkout.time), Material::of_commit(address, &checkout.commit));
        let files = FetchedFiles::Tree { files: tree(shown, checkout, self.scratch()).await?, named: TreePath::default() };
        Ok(Came { fetched: Fetched { files, material }, committed })
    }
}

#[async_trait]
impl Remotes for Fetcher<'_> {
    async fn fetch(&self, wanted: &RemoteSource) -> Result<Fetched, AnyFault> {
        self.once(wanted).await.map(|came| came.fetched).map_err(Failure::into_fault)
    }
}

fn limit(session: &Session) -> Result<u64, RemotesError> {
    match session.context.variable(LIMIT).filter(|text| !text.is_empty()) {
        Some(text) => text.parse::<Size>().map(|size| size.0).map_err(|_| RemotesError::Limit(text)),
        None => Ok(USUAL_LIMIT),
    }
}
