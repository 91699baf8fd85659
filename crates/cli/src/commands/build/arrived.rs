//! What a build stands on that is elsewhere: contexts and Dockerfiles, fetched before anything is read, all at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use dockerfile::Address;
use engine::base::blob_reader;
use engine::build::{Fetched, FetchedFiles};
use engine::files::{Files, read_archive};
use engine::provenance::Material;
use fault::Failure;
use futures_util::future::try_join_all;
use tokio::runtime::Handle;

use super::ground::{Brought, Whole, bounded, read_whole};
use super::remotes::Fetcher;
use crate::args::{Build, ContextWord, FileSource, NamedSource, WordError};
use crate::commands::Interrupted;

/// The argument that keeps `.git` in a context, in BuildKit's words.
const KEEP_GIT: &str = "BUILDKIT_CONTEXT_KEEP_GIT_DIR";

/// What came from elsewhere.
#[derive(Clone, Default)]
pub struct Arrived {
    context: Option<Brought>,
    /// When the commit of the context was made.
    committed: Option<i64>,
    /// Dockerfiles by their URLs.
    files: BTreeMap<String, (Vec<u8>, Material)>,
    named: Vec<(Address, Brought)>,
}

impl Arrived {
    /// Fetches what the words of a build name by addresses.
    ///
    /// # Errors
    /// Where it cannot be had, or is neither a context nor a Dockerfile.
    pub async fn fetch(arguments: &Build, files: &[FileSource], fetcher: &Fetcher<'_>) -> Result<Self, Failure> {
        let mut arrived = Self::default();
        if let ContextWord::Remote(address) = &arguments.context {
            let keeps_git = arguments
                .arguments
                .iter()
                .any(|argument| argument.key == KEEP_GIT && argument.value.as_deref().is_some_and(|value| matches!(value, "1" | "true")));
            let came = fetcher.context(address, keeps_git).await?;
            arrived.committed = came.committed;
            arrived.context = Some(brought(address, came.fetched, fetcher).await?);
        }
        let urls: BTreeSet<&String> = files
            .iter()
            .filter_map(|file| match file {
                FileSource::Url(url) => Some(url),
                _ => None,
            })
            .collect();
        let texts = try_join_all(urls.into_iter().map(|url| async move {
            let Some(address) = Address::parse(url).map_err(WordError::from)? else { return Ok(None) };
            let fetched = fetcher.context(&address, false).await?.fetched;
            let material = fetched.material.clone();
            Ok::<_, Failure>(Some((url.clone(), (text(&address, fetched).await?, material))))
        }));
        arrived.files = texts.await?.into_iter().flatten().collect();
        let named = arguments.contexts.iter().filter_map(|context| match &context.source {
            NamedSource::Remote(address) => Some(address),
            _ => None,
        });
        let named = try_join_all(named.map(|address| async move {
            let fetched = fetcher.context(address, false).await?.fetched;
            Ok::<_, Failure>(((**address).clone(), brought(address, fetched, fetcher).await?))
        }));
        arrived.named = named.await?;
        Ok(arrived)
    }

    /// Returns the context.
    pub fn context(&self) -> Option<Brought> {
        self.context.clone()
    }

    /// Returns when the commit of the context was made, in seconds since 1970.
    pub const fn committed(&self) -> Option<i64> {
        self.committed
    }

    /// Returns the text of a Dockerfile.
    pub fn file(&self, url: &str) -> Option<(Vec<u8>, Material)> {
        self.files.get(url).cloned()
    }

    /// Returns a named context.
    pub fn named(&self, address: &Address) -> Option<Brought> {
        self.named.iter().find(|(own, _)| own == address).map(|(_, brought)| brought.clone())
    }
}

/// Reads what was fetched on a thread that may take its time.
async fn reading<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    // The thread ends early only where the program does.
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Interrupted.into()))
}

async fn brought(address: &Address, fetched: Fetched, fetcher: &Fetcher<'_>) -> Result<Brought, Failure> {
    let Fetched { files, material } = fetched;
    let (label, scratch, runtime) = (address.shown(), fetcher.scratch(), Handle::current());
    let what = label.clone();
    let whole = match files {
        FetchedFiles::Tree { files, .. } => Whole::Tree(files),
        FetchedFiles::File { blob, source, .. } => {
            reading(move || read_whole(blob_reader(&runtime, source, *blob), &what, &scratch)).await?
        }
    };
    Ok(Brought { label, whole, material: Some(material) })
}

async fn text(address: &Address, fetched: Fetched) -> Result<Vec<u8>, Failure> {
    let (what, runtime) = (address.shown(), Handle::current());
    match fetched.files {
        FetchedFiles::File { blob, source, .. } => reading(move || Ok(bounded(blob_reader(&runtime, source, *blob), &what)?)).await,
        FetchedFiles::Tree { .. } => Ok(Vec::new()),
    }
}

/// Reads the tar of a repository.
///
/// # Errors
/// Where it cannot be read.
pub async fn tree(what: String, checkout: fetch::Checkout, scratch: PathBuf) -> Result<Arc<Files>, Failure> {
    let runtime = Handle::current();
    let read = move || {
        let files = read_archive(blob_reader(&runtime, checkout.source, checkout.blob), &what, &scratch)?;
        Ok(Arc::new(files.unwrap_or_default()))
    };
    reading(read).await
}
