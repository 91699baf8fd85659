//! The build checks: what is allowed and yet unwise, in BuildKit's words.
//!
//! [`check`] needs only the text, [`check_scopes`] follows the variables too. Both leave out what `# check=skip=` names,
//! for the file and above an instruction. `error=true` is for the caller: see
//! [`CheckOptions::error`](crate::CheckOptions::error).

mod scopes;
mod text;

use std::fmt;

use crate::directive::CheckOptions;
use crate::instruction::{Dockerfile, Header};
use crate::source::Span;

pub use scopes::{StageBase, check_scopes};

/// How many warnings are looked for with effort.
const ENOUGH: usize = 1000;

/// A rule that a file does not keep.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The line of the instruction, from 1.
    pub line: usize,
    /// The rule.
    pub rule: &'static str,
    /// What is unwise.
    pub message: String,
    /// Where.
    pub span: Span,
}

impl Warning {
    /// Returns the page that explains the rule.
    pub fn url(&self) -> String {
        let mut page = String::new();
        let mut before = None;
        for letter in self.rule.chars() {
            if letter.is_ascii_uppercase() && before.is_some_and(|before: char| before.is_ascii_lowercase()) {
                page.push('-');
            }
            page.push(letter.to_ascii_lowercase());
            before = Some(letter);
        }
        // `JSONArgs` is the one name with two capitals before a word.
        format!("https://docs.docker.com/go/dockerfile/rule/{}/", page.replace("jsonargs", "json-args"))
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} (line {})", self.rule, self.message, self.line)
    }
}

/// Finds what the text alone shows: names, casing, repeats, old forms and secrets.
///
/// `options` are those of the file, or those that replace them ([`CheckOptions::parse`] of a build argument).
///
/// ```
/// use dockerfile::{Source, lint, parse};
///
/// let file = parse(&Source::new("Dockerfile", "FROM alpine\nMAINTAINER me\n"))?;
/// let warnings = lint::check(&file, &file.directives.check);
/// assert_eq!(
///     warnings[0].to_string(),
///     "MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 2)",
/// );
/// # Ok::<(), dockerfile::Problems>(())
/// ```
pub fn check(file: &Dockerfile, options: &CheckOptions) -> Vec<Warning> {
    let mut findings = Findings { options, warnings: Vec::new() };
    text::check(file, &mut findings);
    findings.finish()
}

/// Collects warnings that are wanted.
struct Findings<'o> {
    options: &'o CheckOptions,
    warnings: Vec<Warning>,
}

impl Findings<'_> {
    /// Adds a warning about an instruction.
    fn add(&mut self, header: &Header, rule: &'static str, message: String) {
        self.add_on_line(header, header.first_line, rule, message);
    }

    fn add_on_line(&mut self, header: &Header, line: usize, rule: &'static str, message: String) {
        if !self.options.skip.contains(rule) && !header.check.skip.contains(rule) {
            self.warnings.push(Warning { line, rule, message, span: header.span });
        }
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
