//! What a build for one platform is made of: the stages that its target needs, what each begins with, and for which
//! platform. Nothing is fetched for it, so that what cannot be is said first.

use std::collections::{BTreeMap, BTreeSet};

use dockerfile::{Base, Dockerfile, Globals, Graph, GraphError, Instruction, Provider, ScopeError, Span, Use, Word, automatic_arguments};
use fault::{Fault, Hint, Kind};
use oci::{Platform, PlatformError, Reference};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The platform of the machine that builds.
    pub build: &'a Platform,
    /// The platform of the image.
    pub target: &'a Platform,
    /// `--target`; the last stage without it.
    pub stage: Option<&'a str>,
    /// Stages that are needed beside those that the file tells of, by their numbers: triggers of images take files from them.
    pub also: BTreeSet<usize>,
    /// `--build-arg`.
    pub arguments: BTreeMap<String, String>,
    /// The names of `--build-context`, as [`context_name`] writes them.
    pub contexts: BTreeSet<String>,
}

/// Writes the name of a context so that one image has one name: `docker.io/library/alpine:latest` is `alpine`.
pub fn context_name(name: &str) -> String {
    let lower = name.to_lowercase();
    let familiar = lower.parse::<Reference>().map(|reference| reference.familiar());
    familiar.map_or(lower, |name| name.strip_suffix(":latest").map(ToOwned::to_owned).unwrap_or(name))
}

/// A build for one platform, before anything is fetched.
#[derive(Clone, Debug)]
pub struct Outline {
    /// The platform of the image.
    pub platform: Platform,
    /// The arguments before the first `FROM`, with those that every build has.
    pub globals: Globals,
    /// Who takes files from whom.
    pub graph: Graph,
    /// The stages that are needed, in an order in which they can be built; the target is the last one.
    pub stages: Vec<Outlined>,
}

/// A stage that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlined {
    /// Which stage of the file it is, from 0.
    pub index: usize,
    /// What it begins with.
    pub begins: Begins,
    /// The platform that its files are for: that of its base, whatever the image is to be for.
    pub platform: Platform,
    /// Images and named contexts that its instructions take files from, each once.
    pub takes: Vec<String>,
    /// A context stands in for all of it: its instructions do not count.
    pub is_replaced: bool,
}

/// What a stage begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begins {
    /// No files: `scratch`.
    Nothing,
    /// What an earlier stage has made.
    Stage(usize),
    /// An image, by its name.
    Image(String),
    /// A named context, which stands in for an image or for the whole stage.
    Context(String),
}

/// A build that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum OutlineError {
    /// A word of a `FROM` or of an argument that cannot be expanded.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// A stage that is not there or cannot be used.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A `--platform` that is none.
    #[error("failed to parse platform {text:?}: {problem}")]
    Platform {
        /// Where it stands.
        span: Span,
        /// The value, expanded.
        text: String,
        /// What is wrong with it.
        problem: PlatformError,
    },
    /// The last stage is for another machine than the image is to be for.
    #[error("the stage that becomes the image is for {found}, expected {expected}")]
    OtherPlatform {
        /// The line of the `FROM` that says so.
        line: usize,
        /// Where that stands.
        span: Span,
        /// What its files are for.
        found: Box<Platform>,
        /// What the image is to be for.
        expected: Box<Platform>,
    },
}

impl OutlineError {
    /// Returns the place it is about, to be shown by [`Source::show`](dockerfile::Source::show). A target that is not there has none.
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::Scope(problem) => Some(problem.span),
            Self::Graph(problem) => problem.span(),
            Self::Platform { span, .. } | Self::OtherPlatform { span, .. } => Some(*span),
        }
    }
}

impl Fault for OutlineError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Scope(problem) => problem.hint(),
            Self::Graph(problem) => problem.hint(),
            Self::Platform { text, .. } if text.is_empty() => {
                Some(Hint::new("give its ARG a default before the first FROM, or set it with --build-arg"))
            }
            Self::Platform { .. } => None,
            Self::OtherPlatform { line, found, .. } => {
                Some(Hint::new(format!("leave --platform out of line {line}, or build the image for {found} with `--platform {found}`")))
            }
        }
    }
}

/// Finds out what a build is made of.
///
/// # Errors
/// Names the first thing that makes no sense. Stages that are not needed may be wrong.
pub fn outline(file: &Dockerfile, wanted: &Wanted<'_>) -> Result<Outline, OutlineError> {
    let escape = file.directives.escape;
    let automatic = automatic_arguments(wanted.build, wanted.target, wanted.stage);
    let mut globals = Globals::new(automatic, wanted.arguments.clone());
    for statement in &file.globals {
        if let Instruction::Arg(declarations) = &statement.instruction {
            globals.declare(declarations, escape)?;
        }
    }
    let expand = |word: &Word| Ok::<String, ScopeError>(globals.expand(word, escape)?.text);
    let context = |name: &str| Some(context_name(name)).filter(|name| wanted.contexts.contains(name));
    let mut bases = Vec::new();
    for stage in &file.stages {
        if stage.name().and_then(|name| context(&name)).is_some() {
            bases.push(Base::Replaced);
            continue;
        }
        // What nobody needs may be wrong; what is needed is expanded again, and said then.
        bases.push(Base::Name(expand(&stage.base).unwrap_or_else(|_| stage.base.text.clone())));
    }
    let graph = Graph::new(file, &bases)?;
    let mut stages: Vec<Outlined> = Vec::new();
    let target = graph.target(wanted.stage)?;
    for index in in_order(&graph, wanted.also.iter().copied().chain([target]))? {
        let Some(stage) = file.stages.get(index) else { continue };
        let replaced = stage.name().and_then(|name| context(&name));
        let is_replaced = replaced.is_some();
        let begins = match (replaced, graph.base(index)) {
            (Some(replaced), _) => Begins::Context(replaced),
            (None, Some(parent)) => Begins::Stage(parent),
            (None, None) => image(expand(&stage.base)?, context),
        };
        let inherited = |parent| stages.iter().find(|stage| stage.index == parent).map(|stage| stage.platform.clone());
        let platform = match (&begins, &stage.platform) {
            (Begins::Stage(parent), _) => inherited(*parent).unwrap_or_else(|| wanted.target.clone()),
            (_, None) => wanted.target.clone(),
            (_, Some(word)) => {
                let text = expand(word)?;
                Platform::parse_for(&text, wanted.build).map_err(|problem| OutlineError::Platform { span: word.span, text, problem })?
            }
        };
        stages.push(Outlined { index, begins, platform, takes: takes(&graph, index), is_replaced });
    }
    Ok(Outline { platform: wanted.target.clone(), globals, graph, stages })
}

/// Lists stages and what they need, each behind all that it needs.
fn in_order(graph: &Graph, stages: impl Iterator<Item = usize>) -> Result<Vec<usize>, GraphError> {
    let mut order: Vec<usize> = Vec::new();
    for stage in stages {
        for index in graph.reachable(stage)? {
            if !order.contains(&index) {
                order.push(index);
            }
        }
    }
    Ok(order)
}

fn image(name: String, context: impl Fn(&str) -> Option<String>) -> Begins {
    match context(&name) {
        _ if name == "scratch" => Begins::Nothing,
        Some(context) => Begins::Context(context),
        None => Begins::Image(name),
    }
}

impl Outline {
    /// Makes sure that the image would be for the platform that its label says (moby/moby#52050: it was labelled for one,
    /// and held the files of another).
    ///
    /// # Errors
    /// Names the line that makes it another one.
    pub fn check_target(&self, file: &Dockerfile) -> Result<(), OutlineError> {
        let Some(last) = self.stages.last().filter(|last| !last.platform.same_as(&self.platform)) else { return Ok(()) };
        let mut first = last;
        // A stage has the platform of the one it begins with.
        while let Begins::Stage(parent) = first.begins {
            let Some(above) = self.stages.iter().find(|stage| stage.index == parent) else { break };
            first = above;
        }
        let header = file.stages.get(first.index).map(|stage| (stage.header.first_line, stage.header.span));
        let (line, span) = header.unwrap_or_default();
        let (found, expected) = (Box::new(last.platform.clone()), Box::new(self.platform.clone()));
        Err(OutlineError::OtherPlatform { line, span, found, expected })
    }
}

fn takes(graph: &Graph, index: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (need, provider) in graph.needs(index) {
        if let (Use::Copy | Use::Mount, Provider::External(name)) = (need.usage, provider)
            && !names.contains(name)
            && name != "scratch"
        {
            names.push(name.clone());
        }
    }
    names
}
