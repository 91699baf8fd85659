//! The build checks: what is allowed and yet unwise, in BuildKit's words, and one rule of polyarch's own.
//!
//! [`check`] leaves out what `# check=skip=` names, for the file and above an instruction. `error=true` is for the caller:
//! see [`CheckOptions::error`](crate::CheckOptions::error).

mod architecture;
mod from;
mod rule;
mod scopes;
mod stage;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use oci::Platform;

use crate::automatic::AutomaticArguments;
use crate::directive::CheckOptions;
use crate::ignore::PatternList;
use crate::instruction::{Dockerfile, Header};
use crate::source::Span;

pub use rule::Rule;

/// How many warnings are looked for with effort.
const ENOUGH: usize = 1000;

/// A rule that a file does not keep.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The line of the instruction, from 1.
    pub line: usize,
    /// The rule.
    pub rule: Rule,
    /// What is unwise.
    pub message: String,
    /// The last line that it is about.
    pub last_line: usize,
    /// The instruction.
    pub span: Span,
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} (line {})", self.rule, self.message, self.line)
    }
}

/// What is known of the image that a stage begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageBase {
    /// The environment of the image; nothing when the image was not looked at, and then what it may set is not missed.
    pub environment: Option<Vec<(String, String)>>,
    /// The image has a shell of its own for what is written as a text.
    pub has_shell: bool,
    /// What the image is for, and what it is wanted for.
    pub platforms: Option<(Platform, Platform)>,
}

/// What a file is checked with, beside its text.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The arguments that every build has.
    pub automatic: AutomaticArguments,
    /// `--build-arg`.
    pub build_arguments: BTreeMap<String, String>,
    /// The images that stages begin with, by the number of the stage. A stage that begins with another one inherits from it.
    pub bases: BTreeMap<usize, StageBase>,
    /// The stages that are built; all without it. What is said of a whole file is said of the others, too.
    pub stages: Option<BTreeSet<usize>>,
    /// The `.dockerignore` of the build context.
    pub ignore: Option<PatternList>,
    /// The file is for one architecture, which it may name.
    pub is_for_one_architecture: bool,
}

/// Finds what is unwise in a file.
///
/// `options` are those of the file, or those that replace them ([`CheckOptions::parse`] of a build argument). A file that cannot
/// be expanded is checked up to there: the build says why.
///
/// ```
/// use dockerfile::lint::{Surroundings, check};
/// use dockerfile::{Source, parse};
///
/// let file = parse(&Source::new("Dockerfile", "FROM alpine\nMAINTAINER me\n"))?;
/// let warnings = check(&file, &Surroundings::default(), &file.directives.check);
/// assert_eq!(
///     warnings[0].to_string(),
///     "MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 2)",
/// );
/// # Ok::<(), dockerfile::Problems>(())
/// ```
pub fn check(file: &Dockerfile, surroundings: &Surroundings, options: &CheckOptions) -> Vec<Warning> {
    let mut findings = Findings { options, warnings: Vec::new() };
    text::check(file, &mut findings);
    stage::check(file, surroundings, &mut findings);
    if !surroundings.is_for_one_architecture {
        architecture::check(file, surroundings, &mut findings);
    }
    scopes::check(file, surroundings, &mut findings);
    findings.finish()
}

/// Tells whether a text, such as the name of a file, names an architecture: `Dockerfile.arm64`.
pub fn names_an_architecture(text: &str) -> bool {
    architecture::is_named_in(text)
}

impl Surroundings {
    /// Tells whether the instructions of a stage count.
    fn has(&self, stage: usize) -> bool {
        self.stages.as_ref().is_none_or(|stages| stages.contains(&stage))
    }
}

/// Collects warnings that are wanted.
struct Findings<'o> {
    options: &'o CheckOptions,
    warnings: Vec<Warning>,
}

impl Findings<'_> {
    /// Adds a warning about an instruction.
    fn add(&mut self, header: &Header, rule: Rule, message: String) {
        self.add_on_lines(header, header.first_line, rule, message);
    }

    /// Adds a warning about the lines of an instruction from `line` on.
    fn add_on_lines(&mut self, header: &Header, line: usize, rule: Rule, message: String) {
        if self.wants(rule) && !header.check.skip.contains(rule.name()) {
            self.warnings.push(Warning { line, rule, message, last_line: header.last_line, span: header.span });
        }
    }

    /// Tells whether a rule is looked for in the file.
    fn wants(&self, rule: Rule) -> bool {
        let is_asked = !rule.is_experimental() || self.options.experimental.contains(rule.name());
        is_asked && !self.options.skip.contains(rule.name())
    }

    /// Tells whether there are more warnings than anybody reads; then no effort is made to find others.
    fn is_full(&self) -> bool {
        self.warnings.len() >= ENOUGH
    }

    fn finish(mut self) -> Vec<Warning> {
        self.warnings.sort();
        self.warnings.dedup();
        self.warnings
    }
}
