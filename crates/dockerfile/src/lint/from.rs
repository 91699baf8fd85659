//! The checks of `FROM`.

use std::collections::BTreeSet;

use oci::{Platform, Reference};

use super::{Findings, Rule, StageBase};
use crate::expand::Environment;
use crate::instruction::{Dockerfile, Instruction, Stage};
use crate::quote::quote;
use crate::scope::{Globals, ScopeError};
use crate::source::Word;
use crate::suggest::nearest;

/// The argument that says what the image is for.
const TARGET_PLATFORM: &str = "TARGETPLATFORM";

/// What the `FROM` lines of a file see.
pub(super) struct Origins<'g> {
    /// The arguments as they are in this build.
    globals: &'g Globals,
    /// The same where nothing is given.
    defaults: Globals,
    /// Every argument that the file declares, with a value or without.
    declared: BTreeSet<String>,
    escape: char,
}

impl<'g> Origins<'g> {
    /// Reads the arguments before the first `FROM`; `defaults` has none of them yet.
    pub fn new(file: &Dockerfile, globals: &'g Globals, mut defaults: Globals) -> Result<Self, ScopeError> {
        let escape = file.directives.escape;
        let mut declared: BTreeSet<String> = globals.names().map(ToOwned::to_owned).collect();
        for statement in &file.globals {
            if let Instruction::Arg(declarations) = &statement.instruction {
                defaults.declare(declarations, escape)?;
                declared.extend(declarations.iter().map(|declaration| declaration.name.text.clone()));
            }
        }
        Ok(Self { globals, defaults, declared, escape })
    }

    /// Checks a `FROM`; `base` is what is known of its image.
    pub fn check(&self, stage: &Stage, base: Option<&StageBase>, findings: &mut Findings<'_>) {
        self.undeclared(stage, &stage.base, findings);
        if let Some(platform) = &stage.platform {
            self.undeclared(stage, platform, findings);
            self.platform(stage, platform, findings);
        }
        let own = self.defaults.expand(&stage.base, self.escape);
        if own.is_ok_and(|own| !(own.used.is_empty() && own.unset.is_empty()) && own.text.parse::<Reference>().is_err()) {
            let message = format!("Default value for ARG {} results in empty or invalid base image name", stage.base.text);
            findings.add(&stage.header, Rule::InvalidDefaultArgInFrom, message);
        }
        if let Some((found, wanted)) = base.and_then(|base| base.platforms.as_ref())
            && (&found.os, &found.architecture) != (&wanted.os, &wanted.architecture)
        {
            let name = self.globals.expand(&stage.base, self.escape).map_or_else(|_| stage.base.text.clone(), |name| name.text);
            let (found, wanted) = (quote(&found.normalized().to_string()), quote(&wanted.normalized().to_string()));
            let message = format!("Base image {name} was pulled with platform {found}, expected {wanted} for current build");
            findings.add(&stage.header, Rule::InvalidBaseImagePlatform, message);
        }
    }

    fn undeclared(&self, stage: &Stage, word: &Word, findings: &mut Findings<'_>) {
        let Ok(expansion) = self.globals.expand(word, self.escape) else { return };
        for name in expansion.unset.iter().filter(|name| !self.declared.contains(*name)) {
            let known = self.declared.iter().map(String::as_str);
            let meant = nearest(name, known).map(|meant| format!(" (did you mean {meant}?)")).unwrap_or_default();
            findings.add(&stage.header, Rule::UndefinedArgInFrom, format!("FROM argument '{name}' is not declared{meant}"));
        }
    }

    fn platform(&self, stage: &Stage, platform: &Word, findings: &mut Findings<'_>) {
        let Ok(expansion) = self.globals.expand(platform, self.escape) else { return };
        if !expansion.unset.is_empty() {
            return;
        }
        if expansion.used.iter().eq([TARGET_PLATFORM]) && self.globals.value(TARGET_PLATFORM).is_some_and(|value| value == expansion.text) {
            let message = format!("Setting platform to predefined {} in FROM is redundant as this is the default behavior", platform.text);
            findings.add(&stage.header, Rule::RedundantTargetPlatform, message);
        }
        let Ok(parsed) = expansion.text.parse::<Platform>() else { return };
        let name = stage.name().unwrap_or_default();
        if expansion.used.is_empty() && !name.contains(&parsed.os) && !name.contains(&parsed.architecture) {
            let message = format!("FROM --platform flag should not use constant value {}", quote(&expansion.text));
            findings.add(&stage.header, Rule::FromPlatformFlagConstDisallowed, message);
        }
    }
}
