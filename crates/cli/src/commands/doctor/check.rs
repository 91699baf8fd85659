//! One check: what was found, and what mends it.

use std::path::Path;

use fault::Failure;

/// What was found out about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it is about.
    pub name: &'static str,
    /// Whether it works.
    pub state: State,
    /// What was found.
    pub found: String,
    /// The commands that mend it, as lines for a shell; what can only be said is a comment.
    pub mend: Option<String>,
}

/// Whether something works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Ok,
    /// Work can be done, with something less.
    Limited,
    /// Work that needs it cannot be done.
    Missing,
}

impl State {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Limited => "limited",
            Self::Missing => "missing",
        }
    }
}

impl Check {
    /// Says that something works.
    pub fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, state: State::Ok, found: found.into(), mend: None }
    }

    /// Says that something works less well than it could.
    pub fn limited(name: &'static str, found: impl Into<String>) -> Self {
        Self { state: State::Limited, ..Self::ok(name, found) }
    }

    /// Says that something does not work.
    pub fn missing(name: &'static str, found: impl Into<String>) -> Self {
        Self { state: State::Missing, ..Self::ok(name, found) }
    }

    /// Says that something failed, with all its causes and its hint.
    pub fn failed(name: &'static str, failure: &Failure) -> Self {
        let said = failure.lines().into_iter().chain(failure.causes()).collect::<Vec<_>>().join(": ");
        let mend = failure.fault().hint().map(|hint| format!("# {hint}"));
        Self { mend, ..Self::missing(name, said) }
    }

    /// Adds what mends it.
    #[must_use]
    pub fn mended_by(self, commands: impl Into<String>) -> Self {
        Self { mend: Some(commands.into()), ..self }
    }
}

/// Writes a path as one word of a shell.
pub fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+:,@%=".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn a_path_is_one_word() {
        for (path, expected) in [("/a/b-1.0", "/a/b-1.0"), ("/a b", "'/a b'"), ("/it's", r"'/it'\''s'"), ("", "''"), ("/$HOME", "'/$HOME'")]
        {
            assert_eq!(word(path.as_ref()), expected);
        }
    }
}
