//! From the words of `build` to what the engine is asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use dockerfile::SyntaxConcern;
use engine::build::{Anew, BuildFile, Request, Target};
use engine::machines::Machines;
use engine::truth::Allowed;
use fault::Failure;
use oci::{Platform, PlatformSet};

use super::arrived::Arrived;
use super::deliver::{annotations, compression};
use super::ground::Ground;
use super::running::{self, DockerProxies, Given};
use crate::args::{
    Build, BuildAnnotation, BuildArgument, FileSource, Method, NamedContext, Output, SOURCE_DATE_EPOCH, WordError, source_date_epoch,
};
use crate::commands::Session;
use crate::machines::machines;

/// The argument that asks for an index of a lone image, in BuildKit's words.
const MULTI_PLATFORM: &str = "BUILDKIT_MULTI_PLATFORM";

/// docker's variable for the platform where nobody says.
const DEFAULT_PLATFORM: &str = "DOCKER_DEFAULT_PLATFORM";

/// What is wanted.
pub struct Order {
    /// Of the engine.
    pub request: Request,
    /// A lone image gets an index, too.
    pub is_index: bool,
}

/// What is known before anything is read or fetched.
pub struct Begun {
    machines: Arc<Machines>,
    platforms: PlatformSet,
    files: Vec<FileSource>,
}

impl Begun {
    /// Lists where the Dockerfiles are, one for each platform.
    pub fn files(&self) -> &[FileSource] {
        &self.files
    }
}

/// Finds out what is built for, and by which files.
///
/// # Errors
/// Where words do not fit together.
pub fn begin(session: &Session, arguments: &Build) -> Result<Begun, Failure> {
    let machines = machines(session, &arguments.emulation);
    let host = machines.host().clone();
    let usual = if arguments.platform.is_empty() { usual(session, arguments, &host)? } else { PlatformSet::default() };
    let platforms = arguments.platforms(&usual);
    for unused in arguments.unused(&platforms) {
        session.console.warn(&format!("{unused}... is for no platform of this build"));
    }
    let files = arguments.files()?;
    let files = platforms.iter().map(|platform| files.for_platform(platform)).collect();
    Ok(Begun { machines, platforms, files })
}

/// Reads everything that a build stands on.
///
/// # Errors
/// Where a file cannot be read, or words do not fit together.
pub fn read(session: &Session, arguments: &Build, begun: Begun, given: Given, arrived: Arrived) -> Result<Order, Failure> {
    let Begun { machines, platforms, files } = begun;
    let committed = arrived.committed();
    let mut ground = Ground::new(&arguments.context, arguments.keep_xattrs, &session.context.scratch, arrived)?;
    let annotations = annotations(arguments);
    let mut targets = Vec::new();
    for (platform, source) in platforms.iter().zip(&files) {
        let file = ground.file(source)?;
        heed_syntax(session, &file)?;
        let mut contexts = BTreeMap::new();
        for (name, source) in NamedContext::for_platform(&arguments.contexts, platform) {
            contexts.insert(name.to_owned(), ground.named(source)?);
        }
        targets.push(Target {
            platform: platform.clone(),
            is_optional: arguments.is_optional(platform),
            file,
            arguments: values(session, arguments, platform),
            context: ground.context(source)?,
            contexts,
            annotations: BuildAnnotation::of_manifest(&annotations, platform),
        });
    }
    let all = targets.first().map(|target| target.arguments.clone()).unwrap_or_default();
    let is_index = all.get(MULTI_PLATFORM).is_some_and(|value| matches!(value.as_str(), "1" | "true"));
    let all: BTreeMap<String, Option<String>> = all.into_iter().map(|(key, value)| (key, Some(value))).collect();
    let variable = session.context.variable(SOURCE_DATE_EPOCH);
    // Who says it, even as nothing, is not told another time.
    let is_said = all.contains_key(SOURCE_DATE_EPOCH) || variable.is_some();
    let epoch = source_date_epoch(&all, variable.as_deref())?.or(committed.filter(|_| !is_said));
    let allowed = Allowed::new(arguments.allow_foreign.iter().map(String::as_str))?;
    let anew = match (arguments.no_cache, arguments.no_cache_filter.as_slice()) {
        (true, _) => Anew::Everything,
        (false, []) => Anew::Nothing,
        (false, stages) => Anew::Stages(stages.to_vec()),
    };
    let commands = running::settings(&arguments.run, &targets, &DockerProxies::read(session), given)?;
    let request = Request {
        machines,
        targets,
        stage: arguments.target.clone(),
        labels: arguments.labels().into_iter().collect(),
        compression: compression(arguments)?,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        epoch,
        anew,
        keeps_attributes: arguments.keep_xattrs,
        allowed,
        wants_files: arguments.outputs().iter().any(|output| matches!(output, Output::Tar { .. } | Output::Local { .. })),
        scratch: session.context.scratch.clone(),
        commands,
        tests: arguments.tests.clone(),
        tests_all: arguments.test_all,
        provenance: arguments.provenance()?,
    };
    Ok(Order { request, is_index })
}

/// Returns the arguments for a platform; a name alone has its value from the environment, and none where that has none.
fn values(session: &Session, arguments: &Build, platform: &Platform) -> BTreeMap<String, String> {
    let all = BuildArgument::for_platform(&arguments.arguments, platform);
    all.into_iter().filter_map(|(key, value)| Some((key.clone(), value.or_else(|| session.context.variable(&key))?))).collect()
}

/// The platforms where `--platform` names none: docker's variable, else this machine's, which is said.
fn usual(session: &Session, arguments: &Build, host: &Platform) -> Result<PlatformSet, Failure> {
    // What is not built is for no machine in particular.
    let is_built = arguments.call().method == Method::Build;
    let told = session.context.variable(DEFAULT_PLATFORM).filter(|text| !text.is_empty());
    match told {
        Some(text) => {
            if is_built {
                session.console.say(format!("building for {text}, as {DEFAULT_PLATFORM} says"));
            }
            Ok(text.parse().map_err(WordError::from)?)
        }
        None => {
            if is_built {
                session.console.say(format!("building for {host}, as this machine is: name others with --platform"));
            }
            Ok(std::iter::once(host.clone()).collect())
        }
    }
}

/// Compares the language that a file asks for with the one that is read here.
fn heed_syntax(session: &Session, file: &Arc<BuildFile>) -> Result<(), SyntaxConcern> {
    let asked = file.parsed.directives.syntax.as_ref().map(dockerfile::Syntax::parse);
    match asked.and_then(|syntax| syntax.concern()) {
        Some(concern) if concern.is_error() => Err(concern),
        Some(concern) => {
            session.console.warn(&format!("{}: {concern}", file.source.name()));
            Ok(())
        }
        None => Ok(()),
    }
}
