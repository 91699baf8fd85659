//! The comments at the top that change how a file is read: `syntax`, `escape` and `check`.

use crate::problem::{Collector, Problem, Reason};
use crate::source::{Source, Span, Word};

/// What the directives of a file say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directives {
    /// The character that escapes and continues lines: `\` or `` ` ``.
    pub escape: char,
    /// The frontend that `# syntax=` names, up to the first blank.
    pub syntax: Option<Word>,
    /// What `# check=` asks for.
    pub check: CheckOptions,
}

impl Default for Directives {
    fn default() -> Self {
        Self { escape: '\\', syntax: None, check: CheckOptions::default() }
    }
}

/// Which build checks run, and what they lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// The rules that are left out.
    pub skip: Rulebook,
    /// The experimental rules that run as well.
    pub experimental: Rulebook,
    /// A finding fails the build.
    pub error: bool,
}

/// A choice of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rulebook {
    /// The rules of these names; none by default.
    Named(Vec<String>),
    /// Every rule.
    All,
}

impl Default for Rulebook {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

impl Rulebook {
    /// Tells whether a rule is among them; names are compared without regard to case.
    pub fn contains(&self, rule: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|name| name.eq_ignore_ascii_case(rule)),
        }
    }

    fn read(value: &str) -> Self {
        match value.trim() {
            "all" => Self::All,
            names => Self::Named(names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()),
        }
    }
}

impl CheckOptions {
    /// Reads the value of `# check=` or of the build argument `BUILDKIT_DOCKERFILE_CHECK`:
    /// `skip=A,B;error=true;experimental=C`, each part once at most and each list `all` or names.
    ///
    /// # Errors
    /// Names the part that cannot be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut options = Self::default();
        for part in text.trim().splitn(3, ';').filter(|_| !text.trim().is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(|| format!("invalid check option {}", crate::quote::quote(part)))?;
            match key.trim() {
                "skip" => options.skip = Rulebook::read(value),
                "experimental" => options.experimental = Rulebook::read(value),
                "error" => {
                    options.error =
                        boolean(value.trim()).ok_or_else(|| format!("failed to parse check option {}", crate::quote::quote(part)))?;
                }
                other => return Err(format!("invalid check option {}", crate::quote::quote(other))),
            }
        }
        Ok(options)
    }
}

/// Reads a truth value as Go does.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// One `# name = value`.
struct Found<'s> {
    name: &'static str,
    value: &'s str,
    /// Where the value stands.
    span: Span,
    line: Span,
}

/// Reads a directive from a line that begins with `mark`; nothing ends the search.
fn directive<'s>(line: &'s str, start: usize, mark: &str) -> Option<Found<'s>> {
    let inside = line.strip_prefix(mark)?.trim_start();
    let (name, value) = inside.split_once('=')?;
    let name = name.trim_end();
    let name = ["syntax", "escape", "check"].into_iter().find(|known| known.eq_ignore_ascii_case(name))?;
    let value = value.trim();
    // The pointers are of one text, so their distance is the place.
    let at = start + (value.as_ptr() as usize - line.as_ptr() as usize);
    (!value.is_empty()).then(|| Found {
        name,
        value,
        span: Span::new(at, at + value.len()),
        line: Span::new(start, start + line.trim_end().len()),
    })
}

/// Reads the directives of a file and says what is wrong with them.
pub(crate) fn read(source: &Source, problems: &mut Collector) -> Directives {
    let mut directives = Directives::default();
    let mut seen: Vec<&str> = Vec::new();
    for (start, line) in physical(source) {
        let trimmed = line.trim_start();
        let Some(found) = directive(trimmed, start + line.len() - trimmed.len(), "#") else { break };
        if seen.contains(&found.name) {
            problems.add(Problem::new(source, found.line, Reason::RepeatedDirective(found.name), None));
            continue;
        }
        seen.push(found.name);
        if found.name == "escape" {
            match found.value {
                "\\" | "`" => directives.escape = found.value.chars().next().unwrap_or('\\'),
                other => problems.add(Problem::new(source, found.span, Reason::EscapeToken(other.to_owned()), None)),
            }
        }
    }
    // A first line of `#!` ends the search for `escape` only.
    let lines = || physical(source).skip_while(|(start, line)| source.line_of(*start) == 1 && line.starts_with("#!"));
    let first = |name: &str, mark: &'static str| {
        lines().map_while(|(start, line)| directive(line, start, mark)).find(|found| found.name == name).map(|found| {
            let word = found.value.split(' ').next().unwrap_or_default();
            Word::new(word, Span::new(found.span.start, found.span.start + word.len()))
        })
    };
    directives.syntax = first("syntax", "#").or_else(|| first("syntax", "//"));
    if let Some(check) = first("check", "#") {
        match CheckOptions::parse(&check.text) {
            Ok(options) => directives.check = options,
            Err(reason) => problems.add(Problem::new(source, check.span, Reason::CheckDirective(reason), None)),
        }
    }
    directives
}

/// Returns the frontend that a text names in any of the ways that BuildKit knows: `# syntax=`, `// syntax=`, or a JSON
/// object with the field `syntax`.
pub fn detect_syntax(source: &Source) -> Option<String> {
    let directives = read(source, &mut Collector::default());
    let json = || {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(source.text()).ok()?;
        Some(object.get("syntax")?.as_str()?.to_owned())
    };
    directives.syntax.map(|word| word.text).or_else(json)
}

/// Returns the lines with their offsets, without ends and byte order mark.
fn physical(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    source.text().split_inclusive('\n').map(move |raw| {
        let start = offset;
        offset += raw.len();
        match raw.strip_prefix('\u{feff}') {
            Some(line) if start == 0 => (raw.len() - line.len(), line.trim_end_matches(['\r', '\n'])),
            _ => (start, raw.trim_end_matches(['\r', '\n'])),
        }
    })
}
