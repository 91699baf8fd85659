//! One pattern, in the four kinds that patternmatcher has: they differ where a pattern begins with `**`.

use crate::wildcard::{Token, tokens};

/// A pattern that was read.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub text: String,
    pub negative: bool,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Exact,
    /// Ends in `**`, and nothing else is special.
    Prefix(String),
    /// Begins with `**`, and nothing else is special: what follows may end any name.
    Suffix(String),
    Steps(Vec<Step>),
}

#[derive(Clone, Debug)]
enum Step {
    Token(Token),
    /// `**/`: any folders, or none.
    Folders,
    /// `**` at the end: anything.
    Anything,
}

impl Pattern {
    /// Reads a pattern without its `!`; nothing when Go's `filepath.Match` refuses it.
    pub fn parse(text: &str, negative: bool) -> Option<Self> {
        let tokens = tokens(text)?;
        let mut steps = Vec::new();
        let (mut exact, mut prefix, mut suffix, mut steps_only) = (true, false, false, false);
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                Token::Star if tokens.get(at) == Some(&Token::Star) => {
                    let first = at == 1;
                    at += 1;
                    if tokens.get(at) == Some(&Token::Letter('/')) {
                        at += 1;
                    }
                    let last = at >= tokens.len();
                    // What patternmatcher calls a prefix, a suffix or a regular expression, in its order.
                    match (last, exact) {
                        (true, true) => (exact, prefix) = (false, true),
                        _ => (exact, prefix, suffix, steps_only) = (false, false, false, true),
                    }
                    steps.push(if last { Step::Anything } else { Step::Folders });
                    if first {
                        (exact, prefix, suffix, steps_only) = (false, false, true, false);
                    }
                }
                Token::Star | Token::Any | Token::Class { .. } | Token::Escaped(_) => {
                    (exact, prefix, suffix, steps_only) = (false, false, false, true);
                    steps.push(Step::Token(token.clone()));
                }
                Token::Letter(']') => {
                    (exact, prefix, suffix, steps_only) = (false, false, false, true);
                    steps.push(Step::Token(token.clone()));
                }
                Token::Letter(_) => steps.push(Step::Token(token.clone())),
            }
        }
        let kind = if exact {
            Kind::Exact
        } else if prefix {
            Kind::Prefix(text.strip_suffix("**").unwrap_or(text).to_owned())
        } else if suffix && !steps_only {
            Kind::Suffix(text.strip_prefix("**").unwrap_or(text).to_owned())
        } else {
            Kind::Steps(steps)
        };
        Some(Self { text: text.to_owned(), negative, kind })
    }

    /// Tells whether the pattern means this path itself.
    pub fn matches(&self, path: &str) -> bool {
        match &self.kind {
            Kind::Exact => path == self.text,
            Kind::Prefix(prefix) => path.starts_with(prefix.as_str()),
            Kind::Suffix(suffix) => path.ends_with(suffix.as_str()) || suffix.strip_prefix('/') == Some(path),
            Kind::Steps(steps) => run(steps, path),
        }
    }

    /// Tells whether the pattern means this path or a folder that it lies in.
    pub fn matches_or_parent(&self, path: &str) -> bool {
        self.matches(path) || path.match_indices('/').any(|(at, _)| at > 0 && path.get(..at).is_some_and(|parent| self.matches(parent)))
    }
}

/// Follows all ways through the steps at once: the time is that of pattern times path.
fn run(steps: &[Step], path: &str) -> bool {
    let letters: Vec<char> = path.chars().collect();
    let mut reached = vec![false; letters.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for step in steps {
        let mut next = vec![false; letters.len() + 1];
        let mut open = false;
        for (at, cell) in next.iter_mut().enumerate() {
            let here = reached.get(at).copied().unwrap_or_default();
            let before = at.checked_sub(1).and_then(|before| Some((*reached.get(before)?, *letters.get(before)?)));
            *cell = match step {
                Step::Anything => {
                    open |= here;
                    open
                }
                Step::Folders => {
                    let fits = here || (open && before.is_some_and(|(_, letter)| letter == '/'));
                    open |= here;
                    fits
                }
                Step::Token(Token::Star) => {
                    open = here || (open && before.is_some_and(|(_, letter)| letter != '/'));
                    open
                }
                Step::Token(token) => before.is_some_and(|(reached, letter)| reached && token.takes(letter)),
            };
        }
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

/// Tells whether a pattern may mean something below a folder.
pub(crate) fn components_reach(pattern: &str, folder: &str) -> bool {
    let mut parts = pattern.split('/');
    for name in folder.split('/') {
        let Some(part) = parts.next() else { return false };
        if part.contains("**") {
            return true;
        }
        if !Pattern::parse(part, false).is_none_or(|part| part.matches(name)) {
            return false;
        }
    }
    parts.next().is_some()
}
