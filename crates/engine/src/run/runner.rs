//! Runs commands over layers, so many at once, and hands over what each has written.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::SystemTime;

use graph::{Lay, Times, TreePath, lay_workdir};
use layer::index::PathIndex;
use sandbox::{Handle, Launcher, SandboxError};
use tokio::sync::{OnceCell, Semaphore};

use super::error::RunError;
use super::mounts::Mounts;
use super::output::{Listener, Output, Stream};
use super::spec::{Job, spec};
use crate::differ::{AsOnDisk, DiffError, DiffRules, Lower, Owners, diff};
use crate::pack::Contents;
use crate::roots::{LayerFolder, Roots, Scratch, Standing};

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
}

/// What a command has written.
pub(crate) struct Left {
    /// The entries of its layer.
    pub lay: Lay,
    /// Their bytes, as long as the folder is there.
    pub contents: Arc<dyn Contents>,
    /// The upper folder of the overlay.
    pub upper: PathBuf,
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
                Ok(Ground { roots: Roots::open(&folder, standing)?, launcher })
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
        let ground = self.ground().await?;
        // It is never closed; if it were, going without a turn would be right.
        let _turn = self.turns.acquire().await;
        begins();
        let running = Running {
            scratch: ground.roots.scratch()?,
            standing: ground.roots.standing(),
            caches: ground.roots.caches(),
            launcher: Arc::clone(&ground.launcher),
            keeps_user_attributes: self.keeps_attributes,
            stop: Stop::default(),
            job,
            root,
        };
        let _stops = StopOnDrop(running.stop.clone());
        blocking(move || running.finish(listener)).await
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
    keeps_user_attributes: bool,
    stop: Stop,
}

impl Running {
    fn finish(self, listener: Listener) -> Result<Left, RunError> {
        let place = self.scratch.path();
        let upper = place.join("upper");
        self.lay_out(&place, &upper)?;
        self.run(&place, listener)?;
        let lower = self.job.stack.folders().iter().rev().map(|folder| Lower::open(folder)).collect::<Result<Vec<_>, _>>();
        let lone = Lone(&self.root);
        let rules = DiffRules {
            owners: if self.standing.has_owners() { &AsOnDisk } else { &lone },
            marks: self.standing.marks(),
            keeps_user_attributes: self.keeps_user_attributes,
            // The sandbox takes away what it made.
            stubs: &BTreeSet::new(),
            lower: &lower.map_err(DiffError::Unreadable)?,
        };
        let (lay, contents) = diff(&upper, &self.root, &rules)?;
        Ok(Left { lay, contents, upper, scratch: self.scratch })
    }

    /// Makes the folders that the overlay writes to. A working folder that no layer has is made, as runc does.
    fn lay_out(&self, place: &Path, upper: &Path) -> Result<(), RunError> {
        let failed = |problem: io::Error| RunError::Mount(format!("{}: {problem}", place.display()));
        fs::create_dir(place.join("work")).map_err(failed)?;
        let Job { step, login, stack, .. } = &self.job;
        let mut files = LayerFolder::make(upper, stack.folders(), self.standing)?;
        let mut index = PathIndex::clone(&self.root);
        let user = format!("{}:{}", login.uid, login.gid);
        // What stands in the way is said by who enters the folder.
        let made = lay_workdir(&step.working, &user, &mut index, Times { made: now() }).unwrap_or_default();
        for (path, laid) in made.iter().filter(|(path, _)| self.root.at(path.bytes()).is_none()) {
            files.directory(path, &laid.entry)?;
        }
        Ok(files.finish(&index)?)
    }

    fn run(&self, place: &Path, listener: Listener) -> Result<(), RunError> {
        let command = || self.job.command();
        let broken = |problem| RunError::Sandbox { command: command(), problem };
        let mounts = Mounts::prepare(&self.job.mounts, &self.job.settings, place, &self.caches, self.standing)?;
        let mut process = self.launcher.start(&spec(&self.job, &mounts, place)?).map_err(broken)?;
        self.stop.kills(process.handle());
        let output = Output::new(listener);
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

/// The time of a folder that is made now.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Owners where there is only one: what was somebody else's before stays so, and what is new is root's.
struct Lone<'a>(&'a PathIndex);

impl Owners for Lone<'_> {
    fn in_image(&self, path: &TreePath, uid: u64, gid: u64) -> Option<(u64, u64)> {
        Some(self.0.at(path.bytes()).map_or((uid, gid), |node| (node.uid, node.gid)))
    }

    fn is_root(&self, uid: u64) -> bool {
        uid == 0
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
