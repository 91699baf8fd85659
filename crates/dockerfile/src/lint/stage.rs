//! The checks of the instructions of a stage that is built, which need no variables.

use std::collections::BTreeMap;

use super::{Findings, Rule, Surroundings};
use crate::instruction::{CommandLine, Dockerfile, Header, Instruction, Statement};
use crate::quote::quote;

/// Parts of a name that make a secret of it.
const SECRET: [&str; 10] = ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];
/// Parts of a name that make none of it all the same.
const HARMLESS: [&str; 3] = ["public", "file", "version"];

pub(super) fn check(file: &Dockerfile, surroundings: &Surroundings, findings: &mut Findings<'_>) {
    // Which stages have a SHELL: their own, or that of what they begin with.
    let mut shells: BTreeMap<String, bool> = BTreeMap::new();
    for (index, stage) in file.stages.iter().enumerate() {
        let of_image = || surroundings.bases.get(&index).is_some_and(|base| base.has_shell);
        let mut has_shell = shells.get(&stage.base.text.to_lowercase()).copied().unwrap_or_else(of_image);
        let mut repeated = Repeated::default();
        for statement in stage.statements.iter().filter(|_| surroundings.has(index)) {
            let Statement { header, instruction } = statement;
            has_shell |= matches!(instruction, Instruction::Shell(_));
            if !has_shell {
                without_shell(header, instruction, findings);
            }
            repeated.take(header, instruction, findings);
            secrets(header, instruction, findings);
        }
        if let Some(name) = stage.name() {
            shells.insert(name, has_shell);
        }
    }
}

/// Checks that signals reach what is started: the usual shell hands none on.
fn without_shell(header: &Header, instruction: &Instruction, findings: &mut Findings<'_>) {
    if let Instruction::Cmd(CommandLine::Shell(_)) | Instruction::Entrypoint(CommandLine::Shell(_)) = instruction {
        let name = instruction.name();
        let message = format!("JSON arguments recommended for {name} to prevent unintended behavior related to OS signals");
        findings.add(header, Rule::JSONArgsRecommended, message);
    }
}

/// The last of each instruction that counts once.
#[derive(Default)]
struct Repeated<'h> {
    last: BTreeMap<&'static str, &'h Header>,
}

impl<'h> Repeated<'h> {
    /// Speaks of the one before: it is the one that does not count.
    fn take(&mut self, header: &'h Header, instruction: &Instruction, findings: &mut Findings<'_>) {
        if !matches!(instruction, Instruction::Cmd(_) | Instruction::Entrypoint(_) | Instruction::Healthcheck(_)) {
            return;
        }
        let name = instruction.name();
        if let Some(before) = self.last.insert(name, header) {
            let message =
                format!("Multiple {name} instructions should not be used in the same stage because only the last one will be used");
            findings.add(before, Rule::MultipleInstructionsDisallowed, message);
        }
    }
}

fn secrets(header: &Header, instruction: &Instruction, findings: &mut Findings<'_>) {
    let names: Vec<&str> = match instruction {
        Instruction::Env(pairs) => pairs.pairs.iter().map(|(name, _)| name.text.as_str()).collect(),
        Instruction::Arg(declarations) => declarations.iter().map(|declaration| declaration.name.text.as_str()).collect(),
        _ => return,
    };
    for name in names.into_iter().filter(|name| is_secret(name)) {
        let message = format!("Do not use ARG or ENV instructions for sensitive data ({} {})", instruction.name(), quote(name));
        findings.add(header, Rule::SecretsUsedInArgOrEnv, message);
    }
}

fn is_secret(name: &str) -> bool {
    let lower = name.to_lowercase();
    let has = |words: &[&str]| lower.split('_').any(|part| words.contains(&part));
    has(&SECRET) && !has(&HARMLESS)
}
