//! What was done, step by step, for `mode=max`: the Dockerfile, where each step stands in it, and the layers that steps made.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dockerfile::{Provider, Span};
use graph::{Begins, Outlined, Placed};
use oci::{Descriptor, Platform};
use serde_json::{Map, Value, json};

use super::account::{Sources, base_name, dependency};
use super::package_url;
use crate::base::Base;

/// A step that made a layer of the image.
#[derive(Clone, Debug)]
pub(crate) struct MadeStep {
    /// The stage it is in.
    pub stage: String,
    /// Which of its steps it is, from 1; none for what a folder brought that stands in for a base.
    pub number: Option<usize>,
    /// Its layer.
    pub layer: Descriptor,
}

/// What was done.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    /// The steps.
    pub(super) steps: Vec<Value>,
    /// The Dockerfile, and where in it each step stands.
    pub(super) source: Value,
    /// The layers that steps made.
    pub(super) layers: Map<String, Value>,
}

/// Writes down what was done.
pub(super) fn definition(sources: &Sources<'_>) -> Definition {
    let mut writing = Writing { sources, steps: Vec::new(), locations: Map::new(), layers: Map::new(), last: BTreeMap::new() };
    for stage in &sources.ready.outline.stages {
        writing.stage(stage);
    }
    let file = &sources.target.file.source;
    let info = json!({"filename": base_name(file.name()), "language": "Dockerfile", "data": STANDARD.encode(file.text())});
    let source = json!({"locations": writing.locations, "infos": [info]});
    Definition { steps: writing.steps, source, layers: writing.layers }
}

struct Writing<'a> {
    sources: &'a Sources<'a>,
    steps: Vec<Value>,
    locations: Map<String, Value>,
    layers: Map<String, Value>,
    /// The last step of each stage, by the stage's number.
    last: BTreeMap<usize, String>,
}

impl Writing<'_> {
    fn stage(&mut self, stage: &Outlined) {
        let name = self.sources.ready.outline.graph.name(stage.index);
        let mut below = match stage.begins {
            Begins::Stage(parent) => self.last.get(&parent).cloned(),
            Begins::Nothing => None,
            Begins::Image(_) | Begins::Context(_) => Some(self.base(stage, &name)),
        };
        let recipe = self.sources.ready.recipes.get(&stage.index);
        for (at, placed) in recipe.into_iter().flat_map(|recipe| &recipe.steps).enumerate() {
            below = Some(self.step(stage, &name, at + 1, placed, below));
        }
        if let Some(last) = below {
            self.last.insert(stage.index, last);
        }
    }

    /// Writes what a stage begins with.
    fn base(&mut self, stage: &Outlined, name: &str) -> String {
        let header = self.sources.target.file.parsed.stages.get(stage.index).map(|stage| &stage.header);
        let text = header.map(|header| header.original.clone()).unwrap_or_default();
        let base = self.sources.ready.bases.get(&stage.index);
        let from = base.and_then(|base| self.named(base, &stage.platform));
        let id = self.put(stage, name, &text, Vec::new(), from.into_iter().collect());
        if let Some(header) = header {
            self.locate(&id, header.first_line, header.last_line);
        }
        let brought = self.sources.made.iter().find(|made| made.stage == name && made.number.is_none());
        let layers: Vec<&Descriptor> = match brought {
            Some(made) => vec![&made.layer],
            None if self.is_root(stage) => self.sources.below.iter().collect(),
            None => Vec::new(),
        };
        self.layered(&id, &layers);
        id
    }

    /// Names an image as it was asked for.
    fn named(&self, base: &Base, platform: &Platform) -> Option<String> {
        let row = self.sources.bases.iter().find(|row| row.asked.word() == base.label())?;
        dependency(&row.asked, base.pinned(), platform)
    }

    /// Tells whether the image begins where this stage does.
    fn is_root(&self, stage: &Outlined) -> bool {
        let stages = &self.sources.ready.outline.stages;
        let parent = |stage: &&Outlined| match stage.begins {
            Begins::Stage(parent) => stages.iter().find(|stage| stage.index == parent),
            _ => None,
        };
        std::iter::successors(stages.last(), parent).last().is_some_and(|root| root.index == stage.index)
    }

    fn step(&mut self, stage: &Outlined, name: &str, number: usize, placed: &Placed, below: Option<String>) -> String {
        let (mut inputs, mut from) = (Vec::from_iter(below), Vec::new());
        for provider in placed.step.providers() {
            match self.sources.ready.outline.graph.provider(provider, stage.index) {
                Provider::Stage(index) => inputs.extend(self.last.get(&index).filter(|id| !inputs.contains(id)).cloned()),
                _ => from.extend(self.taken(stage, provider)),
            }
        }
        let id = self.put(stage, name, placed.said.trim_end_matches(" # buildkit"), inputs, from);
        let file = &self.sources.target.file.source;
        let Span { end, .. } = placed.span;
        self.locate(&id, placed.line, file.line_of(end.saturating_sub(1)).max(placed.line));
        let made = self.sources.made.iter().find(|made| made.stage == name && made.number == Some(number));
        self.layered(&id, &Vec::from_iter(made.map(|made| &made.layer)));
        id
    }

    /// Names the image that a step takes files from.
    fn taken(&self, stage: &Outlined, name: &str) -> Option<String> {
        let base = self.sources.ready.images.get(&(stage.index, name.to_owned()))?;
        self.named(base, &self.sources.target.platform)
    }

    fn put(&mut self, stage: &Outlined, name: &str, text: &str, inputs: Vec<String>, from: Vec<String>) -> String {
        let id = format!("step{}", self.steps.len());
        let mut step = Map::new();
        step.insert("id".to_owned(), json!(id));
        step.insert("stage".to_owned(), json!(name));
        step.insert("platform".to_owned(), json!(package_url::shown(&stage.platform)));
        step.insert("instruction".to_owned(), json!(text));
        if !inputs.is_empty() {
            step.insert("inputs".to_owned(), json!(inputs.iter().map(|input| format!("{input}:0")).collect::<Vec<_>>()));
        }
        if !from.is_empty() {
            step.insert("images".to_owned(), json!(from));
        }
        self.steps.push(Value::Object(step));
        id
    }

    fn locate(&mut self, id: &str, first: usize, last: usize) {
        let range = json!({"start": {"line": first}, "end": {"line": last}});
        self.locations.insert(id.to_owned(), json!({"locations": [{"ranges": [range]}]}));
    }

    fn layered(&mut self, id: &str, layers: &[&Descriptor]) {
        if !layers.is_empty() {
            self.layers.insert(format!("{id}:0"), json!([layers]));
        }
    }
}
