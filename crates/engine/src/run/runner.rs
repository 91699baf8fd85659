//! Runs commands over layers, so many at once, and hands over what each has written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use graph::Lay;
use layer::index::PathIndex;
use sandbox::{Ended, Owned, SandboxError};
use tokio::sync::{OnceCell, Semaphore};

use super::error::RunError;
use super::mounts::Mounts;
use super::output::{Listener, Output, Stream};
use super::spec::Job;
use crate::ground::{Footing, Ground, GroundError, Laid, Starter, Stop, StopOnDrop, blocking};
use crate::pack::Contents;
use crate::roots::{Scratch, Standing};

/// Runs the commands of a build.
pub struct Runner {
    folder: PathBuf,
    standing: Result<Standing, SandboxError>,
    turns: Semaphore,
    /// The same for what emulators run, which takes much longer: this machine's own programs do not wait for it.
    emulated: Semaphore,
    keeps_attributes: bool,
    /// Nothing of it is there as long as no command has to run.
    ground: OnceCell<Ground>,
}

/// What a command has written.
pub(crate) struct Left {
    /// The entries of its layer.
    pub lay: Lay,
    /// Their bytes, as long as the folder is there.
    pub contents: Arc<dyn Contents>,
    /// The upper folder of the overlay, where there was one.
    pub upper: Option<PathBuf>,
    /// Where that is.
    pub scratch: Scratch,
}

impl Runner {
    /// Runs commands by a copy of this program, which calls [`sandbox::init_if_asked`] first. Layers lie below `folder`, and
    /// `standing` says who unpacks them, or why nobody can; `parallel` commands run at once, and as many by emulators. Files keep all
    /// of their attributes where `keeps_attributes` says so.
    pub fn new(folder: PathBuf, standing: Result<Standing, SandboxError>, parallel: usize, keeps_attributes: bool) -> Self {
        Self {
            folder,
            standing,
            turns: Semaphore::new(parallel.max(1)),
            emulated: Semaphore::new(parallel.max(1)),
            keeps_attributes,
            ground: OnceCell::new(),
        }
    }

    /// Returns what commands run on.
    ///
    /// # Errors
    /// Where nothing can be run on this machine.
    pub(crate) async fn ground(&self) -> Result<&Ground, RunError> {
        let ground = self.ground.get_or_try_init(|| Ground::open(&self.folder, self.standing.clone()));
        Ok(ground.await?)
    }

    /// Runs a command over what `root` says is below it, and waits for its end. Whoever drops this kills it.
    ///
    /// # Errors
    /// Where it cannot be run, or does not succeed.
    pub(crate) async fn run(&self, job: Job, root: Arc<PathIndex>, listener: Listener, begins: impl FnOnce()) -> Result<Left, RunError> {
        self.with(job, root, begins, move |running| running.finish(listener)).await
    }

    /// Does the same, and keeps nothing of what the command writes.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(crate) async fn try_out(&self, job: Job, root: Arc<PathIndex>, listener: Listener, begins: impl FnOnce()) -> Result<(), RunError> {
        self.with(job, root, begins, move |running| running.run(listener).map(drop)).await
    }

    async fn with<T: Send + 'static>(
        &self,
        job: Job,
        root: Arc<PathIndex>,
        begins: impl FnOnce(),
        work: impl FnOnce(Running) -> Result<T, RunError> + Send + 'static,
    ) -> Result<T, RunError> {
        let ground = self.ground().await?;
        // It is never closed; if it were, going without a turn would be right.
        let turns = if job.carrier.by().is_some() { &self.emulated } else { &self.turns };
        let _turn = turns.acquire().await;
        begins();
        let running = Running {
            scratch: ground.roots.scratch().map_err(GroundError::from)?,
            caches: ground.roots.caches(),
            starter: ground.starter.clone(),
            keeps_user_attributes: self.keeps_attributes,
            stop: Stop::default(),
            job,
            root,
        };
        let _stops = StopOnDrop(running.stop.clone());
        blocking(move || work(running)).await
    }
}

/// A command on its way, on a thread that may wait.
struct Running {
    job: Job,
    root: Arc<PathIndex>,
    scratch: Scratch,
    caches: PathBuf,
    starter: Starter,
    keeps_user_attributes: bool,
    stop: Stop,
}

impl Running {
    /// Runs the command, and finds what it has written.
    fn finish(self, listener: Listener) -> Result<Left, RunError> {
        let (laid, owners) = self.run(listener)?;
        let (lay, contents) = laid.diff(&self.footing(), self.starter.standing, owners.as_deref(), self.keeps_user_attributes)?;
        Ok(Left { lay, contents, upper: laid.upper().map(Path::to_owned), scratch: self.scratch })
    }

    fn footing(&self) -> Footing<'_> {
        let Job { step, login, stack, .. } = &self.job;
        Footing { stack, index: &self.root, login, working: &step.working }
    }

    /// Runs the command, and says whose files are of what it has written, where the disk does not.
    fn run(&self, listener: Listener) -> Result<(Laid, Option<Vec<Owned>>), RunError> {
        let command = || self.job.command();
        let broken = |problem| RunError::Sandbox { command: command(), problem };
        let standing = self.starter.standing;
        let decide = |laid: &Laid, beside: &Path| {
            let mounts = Mounts::prepare(&self.job.mounts, &self.job.settings, beside, &self.caches, standing, laid.upper().is_some())?;
            Ok::<_, RunError>((self.job.task(&mounts), mounts))
        };
        let mut started = self.starter.start(&self.footing(), &self.scratch.path(), &self.stop, decide)?.map_err(broken)?;
        let process = &mut started.process;
        let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
        let unfollowed = process.unfollowed.take().map(Box::new);
        let output = Output::new(listener);
        let ended = thread::scope(|scope| {
            if let Some(stderr) = stderr {
                let output = output.clone();
                scope.spawn(move || output.read(Stream::Error, stderr));
            }
            if let Some(stdout) = stdout {
                let output = output.clone();
                scope.spawn(move || output.read(Stream::Output, stdout));
            }
            started.process.finish()
        });
        match ended.map_err(broken)? {
            Ended { exit, owners } if exit.is_success() => Ok((started.laid, owners)),
            Ended { exit, .. } => Err(RunError::Failed {
                command: command(),
                exit,
                tail: output.tail(),
                is_lone: self.starter.is_lone(),
                emulator: self.job.carrier.by().map(str::to_owned),
                unfollowed,
            }),
        }
    }
}
