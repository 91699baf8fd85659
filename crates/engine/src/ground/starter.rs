//! Starting a process over layers, which are laid out for it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sandbox::{Launcher, Limitation, Process, SandboxError, Spec, Strangers};
use tempfile::TempDir;

use super::error::GroundError;
use super::laid::{Footing, Laid};
use super::owners::owners;
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
    /// What this machine turned out to refuse, and is done without: each once, until somebody takes it.
    pub(super) refusals: Arc<Mutex<HashMap<Limitation, Option<SandboxError>>>>,
    /// There is but one user, and the sandbox makes it look as if there were more, as far as is known.
    pub(super) plays: Arc<AtomicBool>,
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
            match self.start_over(footing, Laid::over(footing, place, self.standing)?, place, stop, &decide)? {
                Err(refusal @ SandboxError::Refused { limitation: Limitation::Overlay, .. }) => {
                    self.lays_over.store(false, Ordering::Relaxed);
                    self.note(refusal);
                }
                other => return Ok(other),
            }
        }
        self.start_over(footing, Laid::copied(footing, place, self.standing)?, place, stop, &decide)
    }

    fn start_over<T, E: From<GroundError>>(
        &self,
        footing: &Footing<'_>,
        laid: Laid,
        place: &Path,
        stop: &Stop,
        decide: &impl Fn(&Laid, &Path) -> Result<(Task, T), E>,
    ) -> Result<Result<Started<T>, SandboxError>, E> {
        let beside = tempfile::tempdir_in(place).map_err(GroundError::io(place))?;
        let (task, held) = decide(&laid, beside.path())?;
        let mut spec = task.spec(laid.root.clone(), beside.path())?;
        if self.plays() {
            spec.owners = owners(footing.index, &spec.mounts, &task.owners);
        }
        let running = self.launch(&mut spec, stop);
        if let Ok(Process { unfollowed: Some(refusal), .. }) = &running {
            self.note(refusal.clone());
        }
        Ok(running.map(|process| Started { process, laid, _held: held, _beside: beside }))
    }

    /// Starts a process among the users that there are, or that there seem to be.
    fn launch(&self, spec: &mut Spec, stop: &Stop) -> Result<Process, SandboxError> {
        spec.strangers = if self.plays() { Strangers::Played } else { Strangers::Refused };
        let begun = self.launcher.begin(spec).and_then(|starting| {
            stop.kills(starting.handle());
            starting.running()
        });
        match begun {
            Err(SandboxError::Refused { limitation: Limitation::Strangers, .. }) if self.plays() => {
                self.plays.store(false, Ordering::Relaxed);
                self.launch(spec, stop)
            }
            other => other,
        }
    }

    /// Returns what this machine, against what was expected, has refused since it was asked last, and what was done without.
    pub fn refusals(&self) -> Vec<SandboxError> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).values_mut().filter_map(Option::take).collect()
    }

    fn note(&self, refusal: SandboxError) {
        if let SandboxError::Refused { limitation, .. } = refusal {
            self.refusals.lock().unwrap_or_else(PoisonError::into_inner).entry(limitation).or_insert(Some(refusal));
        }
    }

    /// Tells whether processes see users that this machine does not grant.
    pub fn plays(&self) -> bool {
        self.plays.load(Ordering::Relaxed)
    }

    /// Tells whether there is nobody but root, and no way to make it look otherwise.
    pub fn is_lone(&self) -> bool {
        !self.standing.has_owners() && !self.plays()
    }
}
