//! What a build is made of, for every platform: every base is found, and every instruction is decided, before anything is
//! made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dockerfile::{Instruction, Provider, Statement, parse_trigger};
use futures_util::future::join_all;
use graph::{Begins, Image, NeededRun, Outline, Outlined, Recipe, RunsNeeded, Step, Wanted, outline, refuse_runs};
use oci::{Digest, Platform};

use super::error::{BuildError, ImageError};
use super::images::{Asked, Bases, Images};
use super::request::{BuildFile, Named, Request, Target};
use super::step::addresses;
use crate::base::Base;
use crate::run::check;

/// A build, decided.
pub struct Plan {
    /// One for each platform, in the order of the request.
    pub targets: Vec<Planned>,
}

/// The build of one platform's image.
pub struct Planned {
    /// What is asked for.
    pub target: Target,
    /// The images that its stages begin with, in the order of the file.
    pub bases: Vec<PlannedBase>,
    /// What is to be done, or why it cannot be.
    pub outcome: Result<Ready, BuildError>,
}

/// An image that a stage begins with or takes files from.
#[derive(Clone, Debug)]
pub struct PlannedBase {
    /// The line of the Dockerfile that names it.
    pub line: usize,
    /// Its name, or its place.
    pub asked: Asked,
    /// What it is wanted for.
    pub platform: Platform,
    /// The digest of its manifest, or what is wrong.
    pub found: Result<Digest, ImageError>,
    /// What its name meant: the digest of an index, where it is one, else that of the manifest.
    pub pinned: Option<Digest>,
}

/// Everything that was decided of one platform's image.
pub struct Ready {
    /// Its stages.
    pub outline: Outline,
    /// What each of them decides.
    pub recipes: BTreeMap<usize, Recipe>,
    /// The images that they begin with.
    pub bases: BTreeMap<usize, Base>,
    /// The images that they take files from, by stage and name.
    pub images: BTreeMap<(usize, String), Base>,
}

impl Ready {
    /// Lists what was decided of each stage that is needed, in their order.
    pub fn needed(&self) -> impl Iterator<Item = &Recipe> {
        self.outline.stages.iter().filter_map(|stage| self.recipes.get(&stage.index))
    }
}

impl Plan {
    /// Returns what makes the build impossible: the problems of platforms that are required.
    pub fn problem(&mut self) -> Option<BuildError> {
        let (mut kept, mut problems) = (Vec::new(), Vec::new());
        for planned in self.targets.drain(..) {
            match planned {
                Planned { outcome: Err(problem), target: Target { is_optional: false, .. }, .. } => problems.push(problem),
                planned => kept.push(planned),
            }
        }
        self.targets = kept;
        BuildError::together(problems)
    }
}

/// Decides a build. Nothing is fetched before every platform's Dockerfile makes sense.
///
/// # Errors
/// What stops it before anything is asked: a `RUN` for another machine, a stage that is not there. What is wrong with images is in the plan.
pub async fn plan(request: &Request, images: &dyn Images) -> Result<Plan, BuildError> {
    let (mut outlines, mut problems) = (Vec::new(), Vec::new());
    for target in &request.targets {
        match sketch(request, target, &BTreeSet::new()) {
            Err(problem) if !target.is_optional => problems.push(problem),
            outline => outlines.push((target, outline)),
        }
    }
    if let Some(problem) = BuildError::together(problems) {
        return Err(problem);
    }
    let bases = Bases::new(images, request.allowed.all());
    let planned = outlines.into_iter().map(|(target, outline)| async {
        let mut planning = Planning { request, target, bases: &bases, rows: Vec::new() };
        let outcome = match outline {
            Ok(outline) => planning.decide(outline).await,
            Err(problem) => Err(problem),
        };
        Planned { target: target.clone(), bases: planning.rows, outcome }
    });
    Ok(Plan { targets: join_all(planned).await })
}

/// Finds the stages that one platform's image is made of. Those of `also` are needed in any case.
pub(super) fn stages(request: &Request, target: &Target, also: &BTreeSet<usize>) -> Result<Outline, BuildError> {
    let contexts = target.contexts.keys().cloned().collect();
    let (stage, arguments) = (request.stage.as_deref(), target.arguments.clone());
    let wanted = Wanted { build: request.host(), target: &target.platform, stage, also: also.clone(), arguments, contexts };
    let place = |problem: graph::OutlineError| BuildError::at(&target.file, problem.span(), None, problem);
    outline(&target.file.parsed, &wanted).map_err(place)
}

/// Returns the image that a stage begins with, if it begins with one.
pub(super) fn asked(target: &Target, begins: &Begins) -> Option<Asked> {
    match begins {
        Begins::Image(name) => Some(Asked::Name(name.clone())),
        Begins::Context(name) => match target.contexts.get(name)? {
            Named::Image(place) => Some(Asked::Place(place.clone())),
            Named::Files(_) => None,
        },
        Begins::Nothing | Begins::Stage(_) => None,
    }
}

/// Finds out what one platform's image is made of, without asking anybody. The stages of `also` are needed in any case.
fn sketch(request: &Request, target: &Target, also: &BTreeSet<usize>) -> Result<Outline, BuildError> {
    let file = &target.file;
    let outline = stages(request, target, also)?;
    if !request.allowed.all() {
        let wrong = |problem: graph::OutlineError| BuildError::at(file, problem.span(), Some(&target.platform), problem);
        outline.check_target(&file.parsed).map_err(wrong)?;
    }
    let own: Vec<&Outlined> = outline.stages.iter().filter(|stage| !stage.is_replaced).collect();
    refuse_runs(file.source.name(), &file.parsed, &outline.graph, &own, &|platform| request.machines.why_not(platform))
        .map_err(BuildError::Runs)?;
    let is_tested = request.tests_all && !request.tests.is_empty() && target.platform.os == request.host().os;
    if is_tested && let Some(why) = request.machines.why_not(&target.platform) {
        return Err(BuildError::Untested { platform: Box::new(target.platform.clone()), why });
    }
    Ok(outline)
}

/// Counts the stages that begin with each one.
fn children(stages: &[Outlined]) -> BTreeMap<usize, usize> {
    let mut children = BTreeMap::new();
    for stage in stages {
        if let Begins::Stage(parent) = stage.begins {
            *children.entry(parent).or_default() += 1;
        }
    }
    children
}

/// The planning of one platform.
struct Planning<'a> {
    request: &'a Request,
    target: &'a Target,
    bases: &'a Bases<'a>,
    rows: Vec<PlannedBase>,
}

impl Planning<'_> {
    /// Decides every stage. What triggers of bases take files from is known only then: it is begun again with those stages.
    async fn decide(&mut self, outline: Outline) -> Result<Ready, BuildError> {
        let mut ready = self.decide_stages(outline).await?;
        let mut also = BTreeSet::new();
        loop {
            let missing = untold(&ready);
            if missing.is_empty() {
                break;
            }
            also.extend(missing);
            self.rows.clear();
            ready = self.decide_stages(sketch(self.request, self.target, &also)?).await?;
        }
        let taken = ready.outline.stages.iter().filter_map(|stage| Some(self.taken(stage, ready.recipes.get(&stage.index)?)));
        let taken = taken.flatten().collect();
        ready.images = self.find_images(taken).await?;
        Ok(ready)
    }

    async fn decide_stages(&mut self, outline: Outline) -> Result<Ready, BuildError> {
        let bases = self.find_bases(&outline).await?;
        let mut ready = Ready { outline, recipes: BTreeMap::new(), bases, images: BTreeMap::new() };
        let stages = ready.outline.stages.clone();
        let mut children = children(&stages);
        for stage in &stages {
            let recipe = self.recipe(stage, &ready)?;
            ready.recipes.insert(stage.index, recipe);
            if let Begins::Stage(parent) = stage.begins
                && let Some(left) = children.get_mut(&parent)
            {
                *left -= 1;
                // The last stage is the image.
                if *left == 0
                    && stages.last().is_some_and(|last| last.index != parent)
                    && let Some(recipe) = ready.recipes.get_mut(&parent)
                {
                    recipe.forget();
                }
            }
        }
        Ok(ready)
    }

    fn file(&self) -> &Arc<BuildFile> {
        &self.target.file
    }

    /// Finds the images that stages begin with, all at once; every one that is missing is told.
    async fn find_bases(&mut self, outline: &Outline) -> Result<BTreeMap<usize, Base>, BuildError> {
        let asked = outline.stages.iter().filter_map(|stage| Some((stage, asked(self.target, &stage.begins)?)));
        let asked: Vec<(&Outlined, Asked)> = asked.collect();
        let bases = self.bases;
        let found = join_all(asked.iter().map(|(stage, asked)| bases.base(asked, &stage.platform))).await;
        let (mut by_stage, mut problems) = (BTreeMap::new(), Vec::new());
        for ((stage, asked), found) in asked.iter().zip(found) {
            let header = self.file().parsed.stages.get(stage.index).map(|stage| (stage.header.first_line, stage.base.span));
            let (line, span) = header.unwrap_or_default();
            self.rows.push(row(line, asked, &stage.platform, &found));
            match found {
                Ok(base) => drop(by_stage.insert(stage.index, base)),
                Err(problem) => problems.push(BuildError::at(self.file(), Some(span), None, problem)),
            }
        }
        match BuildError::together(problems) {
            Some(problem) => Err(problem),
            None => Ok(by_stage),
        }
    }

    /// Decides what a stage makes of what it begins with.
    fn recipe(&self, stage: &Outlined, ready: &Ready) -> Result<Recipe, BuildError> {
        let file = self.file();
        let mut recipe = match &stage.begins {
            Begins::Stage(parent) => match ready.recipes.get(parent) {
                Some(parent) => Recipe::of_stage(parent),
                None => Recipe::of_image(Image::scratch(stage.platform.clone())),
            },
            _ => match ready.bases.get(&stage.index) {
                Some(base) => Recipe::of_image(Image::of_base(stage.platform.clone(), base.config())),
                None => Recipe::of_image(Image::scratch(stage.platform.clone())),
            },
        };
        let Some(own) = file.parsed.stages.get(stage.index).filter(|_| !stage.is_replaced) else { return Ok(recipe) };
        let globals = &ready.outline.globals;
        let span = own.header.span;
        for text in recipe.image.take_triggers() {
            let trigger = parse_trigger(&text).map_err(|problem| BuildError::at(file, Some(span), None, problem))?;
            let trigger = self.trigger(trigger, stage, own, &text)?;
            let wrong = |problem| BuildError::at(file, Some(span), None, problem);
            recipe.take(&[trigger], globals, '\\').map_err(wrong)?;
        }
        let wrong = |problem: graph::StageError| BuildError::at(file, Some(problem.span), None, problem);
        recipe.take(&own.statements, globals, file.parsed.directives.escape).map_err(wrong)?;
        self.check_steps(&recipe)?;
        Ok(recipe)
    }

    /// Gives a trigger of a base the place of the `FROM` that brings it.
    fn trigger(&self, trigger: Statement, stage: &Outlined, own: &dockerfile::Stage, text: &str) -> Result<Statement, BuildError> {
        let mut trigger = trigger;
        let line = own.header.first_line;
        (trigger.header.span, trigger.header.first_line) = (own.header.span, line);
        if matches!(trigger.instruction, Instruction::Run(_))
            && let Some(why) = self.request.machines.why_not(&stage.platform)
        {
            let runs = vec![NeededRun { line, text: format!("ONBUILD {text}") }];
            let platform = Box::new(stage.platform.clone());
            return Err(BuildError::Runs(RunsNeeded { file: self.file().source.name().to_owned(), platform, why, runs }));
        }
        Ok(trigger)
    }

    /// Refuses what makes no sense, before anything is made.
    fn check_steps(&self, recipe: &Recipe) -> Result<(), BuildError> {
        for placed in &recipe.steps {
            if let Step::Run(step) = &placed.step {
                let allowed = check(step, &self.request.commands);
                allowed.map_err(|problem| BuildError::at(self.file(), Some(placed.span), None, problem))?;
            }
            let Step::Copy(step) = &placed.step else { continue };
            addresses(step).map_err(|problem| BuildError::at(self.file(), Some(placed.span), None, problem))?;
        }
        Ok(())
    }

    /// Lists the images that a stage's steps take files from.
    fn taken(&self, stage: &Outlined, recipe: &Recipe) -> Vec<Taken> {
        let mut taken = Vec::new();
        for placed in &recipe.steps {
            for name in placed.step.providers() {
                let Some(asked) = self.provider(name) else { continue };
                taken.push(Taken { stage: stage.index, name: name.to_owned(), asked, span: placed.span, line: placed.line });
            }
        }
        taken
    }

    /// Returns the image that a `--from` means, if it means one.
    fn provider(&self, name: &str) -> Option<Asked> {
        if let Some(context) = self.target.contexts.get(&graph::context_name(name)) {
            return match context {
                Named::Image(place) => Some(Asked::Place(place.clone())),
                Named::Files(_) => None,
            };
        }
        let is_stage = |name: &str| {
            let stages = &self.file().parsed.stages;
            name.parse::<usize>().is_ok() || stages.iter().any(|stage| stage.name().as_deref() == Some(&name.to_lowercase()))
        };
        // `scratch` is no image anywhere: it is nothing.
        (!is_stage(name) && name != "scratch").then(|| Asked::Name(name.to_owned()))
    }

    async fn find_images(&mut self, taken: Vec<Taken>) -> Result<BTreeMap<(usize, String), Base>, BuildError> {
        // What is taken from an image is for the machine that the image is built for.
        let (bases, platform) = (self.bases, &self.target.platform);
        let found = join_all(taken.iter().map(|taken| bases.base(&taken.asked, platform))).await;
        let (mut images, mut problems) = (BTreeMap::new(), Vec::new());
        for (taken, found) in taken.into_iter().zip(found) {
            self.rows.push(row(taken.line, &taken.asked, platform, &found));
            match found {
                Ok(base) => drop(images.insert((taken.stage, taken.name), base)),
                Err(problem) => problems.push(BuildError::at(self.file(), Some(taken.span), None, problem)),
            }
        }
        match BuildError::together(problems) {
            Some(problem) => Err(problem),
            None => Ok(images),
        }
    }
}

/// Writes down what was found of an image.
fn row(line: usize, asked: &Asked, platform: &Platform, found: &Result<Base, ImageError>) -> PlannedBase {
    let pinned = found.as_ref().ok().map(|base| base.pinned().clone());
    let found = found.as_ref().map(|base| base.digest().clone()).map_err(Clone::clone);
    PlannedBase { line, asked: asked.clone(), platform: platform.clone(), found, pinned }
}

/// Lists the stages that steps take files from and that are not decided.
fn untold(ready: &Ready) -> BTreeSet<usize> {
    let steps = ready.recipes.iter().flat_map(|(stage, recipe)| recipe.steps.iter().map(move |placed| (*stage, &placed.step)));
    let provider = |stage: usize, name: &str| match ready.outline.graph.provider(name, stage) {
        Provider::Stage(index) => Some(index),
        Provider::Later(_) | Provider::NoStage(_) | Provider::External(_) => None,
    };
    let providers = steps.flat_map(|(stage, step)| step.providers().into_iter().filter_map(move |name| provider(stage, name)));
    providers.filter(|index| !ready.recipes.contains_key(index)).collect()
}

/// An image that a step takes files from.
struct Taken {
    stage: usize,
    name: String,
    asked: Asked,
    span: dockerfile::Span,
    line: usize,
}
