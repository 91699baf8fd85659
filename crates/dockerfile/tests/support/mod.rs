//! What the tests of the items share.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use dockerfile::{Copy, Dockerfile, Globals, Instruction, Problems, Run, Script, Source, StageScope, automatic_arguments, parse};
use oci::Platform;

pub fn read(text: &str) -> Dockerfile {
    parse(&Source::new("Dockerfile", text)).unwrap_or_else(|problems| panic!("{text}: {problems}"))
}

pub fn problems(text: &str) -> Problems {
    parse(&Source::new("Dockerfile", text)).expect_err(text)
}

/// The problem of one instruction behind a FROM, without its line.
pub fn refused(instruction: &str) -> String {
    let problems = problems(&format!("FROM x\n{instruction}\n"));
    assert_eq!(problems.count(), 1, "{problems}");
    problems.to_string().trim_start_matches("dockerfile parse error on line 2: ").to_owned()
}

/// The one instruction behind a FROM.
pub fn one(instruction: &str) -> Instruction {
    let mut file = read(&format!("FROM x\n{instruction}\n"));
    assert_eq!(file.stages[0].statements.len(), 1, "{instruction}");
    file.stages.remove(0).statements.remove(0).instruction
}

pub fn run(instruction: &str) -> Run {
    let Instruction::Run(run) = one(instruction) else { panic!("{instruction}") };
    run
}

pub fn copy(instruction: &str) -> Copy {
    let Instruction::Copy(copy) = one(instruction) else { panic!("{instruction}") };
    copy
}

pub fn shell_text(instruction: &str) -> String {
    let Script::Shell(text) = run(instruction).script(false) else { panic!("{instruction}") };
    text
}

pub fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub fn scope_of(text: &str, given: &[(&str, &str)]) -> (StageScope, Globals) {
    let file = read(text);
    let platform = Platform::new("linux", "amd64", None);
    let mut globals = Globals::new(automatic_arguments(&platform, &platform, None), variables(given));
    for statement in &file.globals {
        let Instruction::Arg(declarations) = &statement.instruction else { panic!() };
        globals.declare(declarations, '\\').unwrap();
    }
    let mut scope = StageScope::new([("PATH".to_owned(), "/bin".to_owned())]);
    for statement in file.stages.iter().flat_map(|stage| &stage.statements) {
        scope.apply(&statement.instruction, &globals, '\\').unwrap();
    }
    (scope, globals)
}
