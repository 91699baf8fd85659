//! Which stages a target needs, and where each of them takes its files from.

use std::collections::BTreeMap;

use fault::{Fault, Hint, Kind};

use crate::instruction::{Dockerfile, Instruction, Stage, Statement};
use crate::parse::parse_trigger;
use crate::problem::Problems;
use crate::quote::quote;
use crate::source::Span;
use crate::suggest::nearest;

/// What a stage begins with, once its `FROM` is expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// An image, or an earlier stage of this name.
    Name(String),
    /// A named context stands in for the whole stage: its instructions do not count.
    Replaced,
}

/// How something is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// `FROM`
    Base,
    /// `COPY --from`
    Copy,
    /// `RUN --mount=from=`
    Mount,
}

/// The name of something that an instruction takes files from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The name or the number as it was written.
    pub name: String,
    /// How it is used.
    pub usage: Use,
    /// Where it stands.
    pub span: Span,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// A stage that stands earlier in the file.
    Stage(usize),
    /// A stage that does not: an error once it is needed.
    Later(usize),
    /// A number that no stage has: an error once it is needed.
    NoStage(usize),
    /// An image or a named context.
    External(String),
}

/// A stage that cannot be found or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// No stage of this name.
    #[error("target stage {} could not be found", quote(.name))]
    Target {
        /// The name.
        name: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// A stage that only comes later.
    #[error("cannot copy from stage {}, it needs to be defined before current stage {}", quote(.name), quote(.current))]
    CopyFromLater {
        /// The stage.
        name: String,
        /// Which one wants it.
        current: String,
        /// Where.
        span: Span,
    },
    /// A stage that only comes later.
    #[error("cannot mount from stage {} to stage {}, stage needs to be defined before current command", quote(.name), quote(.current))]
    MountFromLater {
        /// The stage.
        name: String,
        /// Which one wants it.
        current: String,
        /// Where.
        span: Span,
    },
    /// A stage that takes files from itself.
    #[error("circular dependency detected on stage: {name}")]
    Circular {
        /// The stage.
        name: String,
        /// Where.
        span: Span,
    },
    /// A number that no stage has.
    #[error("invalid stage index {index}")]
    Index {
        /// The number.
        index: usize,
        /// Where.
        span: Span,
    },
    /// Nothing to begin with.
    #[error("base name ({written}) should not be blank")]
    BlankBase {
        /// The base as it was written.
        written: String,
        /// Where.
        span: Span,
    },
    /// A trigger of an earlier stage that cannot be read.
    #[error("{0}")]
    Trigger(#[from] Problems),
}

impl GraphError {
    /// Returns the place it is about, to be shown by [`Source::show`](crate::Source::show). A target has none, and the
    /// problems of a trigger have their own.
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::CopyFromLater { span, .. }
            | Self::MountFromLater { span, .. }
            | Self::Circular { span, .. }
            | Self::Index { span, .. }
            | Self::BlankBase { span, .. } => Some(*span),
            Self::Target { .. } | Self::Trigger(_) => None,
        }
    }
}

impl Fault for GraphError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Target { nearest, .. } => nearest.as_ref().map(|nearest| Hint::new(format!("did you mean {nearest}"))),
            Self::CopyFromLater { name, .. } | Self::MountFromLater { name, .. } => {
                Some(Hint::new(format!("move the stage {name} to the front")))
            }
            Self::BlankBase { .. } => Some(Hint::new("give its ARG a default before the first FROM, or set it with --build-arg")),
            Self::Trigger(problems) => problems.hint(),
            Self::Circular { .. } | Self::Index { .. } => None,
        }
    }
}

/// The stages, with what each of them needs.
#[derive(Clone, Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    /// The stages of each name, in their order.
    names: BTreeMap<String, Vec<usize>>,
}

#[derive(Clone, Debug)]
struct Node {
    name: Option<String>,
    needs: Vec<(Need, Provider)>,
}

/// Returns what an instruction takes files from: `COPY --from` and `RUN --mount=from=`.
pub fn needs(statement: &Statement) -> Vec<Need> {
    match &statement.instruction {
        Instruction::Copy(copy) => {
            copy.from.iter().map(|from| Need { name: from.text.clone(), usage: Use::Copy, span: from.span }).collect()
        }
        Instruction::Run(run) => run
            .mounts
            .iter()
            .filter_map(|mount| Some(Need { name: mount.from()?.to_owned(), usage: Use::Mount, span: mount.span }))
            .filter(|need| !need.name.is_empty())
            .collect(),
        _ => Vec::new(),
    }
}

impl Graph {
    /// Builds the graph of a file. `bases` has one entry for each stage; a stage without one counts as it was written.
    ///
    /// Names are compared without regard to case. A `FROM` means an earlier stage or else an image, never a later stage
    /// or a number; the others may be numbers too. Where several stages have a name, the nearest one above counts.
    ///
    /// # Errors
    /// Names a base that is blank, or a trigger of an earlier stage that cannot be read.
    pub fn new(file: &Dockerfile, bases: &[Base]) -> Result<Self, GraphError> {
        let mut graph = Self { nodes: Vec::new(), names: BTreeMap::new() };
        for (index, stage) in file.stages.iter().enumerate() {
            let name = stage.name();
            if let Some(name) = &name {
                graph.names.entry(name.clone()).or_default().push(index);
            }
            graph.nodes.push(Node { name, needs: Vec::new() });
        }
        for (index, stage) in file.stages.iter().enumerate() {
            let base = match bases.get(index) {
                Some(Base::Replaced) => continue,
                Some(Base::Name(name)) => name.as_str(),
                None => stage.base.text.as_str(),
            };
            if base.trim().is_empty() {
                return Err(GraphError::BlankBase { written: stage.base.text.clone(), span: stage.base.span });
            }
            let earlier = graph.named(base, index, true);
            let provider = earlier.map_or_else(|| Provider::External(base.to_owned()), Provider::Stage);
            let need = Need { name: base.to_owned(), usage: Use::Base, span: stage.base.span };
            if let Some(node) = graph.nodes.get_mut(index) {
                node.needs.push((need, provider));
            }
            // The triggers of a stage run in the stages that begin with it.
            let replaced = |index: usize| matches!(bases.get(index), Some(Base::Replaced));
            if let Some(parent) = earlier.filter(|parent| !replaced(*parent)).and_then(|parent| file.stages.get(parent)) {
                for statement in &parent.statements {
                    if let Instruction::Onbuild(text) = &statement.instruction {
                        let mut trigger = parse_trigger(&text.text)?;
                        trigger.header.span = stage.header.span;
                        graph.add(index, &trigger, Some(stage.header.span));
                    }
                }
            }
            for statement in &stage.statements {
                graph.add(index, statement, None);
            }
        }
        Ok(graph)
    }

    /// Adds the triggers of an image that a stage begins with; they take their files as if they stood in the stage.
    pub fn add_triggers(&mut self, stage: usize, triggers: &[Statement]) {
        for trigger in triggers {
            self.add(stage, trigger, None);
        }
    }

    fn add(&mut self, index: usize, statement: &Statement, place: Option<Span>) {
        for mut need in needs(statement) {
            need.span = place.unwrap_or(need.span);
            let provider = self.provider(&need.name, index);
            if let Some(node) = self.nodes.get_mut(index) {
                node.needs.push((need, provider));
            }
        }
    }

    /// Returns the nearest stage of a name before `current`, or else the first one behind it.
    fn named(&self, name: &str, current: usize, earlier_only: bool) -> Option<usize> {
        let stages = self.names.get(&name.to_lowercase())?;
        let earlier = stages.partition_point(|index| *index < current);
        let later = || stages.get(earlier).filter(|_| !earlier_only);
        stages.get(..earlier)?.last().or_else(later).copied()
    }

    /// Says what a `--from` of a stage means.
    pub fn provider(&self, name: &str, current: usize) -> Provider {
        let index = match name.parse::<usize>() {
            Ok(index) if index >= self.nodes.len() => return Provider::NoStage(index),
            Ok(index) => Some(index),
            Err(_) => self.named(name, current, false),
        };
        match index {
            Some(index) if index < current => Provider::Stage(index),
            Some(index) => Provider::Later(index),
            None => Provider::External(name.to_owned()),
        }
    }

    /// Returns what a stage needs, its base first, then in the order of its instructions.
    pub fn needs(&self, stage: usize) -> &[(Need, Provider)] {
        self.nodes.get(stage).map_or(&[], |node| &node.needs)
    }

    /// Returns the stage that a stage begins with.
    pub fn base(&self, stage: usize) -> Option<usize> {
        self.needs(stage).iter().find_map(|(need, provider)| match (need.usage, provider) {
            (Use::Base, Provider::Stage(index)) => Some(*index),
            _ => None,
        })
    }

    /// Returns the stages of a file whose `--platform` means nothing, since they begin with another stage and have its
    /// platform.
    pub fn idle_platforms(&self, file: &Dockerfile) -> Vec<usize> {
        let idle = |(index, stage): (usize, &Stage)| (stage.platform.is_some() && self.base(index).is_some()).then_some(index);
        file.stages.iter().enumerate().filter_map(idle).collect()
    }

    /// Returns the name of a stage, or `stage-2` for one that has none.
    pub fn name(&self, stage: usize) -> String {
        self.nodes.get(stage).and_then(|node| node.name.clone()).unwrap_or_else(|| format!("stage-{stage}"))
    }

    /// Finds the target: the last stage of a name or a number, or the last stage of all.
    ///
    /// # Errors
    /// Names the target that does not exist.
    pub fn target(&self, name: Option<&str>) -> Result<usize, GraphError> {
        let count = self.nodes.len();
        let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(count.saturating_sub(1)) };
        let number = || name.parse::<usize>().ok().filter(|index| *index < count);
        self.named(name, count, true).or_else(number).ok_or_else(|| {
            let lower = name.to_lowercase();
            let nearest = nearest(&lower, self.nodes.iter().filter_map(|node| node.name.as_deref())).map(str::to_owned);
            GraphError::Target { name: name.to_owned(), nearest }
        })
    }

    /// Returns the stages that a target needs, itself included, in an order in which they can be built.
    ///
    /// # Errors
    /// Names a stage that is needed before it exists. What no target needs may be wrong.
    pub fn reachable(&self, target: usize) -> Result<Vec<usize>, GraphError> {
        let mut reached = vec![false; self.nodes.len()];
        let mut waiting = vec![target];
        while let Some(index) = waiting.pop() {
            match reached.get_mut(index) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            for (need, provider) in self.needs(index) {
                match provider {
                    Provider::Stage(next) => waiting.push(*next),
                    Provider::External(_) => {}
                    Provider::NoStage(number) => return Err(GraphError::Index { index: *number, span: need.span }),
                    Provider::Later(next) if *next == index => {
                        return Err(GraphError::Circular { name: self.name(index), span: need.span });
                    }
                    Provider::Later(_) => {
                        let (name, current, span) = (need.name.clone(), self.name(index), need.span);
                        return Err(match need.usage {
                            Use::Mount => GraphError::MountFromLater { name, current, span },
                            _ => GraphError::CopyFromLater { name, current, span },
                        });
                    }
                }
            }
        }
        // A stage only needs earlier ones, so the order of the file is one.
        Ok((0..reached.len()).filter(|index| reached.get(*index).copied().unwrap_or_default()).collect())
    }
}
