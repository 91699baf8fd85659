//! The build checks: what is allowed and yet unwise. Told once for each Dockerfile, by its first platform, as BuildKit does.

use std::collections::{BTreeMap, BTreeSet};

use dockerfile::lint::{self, Rule, StageBase, Surroundings, Warning};
use dockerfile::{CheckOptions, Environment, Instruction, automatic_arguments, nearest_name, quote};
use engine::base::Base;
use engine::build::{Plan, Planned, Request, Target};
use fault::{Failure, Fault, Hint, Kind};
use graph::{Image, Outline};

use crate::args::SOURCE_DATE_EPOCH;
use crate::commands::Session;

/// The argument that stands for `# check=`.
const CHECK: &str = "BUILDKIT_DOCKERFILE_CHECK";
/// How the names of arguments begin that are for the builder.
const BUILDER: &str = "BUILDKIT_";
/// Arguments that say how the network is reached; no file has to declare them.
const PROXIES: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/// Why a build stops at its checks.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Findings of a file that wants them to be errors.
    #[error("{file} does not pass its own checks (error=true): {}", rules.join(", "))]
    Unwise {
        /// The file.
        file: String,
        /// The rules that it does not keep, each once.
        rules: Vec<&'static str>,
    },
    /// Options on the command line that are none.
    #[error("bad build argument {CHECK}={}: {reason}", quote(text))]
    Options {
        /// As written.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Fault for CheckError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unwise { .. } => Kind::Answer,
            Self::Options { .. } => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::Unwise { .. } => "mend what the warnings name, or skip a rule: # check=skip=RULE",
            Self::Options { .. } => "write skip=RULE,RULE;error=true;experimental=all, or a part of it",
        }))
    }
}

/// Tells what is unwise in the files of a plan.
///
/// # Errors
/// Where a file says that its findings are errors, and there are some; options that make no sense.
pub fn tell(session: &Session, request: &Request, plan: &Plan) -> Result<(), Failure> {
    undeclared(session, request, plan);
    for planned in first_of_each(&plan.targets, |planned| &planned.target) {
        let file = &planned.target.file;
        let options = options(&planned.target)?;
        let ready = planned.outcome.as_ref().ok();
        let ground = ready.map(|ready| (&ready.outline, &ready.bases));
        let found = found(request, &planned.target, ground, &options);
        for warning in &found {
            session.console.warn(&format!("{}:{}: {}: {}", file.source.name(), warning.line, warning.rule, warning.message));
        }
        if options.error && !found.is_empty() {
            let rules: BTreeSet<Rule> = found.iter().map(|warning| warning.rule).collect();
            let rules = rules.into_iter().map(Rule::name).collect();
            return Err(CheckError::Unwise { file: file.source.name().to_owned(), rules }.into());
        }
    }
    Ok(())
}

/// Lists one of those that are for each Dockerfile: the first platform speaks for all, as in BuildKit.
pub fn first_of_each<T>(all: &[T], target: impl Fn(&T) -> &Target) -> impl Iterator<Item = &T> {
    let mut seen = BTreeSet::new();
    all.iter().filter(move |one| seen.insert(target(one).file.source.name().to_owned()))
}

/// Returns what is checked: as the command line says, or else the file.
///
/// # Errors
/// Where the command line says what cannot be read.
pub fn options(target: &Target) -> Result<CheckOptions, CheckError> {
    match target.arguments.get(CHECK) {
        Some(text) => CheckOptions::parse(text).map_err(|reason| CheckError::Options { text: text.clone(), reason }),
        None => Ok(target.file.parsed.directives.check.clone()),
    }
}

/// Names the arguments of the command line that change nothing, as no file declares them. What a trigger of a base
/// declares is not known here, so where there is one nothing is said.
fn undeclared(session: &Session, request: &Request, plan: &Plan) {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut given: BTreeMap<&str, bool> = BTreeMap::new();
    for Planned { target, outcome, .. } in &plan.targets {
        let mut own: BTreeSet<&str> = BTreeSet::new();
        for statement in target.file.parsed.statements() {
            match &statement.instruction {
                Instruction::Arg(declarations) => own.extend(declarations.iter().map(|declaration| declaration.name.text.as_str())),
                Instruction::Onbuild(_) => return,
                _ => {}
            }
        }
        let mut bases = outcome.iter().flat_map(|ready| ready.bases.values());
        if bases.any(|base| !graph::Image::of_base(base.platform().clone(), base.config()).triggers().is_empty()) {
            return;
        }
        let automatic = automatic_arguments(request.host(), &target.platform, request.stage.as_deref());
        for key in target.arguments.keys() {
            let is_known = own.contains(key.as_str()) || is_predeclared(key) || automatic.value(key).is_some();
            *given.entry(key).or_default() |= is_known;
        }
        names.append(&mut own);
    }
    for (key, _) in given.iter().filter(|(_, is_declared)| !**is_declared) {
        let meant = nearest_name(key, names.iter().copied()).map(|name| format!(" (did you mean {name}?)")).unwrap_or_default();
        session.console.warn(&format!("--build-arg {key} changes nothing: no ARG of that name is declared{meant}"));
    }
}

fn is_predeclared(key: &str) -> bool {
    key.starts_with(BUILDER) || key == SOURCE_DATE_EPOCH || PROXIES.iter().any(|name| name.eq_ignore_ascii_case(key))
}

/// Finds what is unwise in the file of a target, with what is known of its stages and the images they begin with.
pub fn found(
    request: &Request,
    target: &Target,
    ground: Option<(&Outline, &BTreeMap<usize, Base>)>,
    options: &CheckOptions,
) -> Vec<Warning> {
    let mut surroundings = Surroundings {
        automatic: automatic_arguments(request.host(), &target.platform, request.stage.as_deref()),
        build_arguments: target.arguments.clone(),
        ignore: Some(target.context.ignored().clone()),
        is_for_one_architecture: is_for_one_architecture(request, target),
        ..Surroundings::default()
    };
    if let Some((outline, bases)) = ground {
        // What a context takes the place of is not built.
        let own = outline.stages.iter().filter(|stage| !stage.is_replaced);
        surroundings.stages = Some(own.map(|stage| stage.index).collect());
        for stage in &outline.stages {
            let Some(base) = bases.get(&stage.index) else { continue };
            let image = Image::of_base(base.platform().clone(), base.config());
            let known = StageBase {
                has_shell: !image.list("Shell").is_empty(),
                environment: Some(image.environment()),
                platforms: Some((base.platform().clone(), stage.platform.clone())),
            };
            surroundings.bases.insert(stage.index, known);
        }
    }
    lint::check(&target.file.parsed, &surroundings, options)
}

/// Tells whether a file is for one architecture: where others have files of their own, or its name says so.
fn is_for_one_architecture(request: &Request, target: &Target) -> bool {
    let name = target.file.source.name();
    let others = request.targets.iter().any(|other| other.file.source.name() != name);
    let last = name.rsplit('/').next().unwrap_or(name);
    others || lint::names_an_architecture(last)
}
