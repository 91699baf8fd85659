//! Why a build cannot be done.

use std::sync::Arc;

use dockerfile::{Problems, Span};
use fault::{AnyFault, Fault, Hint, Kind};
use graph::{RunsNeeded, WhyNot};
use oci::{ImageIndex, MAX_MANIFEST_SIZE, Platform};

use super::images::images;
use super::progress::StepName;
use super::request::BuildFile;
use crate::base::BaseError;
use crate::context::ContextError;
use crate::pack::PackError;
use crate::run::RunError;
use crate::truth::Untrue;

/// An image that no stage can begin with or take files from. It may be told of several platforms, so it can be cloned.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ImageError {
    /// It was not found.
    #[error(transparent)]
    Missing(Arc<AnyFault>),
    /// It was found, and cannot be read.
    #[error(transparent)]
    Base(Arc<BaseError>),
    /// It is not made for the platform.
    #[error("no {wanted} image in {label}")]
    NotOffered {
        /// Its name.
        label: String,
        /// What it was wanted for.
        wanted: Box<Platform>,
        /// What it is made for; never empty texts.
        offered: Vec<Platform>,
    },
    /// It is for Windows, and does not say for which.
    #[error("{label} is for Windows, and its config does not say for which: it has no os.version")]
    NoVersion {
        /// Its name.
        label: String,
    },
    /// Its config says something else than its name or its index.
    #[error("{label} is for {says} by its config, expected {wanted}")]
    OtherPlatform {
        /// Its name.
        label: String,
        /// What it was wanted for.
        wanted: Box<Platform>,
        /// What its config says.
        says: Box<Platform>,
        /// Its index says that it is for `wanted`.
        is_stated: bool,
    },
}

impl ImageError {
    pub(super) fn found(problem: AnyFault) -> Self {
        Self::Missing(Arc::new(problem))
    }

    pub(super) fn offers(label: &str, wanted: &Platform, index: &ImageIndex) -> Self {
        let offered = images(index).map(|(_, platform)| platform.clone()).collect();
        Self::NotOffered { label: label.to_owned(), wanted: Box::new(wanted.clone()), offered }
    }
}

impl From<BaseError> for ImageError {
    fn from(problem: BaseError) -> Self {
        Self::Base(Arc::new(problem))
    }
}

impl From<content::Error> for ImageError {
    fn from(problem: content::Error) -> Self {
        BaseError::from(problem).into()
    }
}

impl Fault for ImageError {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing(problem) => problem.kind(),
            Self::Base(problem) => problem.kind(),
            // A platform that is not offered is an answer: everything worked.
            Self::NotOffered { .. } => Kind::Answer,
            Self::OtherPlatform { .. } | Self::NoVersion { .. } => Kind::Build,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Missing(problem) => problem.hint(),
            Self::Base(problem) => problem.hint(),
            Self::NoVersion { .. } => Some(Hint::new(
                "no Windows runs it: whoever made it has to mend it; `--allow-foreign all` takes it as what `--platform` says, such as windows(ltsc2022)/amd64",
            )),
            Self::NotOffered { wanted, offered, .. }
                if wanted.os == "windows" && wanted.os_version.is_none() && offered.iter().any(|one| one.os == "windows") =>
            {
                let offered: Vec<String> = offered.iter().filter(|one| one.os == "windows").map(ToString::to_string).collect();
                Some(Hint::new(format!("say for which release: it offers {}", offered.join(", "))))
            }
            Self::NotOffered { wanted, offered, .. } => {
                let offered: Vec<String> = offered.iter().map(ToString::to_string).collect();
                let offers = if offered.is_empty() { "no image that says its platform".to_owned() } else { offered.join(", ") };
                Some(Hint::new(format!("it offers {offers}: choose another base, or `--optional {wanted}`")))
            }
            Self::OtherPlatform { is_stated: true, .. } => {
                Some(Hint::new("its index is wrong: whoever made it has to mend it; `--allow-foreign all` takes it as it is"))
            }
            Self::OtherPlatform { says, .. } => Some(Hint::new(format!(
                "it is one image for {says}: choose one that is made for more, or `--allow-foreign all` if it is meant"
            ))),
        }
    }
}

/// A build that cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A Dockerfile that cannot be read, with every problem of it.
    #[error("{}", self.lines().join("\n"))]
    Syntax(Problems),
    /// Something about a line of a Dockerfile.
    #[error("{}", self.lines().join("\n"))]
    Line {
        /// The Dockerfile.
        file: Arc<BuildFile>,
        /// Where.
        span: Span,
        /// For which platform, where that matters.
        platform: Option<Box<Platform>>,
        /// What is wrong.
        #[source]
        problem: Arc<AnyFault>,
    },
    /// Something that is no line's.
    #[error(transparent)]
    General(Arc<AnyFault>),
    /// Commands would have to run that are for another machine.
    #[error(transparent)]
    Runs(RunsNeeded),
    /// A command was not run, or did not succeed.
    #[error("{}", self.lines().join("\n"))]
    Run {
        /// The Dockerfile.
        file: Arc<BuildFile>,
        /// Where it stands there.
        span: Span,
        /// Which step it is.
        step: Box<StepName>,
        /// What is wrong.
        #[source]
        problem: Arc<RunError>,
    },
    /// A test could not be run in an image for this platform, though it is to be.
    #[error("the test for {platform} does not run here, since {}", why.reason)]
    Untested {
        /// What the image is for.
        platform: Box<Platform>,
        /// Why its programs do not run.
        why: WhyNot,
    },
    /// A test was not run in the finished image, or did not succeed.
    #[error("{}", self.lines().join("\n"))]
    Test {
        /// Which.
        step: Box<StepName>,
        /// What is wrong.
        #[source]
        problem: Arc<RunError>,
    },
    /// What has stopped others, too.
    #[error(transparent)]
    Shared(Arc<Self>),
    /// A context cannot be read.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A layer cannot be written.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The image that is made is not what it says.
    #[error(transparent)]
    Untrue(Untrue),
    /// A place did not do what was asked.
    #[error(transparent)]
    Place(#[from] content::Error),
    /// A file whose target is no stage.
    #[error("there is no stage to build")]
    NoStage,
    /// Several problems, of several platforms or lines; never empty.
    #[error("{}", self.lines().join("\n"))]
    Several(Vec<Self>),
}

fn sentence(problem: &AnyFault, platform: Option<&Platform>) -> String {
    match platform {
        Some(platform) => format!("for {platform}: {problem}"),
        None => problem.to_string(),
    }
}

/// Shows a command that failed: its platform and step, its place, and the last that it wrote.
fn ran(file: &BuildFile, span: Span, step: &StepName, problem: &RunError) -> Vec<String> {
    let mut lines = file.source.show(span, &format!("for {}: {problem}", step.platform));
    lines.extend(tail(step, problem));
    lines
}

fn tail(step: &StepName, problem: &RunError) -> Vec<String> {
    if problem.tail().is_empty() {
        return Vec::new();
    }
    let lines = problem.tail().iter().map(|line| format!("  {line}"));
    std::iter::once(format!("the last lines of {}:", step.in_short())).chain(lines).collect()
}

impl BuildError {
    /// Puts a problem at its place in a Dockerfile.
    pub(super) fn at(file: &Arc<BuildFile>, span: Option<Span>, platform: Option<&Platform>, problem: impl Fault) -> Self {
        let problem = Arc::new(AnyFault::new(problem));
        match span {
            Some(span) => Self::Line { file: file.clone(), span, platform: platform.cloned().map(Box::new), problem },
            None => Self::General(problem),
        }
    }

    /// Puts a problem that somebody else has met at its place in a Dockerfile.
    pub(super) fn at_any(file: &Arc<BuildFile>, span: Span, problem: AnyFault) -> Self {
        Self::Line { file: file.clone(), span, platform: None, problem: Arc::new(problem) }
    }

    /// Makes one error of several problems, each told once.
    pub(super) fn together(problems: Vec<Self>) -> Option<Self> {
        let mut kept: Vec<Self> = Vec::new();
        for problem in problems {
            if !kept.iter().any(|other| other.to_string() == problem.to_string()) {
                kept.push(problem);
            }
        }
        if kept.len() > 1 { Some(Self::Several(kept)) } else { kept.pop() }
    }

    fn inner(&self) -> Option<&dyn Fault> {
        Some(match self {
            Self::Syntax(problem) => problem,
            Self::Line { problem, .. } | Self::General(problem) => &**problem,
            Self::Runs(problem) => problem,
            Self::Run { problem, .. } | Self::Test { problem, .. } => &**problem,
            Self::Shared(problem) => return problem.inner(),
            Self::Context(problem) => problem,
            Self::Pack(problem) => problem,
            Self::Untrue(problem) => problem,
            Self::Place(problem) => problem,
            Self::NoStage | Self::Untested { .. } => return None,
            Self::Several(problems) => return problems.first().and_then(Self::inner),
        })
    }
}

impl Fault for BuildError {
    fn kind(&self) -> Kind {
        if matches!(self, Self::Untested { .. }) {
            return Kind::Usage;
        }
        self.inner().map_or(Kind::Build, Fault::kind)
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Test { problem, .. } if problem.lacks_shell() => Some(Hint::new(
                "the image has no shell: write the program and its arguments as a list, `--test '[\"program\", \"argument\"]'`",
            )),
            Self::Untested { why, .. } => Some(Hint::new(
                why.remedy.clone().unwrap_or_else(|| "leave --test-all out: images of this machine are tested all the same".to_owned()),
            )),
            Self::Several(problems) => problems.first().and_then(Fault::hint),
            _ => self.inner().and_then(Fault::hint),
        }
    }

    fn lines(&self) -> Vec<String> {
        match self {
            Self::Syntax(problems) => problems.render(),
            Self::Line { file, span, platform, problem } => file.source.show(*span, &sentence(problem, platform.as_deref())),
            Self::Run { file, span, step, problem } => ran(file, *span, step, problem),
            Self::Test { step, problem } => {
                let first = format!("the test for {}: {problem}", step.platform);
                std::iter::once(first).chain(tail(step, problem)).collect()
            }
            Self::Shared(problem) => problem.lines(),
            Self::Several(problems) => problems.iter().flat_map(Fault::lines).collect(),
            single => single.inner().map_or_else(|| vec![self.to_string()], Fault::lines),
        }
    }
}

/// A config that nobody would read.
#[derive(Debug, thiserror::Error)]
#[error("the config of the image is too large: expected at most {MAX_MANIFEST_SIZE} bytes, got {0}")]
pub(super) struct LargeConfig(pub(super) usize);

impl Fault for LargeConfig {
    fn kind(&self) -> Kind {
        Kind::Build
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new("write fewer instructions, or shorter values: each is a line of its history"))
    }
}
