//! What a build knows of one image, but for times and names.

use std::collections::{BTreeMap, BTreeSet};

use dockerfile::{ResolvedMount, SecretMount, SshMount};
use graph::{Begins, Step};
use layer::Compression;
use oci::{Descriptor, Digest, Platform};
use serde_json::{Map, Value, json};

use super::arguments::arguments;
use super::definition::{Definition, MadeStep, definition};
use super::material::Material;
use super::order::{Mode, Order};
use super::package_url;
use crate::build::{Asked, Named, PlannedBase, Ready, Request, Target};
use crate::context::Context;
use crate::run::Access;

/// The frontend of BuildKit that reads the same language.
const FRONTEND: &str = "dockerfile.v0";
/// What BuildKit calls the place of the Dockerfile, and that of the files.
const DOCKERFILE: &str = "dockerfile";
const CONTEXT: &str = "context";

/// What one image was built from.
pub(crate) struct Sources<'a> {
    /// What was asked for, of all images.
    pub request: &'a Request,
    /// And of this one.
    pub target: &'a Target,
    /// What was decided.
    pub ready: &'a Ready,
    /// The images that it begins with or takes files from.
    pub bases: &'a [PlannedBase],
    /// What steps have added from elsewhere.
    pub added: &'a [Material],
    /// The layers of its base, from the lowest up.
    pub below: &'a [Descriptor],
    /// The steps that made the others.
    pub made: &'a [MadeStep],
}

/// What a build tells of one image: no clock is in it, and of secrets at most the ids.
#[derive(Clone, Debug)]
pub struct Account {
    pub(super) order: Order,
    /// Where the Dockerfile came from, if from elsewhere.
    pub(super) file: Option<Material>,
    /// Its path there; of one of this machine its name.
    pub(super) path: String,
    /// What was asked for, in the words of BuildKit's frontend.
    pub(super) request: Map<String, Value>,
    /// That is all that was asked for.
    pub(super) is_whole_request: bool,
    /// What it is made of: images, repositories and files.
    pub(super) dependencies: Vec<Value>,
    /// No file of this machine is in it besides.
    pub(super) is_whole: bool,
    /// No command had a network, either.
    pub(super) is_hermetic: bool,
    /// The platform of the machine that built it.
    pub(super) builder: String,
    /// What of this program decides about bytes.
    pub(super) program: Value,
    /// What was done.
    pub(super) definition: Option<Definition>,
}

impl Account {
    /// Writes down what is told of an image.
    pub(crate) fn new(order: &Order, sources: &Sources<'_>) -> Self {
        let Sources { request, target, ready, .. } = sources;
        let (arguments, is_whole_request) = arguments(request, target, order.mode);
        let mut asked = Map::new();
        asked.insert("frontend".to_owned(), json!(FRONTEND));
        asked.insert("args".to_owned(), Value::Object(arguments));
        if order.mode == Mode::Max {
            asked.extend(keys(ready));
        }
        let locals = locals(target, ready);
        asked.insert("locals".to_owned(), locals.iter().map(|name| json!({"name": name})).collect());
        let is_whole = locals.is_empty();
        Self {
            order: order.clone(),
            file: target.file.material.clone(),
            path: if is_in_context(target) { target.file.source.name() } else { base_name(target.file.source.name()) }.to_owned(),
            request: asked,
            is_whole_request,
            dependencies: images(sources.bases).chain(materials(sources)).collect(),
            is_whole,
            is_hermetic: is_whole && !steps(ready).any(|step| has_network(step, request)),
            builder: package_url::shown(request.host()),
            program: program(request.compression),
            definition: (order.mode == Mode::Max).then(|| definition(sources)),
        }
    }

    /// Returns what was wanted of it.
    pub const fn order(&self) -> &Order {
        &self.order
    }
}

/// Names an image that something was taken from.
pub(super) fn dependency(asked: &Asked, digest: &Digest, platform: &Platform) -> Option<String> {
    match asked {
        Asked::Name(name) => Some(package_url::of_image(&name.parse().ok()?, Some(digest), platform)),
        Asked::Place(place) => Some(package_url::of_place(place, Some(digest), platform)),
    }
}

/// Lists the images, each once, in the order of their names.
fn images(bases: &[PlannedBase]) -> impl Iterator<Item = Value> {
    let named = bases.iter().filter_map(|base| {
        let digest = base.pinned.as_ref()?;
        Some((dependency(&base.asked, digest, &base.platform)?, digest))
    });
    let all: BTreeMap<String, &Digest> = named.collect();
    all.into_iter().map(|(uri, digest)| json!({"uri": uri, "digest": {digest.algorithm().name(): digest.hex()}}))
}

/// Lists what came from elsewhere and is no image, each once, in the order of addresses.
fn materials(sources: &Sources<'_>) -> impl Iterator<Item = Value> {
    let Sources { target, ready, added, .. } = sources;
    let named = named_contexts(ready).into_iter().filter_map(|name| folder(target, &name)?.material());
    let all: BTreeSet<&Material> = target.file.material.iter().chain(target.context.material()).chain(named).chain(*added).collect();
    all.into_iter().map(|material| Value::Object(material.described()))
}

/// Tells whether the Dockerfile came with a context from elsewhere: its path is one in there.
fn is_in_context(target: &Target) -> bool {
    target.file.material.is_some() && target.file.material.as_ref() == target.context.material()
}

/// Tells whether a step is a command that had a network.
fn has_network(step: &Step, request: &Request) -> bool {
    matches!(step, Step::Run(step) if request.commands.access(step.network) != Access::None)
}

/// Lists the ids of secrets and agents; what they are is not known here.
fn keys(ready: &Ready) -> Vec<(String, Value)> {
    let (mut secrets, mut agents) = (BTreeMap::new(), BTreeMap::new());
    for mount in steps(ready).filter_map(mounts).flatten() {
        let (ids, id, required) = match mount {
            ResolvedMount::Secret(SecretMount { id, required, .. }) => (&mut secrets, id, *required),
            ResolvedMount::Ssh(SshMount { id, required, .. }) => (&mut agents, id, *required),
            _ => continue,
        };
        *ids.entry(id.clone()).or_insert(false) |= required;
    }
    let list = |ids: BTreeMap<String, bool>| {
        let line = |(id, required)| if required { json!({"id": id}) } else { json!({"id": id, "optional": true}) };
        Value::Array(ids.into_iter().map(line).collect())
    };
    let lists = [("secrets", secrets), ("ssh", agents)].into_iter().filter(|(_, ids)| !ids.is_empty());
    lists.map(|(name, ids)| (name.to_owned(), list(ids))).collect()
}

/// Lists what came from this machine: the Dockerfile, the context where something was taken from it, and named folders.
fn locals(target: &Target, ready: &Ready) -> BTreeSet<String> {
    let is_here = |name: &String| folder(target, name).is_some_and(|context| context.material().is_none());
    let mut locals: BTreeSet<String> = named_contexts(ready).into_iter().filter(is_here).collect();
    if target.file.material.is_none() {
        locals.insert(DOCKERFILE.to_owned());
    }
    if target.context.material().is_none() && steps(ready).any(takes_from_context) {
        locals.insert(CONTEXT.to_owned());
    }
    locals
}

/// Returns a named context that is files.
fn folder<'a>(target: &'a Target, name: &str) -> Option<&'a Context> {
    match target.contexts.get(name) {
        Some(Named::Files(context)) => Some(context),
        _ => None,
    }
}

/// Lists the names that stages begin with and steps take from, contexts among them.
fn named_contexts(ready: &Ready) -> BTreeSet<String> {
    let begins = ready.outline.stages.iter().filter_map(|stage| match &stage.begins {
        Begins::Context(name) => Some(name.clone()),
        _ => None,
    });
    begins.chain(steps(ready).flat_map(Step::providers).map(graph::context_name)).collect()
}

fn takes_from_context(step: &Step) -> bool {
    match step {
        Step::Copy(step) => step.from.is_none() && !step.sources.is_empty(),
        Step::Workdir { .. } => false,
        Step::Run(step) => step.mounts.iter().any(|mount| matches!(mount, ResolvedMount::Bind { from: None, .. })),
    }
}

fn mounts(step: &Step) -> Option<&[ResolvedMount]> {
    match step {
        Step::Run(step) => Some(&step.mounts),
        _ => None,
    }
}

/// Lists the steps of the stages that are needed.
fn steps(ready: &Ready) -> impl Iterator<Item = &Step> {
    ready.needed().flat_map(|recipe| &recipe.steps).map(|placed| &placed.step)
}

/// Tells what of this program decides about the bytes of layers: with it, the same input makes the same image.
fn program(compression: Compression) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "compression": {"type": compression.name(), "level": compression.level(), "by": compression.compressor()},
    })
}

/// Returns the last part of a path: where a file lay on this machine is nobody's business.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
