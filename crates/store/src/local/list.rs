//! What is in the store, and how much.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use content::{Item, Result};
use oci::{Descriptor, ImageConfig, Platform, RawManifest};
use serde::Serialize;

use super::{PLACE, Store};
use crate::blobs::list;
use crate::names::Named;
use crate::tree::{self, Piece, Seen};
use crate::{StoreError, ingest};

/// One name of the store, with what it holds.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The name and what it points at.
    #[serde(flatten)]
    pub named: Named,
    /// The platforms, in the order of the index; attestations are none.
    pub platforms: Vec<Platform>,
    /// The bytes of manifests, configs and layers together, as they lie here.
    pub size: u64,
    /// False where something is missing or broken; [`Store::check`] says what.
    pub whole: bool,
}

/// How much the store takes, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// The store's folder.
    pub root: PathBuf,
    /// The number of blobs.
    pub blobs: u64,
    /// The bytes of all blobs.
    pub bytes: u64,
    /// The number of names.
    pub names: u64,
    /// The bytes of what registries said before.
    pub recall_bytes: u64,
    /// The bytes of what builds remember.
    pub cache_bytes: u64,
    /// The bytes of files on their way in.
    pub ingest_bytes: u64,
}

impl Store {
    /// Lists every name, sorted. A name whose file is broken is left out; [`Store::check`] names it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn list(&self) -> Result<Vec<Entry>> {
        self.off(|store| {
            let names = store.0.names.all()?.into_iter().filter_map(|(_, named)| named.ok());
            let mut entries: Vec<Entry> = names.map(|named| store.entry(named)).collect();
            entries.sort_by_cached_key(|entry| entry.named.reference.familiar());
            Ok(entries)
        })
        .await
    }

    /// Measures the store.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn usage(&self) -> Result<Usage> {
        self.off(|store| {
            let blobs = store.0.blobs.all()?.blobs;
            Ok(Usage {
                root: store.0.root.clone(),
                blobs: blobs.len() as u64,
                bytes: blobs.iter().map(|blob| blob.size).sum(),
                names: store.0.names.all()?.len() as u64,
                recall_bytes: bytes_below(&store.recall_folder())?,
                cache_bytes: store.kept()?.iter().map(|item| item.size).sum(),
                ingest_bytes: ingest::under_way(store.0.blobs.ingest())?.iter().map(|path| length(path)).sum(),
            })
        })
        .await
    }

    fn entry(&self, named: Named) -> Entry {
        let (mut size, mut whole) = (0_u64, true);
        let mut platforms = Vec::new();
        let root = Piece::entry(named.descriptor.clone());
        let _ = tree::visit(&self.0.blobs, PLACE, root, &mut Seen::default(), |piece, found| {
            size = size.saturating_add(if found.is_ok() { piece.descriptor.size } else { 0 });
            match found {
                Ok(Some(manifest)) if piece.descriptor.digest == named.descriptor.digest => platforms = self.platforms(manifest),
                Ok(_) => {}
                Err(_) => whole = false,
            }
            ControlFlow::<()>::Continue(())
        });
        Entry { named, platforms, size, whole }
    }

    fn platforms(&self, manifest: &RawManifest) -> Vec<Platform> {
        if let Some(image) = manifest.as_image() {
            return self.config_platform(&image.config).into_iter().collect();
        }
        let entries = manifest.as_index().map_or(&[][..], |index| &index.manifests);
        let images = entries.iter().filter(|entry| !entry.is_attestation() && !entry.media_type.is_index());
        let platform = |entry: &Descriptor| entry.platform.clone().or_else(|| self.child_platform(entry));
        images.filter_map(platform).filter(|platform| !platform.is_unknown()).collect()
    }

    /// An index may leave the platform to the config of its entry.
    fn child_platform(&self, entry: &Descriptor) -> Option<Platform> {
        let manifest = self.0.blobs.manifest(&entry.digest, Some(&entry.media_type), PLACE).ok()?;
        self.config_platform(&manifest.as_image()?.config)
    }

    fn config_platform(&self, config: &Descriptor) -> Option<Platform> {
        let bytes = self.0.blobs.read(&Item::Blob(config.digest.clone()), &config.digest, PLACE).ok()?;
        ImageConfig::parse(&bytes).ok()?.platform()
    }
}

/// Lists the files below a folder. Blocks.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for path in list(&folder)? {
            if path.is_dir() && !path.is_symlink() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

/// Returns the length of a file; one that is gone has none.
pub(super) fn length(path: &Path) -> u64 {
    path.symlink_metadata().map_or(0, |found| found.len())
}

fn bytes_below(folder: &Path) -> Result<u64, StoreError> {
    Ok(files_below(folder)?.iter().map(|path| length(path)).sum())
}
