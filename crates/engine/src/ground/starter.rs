//! Starting a process over layers, which are laid out for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sandbox::{Launcher, Limitation, Process, SandboxError};
use tempfile::TempDir;

use super::error::GroundError;
use super::laid::{Footing, Laid};
use super::stop::Stop;
use super::task::Task;
use crate::roots::Standing;

/// Starts processes.
#[derive(Clone)]
pub(crate) struct Starter {
    /// Who does it.
    pub standing: Standing,
    pub(super) launcher: Arc<Launcher>,
    /// The kernel lays folders over each other where the layers are, as far as is known.
    pub(super) lays_over: Arc<AtomicBool>,
}

/// A process that runs, and what is kept for it as long as it does.
pub(crate) struct Started<T> {
    /// The process.
    pub process: Process,
    /// The layers below it.
    pub laid: Laid,
    _held: T,
    _beside: TempDir,
}

impl Starter {
    /// Lays layers out below `place`, and starts over them what is decided then. Who decides gets a folder for what is needed beside
    /// them, and may return what is to be held as long as the process runs; it is asked again where the kernel turns out to lay
    /// nothing over each other.
    ///
    /// # Errors
    /// Outside, where something cannot be laid out or decided; inside, why the sandbox does not start the process.
    pub fn start<T, E: From<GroundError>>(
        &self,
        footing: &Footing<'_>,
        place: &Path,
        stop: &Stop,
        decide: impl Fn(&Laid, &Path) -> Result<(Task, T), E>,
    ) -> Result<Result<Started<T>, SandboxError>, E> {
        if self.lays_over.load(Ordering::Relaxed) {
            match self.start_over(Laid::over(footing, place, self.standing)?, place, stop, &decide)? {
                Err(SandboxError::Refused { limitation: Limitation::Overlay, .. }) => self.lays_over.store(false, Ordering::Relaxed),
                other => return Ok(other),
            }
        }
        self.start_over(Laid::copied(footing, place, self.standing)?, place, stop, &decide)
    }

    fn start_over<T, E: From<GroundError>>(
        &self,
        laid: Laid,
        place: &Path,
        stop: &Stop,
        decide: &impl Fn(&Laid, &Path) -> Result<(Task, T), E>,
    ) -> Result<Result<Started<T>, SandboxError>, E> {
        let beside = tempfile::tempdir_in(place).map_err(GroundError::io(place))?;
        let (task, held) = decide(&laid, beside.path())?;
        let spec = task.spec(laid.root.clone(), beside.path())?;
        let running = self.launcher.begin(&spec).and_then(|starting| {
            stop.kills(starting.handle());
            starting.running()
        });
        Ok(running.map(|process| Started { process, laid, _held: held, _beside: beside }))
    }
}
