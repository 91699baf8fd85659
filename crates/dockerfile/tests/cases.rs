//! Small Dockerfiles with what BuildKit 0.32 made of them: its errors, its warnings, its history.
//!
//! `cases.json` is read by the rooms above too: `graph` looks at layers and configs, `cli` builds every case. `runs` are the
//! lines of those that would have to run commands.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use dockerfile::{
    CopySource, Dockerfile, Globals, Graph, Instruction, Rules, Source, Stage, StageScope, Statement, Word, automatic_arguments, expose,
    history, lint, parse, parse_trigger,
};
use oci::Platform;
use serde_json::Value;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The history of the base of these cases.
const BASE: &str = "debian busybox-static";

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("cases.json")).unwrap()
}

fn text<'v>(case: &'v Value, key: &str) -> Option<&'v str> {
    case.get(key).and_then(Value::as_str)
}

fn texts(case: &Value, key: &str) -> Vec<String> {
    case.get(key).and_then(Value::as_array).into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn build_arguments(case: &Value) -> BTreeMap<String, String> {
    let given = case.get("build_arguments").and_then(Value::as_object);
    given.into_iter().flatten().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// What a stage hands on.
#[derive(Clone)]
struct State {
    scope: StageScope,
    shell: Vec<String>,
    directory: String,
    history: Vec<String>,
    triggers: Vec<String>,
}

struct Evaluation {
    globals: Globals,
    escape: char,
    stages: BTreeMap<String, State>,
}

impl Evaluation {
    fn stage(&mut self, stage: &Stage) -> Result<State, String> {
        let base = self.globals.expand(&stage.base, self.escape).map_err(|error| error.to_string())?.text;
        let mut state = self.stages.get(&base.to_lowercase()).cloned().unwrap_or_else(|| State {
            scope: StageScope::new([("PATH".to_owned(), PATH.to_owned())]),
            shell: vec!["/bin/sh".to_owned(), "-c".to_owned()],
            directory: String::new(),
            history: Vec::new(),
            triggers: Vec::new(),
        });
        for trigger in std::mem::take(&mut state.triggers) {
            self.apply(&mut state, &parse_trigger(&trigger).map_err(|error| error.to_string())?)?;
        }
        for statement in &stage.statements {
            self.apply(&mut state, statement)?;
        }
        Ok(state)
    }

    fn apply(&self, state: &mut State, statement: &Statement) -> Result<(), String> {
        let applied = state.scope.apply(&statement.instruction, &self.globals, self.escape).map_err(|error| error.to_string())?;
        let scope = state.scope.clone();
        let expand = |word: &Word| scope.expand(word, self.escape).map(|expansion| expansion.text).map_err(|error| error.to_string());
        let created_by = match &statement.instruction {
            Instruction::Arg(_) => history::arg(&applied.pairs),
            Instruction::Env(_) => history::env(&applied.pairs),
            Instruction::Label(_) => history::label(&applied.pairs),
            Instruction::Cmd(command) => history::cmd(&command.words(&state.shell)),
            Instruction::Entrypoint(command) => history::entrypoint(&command.words(&state.shell)),
            Instruction::Run(run) => history::run(&run.words(&state.shell, false), &scope),
            Instruction::Copy(copy) => {
                self.copied(&copy.sources, &copy.destination, [&copy.chown, &copy.chmod], (false, copy.parents), &expand)?
            }
            Instruction::Add(add) => self.copied(&add.sources, &add.destination, [&add.chown, &add.chmod], (true, false), &expand)?,
            Instruction::Expose(words) => {
                history::expose(&expose(words, &scope, Rules::word(self.escape)).map_err(|error| error.to_string())?.ports)
            }
            Instruction::Healthcheck(check) => history::healthcheck(check),
            Instruction::Maintainer(name) => history::maintainer(&name.text),
            Instruction::Onbuild(trigger) => {
                state.triggers.push(trigger.text.clone());
                return Ok(());
            }
            Instruction::Shell(words) => {
                state.shell = words.iter().map(|word| word.text.clone()).collect();
                history::shell(&state.shell)
            }
            Instruction::Stopsignal(signal) => history::stopsignal(&expand(signal)?),
            Instruction::User(name) => history::user(&expand(name)?),
            Instruction::Volume(words) => history::volume(&words.iter().map(expand).collect::<Result<Vec<_>, _>>()?),
            Instruction::Workdir(path) => {
                state.directory = history::workdir_path(&state.directory, &expand(path)?);
                history::workdir(&state.directory)
            }
        };
        state.history.push(created_by);
        Ok(())
    }

    fn copied(
        &self,
        sources: &[CopySource],
        destination: &Word,
        [chown, chmod]: [&Option<Word>; 2],
        (add, parents): (bool, bool),
        expand: &dyn Fn(&Word) -> Result<String, String>,
    ) -> Result<String, String> {
        let (mut paths, mut inline) = (Vec::new(), Vec::new());
        for source in sources {
            match source {
                CopySource::Path(path) => paths.push(expand(path)?),
                CopySource::Inline(heredoc) => inline.push(heredoc.word.clone()),
            }
        }
        let flag = |word: &Option<Word>| word.as_ref().map(expand).transpose();
        let (chown, chmod, destination) = (flag(chown)?, flag(chmod)?, expand(destination)?);
        Ok(history::copy(&history::Copied {
            add,
            parents,
            chown: chown.as_deref(),
            chmod: chmod.as_deref(),
            sources: &paths,
            inline: &inline,
            destination: &destination,
        }))
    }
}

/// Follows the stages in their order and returns the history of the last one.
fn evaluate(file: &Dockerfile, case: &Value) -> Result<Vec<String>, String> {
    let platform = Platform::new("linux", "amd64", None);
    let globals = Globals::new(automatic_arguments(&platform, &platform, None), build_arguments(case));
    let mut evaluation = Evaluation { globals, escape: file.directives.escape, stages: BTreeMap::new() };
    for statement in &file.globals {
        let Instruction::Arg(declarations) = &statement.instruction else { panic!("{statement:?}") };
        evaluation.globals.declare(declarations, file.directives.escape).map_err(|error| error.to_string())?;
    }
    let mut last = Vec::new();
    for stage in &file.stages {
        let state = evaluation.stage(stage)?;
        last = state.history.clone();
        if let Some(name) = stage.name() {
            evaluation.stages.insert(name, state);
        }
    }
    Ok(last)
}

#[test]
fn all_cases_read_as_buildkit_does() {
    let cases = cases();
    assert_eq!(cases.len(), 71);
    for case in &cases {
        let name = text(case, "name").unwrap();
        let source = Source::new("Dockerfile", text(case, "dockerfile").unwrap());
        let parsed = parse(&source);
        if let Some(expected) = text(case, "parse_error") {
            let problems = parsed.expect_err(name);
            assert!(problems.to_string().contains(expected), "{name}: expected {expected}, got {problems}");
            continue;
        }
        let file = parsed.unwrap_or_else(|problems| panic!("{name}: {problems}"));
        let evaluated = evaluate(&file, case);
        if let Some(expected) = text(case, "expand_error") {
            assert_eq!(evaluated.expect_err(name), expected);
            continue;
        }
        let graph = Graph::new(&file, &[]).unwrap();
        let reached = graph.reachable(graph.target(None).unwrap());
        if let Some(expected) = text(case, "graph_error") {
            assert_eq!(reached.expect_err(name).to_string(), expected);
            continue;
        }
        reached.unwrap_or_else(|error| panic!("{name}: {error}"));
        // What the last stage says, behind what its base says.
        if let Some(lines) = case.get("history").and_then(Value::as_array) {
            let lines = lines.iter().map(|line| line[0].as_str().unwrap().to_owned());
            assert_eq!(evaluated.unwrap(), lines.filter(|line| line != BASE).collect::<Vec<_>>(), "{name}");
        }
    }
}

#[test]
fn item_78_all_cases_warn_as_buildkit_does() {
    let platform = Platform::new("linux", "amd64", None);
    for case in &cases() {
        let name = text(case, "name").unwrap();
        // A file that cannot be expanded is not checked to its end.
        if name == "err-expand" {
            continue;
        }
        let Ok(file) = parse(&Source::new("Dockerfile", text(case, "dockerfile").unwrap())) else { continue };
        let options = &file.directives.check;
        let base = lint::StageBase { environment: Some(vec![("PATH".to_owned(), PATH.to_owned())]), ..lint::StageBase::default() };
        let surroundings = lint::Surroundings {
            automatic: automatic_arguments(&platform, &platform, None),
            build_arguments: build_arguments(case),
            bases: (0..file.stages.len()).map(|stage| (stage, base.clone())).collect(),
            ..lint::Surroundings::default()
        };
        let warnings = lint::check(&file, &surroundings, options);
        let mut written: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        written.sort();
        assert_eq!(written, texts(case, "warnings"), "{name}");
    }
}
