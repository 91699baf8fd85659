//! Work on files by a thread that stops when nobody waits for it any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::ExportError;

/// Asked by the work between two pieces.
pub(super) struct Waited(Arc<AtomicBool>);

impl Waited {
    /// Tells whether somebody waits still.
    ///
    /// # Errors
    /// [`ExportError::Stopped`] where nobody does.
    pub fn check(&self) -> Result<(), ExportError> {
        if self.0.load(Ordering::Relaxed) { Err(ExportError::Stopped) } else { Ok(()) }
    }
}

/// Held by who waits.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does the work on a thread that may wait for disks. Who drops the future stops it, and it tidies up.
pub(super) async fn on_thread<T, W>(work: W) -> Result<T, ExportError>
where
    T: Send + 'static,
    W: FnOnce(&Waited) -> Result<T, ExportError> + Send + 'static,
{
    let flag = Arc::new(AtomicBool::new(false));
    let (waiting, waited) = (Waiting(Arc::clone(&flag)), Waited(flag));
    let done = tokio::task::spawn_blocking(move || work(&waited)).await;
    drop(waiting);
    done.map_err(|_| ExportError::Stopped)?
}
