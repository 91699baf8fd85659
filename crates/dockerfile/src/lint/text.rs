//! The checks that need only the text.

use std::collections::BTreeSet;

use super::Findings;
use crate::instruction::{CommandLine, Dockerfile, Header, Instruction, Pairs, Stage};
use crate::quote::quote;

/// Parts of a name that make a secret of it.
const SECRET: [&str; 10] = ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];
/// Parts of a name that make none of it all the same.
const HARMLESS: [&str; 3] = ["public", "file", "version"];

pub(super) fn check(file: &Dockerfile, findings: &mut Findings<'_>) {
    casing(file, findings);
    for statement in &file.globals {
        common(&statement.header, &statement.instruction, findings);
    }
    let mut names = BTreeSet::new();
    // Which stages have a SHELL, their own or that of the stage they begin with.
    let mut shells: std::collections::BTreeMap<String, bool> = std::collections::BTreeMap::new();
    for stage in &file.stages {
        header(stage, &mut names, findings);
        let mut shell = shells.get(&stage.base.text.to_lowercase()).copied().unwrap_or(false);
        let mut last: [Option<&Header>; 3] = [None; 3];
        for statement in &stage.statements {
            let (header, instruction) = (&statement.header, &statement.instruction);
            common(header, instruction, findings);
            shell |= matches!(instruction, Instruction::Shell(_));
            if let Instruction::Cmd(CommandLine::Shell(_)) | Instruction::Entrypoint(CommandLine::Shell(_)) = instruction
                && !shell
            {
                let message =
                    format!("JSON arguments recommended for {} to prevent unintended behavior related to OS signals", instruction.name());
                findings.add(header, "JSONArgsRecommended", message);
            }
            let slot = match instruction {
                Instruction::Cmd(_) => last.get_mut(0),
                Instruction::Entrypoint(_) => last.get_mut(1),
                Instruction::Healthcheck(_) => last.get_mut(2),
                _ => None,
            };
            // The one before is spoken of: it is the one that does not count.
            if let Some(slot) = slot
                && let Some(before) = slot.replace(header)
            {
                let message = format!(
                    "Multiple {} instructions should not be used in the same stage because only the last one will be used",
                    instruction.name()
                );
                findings.add(before, "MultipleInstructionsDisallowed", message);
            }
        }
        if let Some(name) = stage.name() {
            shells.insert(name, shell);
        }
    }
}

/// Checks the name of a stage.
fn header(stage: &Stage, names: &mut BTreeSet<String>, findings: &mut Findings<'_>) {
    continuation(&stage.header, findings);
    let (Some(alias), Some(name)) = (&stage.alias, stage.name()) else { return };
    if alias.text != name {
        findings.add(&stage.header, "StageNameCasing", format!("Stage name '{}' should be lowercase", alias.text));
    }
    if let Some(keyword) = &stage.keyword {
        let from = &stage.header.keyword.text;
        let expected = if *from == from.to_lowercase() { keyword.text.to_lowercase() } else { keyword.text.to_uppercase() };
        if keyword.text != expected {
            findings.add(&stage.header, "FromAsCasing", format!("'{}' and '{from}' keywords' casing do not match", keyword.text));
        }
    }
    if matches!(name.as_str(), "context" | "scratch") {
        let message = format!("Stage name should not use the same name as reserved stage {}", quote(&name));
        findings.add(&stage.header, "ReservedStageName", message);
    }
    if !names.insert(name.clone()) {
        let message = format!("Duplicate stage name {}, stage names should be unique", quote(&name));
        findings.add(&stage.header, "DuplicateStageName", message);
    }
}

fn continuation(header: &Header, findings: &mut Findings<'_>) {
    if header.empty_continuation {
        findings.add_on_line(header, header.last_line, "NoEmptyContinuation", "Empty continuation line".to_owned());
    }
}

fn common(header: &Header, instruction: &Instruction, findings: &mut Findings<'_>) {
    continuation(header, findings);
    match instruction {
        Instruction::Maintainer(_) => {
            findings.add(header, "MaintainerDeprecated", "Maintainer instruction is deprecated in favor of using label".to_owned());
        }
        Instruction::Env(Pairs { legacy: true, .. }) | Instruction::Label(Pairs { legacy: true, .. }) => {
            let name = instruction.name();
            let message = format!("\"{name} key=value\" should be used instead of legacy \"{name} key value\" format");
            findings.add(header, "LegacyKeyValueFormat", message);
        }
        _ => {}
    }
    let names: Vec<&str> = match instruction {
        Instruction::Env(pairs) => pairs.pairs.iter().map(|(name, _)| name.text.as_str()).collect(),
        Instruction::Arg(declarations) => declarations.iter().map(|declaration| declaration.name.text.as_str()).collect(),
        _ => return,
    };
    for name in names.into_iter().filter(|name| is_secret(name)) {
        let message = format!("Do not use ARG or ENV instructions for sensitive data ({} {})", instruction.name(), quote(name));
        findings.add(header, "SecretsUsedInArgOrEnv", message);
    }
}

fn is_secret(name: &str) -> bool {
    let lower = name.to_lowercase();
    let has = |words: &[&str]| lower.split('_').any(|part| words.contains(&part));
    has(&SECRET) && !has(&HARMLESS)
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
            findings.add(header, "ConsistentInstructionCasing", message);
        }
    }
}
