//! One platform's stages, one after the other: what each of their steps puts into its layer. No layer is written here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::lock::Mutex;
use graph::{Begins, CopyError, CopyStep, From, Lay, Outlined, Step, Times, lay_copy};
use layer::index::PathIndex;

use super::error::BuildError;
use super::make::Workshop;
use super::moment::{self, UNKNOWN};
use super::plan::Ready;
use super::progress::{Happening, Progress, StepName};
use super::request::{Named, Request, Target};
use super::step::Stepped;
use crate::base::{Base, Survey};
use crate::cache::Cache;
use crate::files::Files;
use crate::pack::Contents;

/// The extended attribute that every layer keeps: what rights a program has. Layers of BuildKit have no other.
const CAPABILITY: &[u8] = b"security.capability";

/// What a step puts into its layer.
#[derive(Clone)]
pub(super) struct Made {
    /// What it is called.
    pub(super) name: StepName,
    /// Its entries.
    pub(super) lay: Arc<Lay>,
    /// Their bytes.
    pub(super) contents: Arc<dyn Contents>,
    /// Which line of the history is its; none of what a folder brought that stands in for a base.
    pub(super) history: Option<usize>,
    /// The stage it is in, by its name, also where the file has no other.
    pub(super) stage: String,
    /// What its layer depends on, beside its entries: the time of what it made, where that came from the base.
    pub(super) words: Vec<String>,
}

/// A stage, evaluated.
pub(super) struct Evaluated {
    /// What is where at its end; nothing of the base where that was not looked into.
    pub(super) root: PathIndex,
    /// Its own steps.
    pub(super) steps: Vec<Made>,
    /// The image that it begins with, over all stages.
    pub(super) base: Option<Base>,
    /// What is in that image, where it was looked into.
    pub(super) survey: Arc<Survey>,
    /// Its files, once somebody copies from it.
    pub(super) files: Mutex<Option<Arc<Files>>>,
}

/// The stages of one platform.
pub(super) struct Evaluation<'a> {
    pub(super) request: &'a Request,
    pub(super) target: &'a Target,
    pub(super) ready: &'a Ready,
    pub(super) progress: &'a Progress,
    pub(super) cache: &'a Cache,
    pub(super) stages: BTreeMap<usize, Evaluated>,
}

impl<'a> Evaluation<'a> {
    /// Evaluates every stage that is needed.
    ///
    /// # Errors
    /// The first step that cannot be done, with its line.
    pub(super) async fn run(
        request: &'a Request,
        target: &'a Target,
        ready: &'a Ready,
        workshop: &'a Workshop<'_>,
    ) -> Result<Self, BuildError> {
        let (progress, cache) = (workshop.progress, workshop.cache);
        let mut evaluation = Self { request, target, ready, progress, cache, stages: BTreeMap::new() };
        let looked_into = evaluation.looked_into();
        for stage in &ready.outline.stages {
            let evaluated = evaluation.stage(stage, looked_into.contains(&stage.index)).await?;
            evaluation.stages.insert(stage.index, evaluated);
        }
        Ok(evaluation)
    }

    /// Returns the steps of a stage and of those it begins with, in order.
    pub(super) fn chain(&self, index: usize) -> Vec<Made> {
        let parents: BTreeMap<usize, usize> = self.ready.outline.stages.iter().filter_map(parent).collect();
        let mut stages: Vec<usize> = std::iter::successors(Some(index), |stage| parents.get(stage).copied()).collect();
        stages.reverse();
        stages.iter().filter_map(|stage| self.stages.get(stage)).flat_map(|stage| stage.steps.iter().cloned()).collect()
    }

    /// Finds the stages whose base must be looked into: a destination may lead over its links, and what is made of its
    /// folders keeps what they are. A base that nothing is put into is not opened.
    fn looked_into(&self) -> BTreeSet<usize> {
        let mut stages = BTreeSet::new();
        for stage in self.ready.outline.stages.iter().rev() {
            let Some(recipe) = self.ready.recipes.get(&stage.index) else { continue };
            if recipe.steps.iter().any(|placed| looks(&placed.step)) {
                stages.insert(stage.index);
            }
            if let Begins::Stage(parent) = stage.begins
                && stages.contains(&stage.index)
            {
                stages.insert(parent);
            }
        }
        stages
    }

    async fn stage(&self, stage: &Outlined, looks: bool) -> Result<Evaluated, BuildError> {
        let (mut root, base, survey) = match &stage.begins {
            Begins::Stage(parent) => match self.stages.get(parent) {
                Some(parent) => (parent.root.clone(), parent.base.clone(), parent.survey.clone()),
                None => (PathIndex::new(), None, Arc::default()),
            },
            _ => match self.ready.bases.get(&stage.index) {
                // The paths of Windows layers are Windows' own business: nothing in them is followed.
                Some(base) if looks && stage.platform.os != "windows" => {
                    let survey = self.look_into(base).await?;
                    (survey.paths.clone(), Some(base.clone()), survey)
                }
                base => (PathIndex::new(), base.cloned(), Arc::default()),
            },
        };
        let mut steps = Vec::new();
        if let Some(made) = self.brought(stage, &mut root).await? {
            steps.push(made);
        }
        let Some(recipe) = self.ready.recipes.get(&stage.index) else {
            return Ok(Evaluated { root, steps, base, survey, files: Mutex::default() });
        };
        for (number, placed) in recipe.steps.iter().enumerate() {
            let name = self.name(stage, number + 1, recipe.steps.len(), placed.said.clone());
            let Stepped { root: changed, mut lay, contents, words } = self.step(stage, placed, root, base.as_ref()).await?;
            root = changed;
            if !self.request.keeps_attributes {
                lay.values_mut().for_each(|laid| laid.entry.xattrs.retain(|name, _| name == CAPABILITY));
            }
            let own = self.ready.outline.graph.name(stage.index);
            steps.push(Made { stage: own, name, lay: Arc::new(lay), contents, history: Some(placed.history), words });
        }
        Ok(Evaluated { root, steps, base, survey, files: Mutex::default() })
    }

    fn name(&self, stage: &Outlined, number: usize, of: usize, text: String) -> StepName {
        let is_only = self.ready.outline.stages.len() == 1;
        let stage = (!is_only).then(|| self.ready.outline.graph.name(stage.index));
        let text = text.trim_end_matches(" # buildkit").to_owned();
        StepName { platform: self.target.platform.clone(), stage, number, of, text }
    }

    async fn look_into(&self, base: &Base) -> Result<Arc<Survey>, BuildError> {
        let happening = Happening::Reading { platform: self.target.platform.clone(), base: base.label().to_owned() };
        let survey = self.cache.survey(base, || self.progress.tell(happening)).await;
        survey.map_err(|problem| BuildError::at(&self.target.file, None, None, problem))
    }

    /// A stage that begins with a named folder begins with its files: they are its first layer.
    async fn brought(&self, stage: &Outlined, root: &mut PathIndex) -> Result<Option<Made>, BuildError> {
        let Begins::Context(name) = &stage.begins else { return Ok(None) };
        let Some(Named::Files(context)) = self.target.contexts.get(name) else { return Ok(None) };
        let origin = context.origin(self.cache).await?;
        let step = CopyStep { sources: vec![".".to_owned()], destination: "/".to_owned(), working: "/".to_owned(), ..CopyStep::default() };
        let from = From { tree: origin.tree(), keeps_owners: false, hides: &|_| false };
        let broken = |problem: CopyError| BuildError::at(&self.target.file, None, None, problem);
        let mut lay = lay_copy(&step, root, &from, Times { made: UNKNOWN }).map_err(broken)?;
        let settled = moment::settle(&mut lay, root, self.request.epoch, 0);
        settled.map_err(|problem| broken(CopyError::Target(Box::new(problem))))?;
        let name = self.name(stage, 1, 1, format!("the files of {}", context.label()));
        let stage = self.ready.outline.graph.name(stage.index);
        Ok(Some(Made { name, lay: Arc::new(lay), contents: origin, history: None, stage, words: Vec::new() }))
    }
}

/// Returns a stage that begins with another one, and that one.
fn parent(stage: &Outlined) -> Option<(usize, usize)> {
    match stage.begins {
        Begins::Stage(parent) => Some((stage.index, parent)),
        _ => None,
    }
}

/// Tells whether what a step makes depends on what is there already.
fn looks(step: &Step) -> bool {
    match step {
        Step::Workdir { .. } => true,
        Step::Copy(step) => {
            !step.stands_alone() || step.chown.as_ref().is_some_and(|owner| owner.bytes().any(|byte| byte.is_ascii_alphabetic()))
        }
        Step::Run(_) => false,
    }
}
