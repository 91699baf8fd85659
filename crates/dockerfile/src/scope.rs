//! Which variables an instruction sees: the global arguments, and those of a stage.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use fault::{Fault, Hint, Kind};

use crate::automatic::AutomaticArguments;
use crate::expand::{Environment, ExpandError, Expansion, Rules, expand};
use crate::heredoc::Heredoc;
use crate::instruction::{Declaration, Instruction};
use crate::source::{Source, Span, Word};
use crate::suggest::nearest;

/// Arguments that are for the builder, and never become variables of a command.
const NEVER_SET: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// The arguments that say how the network is reached.
const PROXIES: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/// A word that cannot be expanded, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct ScopeError {
    /// Why not.
    pub error: Box<ExpandError>,
    /// Where: from the place in the word to its end.
    pub span: Span,
}

impl ScopeError {
    pub(crate) fn new(error: ExpandError, word: &Word) -> Self {
        let start = (word.span.start + error.offset).min(word.span.end.max(word.span.start));
        Self { error: Box::new(error), span: Span::new(start, word.span.end) }
    }

    /// Returns the lines that show it: the place and what is wrong, the line, and a mark under it.
    pub fn render(&self, source: &Source) -> Vec<String> {
        source.show(self.span, &self.to_string())
    }
}

impl Fault for ScopeError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        self.error.hint()
    }
}

/// What an `ENV`, `ARG` or `LABEL` came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The names with their values; an `ARG` may have none.
    pub pairs: Vec<(String, Option<String>)>,
    /// The variables that were looked up and are set.
    pub used: BTreeSet<String>,
    /// The variables that were looked up and are not set.
    pub unset: BTreeSet<String>,
}

/// Names with their values in the order of first definition, found without looking at all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ordered<T> {
    pairs: Vec<(String, T)>,
    places: HashMap<String, usize>,
}

impl<T> Ordered<T> {
    /// Sets a variable where it stands, or behind the others.
    fn set(&mut self, name: &str, value: T) {
        let place = self.places.get(name).and_then(|place| self.pairs.get_mut(*place));
        match place {
            Some((_, own)) => *own = value,
            None => {
                self.places.insert(name.to_owned(), self.pairs.len());
                self.pairs.push((name.to_owned(), value));
            }
        }
    }

    fn get(&self, name: &str) -> Option<&T> {
        self.places.get(name).and_then(|place| self.pairs.get(*place)).map(|(_, value)| value)
    }
}

/// The arguments before the first `FROM`: only `FROM` lines and later global arguments see them.
#[derive(Clone, Debug, Default)]
pub struct Globals {
    variables: Ordered<String>,
    build_arguments: BTreeMap<String, String>,
}

impl Globals {
    /// Begins with the automatic arguments, and with those of the command line, which win over every default.
    pub fn new(automatic: AutomaticArguments, build_arguments: BTreeMap<String, String>) -> Self {
        let mut variables = Ordered::default();
        for (name, value) in automatic.into_pairs() {
            variables.set(&name, build_arguments.get(&name).cloned().unwrap_or(value));
        }
        Self { variables, build_arguments }
    }

    /// Takes a global `ARG`, name by name: a default sees the ones before it.
    ///
    /// # Errors
    /// Names the default that cannot be expanded.
    pub fn declare(&mut self, declarations: &[Declaration], escape: char) -> Result<Applied, ScopeError> {
        let mut applied = Applied::default();
        for Declaration { name, default, .. } in declarations {
            let value = match (self.build_arguments.get(&name.text), default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => Some(applied.take(self.expand(default, escape)?)),
                (None, None) => None,
            };
            if let Some(value) = &value {
                self.variables.set(&name.text, value.clone());
            }
            applied.pairs.push((name.text.clone(), value));
        }
        Ok(applied)
    }

    /// Expands a word of a `FROM`.
    ///
    /// # Errors
    /// Names the word.
    pub fn expand(&self, word: &Word, escape: char) -> Result<Expansion, ScopeError> {
        expand(&word.text, self, Rules::word(escape)).map_err(|error| ScopeError::new(error, word))
    }

    /// Returns the names that are set, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.pairs.iter().map(|(name, _)| name.as_str())
    }

    /// Returns the proxies of the command line in upper and in lower case, for the environment of every command. They
    /// need no `ARG`, and belong neither into a history nor into a cache key.
    pub fn proxies(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for name in PROXIES {
            let given = self.build_arguments.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
            if let Some((_, value)) = given {
                pairs.push((name.to_owned(), value.clone()));
                pairs.push((name.to_lowercase(), value.clone()));
            }
        }
        pairs
    }

    /// Returns the arguments of the command line.
    pub fn build_arguments(&self) -> &BTreeMap<String, String> {
        &self.build_arguments
    }
}

impl Environment for Globals {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.variables.get(name).map(|value| Cow::Borrowed(value.as_str()))
    }
}

impl Applied {
    fn take(&mut self, expansion: Expansion) -> String {
        self.used.extend(expansion.used);
        self.unset.extend(expansion.unset);
        expansion.text
    }
}

/// The variables of a stage, as they are after each instruction.
///
/// ```
/// use dockerfile::{Globals, Source, StageScope, parse};
///
/// let file = parse(&Source::new("Dockerfile", "FROM scratch\nENV A=env\nARG A=arg\n"))?;
/// let globals = Globals::default();
/// let mut scope = StageScope::new([("PATH".to_owned(), "/bin".to_owned())]);
/// for statement in &file.stages[0].statements {
///     scope.apply(&statement.instruction, &globals, '\\')?;
/// }
/// assert_eq!(scope.run_prefix(), ["|1", "A=arg"]);
/// assert_eq!(scope.image_environment()[1], ("A".to_owned(), "env".to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageScope {
    variables: Ordered<String>,
    image: Ordered<String>,
    arguments: Ordered<Option<String>>,
}

impl StageScope {
    /// Begins a stage with the environment of its image. A stage that begins with another one takes a clone of its
    /// scope instead: it inherits arguments too.
    pub fn new(environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut image = Ordered::default();
        for (name, value) in environment {
            image.set(&name, value);
        }
        Self { variables: image.clone(), image, arguments: Ordered::default() }
    }

    /// Takes an instruction: `ENV` and `ARG` set variables, `LABEL` is expanded only, and others change nothing.
    ///
    /// All of an `ENV` or `LABEL` sees the variables as they were before it; an `ARG` is taken name by name. Whichever
    /// of `ENV` and `ARG` comes last wins, though the image's environment has only what `ENV` sets.
    ///
    /// # Errors
    /// Names the word that cannot be expanded.
    pub fn apply(&mut self, instruction: &Instruction, globals: &Globals, escape: char) -> Result<Applied, ScopeError> {
        match instruction {
            Instruction::Arg(declarations) => self.declare(declarations, globals, escape),
            Instruction::Env(pairs) => {
                let applied = self.expand_pairs(&pairs.pairs, escape)?;
                for (name, value) in &applied.pairs {
                    let value = value.clone().unwrap_or_default();
                    self.variables.set(name, value.clone());
                    self.image.set(name, value);
                }
                Ok(applied)
            }
            Instruction::Label(pairs) => self.expand_pairs(&pairs.pairs, escape),
            _ => Ok(Applied::default()),
        }
    }

    fn expand_pairs(&self, pairs: &[(Word, Word)], escape: char) -> Result<Applied, ScopeError> {
        let mut applied = Applied::default();
        for (name, value) in pairs {
            let name = applied.take(self.expand(name, escape)?);
            let value = applied.take(self.expand(value, escape)?);
            applied.pairs.push((name, Some(value)));
        }
        Ok(applied)
    }

    fn declare(&mut self, declarations: &[Declaration], globals: &Globals, escape: char) -> Result<Applied, ScopeError> {
        let mut applied = Applied::default();
        for Declaration { name, default, .. } in declarations {
            let name = name.text.as_str();
            let value = match (globals.build_arguments.get(name), default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => Some(applied.take(self.expand(default, escape)?)),
                (None, None) => globals.value(name).map(Cow::into_owned),
            };
            if let Some(value) = value.as_ref().filter(|_| !NEVER_SET.contains(&name)) {
                self.variables.set(name, value.clone());
            }
            self.arguments.set(name, value.clone());
            applied.pairs.push((name.to_owned(), value));
        }
        Ok(applied)
    }

    /// Expands a word of an instruction.
    ///
    /// # Errors
    /// Names the word, and the place in it.
    pub fn expand(&self, word: &Word, escape: char) -> Result<Expansion, ScopeError> {
        self.expand_by(word, Rules::word(escape))
    }

    /// Expands a word by other rules, such as [`Rules::heredoc`].
    ///
    /// # Errors
    /// Names the word, and the place in it.
    pub fn expand_by(&self, word: &Word, rules: Rules) -> Result<Expansion, ScopeError> {
        expand(&word.text, self, rules).map_err(|error| ScopeError::new(error, word))
    }

    /// Returns the content of a heredoc of `COPY` or `ADD` as its file gets it: expanded, unless its word was quoted.
    ///
    /// # Errors
    /// Names the content, and the place in it.
    pub fn expand_heredoc(&self, heredoc: &Heredoc) -> Result<Expansion, ScopeError> {
        let text = heredoc.text();
        if !heredoc.expands {
            return Ok(Expansion { text, ..Expansion::default() });
        }
        self.expand_by(&Word::new(text, heredoc.content_span), Rules::heredoc())
    }

    /// Returns the environment of a command, in the order of first definition.
    pub fn environment(&self) -> &[(String, String)] {
        &self.variables.pairs
    }

    /// Returns the environment that the image keeps: what its base had, and what `ENV` set.
    pub fn image_environment(&self) -> &[(String, String)] {
        &self.image.pairs
    }

    /// Returns the arguments that were declared, in the order of first declaration.
    pub fn arguments(&self) -> &[(String, Option<String>)] {
        &self.arguments.pairs
    }

    /// Returns the words that stand before a command in the history: `|2`, `a=1`, `b=1`; none without arguments.
    pub fn run_prefix(&self) -> Vec<String> {
        let arguments = &self.arguments.pairs;
        if arguments.is_empty() {
            return Vec::new();
        }
        let pair = |(name, value): &(String, Option<String>)| {
            let value = self.value(name).map_or_else(|| value.clone().unwrap_or_default(), Cow::into_owned);
            format!("{name}={value}")
        };
        std::iter::once(format!("|{}", arguments.len())).chain(arguments.iter().map(pair)).collect()
    }

    /// Tells whether looking up an unset variable is worth a warning, and which one may have been meant.
    ///
    /// An argument that was declared without a value is left out on purpose.
    pub fn undefined(&self, name: &str) -> Option<Option<&str>> {
        let declared = self.arguments.get(name).is_some() || NEVER_SET.contains(&name);
        (!declared && self.value(name).is_none()).then(|| nearest(name, self.variables.pairs.iter().map(|(own, _)| own.as_str())))
    }
}

impl StageScope {
    /// Tells whether a variable is set.
    pub fn is_set(&self, name: &str) -> bool {
        self.variables.get(name).is_some()
    }
}

impl Environment for StageScope {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.variables.get(name).map(|value| Cow::Borrowed(value.as_str()))
    }
}
