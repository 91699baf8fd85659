//! Runs commands over layers, so many at once, and hands over what each has written.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use graph::Lay;
use layer::index::PathIndex;
use sandbox::{Handle, Launcher, Limitation, SandboxError};
use tokio::sync::{OnceCell, Semaphore};

use super::error::RunError;
use super::laid::Laid;
use super::mounts::Mounts;
use super::output::{Listener, Output, Stream};
use super::spec::{Job, spec};
use crate::pack::Contents;
use crate::roots::{Form, Roots, Scratch, Standing};

/// Runs the commands of a build.
pub struct Runner {
    folder: PathBuf,
    standing: Result<Standing, SandboxError>,
    turns: Semaphore,
    keeps_attributes: bool,
    /// Nothing of it is there as long as no command has to run.
    ground: OnceCell<Ground>,
}

/// What commands run on.
pub(crate) struct Ground {
    pub roots: Roots,
    launcher: Arc<Launcher>,
    /// The kernel lays folders over each other where the layers are, as far as is known.
    lays_over: Arc<AtomicBool>,
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
    /// `standing` says who unpacks them, or why nobody can; `parallel` commands run at once. Files keep all of their attributes
    /// where `keeps_attributes` says so.
    pub fn new(folder: PathBuf, standing: Result<Standing, SandboxError>, parallel: usize, keeps_attributes: bool) -> Self {
        Self { folder, standing, turns: Semaphore::new(parallel.max(1)), keeps_attributes, ground: OnceCell::new() }
    }

    /// Returns what commands run on.
    ///
    /// # Errors
    /// Where nothing can be run on this machine.
    pub(crate) async fn ground(&self) -> Result<&Ground, RunError> {
        let ground = self.ground.get_or_try_init(|| async {
            let (standing, folder) = (self.standing.clone().map_err(RunError::Nowhere)?, self.folder.clone());
            let open = move || {
                let launcher = Arc::new(Launcher::of_this_program().map_err(RunError::Nowhere)?);
                let roots = Roots::open(&folder, standing)?;
                let lays_over = Arc::new(AtomicBool::new(roots.form() == Form::Overlay));
                Ok(Ground { roots, launcher, lays_over })
            };
            blocking(open).await
        });
        ground.await
    }

    /// Runs a command over what `root` says is below it, and waits for its end. Whoever drops this kills it.
    ///
    /// # Errors
    /// Where it cannot be run, or does not succeed.
    pub(crate) async fn run(&self, job: Job, root: Arc<PathIndex>, listener: Listener, begins: impl FnOnce()) -> Result<Left, RunError> {
        self.with(job, root, begins, move |running| running.finish(&listener)).await
    }

    /// Does the same, and keeps nothing of what the command writes.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(crate) async fn try_out(&self, job: Job, root: Arc<PathIndex>, listener: Listener, begins: impl FnOnce()) -> Result<(), RunError> {
        self.with(job, root, begins, move |running| running.laid(&listener).map(drop)).await
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
        let _turn = self.turns.acquire().await;
        begins();
        let running = Running {
            scratch: ground.roots.scratch()?,
            standing: ground.roots.standing(),
            caches: ground.roots.caches(),
            launcher: Arc::clone(&ground.launcher),
            lays_over: Arc::clone(&ground.lays_over),
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
    standing: Standing,
    caches: PathBuf,
    launcher: Arc<Launcher>,
    lays_over: Arc<AtomicBool>,
    keeps_user_attributes: bool,
    stop: Stop,
}

impl Running {
    /// Runs the command, and finds what it has written.
    fn finish(self, listener: &Listener) -> Result<Left, RunError> {
        let laid = self.laid(listener)?;
        let (lay, contents) = laid.diff(&self.job, &self.root, self.standing, self.keeps_user_attributes)?;
        Ok(Left { lay, contents, upper: laid.upper().map(Path::to_owned), scratch: self.scratch })
    }

    /// Runs the command over layers that are laid out for it.
    fn laid(&self, listener: &Listener) -> Result<Laid, RunError> {
        let place = self.scratch.path();
        if !self.lays_over.load(Ordering::Relaxed) {
            return self.run_in_copy(&place, listener);
        }
        let laid = Laid::over(&self.job, &self.root, &place, self.standing)?;
        match self.run(&place, &laid, listener) {
            Ok(()) => Ok(laid),
            Err(RunError::Sandbox { problem: SandboxError::Refused { limitation: Limitation::Overlay, .. }, .. }) => {
                self.lays_over.store(false, Ordering::Relaxed);
                self.run_in_copy(&place, listener)
            }
            Err(problem) => Err(problem),
        }
    }

    fn run_in_copy(&self, place: &Path, listener: &Listener) -> Result<Laid, RunError> {
        let laid = Laid::copied(&self.job, &self.root, place, self.standing)?;
        self.run(place, &laid, listener)?;
        Ok(laid)
    }

    fn run(&self, place: &Path, laid: &Laid, listener: &Listener) -> Result<(), RunError> {
        let command = || self.job.command();
        let broken = |problem| RunError::Sandbox { command: command(), problem };
        // Its own, since it may be done twice.
        let beside = tempfile::tempdir_in(place).map_err(|problem| RunError::Mount(format!("{}: {problem}", place.display())))?;
        let Self { job: Job { mounts, settings, .. }, caches, standing, .. } = self;
        let mounts = Mounts::prepare(mounts, settings, beside.path(), caches, *standing, laid.upper().is_some())?;
        let starting = self.launcher.begin(&spec(&self.job, laid.root.clone(), &mounts, beside.path())?).map_err(broken)?;
        self.stop.kills(starting.handle());
        let mut process = starting.running().map_err(broken)?;
        let output = Output::new(Arc::clone(listener));
        let exit = thread::scope(|scope| {
            if let Some(stderr) = process.stderr.take() {
                let output = output.clone();
                scope.spawn(move || output.read(Stream::Error, stderr));
            }
            if let Some(stdout) = process.stdout.take() {
                let output = output.clone();
                scope.spawn(move || output.read(Stream::Output, stdout));
            }
            process.wait()
        });
        match exit.map_err(broken)? {
            exit if exit.is_success() => Ok(()),
            exit => {
                let is_lone = !self.standing.has_owners();
                Err(RunError::Failed { command: command(), exit, tail: output.tail(), is_lone })
            }
        }
    }
}

/// A process that is to be killed, whether it was started already or not.
#[derive(Clone, Default)]
struct Stop(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    is_stopped: bool,
    handle: Option<Handle>,
}

impl Stop {
    fn kills(&self, handle: Handle) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_stopped {
            handle.kill();
        }
        state.handle = Some(handle);
    }
}

/// Kills when nobody waits any more.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_stopped = true;
        if let Some(handle) = &state.handle {
            handle.kill();
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, RunError> + Send + 'static) -> Result<T, RunError> {
    tokio::task::spawn_blocking(work).await.map_err(|problem| RunError::Stopped(problem.to_string()))?
}
