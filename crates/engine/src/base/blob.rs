//! A blob of a place, read by a thread while the runtime fetches it.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use content::Source;
use futures_util::StreamExt;
use layer::LayerError;
use oci::Descriptor;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, channel};

use super::BaseError;

/// How many chunks wait for the thread at most.
const WAITING: usize = 8;

/// Reads a layer of the image `label`. It is read to its end, whatever `work` makes of it: at the end its digest is checked.
pub(super) async fn read<T: Send + 'static>(
    source: &dyn Source,
    label: &str,
    blob: &Descriptor,
    work: impl FnOnce(&mut dyn Read) -> Result<T, LayerError> + Send + 'static,
) -> Result<T, BaseError> {
    let mut stream = source.blob(blob).await?.into_stream();
    let (sender, receiver) = channel(WAITING);
    let working = tokio::task::spawn_blocking(move || work(&mut Chunks { receiver, chunk: Bytes::new() }));
    let mut failed = None;
    while let Some(chunk) = stream.next().await {
        match chunk {
            // Nobody listens any more where the work has failed; what it says counts only if the bytes are right.
            Ok(chunk) => drop(sender.send(chunk).await),
            Err(problem) => failed = Some(problem),
        }
    }
    drop(sender);
    let (label, layer) = (label.to_owned(), blob.digest.clone());
    match (failed, working.await) {
        (Some(problem), _) => Err(problem.into()),
        (None, Ok(done)) => done.map_err(|problem| BaseError::Layer { label, layer, problem: Box::new(problem) }),
        (None, Err(problem)) => Err(BaseError::Stopped { label, layer, problem: problem.to_string() }),
    }
}

struct Chunks {
    receiver: Receiver<Bytes>,
    chunk: Bytes,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let count = self.chunk.len().min(buffer.len());
        self.chunk.split_to(count).copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Returns a blob to be read by a thread that may wait; the runtime fetches it meanwhile. Its digest is checked at its end, and what
/// goes wrong is an error of the reading.
pub fn blob_reader(runtime: &Handle, source: Arc<dyn Source>, blob: Descriptor) -> impl Read + Send + use<> {
    let (sender, receiver) = channel(WAITING);
    runtime.spawn(async move {
        let problem = |problem: content::Error| io::Error::other(problem);
        let mut stream = match source.blob(&blob).await {
            Ok(reader) => reader.into_stream(),
            Err(error) => return drop(sender.send(Err(problem(error))).await),
        };
        while let Some(chunk) = stream.next().await {
            // Nobody listens any more where the reader is gone.
            if sender.send(chunk.map_err(problem)).await.is_err() {
                return;
            }
        }
    });
    Streamed { receiver, chunk: Bytes::new() }
}

struct Streamed {
    receiver: Receiver<io::Result<Bytes>>,
    chunk: Bytes,
}

impl Read for Streamed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.chunk = chunk?,
                None => return Ok(0),
            }
        }
        let count = self.chunk.len().min(buffer.len());
        self.chunk.split_to(count).copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        Ok(count)
    }
}
