//! One command: what it depends on, whether it was run before, and running it.

use std::sync::Arc;

use dockerfile::Security;
use fault::Fault;
use futures_util::future::try_join_all;
use graph::{Outlined, Placed, RunStep};
use layer::index::PathIndex;
use oci::Digest;
use sandbox::{Limitation, SandboxError};

use super::bound::Bound;
use super::error::BuildError;
use super::evaluate::{Below, Evaluation};
use super::layering::Layer;
use super::progress::{Happening, Lack, StepName};
use super::run_key::run_key;
use super::step::Stepped;
use crate::cache::{Ran, Reuse, RunKey};
use crate::files::LayerFiles;
use crate::pack::Contents;
use crate::roots::{Roots, RootsError, Stack};
use crate::run::{Access, Job, Left, Mounted, RunError};

impl Evaluation<'_> {
    /// Runs a command over the root as it is, or finds what it has written before.
    pub(super) async fn run_step(
        &self,
        stage: &Outlined,
        placed: &Placed,
        step: &RunStep,
        root: PathIndex,
        below: &Below<'_>,
        name: &StepName,
    ) -> Result<Stepped, BuildError> {
        let running = Running { evaluation: self, stage, placed, step, below, name };
        // What is below it is made before, as far as it is not there.
        let layers = try_join_all(below.chain.iter().map(|made| self.layering.layer(self.target, made))).await?;
        let bound = try_join_all(step.mounts.iter().map(|mount| self.bound(stage, placed, mount))).await?;
        let (ran, is_cached) = running.ran(&root, &layers, &bound).await?;
        running.stepped(root, &ran, is_cached)
    }

    /// Returns what stands for a step's root: what is in each layer, whenever that was made.
    fn identities(below: &Below<'_>, layers: &[Layer]) -> Vec<Digest> {
        let base = below.base.into_iter().flat_map(|base| base.layers()).map(|(_, diff_id)| diff_id.0.clone());
        base.chain(layers.iter().map(|layer| layer.content.clone())).collect()
    }
}

/// A command of a stage, on its way.
struct Running<'a, 'b> {
    evaluation: &'a Evaluation<'b>,
    stage: &'a Outlined,
    placed: &'a Placed,
    step: &'a RunStep,
    below: &'a Below<'a>,
    name: &'a StepName,
}

impl Running<'_, '_> {
    /// Finds what the command has written, or runs it: once, however many platforms have it.
    async fn ran(&self, root: &PathIndex, layers: &[Layer], bound: &[Option<Bound>]) -> Result<(Arc<Ran>, bool), BuildError> {
        let evaluation = self.evaluation;
        let layering = evaluation.layering;
        let identities = Evaluation::identities(self.below, layers);
        let key = run_key(&layering.request.commands, self.access(), &self.stage.platform, self.step, &identities, bound);
        let cell = layering.run(&key);
        let mut is_mine = false;
        let outcome = cell.get_or_init(|| async {
            let reuse = layering.reuse(&evaluation.ready.outline.graph.name(self.stage.index));
            if reuse == Reuse::Allowed
                && let Some(ran) = evaluation.cache.recall_run(&key, layering.workshop.library).await
            {
                return Ok((Arc::new(ran), true));
            }
            is_mine = true;
            let ran = self.run(root, layers, bound, &key).await;
            ran.map(|ran| (Arc::new(ran), false)).map_err(|problem| {
                self.tell_failure(&problem);
                Arc::new(problem)
            })
        });
        let (ran, is_cached) = match outcome.await {
            Ok((ran, is_cached)) => (Arc::clone(ran), *is_cached),
            Err(problem) => return Err(BuildError::Shared(Arc::clone(problem))),
        };
        let tell = |happening| layering.workshop.progress.tell(happening);
        if !is_mine {
            tell(Happening::Begun(self.name.clone()));
        }
        tell(Happening::Done { step: self.name.clone(), cached: is_cached });
        Ok((ran, is_cached))
    }

    /// Runs it, and makes a layer of what it has written.
    async fn run(&self, root: &PathIndex, layers: &[Layer], bound: &[Option<Bound>], key: &RunKey) -> Result<Ran, BuildError> {
        let workshop = self.evaluation.layering.workshop;
        let ground = workshop.runner.ground().await.map_err(|problem| self.failed(problem))?;
        let login = root.login(&self.step.user).map_err(|problem| {
            let user = self.step.user.clone();
            self.failed(RunError::User { user, problem: Box::new(problem) })
        })?;
        let stacked = self.evaluation.stack(&ground.roots, self.below, layers).await;
        let (stack, root) = stacked.map_err(|problem| self.failed(problem.into()))?;
        let mounts = self.mounts(&ground.roots, bound).await?;
        let settings = self.evaluation.request.commands.clone();
        let job = Job {
            step: self.step.clone(),
            login,
            stack: stack.clone(),
            carrier: self.evaluation.request.machines.carrier(&self.stage.platform),
            access: self.access(),
            is_privileged: self.step.security == Security::Insecure,
            mounts,
            proxies: self.evaluation.ready.outline.globals.proxies(),
            settings,
        };
        let (progress, name) = (workshop.progress.clone(), self.name.clone());
        let listener = Arc::new(move |stream, line: &str| {
            progress.tell(Happening::Wrote { step: name.clone(), stream, line: line.to_owned() });
        });
        let begins = || {
            workshop.progress.tell(Happening::Begun(self.name.clone()));
            workshop.progress.tell(Happening::Runs(self.name.clone()));
        };
        let left = workshop.runner.run(job, root, listener, begins).await;
        for refusal in ground.starter.refusals() {
            let lacks = match refusal {
                SandboxError::Refused { limitation: Limitation::Following, .. } => Lack::Following,
                _ => Lack::Overlays,
            };
            workshop.progress.tell(Happening::Limited { lacks, reason: refusal.to_string() });
        }
        let left = left.map_err(|problem| self.failed(problem))?;
        self.keep(&ground.roots, &stack, left, key).await
    }

    async fn keep(&self, roots: &Roots, stack: &Stack, left: Left, key: &RunKey) -> Result<Ran, BuildError> {
        let Left { lay, contents, upper, scratch } = left;
        let layering = self.evaluation.layering;
        let lay = Arc::new(lay);
        let settings = layering.settings(self.evaluation.target, self.is_shipped());
        let written = (Arc::clone(&lay), contents);
        let ran = self.evaluation.cache.keep_run(key, written, settings, layering.workshop.library).await?;
        if let Some(upper) = upper {
            let kept = roots.keep(stack, &ran.packed.layer.diff_id, &upper, &lay, layering.request.epoch);
            kept.map_err(|problem| self.failed(problem.into()))?;
        }
        drop(scratch);
        Ok(ran)
    }

    /// Says what is mounted.
    async fn mounts(&self, roots: &Roots, bound: &[Option<Bound>]) -> Result<Vec<Mounted>, BuildError> {
        let mut mounts = Vec::new();
        for (mount, bound) in self.step.mounts.iter().zip(bound) {
            let files = match bound {
                Some(bound) => {
                    let stack = self.evaluation.unpacked(roots, bound).await?;
                    stack.folders().first().map(|folder| (folder.clone(), bound.inside.clone()))
                }
                None => None,
            };
            mounts.push(Mounted {
                mount: mount.clone(),
                files,
                lay: bound.as_ref().map(Bound::lay).unwrap_or_default(),
                seed: bound.as_ref().map(|bound| bound.identity.clone()),
                platform: self.stage.platform.to_string(),
            });
        }
        Ok(mounts)
    }

    /// Says what the step has put into its layer.
    fn stepped(&self, mut root: PathIndex, ran: &Ran, is_cached: bool) -> Result<Stepped, BuildError> {
        let layering = self.evaluation.layering;
        root.begin_layer();
        for laid in ran.lay.values() {
            root.insert(&laid.entry).map_err(|problem| self.failed(RootsError::from(problem).into()))?;
        }
        for (path, content) in &ran.packed.accounts {
            root.set_accounts(path.bytes(), content.clone());
        }
        let settings = layering.settings(self.evaluation.target, self.is_shipped());
        let layer = Layer { packed: ran.packed.clone(), is_cached, content: ran.content.clone() };
        let layer = ran.is_written_as(&settings).then_some(layer);
        let layers = layering.read_again(&ran.packed);
        let contents: Arc<dyn Contents> = Arc::new(LayerFiles::new(layers, &layering.request.scratch));
        let content = Some(ran.content.clone());
        Ok(Stepped { root, lay: Arc::clone(&ran.lay), contents, words: Vec::new(), layer, content })
    }

    fn tell_failure(&self, problem: &BuildError) {
        let problem = problem.lines().into_iter().next().unwrap_or_default();
        self.evaluation.layering.workshop.progress.tell(Happening::Failed { step: self.name.clone(), problem });
    }

    fn is_shipped(&self) -> bool {
        self.evaluation.is_shipped(self.stage)
    }

    fn access(&self) -> Access {
        self.evaluation.request.commands.access(self.step.network)
    }

    fn failed(&self, problem: RunError) -> BuildError {
        let (file, span) = (Arc::clone(&self.evaluation.target.file), self.placed.span);
        BuildError::Run { file, span, step: Box::new(self.name.clone()), problem: Arc::new(problem) }
    }
}
