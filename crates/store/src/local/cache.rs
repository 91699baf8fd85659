//! How much builds remember, and what of it goes. None of it is needed, so no name is looked at.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use content::{Result, Shelf};
use serde::Serialize;

use super::list::{files_below, length};
use super::{Pruned, Store, logs, roots};
use crate::StoreError;
use crate::names::rfc3339;

/// What logs of builds are called among the shelves.
const LOGS: &str = "logs";

/// How much lies on one shelf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheUsage {
    /// The shelf's name; one that is not known here was filled by another polyarch.
    pub shelf: String,
    /// The number of documents, or of folders.
    pub documents: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What is to go. The default is everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheWish {
    /// Only what nobody used for so long, as far as days are told apart.
    pub unused_for: Option<Duration>,
    /// Only until at most so many bytes stay: what was used longest ago goes first.
    pub most_bytes: Option<u64>,
}

/// One document that can go, or one folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheItem {
    /// The file.
    pub path: PathBuf,
    /// The name of its shelf.
    pub shelf: String,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last used, RFC 3339.
    pub last_used: String,
    #[serde(skip)]
    used: SystemTime,
    #[serde(skip)]
    kind: Kind,
}

/// What something is, as far as it matters to who removes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A file that is needed by nobody.
    Document,
    /// A folder that commands may be standing on.
    Folder,
    /// A log that a build may be writing.
    Log,
}

/// What tidying would do. Nothing is done yet.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CachePlan {
    /// What goes, that first which was used longest ago.
    pub items: Vec<CacheItem>,
    /// The number of documents that stay.
    pub kept: u64,
    /// Their bytes.
    pub kept_bytes: u64,
}

impl CachePlan {
    /// Returns the bytes that would be free.
    pub fn bytes(&self) -> u64 {
        self.items.iter().map(|item| item.size).sum()
    }
}

impl Store {
    /// Measures what builds remember, shelf by shelf, empty ones included; those that are not known here come last.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn cache_usage(&self) -> Result<Vec<CacheUsage>> {
        self.off(|store| {
            let empty = |shelf: String| CacheUsage { shelf, documents: 0, bytes: 0 };
            let mut shelves: Vec<CacheUsage> = Shelf::ALL.iter().map(|shelf| empty(shelf.name().to_owned())).collect();
            for item in store.kept()? {
                let at = shelves.iter().position(|usage| usage.shelf == item.shelf).unwrap_or_else(|| {
                    shelves.push(empty(item.shelf));
                    shelves.len() - 1
                });
                if let Some(usage) = shelves.get_mut(at) {
                    usage.documents += 1;
                    usage.bytes = usage.bytes.saturating_add(item.size);
                }
            }
            Ok(shelves)
        })
        .await
    }

    /// Finds what builds remember and is to go. Changes nothing.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn cache_plan(&self, wish: CacheWish) -> Result<CachePlan> {
        self.off(move |store| {
            let mut items = store.kept()?;
            let now = store.now();
            items.sort_by(|one, other| (one.used, &one.path).cmp(&(other.used, &other.path)));
            let mut plan = CachePlan { kept_bytes: items.iter().map(|item| item.size).sum(), ..CachePlan::default() };
            for item in items {
                // What was used at a time to come is not old.
                let age = now.duration_since(item.used).unwrap_or_default();
                let is_old = wish.unused_for.is_none_or(|least| age >= least);
                if is_old && wish.most_bytes.is_none_or(|most| plan.kept_bytes > most) {
                    plan.kept_bytes = plan.kept_bytes.saturating_sub(item.size);
                    plan.items.push(item);
                } else {
                    plan.kept += 1;
                }
            }
            Ok(plan)
        })
        .await
    }

    /// Does what was planned, except for what was used again, or went, since.
    ///
    /// # Errors
    /// Where a file cannot be removed. What is gone by then is gone.
    pub async fn cache_prune(&self, plan: CachePlan) -> Result<Pruned> {
        self.off(move |_| {
            let mut pruned = Pruned::default();
            for item in &plan.items {
                if last_used(&item.path) != Some(item.used) {
                    pruned.spared += 1;
                    continue;
                }
                let is_gone = match item.kind {
                    Kind::Folder => roots::remove(&item.path)?,
                    Kind::Log => logs::remove(&item.path)?,
                    Kind::Document => match fs::remove_file(&item.path) {
                        // Somebody else tidies at the same time.
                        Err(error) if error.kind() == ErrorKind::NotFound => continue,
                        Err(error) => return Err(StoreError::io("remove what builds remember", &item.path, error).into()),
                        Ok(()) => true,
                    },
                };
                if is_gone {
                    pruned.removed += 1;
                    pruned.bytes = pruned.bytes.saturating_add(item.size);
                } else {
                    pruned.spared += 1;
                }
            }
            Ok(pruned)
        })
        .await
    }

    /// Lists what lies on the shelves.
    pub(super) fn kept(&self) -> Result<Vec<CacheItem>, StoreError> {
        let folder = self.cache_folder();
        let item = |path: PathBuf| {
            let shelf = path.strip_prefix(&folder).ok()?.components().next()?.as_os_str().to_string_lossy().into_owned();
            let (size, used) = (path.symlink_metadata().ok()?.len(), last_used(&path)?);
            Some(CacheItem { path, shelf, size, last_used: rfc3339(used), used, kind: Kind::Document })
        };
        let standing = |(kind, path): (&str, PathBuf)| {
            let (size, used) = (roots::size(&path), last_used(&path)?);
            Some(CacheItem { path, shelf: kind.to_owned(), size, last_used: rfc3339(used), used, kind: Kind::Folder })
        };
        let log = |(_, path): (String, PathBuf)| {
            let (size, used) = (length(&path), last_used(&path)?);
            Some(CacheItem { path, shelf: LOGS.to_owned(), size, last_used: rfc3339(used), used, kind: Kind::Log })
        };
        let files = files_below(&folder)?.into_iter().filter_map(item);
        let folders = roots::folders(&self.0.root)?.into_iter().filter_map(standing);
        Ok(files.chain(folders).chain(self.log_files()?.into_iter().filter_map(log)).collect())
    }
}

/// Returns when a file was last used, if it is there.
fn last_used(path: &Path) -> Option<SystemTime> {
    path.symlink_metadata().and_then(|found| found.modified()).ok()
}
