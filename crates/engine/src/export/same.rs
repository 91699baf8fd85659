//! Whether files of two platforms are the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use graph::TreePath;
use oci::{Algorithm, Digest, Hasher};

use super::content::each_piece;
use super::error::ExportError;
use super::thread::{Waited, on_thread};
use crate::files::Files;
use crate::pack::Contents;

/// A file that two platforms have, equal in all but perhaps its time and its bytes.
pub(super) struct Pair {
    pub path: TreePath,
    pub size: u64,
    pub first: Side,
    pub second: Side,
}

/// One of the two.
pub(super) struct Side {
    pub platform: String,
    pub files: Arc<Files>,
}

/// Reads files and returns the first pair of them whose bytes differ.
pub(super) async fn first_difference(pairs: Vec<Pair>) -> Result<Option<Pair>, ExportError> {
    // Each image is asked once for all that is wanted of it.
    let mut wanted: BTreeMap<usize, (Arc<Files>, Vec<TreePath>)> = BTreeMap::new();
    for pair in &pairs {
        for side in [&pair.first, &pair.second] {
            let image = Arc::as_ptr(&side.files).addr();
            wanted.entry(image).or_insert_with(|| (Arc::clone(&side.files), Vec::new())).1.push(pair.path.clone());
        }
    }
    for (files, paths) in wanted.into_values() {
        files.prepare(&paths).await?;
    }
    on_thread(move |waited| {
        for pair in pairs {
            if digest(&pair, &pair.first, waited)? != digest(&pair, &pair.second, waited)? {
                return Ok(Some(pair));
            }
        }
        Ok(None)
    })
    .await
}

fn digest(pair: &Pair, side: &Side, waited: &Waited) -> Result<Digest, ExportError> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    each_piece(&side.files, &pair.path, pair.size, waited, &mut |bytes| {
        hasher.update(bytes);
        Ok(())
    })?;
    Ok(hasher.finish())
}
