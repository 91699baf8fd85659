//! One platform's stages, step by step: what each step puts into its layer. No layer is written here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fault::{Fault, Hint, Kind};
use futures_util::lock::Mutex;
use graph::{Begins, CopyError, CopyStep, From, Lay, Outlined, Placed, Step, Times, TreePath, lay_copy, lay_workdir};
use layer::index::PathIndex;
use layer::tar::EntryKind;

use super::error::BuildError;
use super::make::Workshop;
use super::moment::{self, UNKNOWN};
use super::plan::Ready;
use super::progress::{Happening, Progress, StepName};
use super::request::{Named, Request, Target};
use crate::base::{Base, Survey};
use crate::cache::Cache;
use crate::context::{Context, Origin};
use crate::files::{AddFrom, Files, add, read_image};
use crate::pack::{Contents, Nowhere};

/// The files whose content tells who may own files.
const ACCOUNTS: [&str; 2] = ["etc/passwd", "etc/group"];
/// The extended attribute that every layer keeps: what rights a program has. Layers of BuildKit have no other.
const CAPABILITY: &[u8] = b"security.capability";
/// How long such a file may be, in bytes.
const LONGEST_ACCOUNTS: u64 = 1 << 20;

/// A step that was done: the root as it is then, the entries of the layer, their bytes, and the words of its key.
type Stepped = (PathIndex, Lay, Arc<dyn Contents>, Vec<String>);

/// What a step puts into its layer.
#[derive(Clone)]
pub(super) struct Made {
    /// What it is called.
    pub(super) name: StepName,
    /// Its entries.
    pub(super) lay: Arc<Lay>,
    /// Their bytes.
    pub(super) contents: Arc<dyn Contents>,
    /// Which line of the history is its.
    pub(super) history: usize,
    /// The stage it is in, by its name.
    pub(super) stage: Option<String>,
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
    files: Mutex<Option<Arc<Files>>>,
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
            let (changed, mut lay, contents, words) = self.step(stage, placed, root, base.as_ref()).await?;
            root = changed;
            if !self.request.keeps_attributes {
                lay.values_mut().for_each(|laid| laid.entry.xattrs.retain(|name, _| name == CAPABILITY));
            }
            steps.push(Made { stage: name.stage.clone(), name, lay: Arc::new(lay), contents, history: placed.history, words });
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
        self.progress.tell(Happening::Reading { platform: self.target.platform.clone(), base: base.label().to_owned() });
        self.cache.survey(base).await.map_err(|problem| BuildError::at(&self.target.file, None, None, problem))
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
        let stage = name.stage.clone();
        Ok(Some(Made { name, lay: Arc::new(lay), contents: origin, history: usize::MAX, stage, words: Vec::new() }))
    }

    async fn step(&self, stage: &Outlined, placed: &Placed, root: PathIndex, base: Option<&Base>) -> Result<Stepped, BuildError> {
        let wrong = |problem: CopyError| BuildError::at(&self.target.file, Some(placed.span), None, problem);
        let times = Times { made: UNKNOWN };
        // What a step without files of its own makes is as old as the base.
        let otherwise = base.and_then(Base::created).and_then(moment::read).unwrap_or(0);
        let epoch = self.request.epoch;
        let (laid, contents) = match &placed.step {
            Step::Workdir { path, user } => {
                let (path, user) = (path.clone(), user.clone());
                let laid = blocking(move || Self::settled(root, epoch, otherwise, |root| lay_workdir(&path, &user, root, times))).await;
                (laid, Arc::new(Nowhere) as Arc<dyn Contents>)
            }
            Step::Copy(step) => {
                let (origin, context) = self.origin(stage, step, placed).await?;
                let keeps_owners = context.is_none();
                if step.add {
                    return self.add(step, placed, root, (&origin, context.as_deref()), otherwise).await;
                }
                let (tree, step) = (origin.clone(), step.clone());
                let laid = blocking(move || {
                    let hides = |path: &TreePath| context.as_ref().is_some_and(|context| context.hides(path));
                    let from = From { tree: tree.tree(), keeps_owners, hides: &hides };
                    Self::settled(root, epoch, otherwise, |root| lay_copy(&step, root, &from, times))
                });
                (laid.await, origin as Arc<dyn Contents>)
            }
            Step::Run(_) => return Err(wrong(CopyError::Wildcard(String::new()))),
        };
        let (mut root, lay) = laid.map_err(|problem| self.stopped(&problem))?.map_err(wrong)?;
        self.take_accounts(&mut root, &lay, &contents).await?;
        let words = self.words(&lay, otherwise);
        Ok((root, lay, contents, words))
    }

    /// An `ADD` unpacks archives, so it reads before it is known what it lays.
    async fn add(
        &self,
        step: &CopyStep,
        placed: &Placed,
        mut root: PathIndex,
        (origin, context): (&Arc<dyn Origin>, Option<&Context>),
        otherwise: i64,
    ) -> Result<Stepped, BuildError> {
        let hides = |path: &TreePath| context.is_some_and(|context| context.hides(path));
        let from = AddFrom { files: origin, keeps_owners: context.is_none(), hides: &hides, scratch: &self.request.scratch };
        let added = add(step, &mut root, from, Times { made: UNKNOWN }).await;
        let (mut lay, contents) = added.map_err(|problem| BuildError::at(&self.target.file, Some(placed.span), None, problem))?;
        let settled = moment::settle(&mut lay, &mut root, self.request.epoch, otherwise);
        let wrong = |problem| BuildError::at(&self.target.file, Some(placed.span), None, CopyError::Target(Box::new(problem)));
        settled.map_err(wrong)?;
        self.take_accounts(&mut root, &lay, &contents).await?;
        let words = self.words(&lay, otherwise);
        Ok((root, lay, contents, words))
    }

    /// Says when a step was made that has no files of its own: its layer depends on that.
    fn words(&self, lay: &Lay, otherwise: i64) -> Vec<String> {
        let is_of_base = !lay.values().any(|laid| matches!(laid.content, graph::Content::Source(_)));
        if is_of_base { vec![format!("made {}", self.request.epoch.unwrap_or(otherwise))] } else { Vec::new() }
    }

    fn settled(
        mut root: PathIndex,
        epoch: Option<i64>,
        otherwise: i64,
        lay: impl FnOnce(&mut PathIndex) -> Result<Lay, CopyError>,
    ) -> Result<(PathIndex, Lay), CopyError> {
        let mut lay = lay(&mut root)?;
        moment::settle(&mut lay, &mut root, epoch, otherwise).map_err(|problem| CopyError::Target(Box::new(problem)))?;
        Ok((root, lay))
    }

    fn stopped(&self, problem: &tokio::task::JoinError) -> BuildError {
        BuildError::Pack(crate::pack::PackError::Stopped(problem.to_string()))
    }

    /// Returns what a step copies from; a context with its ignore file, where it is one.
    async fn origin(
        &self,
        stage: &Outlined,
        step: &CopyStep,
        placed: &Placed,
    ) -> Result<(Arc<dyn Origin>, Option<Arc<Context>>), BuildError> {
        let target = self.target;
        let Some(name) = &step.from else {
            return Ok((target.context.origin(self.cache).await?, Some(target.context.clone())));
        };
        if let Some(Named::Files(context)) = target.contexts.get(&graph::context_name(name)) {
            return Ok((context.origin(self.cache).await?, Some(context.clone())));
        }
        let wrong_base = |problem, span| BuildError::at(&target.file, span, None, problem);
        let wrong = |problem| BuildError::at(&target.file, Some(placed.span), None, problem);
        if let Some(base) = self.ready.images.get(&(stage.index, name.clone())) {
            let files = read_image(base, &self.request.scratch).await.map_err(|problem| wrong_base(problem, Some(placed.span)))?.1;
            return Ok((Arc::new(files), None));
        }
        match self.ready.outline.graph.provider(name, stage.index) {
            dockerfile::Provider::Stage(index) if self.stages.contains_key(&index) => Ok((self.files(index).await?, None)),
            dockerfile::Provider::External(name) if name == "scratch" => Ok((Arc::new(Files::new()), None)),
            _ => Err(wrong(NotNeeded { name: name.clone() })),
        }
    }

    /// Returns the files of a stage, those of its base included.
    pub(super) async fn files(&self, index: usize) -> Result<Arc<Files>, BuildError> {
        let Some(stage) = self.stages.get(&index) else { return Ok(Arc::default()) };
        let mut known = stage.files.lock().await;
        if let Some(files) = &*known {
            return Ok(files.clone());
        }
        let mut files = match &stage.base {
            Some(base) => {
                let read = read_image(base, &self.request.scratch).await;
                read.map_err(|problem| BuildError::at(&self.target.file, None, None, problem))?.1
            }
            None => Files::default(),
        };
        for made in self.chain(index) {
            files.lay(&made.lay, &made.contents);
        }
        let files = Arc::new(files);
        *known = Some(files.clone());
        Ok(files)
    }

    /// Tells the root who may own files, where a step brings the files that say so.
    async fn take_accounts(&self, root: &mut PathIndex, lay: &Lay, contents: &Arc<dyn Contents>) -> Result<(), BuildError> {
        for name in ACCOUNTS {
            let path = TreePath::from(name);
            let Some(laid) = lay.get(&path) else { continue };
            let EntryKind::File { size } = laid.entry.kind else { continue };
            if size > LONGEST_ACCOUNTS {
                continue;
            }
            let content = match &laid.content {
                graph::Content::Inline(bytes) => bytes.clone(),
                graph::Content::Source(source) if size > 0 => {
                    contents.prepare(std::slice::from_ref(source)).await?;
                    let (contents, source) = (contents.clone(), source.clone());
                    let read = blocking(move || {
                        let mut bytes = Vec::new();
                        let read = contents.read(&source, &mut |reader| {
                            reader
                                .read_to_end(&mut bytes)
                                .map(drop)
                                .map_err(|problem| crate::pack::PackError::Layer(layer::LayerError::read(problem)))
                        });
                        read.map(|()| bytes)
                    });
                    read.await.map_err(|problem| self.stopped(&problem))??
                }
                _ => Vec::new(),
            };
            root.set_accounts(name.as_bytes(), content);
        }
        Ok(())
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
        Step::Copy(step) => !step.link || step.chown.as_ref().is_some_and(|owner| owner.bytes().any(|byte| byte.is_ascii_alphabetic())),
        Step::Run(_) => false,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, tokio::task::JoinError> {
    tokio::task::spawn_blocking(work).await
}

/// A trigger of a base takes files from a stage that nothing else needs.
#[derive(Debug, thiserror::Error)]
#[error("a trigger of the base takes files from {name}, which is no stage that this one needs")]
struct NotNeeded {
    name: String,
}

impl Fault for NotNeeded {
    fn kind(&self) -> Kind {
        Kind::Build
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(format!("COPY something from {} in this stage, so that it is built", self.name)))
    }
}
