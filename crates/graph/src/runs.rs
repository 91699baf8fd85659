//! Commands of a build that this machine cannot run: they are for another one.

use std::fmt;

use dockerfile::{Dockerfile, Graph, Instruction, Statement, parse_trigger};
use fault::{Fault, Hint, Kind};
use oci::Platform;

use crate::outline::Outlined;

/// A `RUN` that a target needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededRun {
    /// The line where it begins; of a trigger, that of its `ONBUILD`.
    pub line: usize,
    /// The instruction, its lines joined.
    pub text: String,
}

/// Why the programs of a platform do not run on a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhyNot {
    /// Why, as words that follow a colon.
    pub reason: String,
    /// What can be done so that they run.
    pub remedy: Option<String>,
}

/// Commands for a machine that this one is not, and does not run the programs of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunsNeeded {
    /// The name of the Dockerfile.
    pub file: String,
    /// What they are for.
    pub platform: Box<Platform>,
    /// Why they do not run here.
    pub why: WhyNot,
    /// The instructions, in the order of their lines; never empty.
    pub runs: Vec<NeededRun>,
}

impl fmt::Display for RunsNeeded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.lines().join("\n"))
    }
}

impl std::error::Error for RunsNeeded {}

impl Fault for RunsNeeded {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        let platform = &self.platform;
        let remedy = self.why.remedy.as_ref().map(|remedy| format!("{remedy}; or ")).unwrap_or_default();
        Some(Hint::new(format!(
            "{remedy}move what they make to a stage `FROM --platform=$BUILDPLATFORM` and COPY the result; or build {platform} on such a machine, and join the parts with `polyarch create`"
        )))
    }

    fn lines(&self) -> Vec<String> {
        let Self { file, platform, why, runs } = self;
        let first = match platform.os.as_str() {
            "windows" => format!("RUN for {platform} needs a Windows machine:"),
            _ => format!("RUN for {platform} does not run here, since {}:", why.reason),
        };
        let runs = runs.iter().map(|run| format!("  {file}:{}: {}", run.line, run.text));
        std::iter::once(first).chain(runs).collect()
    }
}

/// Tells whether a machine runs the programs of a platform by itself: its processor does, and its system loads them.
pub fn runs_natively(host: &Platform, platform: &Platform) -> bool {
    let (host, platform) = (host.normalized(), platform.normalized());
    let is_own = host.architecture == platform.architecture;
    // Every kernel for x86-64 that distributions build runs 32-bit programs, too.
    host.os == platform.os && host.os == "linux" && (is_own || (host.architecture == "amd64" && platform.architecture == "386"))
}

/// Refuses a build that would run commands whose programs do not run here: asked before anything is fetched. `stages` are those that
/// the target needs, and `why_not` says of a platform why its programs do not run, if so.
///
/// A stage that begins with another stage of the file does that one's triggers. Those of an image are known only when it
/// is read.
///
/// # Errors
/// Lists every command of the first platform that there are such for.
pub fn refuse_runs(
    name: &str,
    file: &Dockerfile,
    graph: &Graph,
    stages: &[&Outlined],
    why_not: &dyn Fn(&Platform) -> Option<WhyNot>,
) -> Result<(), RunsNeeded> {
    let mut runs: Vec<(&Platform, NeededRun)> = Vec::new();
    for stage in stages {
        let own = file.stages.get(stage.index).into_iter().flat_map(|stage| stage.statements.iter().filter_map(own));
        let parent = graph.base(stage.index).and_then(|parent| file.stages.get(parent));
        let triggered = parent.into_iter().flat_map(|parent| parent.statements.iter().filter_map(trigger));
        runs.extend(own.chain(triggered).map(|run| (&stage.platform, run)));
    }
    // It is asked of what really has commands, since the answer may take a while.
    let mut asked: Vec<&Platform> = runs.iter().map(|(platform, _)| *platform).collect();
    asked.dedup();
    let Some((platform, why)) = asked.into_iter().find_map(|platform| Some((platform.clone(), why_not(platform)?))) else { return Ok(()) };
    let mut runs: Vec<NeededRun> = runs.into_iter().filter(|(other, _)| **other == platform).map(|(_, run)| run).collect();
    runs.sort_by_key(|run| run.line);
    runs.dedup();
    Err(RunsNeeded { file: name.to_owned(), platform: Box::new(platform), why, runs })
}

fn own(statement: &Statement) -> Option<NeededRun> {
    let header = &statement.header;
    matches!(statement.instruction, Instruction::Run(_)).then(|| NeededRun { line: header.first_line, text: header.original.clone() })
}

fn trigger(statement: &Statement) -> Option<NeededRun> {
    let Instruction::Onbuild(text) = &statement.instruction else { return None };
    let run = own(&parse_trigger(&text.text).ok()?)?;
    Some(NeededRun { line: statement.header.first_line, ..run })
}
