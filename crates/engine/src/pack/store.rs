//! A layer on its way into a library: written by a thread, stored by the runtime.

use std::sync::Arc;

use bytes::Bytes;
use content::{Library, Outbox};
use graph::Lay;
use layer::Settings;
use tokio::sync::mpsc::Receiver;

use super::{Contents, PackError, Packed, each_once, pack, sources};

/// Writes entries as a layer into a library. Nobody sees it before it is whole; where the library has it
/// already, it stays one.
///
/// # Errors
/// As [`pack`], and what the library reports: that comes first, as it is why the layer could not be written.
pub async fn pack_into(library: &dyn Library, lay: Arc<Lay>, contents: Arc<dyn Contents>, settings: Settings) -> Result<Packed, PackError> {
    contents.prepare(&each_once(sources(&lay))).await?;
    let (outbox, receiver) = Outbox::new();
    let writing = tokio::task::spawn_blocking(move || pack(&lay, contents.as_ref(), settings, outbox));
    let mut draft = library.draft().await?;
    let stored = store(draft.as_mut(), receiver).await;
    let packed = writing.await.map_err(|problem| PackError::Stopped(problem.to_string()))?;
    stored?;
    let packed = packed?;
    draft.commit(&packed.layer.digest).await?;
    Ok(packed)
}

async fn store(draft: &mut dyn content::Draft, mut receiver: Receiver<Bytes>) -> Result<(), PackError> {
    while let Some(piece) = receiver.recv().await {
        draft.write(piece).await?;
    }
    Ok(())
}
