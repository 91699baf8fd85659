//! Runs programs of images.

use std::path::Path;
use std::sync::Arc;

use oci::RuntimeConfig;
use sandbox::{Exit, Process, SandboxError};

use super::decided::Decided;
use super::error::ProgramError;
use super::volumes;
use super::wish::Wish;
use crate::base::Base;
use crate::cache::Cache;
use crate::ground::{Bound, Footing, Ground, GroundError, Laid, Started, Stop, StopOnDrop, Task, blocking};
use crate::machines::Machines;
use crate::roots::{Scratch, Standing};

/// Runs programs of images.
pub struct Programs {
    ground: Arc<Ground>,
    machines: Arc<Machines>,
}

/// A program that runs. Dropping it kills it, and removes what it has written.
pub struct Running {
    started: Started<()>,
    _scratch: Scratch,
    /// Nobody tidies its layers away.
    _ground: Arc<Ground>,
    /// What runs its programs stays.
    _machines: Arc<Machines>,
}

impl Programs {
    /// Runs programs by a copy of this program, which calls [`sandbox::init_if_asked`] first. Layers lie below `folder`, and
    /// `standing` says who unpacks them, or why nobody can; `machines` know by what programs run.
    ///
    /// # Errors
    /// Where nothing can be run on this machine.
    pub async fn open(folder: &Path, standing: Result<Standing, SandboxError>, machines: Arc<Machines>) -> Result<Self, ProgramError> {
        Ok(Self { ground: Arc::new(Ground::open(folder, standing).await?), machines })
    }

    /// Starts a program of an image, and returns when it runs. Whoever drops this kills it.
    ///
    /// # Errors
    /// Where the image cannot be laid out, or the program not be started.
    pub async fn start(&self, base: &Base, cache: &Cache, wish: Wish) -> Result<Running, ProgramError> {
        let image: RuntimeConfig =
            base.config().get("config").and_then(|config| serde_json::from_value(config.clone()).ok()).unwrap_or_default();
        let decided = Decided::by(&image, &wish)?;
        let survey = cache.survey(base, || ()).await?;
        let login = survey.paths.login(&decided.user).map_err(|problem| {
            let user = decided.user.clone();
            ProgramError::User { user, problem: Box::new(problem) }
        })?;
        let stack = self.ground.roots.base(base).await?;
        let scratch = self.ground.roots.scratch()?;
        let (ground, machines, stop) = (Arc::clone(&self.ground), Arc::clone(&self.machines), Stop::default());
        let carrier = machines.carrier(base.platform());
        let stops = StopOnDrop(stop.clone());
        let start = move || {
            let index = &survey.paths;
            let footing = Footing { stack: &stack, index, login: &login, working: &decided.working };
            let decide = |laid: &Laid, beside: &Path| {
                let (volumes, owners) = match wish.read_only {
                    true => volumes::mounts(image.volumes.keys(), &wish.mounts, (laid, index), beside)?,
                    false => Default::default(),
                };
                let mounts = wish.mounts.iter().cloned().chain(volumes).collect();
                let task = Task {
                    words: decided.words.clone(),
                    environment: decided.environment.clone(),
                    working: decided.working.clone(),
                    login: login.clone(),
                    carrier: carrier.clone(),
                    read_only: wish.read_only,
                    network: wish.network,
                    hostname: wish.hostname.clone(),
                    hosts: wish.hosts.clone(),
                    shared_memory: wish.shared_memory,
                    limits: wish.limits.clone(),
                    bounds: wish.bounds,
                    confinement: wish.confinement,
                    files: vec![Bound::text("/etc/hostname", format!("{}\n", wish.hostname))],
                    mounts,
                    owners,
                    streams: wish.streams,
                };
                Ok::<_, GroundError>((task, ()))
            };
            let started = ground.starter.start(&footing, &scratch.path(), &stop, decide)??;
            Ok::<_, ProgramError>(Running { started, _scratch: scratch, _ground: ground, _machines: machines })
        };
        let running = blocking(start).await?;
        stops.let_go();
        Ok(running)
    }
}

impl Running {
    /// Returns the process, whose streams can be taken.
    pub const fn process(&mut self) -> &mut Process {
        &mut self.started.process
    }

    /// Waits until the program and everything that it started have ended, on this thread. Whatever it has written is gone then.
    ///
    /// # Errors
    /// Where its end is not known.
    pub fn wait(self) -> Result<Exit, ProgramError> {
        Ok(self.started.process.wait()?)
    }
}
