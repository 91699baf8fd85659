//! Commands of a build: which of them a target would run.

use std::fmt;

use dockerfile::{Dockerfile, Graph, Instruction, Statement, parse_trigger};
use fault::{Fault, Hint, Kind};

/// A `RUN` that a target needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededRun {
    /// The line where it begins; of a trigger, that of its `ONBUILD`.
    pub line: usize,
    /// The instruction, its lines joined.
    pub text: String,
}

/// Commands would have to run, and this build runs none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunsNeeded {
    /// The name of the Dockerfile.
    pub file: String,
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
        Some(Hint::new("make the files before, and COPY them; or choose a --target that needs no RUN"))
    }

    fn lines(&self) -> Vec<String> {
        let first = format!("RUN is not supported yet, and {} of them would have to run:", self.runs.len());
        let runs = self.runs.iter().map(|run| format!("  {}:{}: {}", self.file, run.line, run.text));
        std::iter::once(first).chain(runs).collect()
    }
}

/// Refuses a build that would run commands: asked before anything is fetched. `stages` are those that the target needs.
///
/// A stage that begins with another stage of the file does that one's triggers. Those of an image are known only when it
/// is read.
///
/// # Errors
/// Lists every command.
pub fn refuse_runs(name: &str, file: &Dockerfile, graph: &Graph, stages: &[usize]) -> Result<(), RunsNeeded> {
    let mut runs = Vec::new();
    for stage in stages {
        runs.extend(file.stages.get(*stage).into_iter().flat_map(|stage| stage.statements.iter().filter_map(own)));
        let parent = graph.base(*stage).and_then(|parent| file.stages.get(parent));
        runs.extend(parent.into_iter().flat_map(|parent| parent.statements.iter().filter_map(trigger)));
    }
    runs.sort_by_key(|run: &NeededRun| run.line);
    runs.dedup();
    if runs.is_empty() { Ok(()) } else { Err(RunsNeeded { file: name.to_owned(), runs }) }
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
