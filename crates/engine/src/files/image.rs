//! The files of an image: a tree at once, and the bytes of those that are wanted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use graph::TreePath;
use layer::LayerError;
use layer::index::{PathIndex, Placed};
use layer::tar::{Entry, Limits, Reader, Rules};
use oci::Digest;

use super::tree::{Bytes, Files};
use super::{Span, Spool, SpoolError};
use crate::base::{Base, BaseError, Layers};
use crate::pack::{Contents, PackError, Reading};

/// Finds out what is in an image. Every layer is read once; the bytes of files are fetched when they are prepared, in one more
/// pass over just those layers that have them, and kept in the folder `scratch`.
///
/// # Errors
/// As [`Base::index`].
pub async fn read_image(base: &Base, scratch: &Path) -> Result<(PathIndex, Files), BaseError> {
    let layers = LayerFiles::new(base.files().clone(), scratch);
    let (mut index, mut files) = (PathIndex::new(), Files::new());
    let contents = files.join(Arc::new(layers));
    for (number, layer) in base.layers().iter().enumerate() {
        let read = move |tar: &mut dyn Read| {
            let mut entries = 0;
            index.add_layer_with(tar, |entry, placed, _| {
                put(&mut files, entry, placed, Bytes::There { contents, path: name(number, entries) });
                entries += 1;
                Ok(())
            })?;
            files.settle();
            Ok((index, files))
        };
        (index, files) = base.files().read(layer, read).await?;
    }
    Ok((index, files))
}

/// Does to files what an entry did to an index.
pub(super) fn put(files: &mut Files, entry: &Entry, placed: &Placed, bytes: Bytes) {
    placed.implied.iter().for_each(|path| files.put(Entry::directory(path.as_slice()), Bytes::Here(Arc::default())));
    match (&placed.at, &placed.linked) {
        (Some(at), Some(linked)) => files.link(at, &TreePath::clean(linked)),
        (Some(at), None) => files.put(Entry { path: at.clone(), ..entry.clone() }, bytes),
        (None, _) => placed.gone.iter().for_each(|path| files.take(&TreePath::clean(path))),
    }
}

/// What a file of a layer is called among its contents: by the numbers of the layer and of its entry, which no other file has.
pub(crate) fn name(layer: usize, entry: u64) -> TreePath {
    TreePath::clean(format!("{layer}/{entry}").as_bytes())
}

fn numbers(name: &TreePath) -> Option<(usize, u64)> {
    let (layer, entry) = std::str::from_utf8(name.bytes()).ok()?.split_once('/')?;
    Some((layer.parse().ok()?, entry.parse().ok()?))
}

/// The files of layers, and what was fetched of them.
pub(crate) struct LayerFiles {
    layers: Layers,
    spool: Arc<Spool>,
    spans: Mutex<HashMap<(usize, u64), Span>>,
    /// Two steps that want the same file fetch it once.
    turn: tokio::sync::Mutex<()>,
}

impl LayerFiles {
    /// Keeps what is fetched in the folder `scratch`.
    pub(crate) fn new(layers: Layers, scratch: &Path) -> Self {
        let spool = Arc::new(Spool::new(scratch.to_owned()));
        Self { layers, spool, spans: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    fn span(&self, file: (usize, u64)) -> Option<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).get(&file).copied()
    }
}

#[async_trait]
impl Contents for LayerFiles {
    async fn prepare(&self, paths: &[TreePath]) -> Result<(), PackError> {
        let _turn = self.turn.lock().await;
        let mut wanted: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
        for path in paths {
            let (layer, entry) = numbers(path).ok_or_else(|| PackError::Missing(path.clone()))?;
            if self.span((layer, entry)).is_none() {
                wanted.entry(layer).or_default().insert(entry);
            }
        }
        for (number, entries) in wanted {
            let Some(layer) = self.layers.all().get(number) else { continue };
            let spool = Arc::clone(&self.spool);
            let kept = self.layers.read(layer, move |tar| keep(tar, &entries, &spool)).await??;
            let kept = kept.into_iter().map(|(entry, span)| ((number, entry), span));
            self.spans.lock().unwrap_or_else(PoisonError::into_inner).extend(kept);
        }
        Ok(())
    }

    fn read(&self, path: &TreePath, reading: Reading<'_>) -> Result<(), PackError> {
        let span = numbers(path).and_then(|file| self.span(file)).ok_or_else(|| PackError::Missing(path.clone()))?;
        reading(&mut self.spool.read(span))
    }

    /// An entry of a layer is always the same, so nothing is fetched to know it.
    fn identity(&self, path: &TreePath) -> Option<Digest> {
        let (layer, entry) = numbers(path)?;
        let (_, diff_id) = self.layers.all().get(layer)?;
        Some(Digest::of(format!("entry {entry} of {diff_id}").as_bytes()))
    }
}

/// Keeps the contents of some entries of a layer.
fn keep(tar: &mut dyn Read, wanted: &BTreeSet<u64>, spool: &Spool) -> Result<Result<Vec<(u64, Span)>, SpoolError>, LayerError> {
    let mut reader = Reader::new(tar, Limits::default(), Rules::of_layer());
    let (mut number, mut kept) = (0, Vec::new());
    while kept.len() < wanted.len() && reader.next_entry()?.is_some() {
        if wanted.contains(&number) {
            match spool.append(&mut reader.content()) {
                Ok(span) => kept.push((number, span)),
                Err(SpoolError::Source(problem)) => return Err(LayerError::read(problem)),
                Err(problem) => return Ok(Err(problem)),
            }
        }
        number += 1;
    }
    Ok(Ok(kept))
}
