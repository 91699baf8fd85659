//! The checks that follow the variables.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Platform, Reference};

use super::{Findings, Warning};
use crate::automatic::AutomaticArguments;
use crate::directive::CheckOptions;
use crate::expand::{Rules, expand};
use crate::expose::expose;
use crate::ignore::PatternList;
use crate::instruction::{CopySource, Dockerfile, Header, Instruction, Location, Stage};
use crate::quote::quote;
use crate::scope::{Globals, StageScope};
use crate::source::Word;
use crate::suggest::nearest;

/// What is known of the image that a stage begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageBase {
    /// The environment of the image; nothing when the image was not looked at, and then what it may set is not missed.
    pub environment: Option<Vec<(String, String)>>,
}

/// Finds what shows once variables are expanded: those that are not set, and what their values lead to.
///
/// `base` says what is known of the image of a stage, by the number of the stage; a stage that begins with another one
/// inherits from it and is not asked for. `ignore` is the `.dockerignore` of the build context. A file that cannot be
/// expanded is checked up to there: the build says why.
pub fn check_scopes(
    file: &Dockerfile,
    automatic: &AutomaticArguments,
    build_arguments: &BTreeMap<String, String>,
    base: &dyn Fn(usize) -> StageBase,
    ignore: Option<&PatternList>,
    options: &CheckOptions,
) -> Vec<Warning> {
    let mut findings = Findings { options, warnings: Vec::new() };
    let escape = file.directives.escape;
    let mut globals = Globals::new(automatic.clone(), build_arguments.clone());
    let mut defaults = Globals::new(automatic.clone(), BTreeMap::new());
    for statement in &file.globals {
        if let Instruction::Arg(declarations) = &statement.instruction {
            let declared = globals.declare(declarations, escape).and(defaults.declare(declarations, escape));
            if declared.is_err() {
                return findings.finish();
            }
        }
    }
    let windows = automatic.iter().any(|argument| argument == ("TARGETOS", "windows"));
    let mut known: BTreeMap<String, State> = BTreeMap::new();
    for (index, stage) in file.stages.iter().enumerate() {
        from(stage, &globals, &defaults, escape, &mut findings);
        let Ok(name) = globals.expand(&stage.base, escape) else { continue };
        let mut state = known.get(&name.text.to_lowercase()).cloned().unwrap_or_else(|| {
            let environment = base(index).environment;
            let complete = environment.is_some() || name.text == "scratch";
            State { scope: StageScope::new(environment.unwrap_or_default()), complete, workdir: false }
        });
        for statement in &stage.statements {
            let mut checker = Checker { header: &statement.header, escape, state: &mut state, ignore, windows, findings: &mut findings };
            if checker.check(&statement.instruction, &globals).is_none() {
                break;
            }
        }
        if let Some(name) = stage.name() {
            known.insert(name, state);
        }
    }
    findings.finish()
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

/// Checks a `FROM`.
fn from(stage: &Stage, globals: &Globals, defaults: &Globals, escape: char, findings: &mut Findings<'_>) {
    let mut undefined = |word: &Word| {
        let Ok(expansion) = globals.expand(word, escape) else { return };
        for name in &expansion.unset {
            let meant = nearest(name, globals.names()).map(|meant| format!(" (did you mean {meant}?)")).unwrap_or_default();
            findings.add(&stage.header, "UndefinedArgInFrom", format!("FROM argument '{name}' is not declared{meant}"));
        }
    };
    undefined(&stage.base);
    if let Some(platform) = &stage.platform {
        undefined(platform);
        if matches!(platform.text.as_str(), "$TARGETPLATFORM" | "${TARGETPLATFORM}") {
            let message = format!("Setting platform to predefined {} in FROM is redundant as this is the default behavior", platform.text);
            findings.add(&stage.header, "RedundantTargetPlatform", message);
        }
        if let Ok(expansion) = globals.expand(platform, escape)
            && expansion.used.is_empty()
            && expansion.unset.is_empty()
            && let Ok(parsed) = expansion.text.parse::<Platform>()
        {
            let name = stage.name().unwrap_or_default();
            if !name.contains(&parsed.os) && !name.contains(&parsed.architecture) {
                let message = format!("FROM --platform flag should not use constant value {}", quote(&expansion.text));
                findings.add(&stage.header, "FromPlatformFlagConstDisallowed", message);
            }
        }
    }
    let own = defaults.expand(&stage.base, escape);
    if own.is_ok_and(|own| !(own.used.is_empty() && own.unset.is_empty()) && own.text.parse::<Reference>().is_err()) {
        let message = format!("Default value for ARG {} results in empty or invalid base image name", stage.base.text);
        findings.add(&stage.header, "InvalidDefaultArgInFrom", message);
    }
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
                    self.findings.add(self.header, "WorkdirRelativePath", message);
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
                    self.findings.add(self.header, "ExposeProtoCasing", message);
                }
                for port in &exposed.mappings {
                    let message = format!("EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'");
                    self.findings.add(self.header, "ExposeInvalidFormat", message);
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
                    let ignored = |list: &PatternList| !list.takes_back() && list.matches(crate::clean(&path).trim_start_matches('/'));
                    if from_context && Location::of(&path) == Location::Context && self.ignore.is_some_and(ignored) {
                        let message = format!("Attempting to {verb} file {} that is excluded by .dockerignore", quote(&path));
                        self.findings.add(self.header, "CopyIgnoredFile", message);
                    }
                }
            }
        }
        Some(())
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
            self.findings.add(self.header, "UndefinedVar", format!("Usage of undefined variable '${name}'{meant}"));
        }
    }
}
