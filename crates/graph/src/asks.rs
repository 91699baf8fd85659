//! What a build asks of whoever starts it: arguments, secrets and agents.

use std::collections::{BTreeMap, BTreeSet};

use dockerfile::{Declaration, Dockerfile, Environment, Header, Instruction, ResolvedMount, Rules, Stage, StageScope, Word};

use crate::outline::{Begins, Outline};

/// What can be given to a build. Each name stands once, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// What `--build-arg` sets.
    pub arguments: Vec<AskedArgument>,
    /// What `--secret` gives.
    pub secrets: Vec<AskedKey>,
    /// What `--ssh` gives.
    pub agents: Vec<AskedKey>,
}

/// An argument that counts in the stages that are built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedArgument {
    /// Its name.
    pub name: String,
    /// Its value as the build is asked for; empty without one.
    pub value: String,
    /// What a comment says about it.
    pub description: Option<String>,
    /// The lines that declare it, from 1.
    pub lines: (usize, usize),
}

/// A secret or an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedKey {
    /// Its name.
    pub id: String,
    /// The build ends without it.
    pub required: bool,
    /// The lines that ask for it, from 1.
    pub lines: (usize, usize),
}

/// Finds out what the stages of a build ask for. What cannot be expanded is left out, with what follows it in its stage: the
/// build says why.
pub fn asks(file: &Dockerfile, outline: &Outline) -> Asks {
    let mut asking = Asking { file, outline, asks: Asks::default(), globals: BTreeSet::new() };
    let mut scopes: BTreeMap<usize, StageScope> = BTreeMap::new();
    for outlined in &outline.stages {
        let Some(stage) = file.stages.get(outlined.index).filter(|_| !outlined.is_replaced) else { continue };
        stage.platform.iter().chain([&stage.base]).for_each(|word| asking.global_word(word));
        let inherited = match &outlined.begins {
            Begins::Stage(parent) => scopes.get(parent).cloned(),
            _ => None,
        };
        let scope = asking.stage(stage, inherited.unwrap_or_default());
        scopes.insert(outlined.index, scope);
    }
    asking.globals();
    let Asks { arguments, secrets, agents } = &mut asking.asks;
    arguments.sort_by_key(|argument| argument.lines);
    for keys in [secrets, agents] {
        keys.sort_by_key(|key| key.lines);
    }
    asking.asks
}

struct Asking<'a> {
    file: &'a Dockerfile,
    outline: &'a Outline,
    asks: Asks,
    /// The arguments before the first `FROM` that count.
    globals: BTreeSet<String>,
}

impl Asking<'_> {
    /// Takes the arguments that a word of a `FROM`, or a default before it, looks at.
    fn global_word(&mut self, word: &Word) {
        if let Ok(expansion) = self.outline.globals.expand(word, self.file.directives.escape) {
            self.globals.extend(expansion.used);
            self.globals.extend(expansion.unset);
        }
    }

    /// Takes what a stage asks for, and returns its variables.
    fn stage(&mut self, stage: &Stage, mut scope: StageScope) -> StageScope {
        let escape = self.file.directives.escape;
        for statement in &stage.statements {
            let Ok(applied) = scope.apply(&statement.instruction, &self.outline.globals, escape) else { break };
            match &statement.instruction {
                Instruction::Arg(declarations) => {
                    for (declaration, (_, value)) in declarations.iter().zip(applied.pairs) {
                        self.argument(&statement.header, declaration, value);
                    }
                }
                Instruction::Run(run) => {
                    for mount in &run.mounts {
                        if let Ok(mount) = mount.resolve(&scope, Rules::word(escape)) {
                            self.mount(&statement.header, mount);
                        }
                    }
                }
                _ => {}
            }
        }
        scope
    }

    fn argument(&mut self, header: &Header, declaration: &Declaration, value: Option<String>) {
        let Declaration { name, default, description } = declaration;
        let name = &name.text;
        // One that only takes over what is said before the first FROM, or what every build has, is no new one.
        let is_global = declared(self.file).any(|(_, own)| own.name.text == *name) || self.outline.globals.value(name).is_some();
        if default.is_none() && is_global && !self.outline.globals.build_arguments().contains_key(name) {
            self.globals.insert(name.clone());
            return;
        }
        self.add(name, value.unwrap_or_default(), description.clone(), header);
    }

    fn add(&mut self, name: &str, value: String, description: Option<String>, header: &Header) {
        if self.asks.arguments.iter().all(|argument| argument.name != name) {
            let lines = (header.first_line, header.last_line);
            self.asks.arguments.push(AskedArgument { name: name.to_owned(), value, description, lines });
        }
    }

    fn mount(&mut self, header: &Header, mount: ResolvedMount) {
        let (keys, id, required) = match mount {
            ResolvedMount::Secret(secret) => (&mut self.asks.secrets, secret.id, secret.required),
            ResolvedMount::Ssh(agent) => (&mut self.asks.agents, agent.id, agent.required),
            _ => return,
        };
        match keys.iter_mut().find(|key| key.id == id) {
            Some(key) => key.required |= required,
            None => keys.push(AskedKey { id, required, lines: (header.first_line, header.last_line) }),
        }
    }

    /// Takes the arguments before the first `FROM` that count, the last one first: its default may look at others.
    fn globals(&mut self) {
        let all: Vec<(&Header, &Declaration)> = declared(self.file).collect();
        for (header, declaration) in all.into_iter().rev() {
            let name = &declaration.name.text;
            if !self.globals.contains(name) {
                continue;
            }
            let value = self.outline.globals.value(name).unwrap_or_default().into_owned();
            self.add(name, value, declaration.description.clone(), header);
            if let Some(default) = &declaration.default {
                self.global_word(default);
            }
        }
    }
}

/// Lists the arguments before the first `FROM`.
fn declared(file: &Dockerfile) -> impl Iterator<Item = (&Header, &Declaration)> {
    file.globals.iter().flat_map(|statement| {
        let declarations = match &statement.instruction {
            Instruction::Arg(declarations) => declarations.as_slice(),
            _ => &[],
        };
        declarations.iter().map(|declaration| (&statement.header, declaration))
    })
}
