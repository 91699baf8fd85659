//! Runs commands over layers, so many at once, and hands over what each has written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use graph::{Lay, TreePath};
use layer::index::PathIndex;
use sandbox::{Launcher, SandboxError};
use tokio::sync::{OnceCell, Semaphore};

use super::error::RunError;
use super::mounts::Mounts;
use super::output::{Listener, Output, Stream};
use super::spec::Job;
use crate::differ::{AsOnDisk, DiffError, DiffRules, Lower, Owners, diff};
use crate::ground::{Ground, GroundError, Stop, StopOnDrop, UPPER, blocking};
use crate::pack::Contents;
use crate::roots::{Scratch, Standing};

/// Runs the commands of a build.
pub struct Runner {
    folder: PathBuf,
    standing: Result<Standing, SandboxError>,
    turns: Semaphore,
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
        let ground = self.ground.get_or_try_init(|| Ground::open(&self.folder, self.standing.clone()));
        Ok(ground.await?)
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
            scratch: ground.roots.scratch().map_err(GroundError::from)?,
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
        let upper = place.join(UPPER);
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

    fn run(&self, place: &Path, listener: Listener) -> Result<(), RunError> {
        let command = || self.job.command();
        let broken = |problem| RunError::Sandbox { command: command(), problem };
        let mounts = Mounts::prepare(&self.job.mounts, &self.job.settings, place, &self.caches, self.standing)?;
        let spec = self.job.task(&mounts).prepare(&self.root, place, self.standing)?;
        let starting = self.launcher.begin(&spec).map_err(broken)?;
        self.stop.kills(starting.handle());
        let mut process = starting.running().map_err(broken)?;
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
