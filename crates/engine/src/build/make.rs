//! Makes what was planned: layers, then configs and manifests, into a library. No name is moved here.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use content::{Copier, Events, Library, Limits, Memory, Place};
use fault::{AnyFault, Fault};
use futures_util::future::{join_all, try_join_all};
use graph::{HistoryLine, Image, Recipe, TreePath};
use oci::{Descriptor, Digest, MAX_MANIFEST_SIZE, MediaType, Platform, RawManifest};
use serde_json::{Map, Value, json};

use super::error::{BuildError, LargeConfig};
use super::evaluate::{Evaluated, Evaluation, Made};
use super::layering::{Layer, Layering, described};
use super::moment;
use super::plan::{Plan, Planned, PlannedBase, Ready};
use super::progress::{Happening, Progress};
use super::remotes::{Remotes, added};
use super::request::{Request, Target};
use crate::base::Base;
use crate::cache::Cache;
use crate::files::Files;
use crate::pack::{Packed, Program};
use crate::provenance::{Account, MadeStep, Sources};
use crate::run::Runner;
use crate::truth::{self, Note, Seen, Started};

/// What the history says of a layer that a base says nothing of.
const UNTOLD: &str = "a layer of the base, which does not say what made it";

/// What a build made.
pub struct Built {
    /// One for each platform that could be built, in the order of the request.
    pub images: Vec<BuiltImage>,
    /// Optional platforms that could not, and why.
    pub left_out: Vec<(Platform, BuildError)>,
}

/// The image of one platform.
pub struct BuiltImage {
    /// What it is for, as its config says.
    pub platform: Platform,
    /// Its manifest; it is in the library, with all that it names.
    pub manifest: RawManifest,
    /// Its config.
    pub config: Digest,
    /// How many layers it has, those of its base included.
    pub layers: usize,
    /// Bytes that a pull moves.
    pub size: u64,
    /// How many steps made a layer.
    pub steps: usize,
    /// How many of them had been made before.
    pub cached: usize,
    /// What it starts, where that is a file of it.
    pub started: Option<Started>,
    /// Files that are for another machine, where that may be.
    pub notes: Vec<Note>,
    /// How many tests it has passed.
    pub tests: usize,
    /// Its files, where they were asked for.
    pub files: Option<Arc<Files>>,
    /// What is to be told of how it came to be, where that was asked for.
    pub provenance: Option<Account>,
}

/// Where a build puts what it makes.
pub struct Workshop<'a> {
    /// Where layers are written.
    pub library: &'a dyn Library,
    /// A repository of it, as a place.
    pub place: &'a dyn Place,
    /// What is told of content on its way.
    pub events: &'a Events,
    /// What is told of the steps.
    pub progress: &'a Progress,
    /// What former builds remember.
    pub cache: &'a Cache,
    /// What runs commands.
    pub runner: &'a Runner,
    /// What fetches what is added from elsewhere.
    pub remotes: &'a dyn Remotes,
}

/// Carries a plan out.
///
/// # Errors
/// The problems of every platform that is required. What was written by then is content without a name.
pub async fn make(request: &Request, plan: Plan, workshop: &Workshop<'_>) -> Result<Built, BuildError> {
    let layering = Layering::new(request, workshop).await?;
    let copier = Copier::new(workshop.place, Limits::default(), workshop.events);
    let making = Making { request, workshop, copier, layering: &layering };
    let images = join_all(plan.targets.into_iter().map(|planned| making.target(planned))).await;
    workshop.cache.save().await;
    let mut built = Built { images: Vec::new(), left_out: Vec::new() };
    let mut problems = Vec::new();
    for (target, image) in images {
        match image {
            Ok(image) => built.images.push(image),
            Err(problem) if target.is_optional => {
                let happening = Happening::LeftOut {
                    platform: target.platform.clone(),
                    reason: problem.lines().into_iter().next().unwrap_or_default(),
                };
                workshop.progress.tell(happening);
                built.left_out.push((target.platform, problem));
            }
            Err(problem) => problems.push(problem),
        }
    }
    match BuildError::together(problems) {
        Some(problem) => Err(problem),
        None => Ok(built),
    }
}

struct Making<'a> {
    request: &'a Request,
    workshop: &'a Workshop<'a>,
    copier: Copier<'a>,
    layering: &'a Layering<'a>,
}

/// A layer of an image that is being made.
struct Layered {
    descriptor: Descriptor,
    diff_id: String,
}

impl Making<'_> {
    async fn target(&self, planned: Planned) -> (Target, Result<BuiltImage, BuildError>) {
        let Planned { target, bases, outcome } = planned;
        let image = match outcome {
            Ok(ready) => self.image(&target, &ready, &bases).await,
            Err(problem) => Err(problem),
        };
        (target, image)
    }

    async fn image(&self, target: &Target, ready: &Ready, bases: &[PlannedBase]) -> Result<BuiltImage, BuildError> {
        let evaluation = Evaluation::run(self.layering, target, ready).await?;
        let Some((last, stage, recipe)) = last_stage(&evaluation, ready) else { return Err(BuildError::NoStage) };
        let steps = stage.chain.clone();
        let base = stage.base.as_ref();
        let bring = async {
            match base {
                Some(base) => self.bring(base).await,
                None => Ok(Vec::new()),
            }
        };
        let write = try_join_all(steps.iter().map(|made| self.layering.layer(target, made)));
        let (mut layers, made) = futures_util::future::try_join(bring, write).await?;
        let mut image = recipe.image.clone();
        self.finish_config(&mut image, target, base, &steps);
        let (started, notes) = self.judge(&image, stage, &steps, &made)?;
        let tests = evaluation.test(&image, stage, &made).await?;
        layers.extend(made.iter().map(|layer| self.layered(&layer.packed)));
        let created = self.created(base, &made);
        date(&mut image, &created);
        let diff_ids: Vec<String> = layers.iter().map(|layer| layer.diff_id.clone()).collect();
        let config = image.document(&diff_ids, Some(&created));
        let (manifest, config) = self.put(target, &config, &layers).await?;
        let size = manifest.as_image().map_or(0, oci::ImageManifest::content_size);
        let cached = made.iter().filter(|layer| layer.is_cached).count();
        let provenance = self.provenance(target, ready, bases, &steps, &layers).await?;
        let files = if self.request.wants_files { Some(evaluation.files(last).await?) } else { None };
        Ok(BuiltImage {
            platform: image.platform.clone(),
            manifest,
            config,
            layers: layers.len(),
            size,
            steps: steps.len(),
            cached,
            started,
            notes,
            tests,
            files,
            provenance,
        })
    }

    /// Writes down what is told of an image, where that is wanted.
    async fn provenance(
        &self,
        target: &Target,
        ready: &Ready,
        bases: &[PlannedBase],
        steps: &[Made],
        layers: &[Layered],
    ) -> Result<Option<Account>, BuildError> {
        let Some(order) = &self.request.provenance else { return Ok(None) };
        let added = added(self.workshop.remotes, target, ready).await?;
        let layers: Vec<Descriptor> = layers.iter().map(|layer| layer.descriptor.clone()).collect();
        let (below, own) = layers.split_at(layers.len().saturating_sub(steps.len()));
        let step = |(made, layer): (&Made, &Descriptor)| {
            let number = made.history.map(|_| made.name.number);
            MadeStep { stage: made.stage.clone(), number, layer: layer.clone() }
        };
        let made: Vec<MadeStep> = steps.iter().zip(own).map(step).collect();
        let sources = Sources { request: self.request, target, ready, bases, added: &added, below, made: &made };
        Ok(Some(Account::new(order, &sources)))
    }

    /// Brings the layers of a base into the library, in the types of OCI.
    async fn bring(&self, base: &Base) -> Result<Vec<Layered>, BuildError> {
        let bring = base.layers().iter().map(|(layer, diff_id)| async move {
            self.copier.blob(&**base.source(), layer).await?;
            let media_type = match &layer.media_type {
                MediaType::DockerLayer => MediaType::OciLayer,
                MediaType::DockerLayerGzip => MediaType::OciLayerGzip,
                other => other.clone(),
            };
            let descriptor = Descriptor::new(media_type, layer.digest.clone(), layer.size);
            Ok::<_, BuildError>(Layered { descriptor, diff_id: diff_id.to_string() })
        });
        try_join_all(bring).await
    }

    fn layered(&self, packed: &Packed) -> Layered {
        let (descriptor, diff_id) = described(&packed.layer, self.layering.request.compression);
        Layered { descriptor, diff_id: diff_id.to_string() }
    }

    /// Completes what the image says: its platform is what was asked for, with the version of the system that its base
    /// says to the last number, and its labels are those of the command line over those of the file.
    fn finish_config(&self, image: &mut Image, target: &Target, base: Option<&Base>, steps: &[Made]) {
        image.platform = target.platform.normalized();
        if let Some(base) = base.map(Base::platform).filter(|base| base.os_version.is_some() || target.platform.os_version.is_none()) {
            image.platform.os_version.clone_from(&base.os_version);
            image.platform.os_features.clone_from(&base.os_features);
        }
        if !self.request.labels.is_empty() {
            let mut labels = image.object("Labels");
            labels.extend(self.request.labels.iter().map(|(key, value)| (key.clone(), json!(value))));
            image.set("Labels", Value::Object(labels));
        }
        if let Some(base) = base {
            account(image, base);
        }
        // What a named folder brought stands in front of the history of the stage.
        let brought = steps.iter().filter(|made| made.history.is_none()).count();
        let line = |made: &Made| HistoryLine::new(made.name.text.clone(), false);
        let lines: Vec<HistoryLine> = steps.iter().take(brought).map(line).collect();
        image.history.splice(0..0, lines);
    }

    fn judge(
        &self,
        image: &Image,
        stage: &Evaluated,
        steps: &[Made],
        layers: &[Layer],
    ) -> Result<(Option<Started>, Vec<Note>), BuildError> {
        let mut added: BTreeMap<TreePath, Program> = BTreeMap::new();
        let mut others = stage.survey.programs.clone();
        for (made, Layer { packed, .. }) in steps.iter().zip(layers) {
            for path in made.lay.keys() {
                added.remove(path);
                others.remove(path);
            }
            added.extend(packed.programs.iter().map(|program| (program.path.clone(), program.clone())));
        }
        let seen = Seen { root: &stage.root, added: &added, others: &others };
        let notes = truth::judge(image, &seen, &self.request.allowed).map_err(BuildError::Untrue)?;
        Ok((truth::started(image, &seen), notes))
    }

    /// Returns when the image was made.
    fn created(&self, base: Option<&Base>, layers: &[Layer]) -> String {
        if let Some(epoch) = self.request.epoch {
            return moment::written(epoch);
        }
        let own = layers.iter().filter_map(|layer| layer.packed.newest);
        let base = base.and_then(Base::created).and_then(moment::read);
        moment::written(own.chain(base).max().unwrap_or(0))
    }

    async fn put(&self, target: &Target, config: &Value, layers: &[Layered]) -> Result<(RawManifest, Digest), BuildError> {
        let config = Bytes::from(config.to_string());
        if config.len() as u64 > MAX_MANIFEST_SIZE {
            return Err(BuildError::General(Arc::new(AnyFault::new(LargeConfig(config.len())))));
        }
        let described = Descriptor::of(MediaType::OciConfig, &config);
        let memory = Memory::new();
        memory.insert_blob(config);
        self.workshop.place.put_blob(&described, &memory).await?;
        let mut document = Map::new();
        document.insert("schemaVersion".to_owned(), json!(2));
        document.insert("mediaType".to_owned(), json!(MediaType::OciManifest));
        document.insert("config".to_owned(), json!(described));
        document.insert("layers".to_owned(), layers.iter().map(|layer| json!(layer.descriptor)).collect());
        if !target.annotations.is_empty() {
            document.insert("annotations".to_owned(), json!(target.annotations));
        }
        let bytes = Bytes::from(Value::Object(document).to_string());
        let manifest = RawManifest::parse(bytes, Some(&MediaType::OciManifest)).map_err(|problem| {
            let item = content::Item::Image;
            content::Error::Document { item, place: self.workshop.place.name(), problem }
        })?;
        self.workshop.place.put_manifest(&manifest).await?;
        Ok((manifest, described.digest))
    }
}

/// Finds the stage that becomes the image.
fn last_stage<'a>(evaluation: &'a Evaluation<'_>, ready: &'a Ready) -> Option<(usize, &'a Evaluated, &'a Recipe)> {
    let last = ready.outline.stages.last()?.index;
    Some((last, evaluation.evaluated(last)?, ready.recipes.get(&last)?))
}

/// Makes the lines that a base brought be as many as its layers: an engine refuses an image whose history has more of them, and
/// counts wrong where there are fewer.
fn account(image: &mut Image, base: &Base) {
    let brought = base.config().get("history").and_then(Value::as_array).map_or(0, Vec::len);
    let mut left = base.layers().len();
    for line in image.history.iter_mut().take(brought).filter(|line| !line.empty) {
        line.empty = left == 0;
        left = left.saturating_sub(1);
    }
    let missing = HistoryLine { comment: None, ..HistoryLine::new(UNTOLD.to_owned(), false) };
    let end = brought.min(image.history.len());
    image.history.splice(end..end, std::iter::repeat_n(missing, left));
}

/// Gives every line of the history that has no time the image's.
fn date(image: &mut Image, created: &str) {
    for line in image.history.iter_mut().filter(|line| line.created.is_none()) {
        line.created = Some(created.to_owned());
    }
}
