//! Some files of an image: their bytes, kept in the one pass that finds out where they are.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use graph::TreePath;
use layer::index::PathIndex;

use super::image::put;
use super::tree::{Bytes, Files};
use super::{Spool, SpoolError};
use crate::base::Base;
use crate::pack::{Nowhere, PackError};

/// Reads an image, and keeps the bytes of those files in the folder `scratch` whose last name is wanted. Every layer is read once. The
/// others are in the tree, and cannot be read.
///
/// # Errors
/// As [`Base::survey`], and where the folder takes no more.
pub async fn pick(base: &Base, scratch: &Path, wanted: fn(&[u8]) -> bool) -> Result<Files, PackError> {
    let spool = Arc::new(Spool::new(scratch.to_owned()));
    let (mut index, mut files) = (PathIndex::new(), Files::new());
    let nowhere = files.join(Arc::new(Nowhere));
    for layer in base.layers() {
        let spool = Arc::clone(&spool);
        let read = move |tar: &mut dyn Read| {
            let mut refused = None;
            let added = index.add_layer_with(tar, |entry, placed, content| {
                let is_wanted = wanted(TreePath::clean(&entry.path).name()) && entry.size() > 0;
                let bytes = if is_wanted {
                    keep(&spool, content, &mut refused)?
                } else {
                    Bytes::There { contents: nowhere, path: TreePath::default() }
                };
                put(&mut files, entry, placed, bytes);
                Ok(())
            });
            match (added, refused) {
                (Err(_), Some(problem)) => Ok(Err(problem)),
                (Err(problem), None) => Err(problem),
                (Ok(()), _) => {
                    files.settle();
                    Ok(Ok((index, files)))
                }
            }
        };
        (index, files) = base.files().read(layer, read).await??;
    }
    Ok(files)
}

/// Keeps a file. That the folder takes no more says nothing of the layer, so it is told beside.
fn keep(spool: &Arc<Spool>, content: &mut dyn Read, refused: &mut Option<SpoolError>) -> io::Result<Bytes> {
    match spool.append(content) {
        Ok(span) => Ok(Bytes::Kept(Arc::clone(spool), span)),
        Err(SpoolError::Source(problem)) => Err(problem),
        Err(problem) => {
            *refused = Some(problem);
            Err(io::ErrorKind::Other.into())
        }
    }
}
