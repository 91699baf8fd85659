//! Tidies the store: what no name leads to goes, after a time of grace.
//!
//! What a name leads to is followed through indexes, manifests, configs and layers, and from each
//! manifest to those that refer to it. Names cannot move while tidying is at work. A writer that
//! has no name yet is safe by the time of grace: whatever it puts or asks for counts as new.
//!
//! What commands stood on goes likewise: a layer that lies unpacked, that no image with a name has, and that nobody used for that
//! time. A build that wants it again unpacks it again.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use content::{Error, Item, Result};
use oci::{ChainId, Digest, ImageConfig};
use serde::Serialize;

use super::list::{files_below, length};
use super::{PLACE, Store, roots};
use crate::names::Named;
use crate::referrers::forget;
use crate::tree::{self, Piece, Seen};
use crate::{StoreError, ingest};

/// How long what registries said, and what builds remember, stays without being used.
const RECALL_TIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Why something can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// No name leads to the blob.
    Unnamed,
    /// A write that was interrupted left the file.
    Interrupted,
    /// The folder is a layer, unpacked, and no image with a name has it.
    Unneeded,
    /// It is what a registry said, or what a build remembered, and nobody used it for 30 days.
    Old,
}

/// One thing that can go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PruneItem {
    /// The file, or the folder.
    pub path: PathBuf,
    /// The blob's digest, if it is a blob.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Its length in bytes.
    pub size: u64,
    /// Why it can go.
    pub why: Why,
}

/// What stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Blobs that a name leads to.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that no name leads to, younger than the time of grace.
    pub young_blobs: u64,
    /// Their bytes.
    pub young_bytes: u64,
}

/// What tidying would do. Nothing is done yet.
#[derive(Clone, Debug, Serialize)]
pub struct PrunePlan {
    /// What can go.
    pub items: Vec<PruneItem>,
    /// What stays.
    pub kept: Kept,
    #[serde(skip)]
    grace: Duration,
}

impl PrunePlan {
    /// Returns the bytes that would be free.
    pub fn bytes(&self) -> u64 {
        self.items.iter().map(|item| item.size).sum()
    }
}

/// What tidying did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Files that are gone.
    pub removed: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files of the plan that somebody wanted again in the meantime.
    pub spared: u64,
}

/// What names lead to.
struct Live {
    blobs: Seen,
    /// What the layers of images are called as folders.
    chains: HashSet<String>,
}

/// Tells whether an unpacked layer is one of an image that stays.
fn stands(chains: &HashSet<String>, folder: &Path) -> bool {
    folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| chains.contains(name))
}

impl Store {
    /// Finds what can go: older than `grace` and led to by no name. Changes nothing.
    ///
    /// # Errors
    /// Refuses where it cannot be told what a name needs: a broken name file, a damaged manifest.
    pub async fn prune_plan(&self, grace: Duration) -> Result<PrunePlan> {
        self.off(move |store| {
            let Live { blobs: live, chains } = store.live()?;
            let limit = store.before(grace);
            let (mut items, mut kept) = (Vec::new(), Kept::default());
            for blob in store.0.blobs.all()?.blobs {
                if live.contains(&blob.digest) {
                    kept.blobs += 1;
                    kept.bytes = kept.bytes.saturating_add(blob.size);
                } else if blob.modified >= limit {
                    kept.young_blobs += 1;
                    kept.young_bytes = kept.young_bytes.saturating_add(blob.size);
                } else {
                    let path = store.0.blobs.path(&blob.digest);
                    items.push(PruneItem { path, digest: Some(blob.digest), size: blob.size, why: Why::Unnamed });
                }
            }
            let leftovers = store.under_way()?.into_iter().map(|path| (path, Why::Interrupted, limit));
            let mut remembered = files_below(&store.recall_folder())?;
            remembered.extend(files_below(&store.cache_folder())?);
            remembered.extend(store.log_files()?.into_iter().map(|(_, path)| path));
            let remembered = remembered.into_iter().map(|path| (path, Why::Old, store.before(RECALL_TIME)));
            for (path, why, limit) in leftovers.chain(remembered) {
                if is_older(&path, limit) {
                    items.push(PruneItem { size: length(&path), path, digest: None, why });
                }
            }
            // They come last: what is in the way of removing one is in the way of nothing else.
            for folder in roots::layers(&store.0.root)? {
                if is_older(&folder, limit) && !stands(&chains, &folder) {
                    items.push(PruneItem { size: roots::size(&folder), path: folder, digest: None, why: Why::Unneeded });
                }
            }
            Ok(PrunePlan { items, kept, grace })
        })
        .await
    }

    /// Does what was planned, except for what somebody wanted again since.
    ///
    /// # Errors
    /// As [`Store::prune_plan`], and where a file cannot be removed. What is gone by then is gone.
    pub async fn prune(&self, plan: PrunePlan) -> Result<Pruned> {
        self.off(move |store| {
            let mut pruned = Pruned::default();
            if plan.items.is_empty() {
                return Ok(pruned);
            }
            // Whoever began to make the store may have been killed: a lock without a version would be no store.
            store.make()?;
            let _lock = store.lock()?;
            let Live { blobs: live, chains } = store.live()?;
            let limit = store.before(plan.grace);
            for item in &plan.items {
                let gone = match (&item.digest, item.why) {
                    (Some(digest), _) => !live.contains(digest) && store.discard(digest, limit)?,
                    (None, Why::Unneeded) => is_older(&item.path, limit) && !stands(&chains, &item.path) && roots::remove(&item.path)?,
                    (None, Why::Old) => is_older(&item.path, store.before(RECALL_TIME)) && fs::remove_file(&item.path).is_ok(),
                    (None, _) => is_older(&item.path, limit) && ingest::sweep(&item.path),
                };
                if gone {
                    pruned.removed += 1;
                    pruned.bytes = pruned.bytes.saturating_add(item.size);
                } else {
                    pruned.spared += 1;
                }
            }
            for note in store.0.notes.all()? {
                if is_older(&note.path, limit) && store.0.blobs.length(&note.referrer)?.is_none() {
                    forget(&note.path);
                }
            }
            Ok(pruned)
        })
        .await
    }

    /// Follows every name, and from each manifest those that refer to it.
    fn live(&self) -> Result<Live> {
        let (mut live, mut configs) = (Seen::default(), BTreeSet::new());
        for (_, named) in self.0.names.all()? {
            let Named { reference, descriptor, .. } = named?;
            let unclear = |error: Error| StoreError::Unclear { name: reference.familiar(), source: Box::new(error) };
            let mut rest = vec![Piece::entry(descriptor)];
            while let Some(piece) = rest.pop() {
                let (mut manifests, mut foreign) = (Vec::new(), Vec::new());
                let outcome = tree::visit(&self.0.blobs, PLACE, piece, &mut live, |piece, found| {
                    match found {
                        Ok(Some(manifest)) => {
                            manifests.push(manifest.digest().clone());
                            let config =
                                manifest.as_image().map(|image| &image.config).filter(|config| config.media_type.is_image_config());
                            configs.extend(config.map(|config| config.digest.clone()));
                            foreign.extend(tree::foreign_layers(manifest).cloned());
                        }
                        // Of what is not here nothing can be lost; but what a damaged manifest needs cannot be told.
                        Err(error) if !error.is_missing() && piece.is_manifest() => return ControlFlow::Break(error),
                        _ => {}
                    }
                    ControlFlow::Continue(())
                });
                if let ControlFlow::Break(error) = outcome {
                    return Err(unclear(error).into());
                }
                live.add_blobs(foreign);
                for manifest in manifests {
                    for note in self.0.notes.about(&manifest)? {
                        match self.0.blobs.manifest(&note.referrer, None, PLACE) {
                            Ok(referrer) => rest.push(Piece::entry(referrer.as_referrer())),
                            Err(error) if error.is_missing() => {}
                            Err(error) => return Err(unclear(error).into()),
                        }
                    }
                }
            }
        }
        let chains = configs.iter().flat_map(|config| self.chains(config)).map(|chain| chain.0.hex().to_owned()).collect();
        Ok(Live { blobs: live, chains })
    }

    /// Lists the layers of an image, each as what lies below it and itself. An image whose config is not here has none unpacked that
    /// anything could be told of.
    fn chains(&self, config: &Digest) -> Vec<ChainId> {
        let bytes = self.0.blobs.read(&Item::Blob(config.clone()), config, PLACE);
        let config = bytes.ok().and_then(|bytes| ImageConfig::parse(&bytes).ok());
        let mut chains: Vec<ChainId> = Vec::new();
        for diff_id in config.iter().flat_map(|config| &config.rootfs.diff_ids) {
            chains.push(ChainId::over(chains.last(), diff_id));
        }
        chains
    }

    /// Removes a blob unless it is younger than `limit`.
    fn discard(&self, digest: &Digest, limit: SystemTime) -> Result<bool, StoreError> {
        let path = self.0.blobs.path(digest);
        if !is_older(&path, limit) {
            return Ok(false);
        }
        let wrong = |error| StoreError::io(format!("remove blob {digest}"), &path, error);
        // Moved away first, looked at again then: who touches a blob looks whether it is still in
        // its place afterwards, so either he misses it and brings it again, or his touch is seen here.
        let aside = ingest::begin(self.0.blobs.ingest())?;
        fs::rename(&path, aside.path()).map_err(wrong)?;
        if is_older(aside.path(), limit) {
            aside.close().map_err(wrong)?;
            return Ok(true);
        }
        fs::rename(aside.path(), &path).map_err(wrong)?;
        Ok(false)
    }

    fn under_way(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut found = ingest::under_way(self.0.blobs.ingest())?;
        found.extend(ingest::under_way(&self.0.root)?);
        found.sort();
        Ok(found)
    }

    fn before(&self, age: Duration) -> SystemTime {
        self.now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// Tells whether a file is there and was last wanted before `limit`.
fn is_older(path: &Path, limit: SystemTime) -> bool {
    path.symlink_metadata().and_then(|found| found.modified()).is_ok_and(|modified| modified < limit)
}
