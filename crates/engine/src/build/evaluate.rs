//! One platform's stages, one after the other: what each of their steps puts into its layer. No layer is written here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::{BoxFuture, try_join_all};
use futures_util::lock::Mutex;
use graph::{Begins, CopyError, CopyStep, From, Lay, Outlined, Step, Times, lay_copy};
use layer::index::PathIndex;
use oci::Digest;
use tokio::sync::OnceCell;

use super::again;
use super::error::BuildError;
use super::layering::{Layer, Layering};
use super::moment::{self, UNKNOWN};
use super::plan::Ready;
use super::progress::{Happening, StepName};
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
    /// It goes into the image, and is not only below something that is copied from.
    pub(super) is_shipped: bool,
    /// What stands for it in keys of what comes after it, where that is known.
    pub(super) content: Option<Digest>,
    /// Its layer, once somebody has asked for it.
    pub(super) layer: Arc<OnceCell<Layer>>,
}

/// A stage, evaluated.
pub(super) struct Evaluated {
    /// What is where at its end; nothing of the base where that was not looked into.
    pub(super) root: PathIndex,
    /// Its steps, behind those of the stages it begins with.
    pub(super) chain: Vec<Made>,
    /// The image that it begins with, over all stages.
    pub(super) base: Option<Base>,
    /// What is in that image, where it was looked into.
    pub(super) survey: Arc<Survey>,
    /// Its files, once somebody copies from it.
    pub(super) files: Mutex<Option<Arc<Files>>>,
}

/// What a step stands on.
pub(super) struct Below<'a> {
    /// The image that its stage begins with, over all stages.
    pub(super) base: Option<&'a Base>,
    /// What is in that.
    pub(super) survey: &'a Survey,
    /// The steps since.
    pub(super) chain: &'a [Made],
}

/// The stages of one platform.
pub(super) struct Evaluation<'a> {
    pub(super) layering: &'a Layering<'a>,
    pub(super) request: &'a Request,
    pub(super) target: &'a Target,
    pub(super) ready: &'a Ready,
    pub(super) cache: &'a Cache,
    looked_into: BTreeSet<usize>,
    shipped: BTreeSet<usize>,
    /// Each is evaluated by whoever needs it first; all others wait for that.
    stages: BTreeMap<usize, OnceCell<Result<Evaluated, Arc<BuildError>>>>,
}

impl<'a> Evaluation<'a> {
    /// Evaluates every stage that is needed: side by side, as far as none needs another.
    ///
    /// # Errors
    /// The first step that cannot be done, with its line.
    pub(super) async fn run(layering: &'a Layering<'a>, target: &'a Target, ready: &'a Ready) -> Result<Self, BuildError> {
        let stages = ready.outline.stages.iter().map(|stage| (stage.index, OnceCell::new())).collect();
        let (request, cache) = (layering.request, layering.workshop.cache);
        let shipped = shipped(&ready.outline.stages);
        let mut evaluation = Self { layering, request, target, ready, cache, looked_into: BTreeSet::new(), shipped, stages };
        evaluation.looked_into = evaluation.looked_into();
        try_join_all(ready.outline.stages.iter().map(|stage| evaluation.stage(stage.index))).await?;
        Ok(evaluation)
    }

    /// Returns a stage that was evaluated.
    pub(super) fn evaluated(&self, index: usize) -> Option<&Evaluated> {
        self.stages.get(&index)?.get()?.as_ref().ok()
    }

    /// Returns a stage, once it is evaluated; none that is not needed.
    pub(super) fn stage(&self, index: usize) -> BoxFuture<'_, Result<Option<&Evaluated>, BuildError>> {
        Box::pin(async move {
            let outlined = self.ready.outline.stages.iter().find(|stage| stage.index == index);
            let (Some(cell), Some(outlined)) = (self.stages.get(&index), outlined) else { return Ok(None) };
            let looks = self.looked_into.contains(&index);
            let evaluated = cell.get_or_init(|| async { self.evaluate(outlined, looks).await.map_err(Arc::new) }).await;
            evaluated.as_ref().map(Some).map_err(|problem| BuildError::Shared(Arc::clone(problem)))
        })
    }

    /// Finds the stages whose base must be looked into: a destination may lead over its links, what is made of its
    /// folders keeps what they are, and tests run as one of its users. A base that nothing is put into is not opened.
    fn looked_into(&self) -> BTreeSet<usize> {
        let last = self.ready.outline.stages.last().filter(|_| !self.request.tests.is_empty());
        let mut stages: BTreeSet<usize> = last.map(|last| last.index).into_iter().collect();
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

    async fn evaluate(&self, stage: &Outlined, looks: bool) -> Result<Evaluated, BuildError> {
        let (mut root, mut chain, base, survey) = match &stage.begins {
            Begins::Stage(parent) => match self.stage(*parent).await? {
                Some(parent) => (parent.root.clone(), parent.chain.clone(), parent.base.clone(), parent.survey.clone()),
                None => (PathIndex::new(), Vec::new(), None, Arc::default()),
            },
            _ => match self.ready.bases.get(&stage.index) {
                // The paths of Windows layers are Windows' own business: nothing in them is followed.
                Some(base) if looks && stage.platform.os != "windows" => {
                    let survey = self.look_into(base).await?;
                    (survey.paths.clone(), Vec::new(), Some(base.clone()), survey)
                }
                base => (PathIndex::new(), Vec::new(), base.cloned(), Arc::default()),
            },
        };
        chain.extend(self.brought(stage, &mut root).await?);
        let Some(recipe) = self.ready.recipes.get(&stage.index) else {
            return Ok(Evaluated { root, chain, base, survey, files: Mutex::default() });
        };
        for (number, placed) in recipe.steps.iter().enumerate() {
            let name = self.name(stage, number + 1, recipe.steps.len(), placed.said.clone());
            let before = (matches!(placed.step, Step::Copy(_)) && !chain.is_empty()).then(|| root.clone());
            let below = Below { base: base.as_ref(), survey: &survey, chain: &chain };
            let stepped = match &placed.step {
                Step::Run(step) => self.run_step(stage, placed, step, root, &below, &name).await?,
                _ => self.step(stage, placed, root, base.as_ref()).await?,
            };
            let Stepped { root: changed, mut lay, contents, words, layer, content } = stepped;
            root = changed;
            // What a command leaves is looked through where it is found.
            if !self.request.keeps_attributes && content.is_none() {
                Arc::make_mut(&mut lay).values_mut().for_each(|laid| laid.entry.xattrs.retain(|name, _| name == CAPABILITY));
            }
            if let Some(before) = before {
                again::leave_out(Arc::make_mut(&mut lay), &contents, &before, &chain);
            }
            let made = self.made(stage, name, lay, contents);
            chain.push(Made { history: Some(placed.history), words, content, layer: Arc::new(OnceCell::new_with(layer)), ..made });
        }
        Ok(Evaluated { root, chain, base, survey, files: Mutex::default() })
    }

    fn made(&self, stage: &Outlined, name: StepName, lay: Arc<Lay>, contents: Arc<dyn Contents>) -> Made {
        let (is_shipped, stage) = (self.is_shipped(stage), self.ready.outline.graph.name(stage.index));
        Made { name, lay, contents, history: None, stage, words: Vec::new(), is_shipped, content: None, layer: Arc::default() }
    }

    /// Tells whether a stage's layers go into the image.
    pub(super) fn is_shipped(&self, stage: &Outlined) -> bool {
        self.shipped.contains(&stage.index)
    }

    /// Tells whether a stage is one of those that are needed.
    pub(super) fn is_needed(&self, index: usize) -> bool {
        self.stages.contains_key(&index)
    }

    fn name(&self, stage: &Outlined, number: usize, of: usize, text: String) -> StepName {
        let is_only = self.ready.outline.stages.len() == 1;
        let stage = (!is_only).then(|| self.ready.outline.graph.name(stage.index));
        let text = text.trim_end_matches(" # buildkit").to_owned();
        StepName { platform: self.target.platform.clone(), stage, number, of, text }
    }

    async fn look_into(&self, base: &Base) -> Result<Arc<Survey>, BuildError> {
        let happening = Happening::Reading { platform: self.target.platform.clone(), base: base.label().to_owned() };
        let survey = self.cache.survey(base, || self.layering.workshop.progress.tell(happening)).await;
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
        Ok(Some(self.made(stage, name, Arc::new(lay), origin)))
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
        // What it changes is told by a comparison with what was there.
        Step::Run(_) => true,
    }
}

/// Finds the stages whose layers go into the image.
fn shipped(stages: &[Outlined]) -> BTreeSet<usize> {
    let parents: BTreeMap<usize, usize> = stages.iter().filter_map(parent).collect();
    let last = stages.last().map(|last| last.index);
    std::iter::successors(last, |stage| parents.get(stage).copied()).collect()
}
