//! polyarch's own check: an architecture that stands in a download or in `GOARCH`, where it should follow the platform.
//!
//! What is not certain is not told. A command that looks at the platform in any way, names two architectures, or belongs to a
//! stage that is for one platform on purpose, is left alone.

mod names;
mod script;

use std::collections::BTreeMap;

use super::{Findings, Rule, Surroundings};
use crate::instruction::{CommandLine, CopySource, Declaration, Dockerfile, Header, Instruction, Run, Stage, Statement};
use names::{Architecture, fixed_value, found_in, is_selecting};
use script::{downloads, goarch};

/// The variable that Go's compiler reads.
const GOARCH: &str = "GOARCH";
/// Arguments that every build sets, and whose default would hide that.
const AUTOMATIC: [&str; 4] = ["TARGETARCH", "TARGETPLATFORM", "BUILDARCH", "BUILDPLATFORM"];

/// For which machine the files of a stage are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    /// That of the image.
    Target,
    /// That which builds.
    Builder,
    /// One that its `FROM`, or its name, says for ever.
    One,
}

pub(super) fn check(file: &Dockerfile, surroundings: &Surroundings, findings: &mut Findings<'_>) {
    if !findings.wants(Rule::HardcodedArchitecture) {
        return;
    }
    for statement in &file.globals {
        if let Instruction::Arg(declarations) = &statement.instruction {
            arguments(&statement.header, declarations, findings);
        }
    }
    let mut known: BTreeMap<String, For> = BTreeMap::new();
    for (index, stage) in file.stages.iter().enumerate() {
        let inherited = known.get(&stage.base.text.to_lowercase()).copied().unwrap_or(For::Target);
        let machine = machine(stage, inherited);
        if let Some(name) = stage.name() {
            known.insert(name, machine);
        }
        if machine == For::One || !surroundings.has(index) {
            continue;
        }
        for statement in &stage.statements {
            instruction(statement, machine, findings);
        }
    }
}

/// Tells whether a text names an architecture.
pub(super) fn is_named_in(text: &str) -> bool {
    found_in(text).next().is_some()
}

/// Finds out for which machine the files of a stage are, and the programs that it runs.
fn machine(stage: &Stage, inherited: For) -> For {
    let names = stage.name().is_some_and(|name| is_named_in(&name)) || is_named_in(&stage.base.text);
    match &stage.platform {
        _ if names => For::One,
        None => inherited,
        Some(platform) if platform.text.contains("BUILD") => For::Builder,
        Some(platform) if platform.text.contains('$') => For::Target,
        Some(_) => For::One,
    }
}

fn instruction(statement: &Statement, machine: For, findings: &mut Findings<'_>) {
    let header = &statement.header;
    match &statement.instruction {
        Instruction::Arg(declarations) => arguments(header, declarations, findings),
        Instruction::Env(pairs) => {
            for (name, value) in &pairs.pairs {
                if let Some(value) = fixed_value(&value.text).filter(|_| name.text == GOARCH) {
                    findings.add(header, Rule::HardcodedArchitecture, compiled(value));
                }
            }
        }
        Instruction::Run(run) => command(header, run, machine, findings),
        Instruction::Add(add) => {
            let paths = add.sources.iter().filter_map(|source| match source {
                CopySource::Path(path) => Some(path.text.as_str()),
                CopySource::Inline(_) => None,
            });
            let far: Vec<&str> = paths.filter(|path| path.starts_with("http://") || path.starts_with("https://")).collect();
            downloaded(header, &far, machine, findings);
        }
        _ => {}
    }
}

/// Checks that no default hides what every build sets.
fn arguments(header: &Header, declarations: &[Declaration], findings: &mut Findings<'_>) {
    for Declaration { name, default, .. } in declarations {
        let name = name.text.as_str();
        let Some(value) = default.as_ref().map(|default| default.text.trim_matches(['"', '\''])) else { continue };
        if AUTOMATIC.contains(&name) && !value.is_empty() && !value.contains('$') {
            let message = format!("ARG {name}={value} hides what every build sets: write ARG {name}");
            findings.add(header, Rule::HardcodedArchitecture, message);
        }
    }
}

fn command(header: &Header, run: &Run, machine: For, findings: &mut Findings<'_>) {
    let text = match &run.command {
        CommandLine::Shell(text) => text.text.clone(),
        CommandLine::Exec(words) => words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "),
    };
    let text = run.heredocs.iter().fold(text, |text, heredoc| format!("{text}\n{}", heredoc.content));
    if is_selecting(&text) {
        return;
    }
    let mut compiled_for: Vec<&str> = goarch(&text);
    compiled_for.sort_unstable();
    compiled_for.dedup();
    if let [value] = compiled_for.as_slice() {
        findings.add(header, Rule::HardcodedArchitecture, compiled(value));
    }
    let addresses = downloads(&text);
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    downloaded(header, &addresses, machine, findings);
}

fn compiled(value: &str) -> String {
    format!("GOARCH={value} compiles for one architecture whatever the platform is: declare ARG TARGETARCH and write GOARCH=$TARGETARCH")
}

/// Checks addresses of one instruction. Where they name two architectures, somebody chooses between them.
fn downloaded(header: &Header, addresses: &[&str], machine: For, findings: &mut Findings<'_>) {
    let mut found: Vec<(Architecture, &str, &str)> = Vec::new();
    for address in addresses.iter().filter(|address| !is_selecting(address)) {
        let Some(path) = script::path(address) else { continue };
        found.extend(found_in(path).map(|(architecture, written)| (architecture, written, path)));
    }
    let Some((first, written, path)) = found.first().copied() else { return };
    if found.iter().any(|(architecture, ..)| *architecture != first) || names::is_for_all(path) {
        return;
    }
    let file = path.split(['?', '#']).next().unwrap_or(path).trim_end_matches('/').rsplit('/').next().unwrap_or(path);
    let variable = first.variable(written);
    let target = match variable {
        "TARGETARCH" => "declare ARG TARGETARCH and write $TARGETARCH".to_owned(),
        other => format!("choose by $TARGETARCH, or declare ARG {other} and write ${other}"),
    };
    let builder = match machine {
        For::Builder => format!("; for a tool that this stage runs it is ${}", variable.replacen("TARGET", "BUILD", 1)),
        For::Target | For::One => String::new(),
    };
    let message = format!("The download of {file} is for {written} whatever the platform is: {target}{builder}");
    findings.add(header, Rule::HardcodedArchitecture, message);
}
