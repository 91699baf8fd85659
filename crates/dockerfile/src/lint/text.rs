//! The checks of what stands in the file, whatever is built of it.

use std::collections::BTreeSet;

use super::{Findings, Rule};
use crate::instruction::{Dockerfile, Header, Instruction, Pairs, Stage, Statement};
use crate::quote::quote;

/// Comments that are no descriptions, but are meant for whoever reads the file.
const DIRECTIVES: [&str; 3] = ["syntax", "escape", "check"];

pub(super) fn check(file: &Dockerfile, findings: &mut Findings<'_>) {
    casing(file, findings);
    for statement in file.statements() {
        instruction(statement, findings);
    }
    let mut names = BTreeSet::new();
    for stage in &file.stages {
        name(stage, &mut names, findings);
    }
}

/// Checks the name of a stage.
fn name(stage: &Stage, names: &mut BTreeSet<String>, findings: &mut Findings<'_>) {
    continuation(&stage.header, findings);
    let (Some(alias), Some(name)) = (&stage.alias, stage.name()) else { return };
    if alias.text != name {
        findings.add(&stage.header, Rule::StageNameCasing, format!("Stage name '{}' should be lowercase", alias.text));
    }
    if let Some(keyword) = &stage.keyword {
        let from = &stage.header.keyword.text;
        // A `From` is told by another rule.
        let (is_lower, is_upper) = (*from == from.to_lowercase(), *from == from.to_uppercase());
        let expected = if is_lower { keyword.text.to_lowercase() } else { keyword.text.to_uppercase() };
        if keyword.text != expected && (is_lower || is_upper) {
            findings.add(&stage.header, Rule::FromAsCasing, format!("'{}' and '{from}' keywords' casing do not match", keyword.text));
        }
    }
    if matches!(name.as_str(), "context" | "scratch") {
        let message = format!("Stage name should not use the same name as reserved stage {}", quote(&name));
        findings.add(&stage.header, Rule::ReservedStageName, message);
    }
    description(&stage.header, "FROM", &[&name], findings);
    if names.contains(&name) {
        let message = format!("Duplicate stage name {}, stage names should be unique", quote(&name));
        findings.add(&stage.header, Rule::DuplicateStageName, message);
    }
    names.insert(name);
}

fn continuation(header: &Header, findings: &mut Findings<'_>) {
    if header.empty_continuation {
        findings.add_on_lines(header, header.last_line, Rule::NoEmptyContinuation, "Empty continuation line".to_owned());
    }
}

fn instruction(statement: &Statement, findings: &mut Findings<'_>) {
    let (header, instruction) = (&statement.header, &statement.instruction);
    continuation(header, findings);
    match instruction {
        Instruction::Maintainer(_) => {
            let message = "Maintainer instruction is deprecated in favor of using label".to_owned();
            findings.add(header, Rule::MaintainerDeprecated, message);
        }
        Instruction::Env(Pairs { legacy: true, .. }) | Instruction::Label(Pairs { legacy: true, .. }) => {
            let name = instruction.name();
            let message = format!("\"{name} key=value\" should be used instead of legacy \"{name} key value\" format");
            findings.add(header, Rule::LegacyKeyValueFormat, message);
        }
        Instruction::Arg(declarations) => {
            let names: Vec<&str> = declarations.iter().map(|declaration| declaration.name.text.as_str()).collect();
            description(header, "ARG", &names, findings);
        }
        _ => {}
    }
}

/// Checks that the comment right above what has a name begins with that.
fn description(header: &Header, instruction: &str, names: &[&str], findings: &mut Findings<'_>) {
    let is_directive = |comment: &str| {
        let key = comment.split_once('=').map(|(key, _)| key.trim());
        key.is_some_and(|key| DIRECTIVES.iter().any(|directive| directive.eq_ignore_ascii_case(key)))
    };
    let Some(comment) = header.comments.iter().rev().find(|comment| !is_directive(&comment.text)) else { return };
    let first = comment.text.split(' ').next().unwrap_or_default();
    if names.contains(&first) {
        return;
    }
    let name = match names {
        [name] => name,
        _ => "<arg_key>",
    };
    let message = format!("Comment for {instruction} should follow the format: `# {name} <description>`");
    findings.add(header, Rule::InvalidDefinitionDescription, message);
}

/// Checks that the names of all instructions are in the case of most of them.
fn casing(file: &Dockerfile, findings: &mut Findings<'_>) {
    let stages = file.stages.iter();
    let headers = || {
        stages.clone().flat_map(|stage| std::iter::once(&stage.header).chain(stage.statements.iter().map(|statement| &statement.header)))
    };
    let lower = headers().filter(|header| header.keyword.text == header.keyword.text.to_lowercase()).count();
    let upper = headers().filter(|header| header.keyword.text == header.keyword.text.to_uppercase()).count();
    let (majority, right): (&str, fn(&str) -> String) =
        if lower > upper { ("lowercase", str::to_lowercase) } else { ("uppercase", str::to_uppercase) };
    for header in headers() {
        let name = &header.keyword.text;
        if *name != right(name) {
            let message = format!("Command '{name}' should match the case of the command majority ({majority})");
            findings.add(header, Rule::ConsistentInstructionCasing, message);
        }
    }
}
