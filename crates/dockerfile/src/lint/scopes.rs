//! The checks that follow the variables.

use std::collections::{BTreeMap, BTreeSet};

use super::from::Origins;
use super::{Findings, Rule, Surroundings};
use crate::expand::{Rules, expand};
use crate::expose::expose;
use crate::ignore::PatternList;
use crate::instruction::{CopySource, Dockerfile, Header, Instruction, Location};
use crate::quote::quote;
use crate::scope::{Globals, StageScope};
use crate::source::Word;

/// Finds what shows once variables are expanded: those that are not set, and what their values lead to.
pub(super) fn check(file: &Dockerfile, surroundings: &Surroundings, findings: &mut Findings<'_>) {
    let escape = file.directives.escape;
    let mut globals = Globals::new(surroundings.automatic.clone(), surroundings.build_arguments.clone());
    for statement in &file.globals {
        if let Instruction::Arg(declarations) = &statement.instruction
            && globals.declare(declarations, escape).is_err()
        {
            return;
        }
    }
    let defaults = Globals::new(surroundings.automatic.clone(), BTreeMap::new());
    let Ok(origins) = Origins::new(file, &globals, defaults) else { return };
    let ignore = surroundings.ignore.as_ref();
    let windows = surroundings.automatic.iter().any(|argument| argument == ("TARGETOS", "windows"));
    let mut known: BTreeMap<String, State> = BTreeMap::new();
    for (index, stage) in file.stages.iter().enumerate() {
        let base = surroundings.bases.get(&index);
        origins.check(stage, base, findings);
        if !surroundings.has(index) {
            continue;
        }
        let Ok(name) = globals.expand(&stage.base, escape) else { continue };
        let mut state = known.get(&name.text.to_lowercase()).cloned().unwrap_or_else(|| {
            let environment = base.and_then(|base| base.environment.clone());
            let complete = environment.is_some() || name.text == "scratch";
            State { scope: StageScope::new(environment.unwrap_or_default()), complete, workdir: false }
        });
        for statement in &stage.statements {
            let mut checker = Checker { header: &statement.header, escape, state: &mut state, ignore, windows, findings };
            if checker.check(&statement.instruction, &globals).is_none() {
                break;
            }
        }
        if let Some(name) = stage.name() {
            known.insert(name, state);
        }
    }
}

/// What a stage hands on to those that begin with it.
#[derive(Clone)]
struct State {
    scope: StageScope,
    /// Whether the environment of the image is known.
    complete: bool,
    /// Whether a WORKDIR stood here.
    workdir: bool,
}

struct Checker<'c, 'o> {
    header: &'c Header,
    escape: char,
    state: &'c mut State,
    ignore: Option<&'c PatternList>,
    windows: bool,
    findings: &'c mut Findings<'o>,
}

impl Checker<'_, '_> {
    /// Checks an instruction and takes it into the scope; nothing when it cannot be expanded.
    fn check(&mut self, instruction: &Instruction, globals: &Globals) -> Option<()> {
        // Only an instruction that sets variables has a scope before and another one behind it.
        let sets = matches!(instruction, Instruction::Env(_) | Instruction::Arg(_)) && self.header.original.contains('$');
        let before = (sets && !self.findings.is_full()).then(|| self.state.scope.clone());
        let applied = self.state.scope.apply(instruction, globals, self.escape).ok()?;
        match before {
            Some(before) => self.undefined(&before, &applied.unset),
            None => self.undefined_here(&applied.unset),
        }
        match instruction {
            Instruction::Workdir(path) => {
                let path = self.expand(path)?;
                let from_the_root = path.starts_with('/') || self.windows && (path.starts_with('\\') || path.get(1..2) == Some(":"));
                if !self.state.workdir && !from_the_root {
                    let message = format!("Relative workdir {} can have unexpected results if the base image changes", quote(&path));
                    self.findings.add(self.header, Rule::WorkdirRelativePath, message);
                }
                self.state.workdir = true;
            }
            Instruction::User(word) | Instruction::Stopsignal(word) => drop(self.expand(word)?),
            Instruction::Volume(words) => {
                for word in words {
                    self.expand(word)?;
                }
            }
            Instruction::Expose(words) => {
                let exposed = expose(words, &self.state.scope, Rules::word(self.escape)).ok()?;
                self.undefined_here(&exposed.unset);
                for port in &exposed.casing {
                    let message = format!("Defined protocol '{port}' in EXPOSE instruction should be lowercase");
                    self.findings.add(self.header, Rule::ExposeProtoCasing, message);
                }
                for port in &exposed.mappings {
                    let message = format!("EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'");
                    self.findings.add(self.header, Rule::ExposeInvalidFormat, message);
                }
            }
            Instruction::Copy(copy) => {
                let flags = copy.chown.iter().chain(&copy.chmod);
                self.files("Copy", &copy.sources, &copy.destination, flags, copy.from.is_none())?;
            }
            Instruction::Add(add) => {
                let flags = add.chown.iter().chain(&add.chmod).chain(&add.checksum);
                self.files("Add", &add.sources, &add.destination, flags, true)?;
            }
            Instruction::Run(run) => {
                for field in run.mounts.iter().flat_map(|mount| &mount.fields) {
                    let value = field.value.as_deref().unwrap_or_default();
                    let expansion = expand(value, &self.state.scope, Rules::word(self.escape)).ok()?;
                    self.undefined_here(&expansion.unset);
                }
            }
            _ => {}
        }
        Some(())
    }

    fn files<'w>(
        &mut self,
        verb: &str,
        sources: &[CopySource],
        destination: &Word,
        flags: impl Iterator<Item = &'w Word>,
        from_context: bool,
    ) -> Option<()> {
        for flag in flags {
            self.expand(flag)?;
        }
        self.expand(destination)?;
        for source in sources {
            match source {
                CopySource::Inline(heredoc) => {
                    let expansion = self.state.scope.expand_heredoc(heredoc).ok()?;
                    self.undefined_here(&expansion.unset);
                }
                CopySource::Path(path) => {
                    let path = self.expand(path)?;
                    if from_context && Location::of(&path) == Location::Context {
                        self.ignored(verb, &path);
                    }
                }
            }
        }
        Some(())
    }

    /// Checks that the ignore file leaves something of a path of the context.
    ///
    /// One that takes anything back is not looked at: what is below a path that is left out may be there. The context itself is
    /// left out only by a pattern that means everything.
    fn ignored(&mut self, verb: &str, path: &str) {
        let Some(list) = self.ignore.filter(|list| !list.takes_back()) else { return };
        let cleaned = crate::clean(path);
        let is_root = matches!(cleaned.as_str(), "." | "/");
        let is_ignored = if is_root { list.is_everything() } else { list.matches(cleaned.trim_start_matches('/')) };
        if is_ignored {
            let message = format!("Attempting to {verb} file {} that is excluded by .dockerignore", quote(&cleaned));
            self.findings.add(self.header, Rule::CopyIgnoredFile, message);
        }
    }

    fn expand(&mut self, word: &Word) -> Option<String> {
        let expansion = self.state.scope.expand(word, self.escape).ok()?;
        self.undefined_here(&expansion.unset);
        Some(expansion.text)
    }

    /// Warns of variables that nothing sets, in the scope as it is.
    fn undefined_here(&mut self, names: &BTreeSet<String>) {
        if !names.is_empty() && !self.findings.is_full() {
            self.undefined(&self.state.scope.clone(), names);
        }
    }

    /// Warns of variables that nothing sets. Where the image is not known, it may set them.
    fn undefined(&mut self, scope: &StageScope, names: &BTreeSet<String>) {
        for name in names {
            if self.findings.is_full() {
                return;
            }
            // The shell's own signs are set by no image.
            let sign = !name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_');
            let Some(meant) = scope.undefined(name).filter(|_| self.state.complete || sign) else { continue };
            let meant = meant.map(|meant| format!(" (did you mean ${meant}?)")).unwrap_or_default();
            self.findings.add(self.header, Rule::UndefinedVar, format!("Usage of undefined variable '${name}'{meant}"));
        }
    }
}
