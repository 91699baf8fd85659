//! What is wrong with a Dockerfile, and where: every problem of a file at once.

use std::fmt;

use fault::{Fault, Hint, Kind};

use crate::source::{Position, Source, Span};

/// More problems than these are counted, not kept: nobody reads them.
const KEPT: usize = 100;
/// And once their lines take more bytes than this: each problem has a line of its own.
const KEPT_BYTES: usize = 1 << 20;
/// A sentence has at most this many characters.
const LONGEST: usize = 1000;
/// A line is shown up to this many characters.
const SHOWN: usize = 160;

/// A sentence about what is wrong, in BuildKit's words where it has some, since people search for them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// There is no text.
    #[error("the Dockerfile cannot be empty")]
    Empty,
    /// There are comments only.
    #[error("file with no instructions")]
    NoInstructions,
    /// Instructions, but none of them begins a stage.
    #[error("no build stage in current context")]
    NoStage,
    /// An instruction before the first `FROM`.
    #[error("no build stage in current context: {0} stands before the first FROM")]
    BeforeStage(String),
    /// Bytes that are no text, inside an instruction.
    #[error("expected UTF-8, got other bytes")]
    NotText,
    /// A word that is no instruction.
    #[error("unknown instruction: {0}")]
    UnknownInstruction(String),
    /// A directive that stands there twice.
    #[error("only one {0} parser directive can be used")]
    RepeatedDirective(&'static str),
    /// An escape character that is neither of the two.
    #[error("invalid escape token '{0}' does not match ` or \\")]
    EscapeToken(String),
    /// A `# check=` that cannot be read.
    #[error("invalid check directive: {0}")]
    CheckDirective(String),
    /// A heredoc without its end.
    #[error("unterminated heredoc")]
    UnterminatedHeredoc {
        /// The word that should end it.
        word: String,
    },
    /// A heredoc whose word cannot be read.
    #[error("invalid heredoc word {0}")]
    HeredocWord(String),
    /// A flag that the instruction does not have.
    #[error("unknown flag: --{0}")]
    UnknownFlag(String),
    /// A flag that stands there twice.
    #[error("duplicate flag specified: {0}")]
    DuplicateFlag(String),
    /// A flag without its value.
    #[error("missing a value on flag: {0}")]
    MissingFlagValue(String),
    /// A flag that is neither true nor false.
    #[error("expecting boolean value for flag {flag}, not: {value}")]
    BooleanFlag {
        /// The flag.
        flag: String,
        /// What it was given.
        value: String,
    },
    /// A JSON array of something else than strings.
    #[error("when using JSON array syntax, arrays must be comprised of strings only")]
    JsonStrings,
    /// A `name=value` list with a word that is none.
    #[error("Syntax error - can't find = in {}. Must be of the form: name=value", crate::quote::quote(.0))]
    NoEquals(String),
    /// A name and no value.
    #[error("{0} must have two arguments")]
    TwoArguments(&'static str),
    /// Nothing after the name of the instruction.
    #[error("{0} requires at least one argument")]
    AtLeastOne(&'static str),
    /// Not one word.
    #[error("{0} requires exactly one argument")]
    ExactlyOne(&'static str),
    /// A `COPY` or `ADD` that does not say where to.
    #[error("{0} requires at least two arguments, but only one was provided. Destination could not be determined")]
    NoDestination(&'static str),
    /// A heredoc where a path belongs.
    #[error("{0} cannot accept a heredoc as a destination")]
    HeredocDestination(&'static str),
    /// A name of no letters.
    #[error("{0} names can not be blank")]
    BlankName(&'static str),
    /// A `FROM` of two or more than three words.
    #[error("FROM requires either one or three arguments")]
    FromArguments,
    /// A stage name that cannot be one.
    #[error("invalid name for build stage: {}, name can't start with a number or contain symbols", crate::quote::quote(.0))]
    StageName(String),
    /// `ONBUILD ONBUILD`.
    #[error("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")]
    OnbuildOnbuild,
    /// An instruction that cannot wait for a child.
    #[error("{0} isn't allowed as an ONBUILD trigger")]
    OnbuildTrigger(String),
    /// A trigger text of none or several instructions.
    #[error("onbuild trigger should be a single expression")]
    SingleTrigger,
    /// `SHELL` without brackets.
    #[error("SHELL requires the arguments to be in JSON form")]
    ShellForm,
    /// A volume without a name.
    #[error("VOLUME specified can not be an empty string")]
    EmptyVolume,
    /// `HEALTHCHECK NONE` with something behind.
    #[error("HEALTHCHECK NONE takes no arguments")]
    HealthcheckNone,
    /// `HEALTHCHECK CMD` with nothing behind.
    #[error("Missing command after HEALTHCHECK CMD")]
    HealthcheckCommand,
    /// Neither `NONE` nor `CMD`.
    #[error("Unknown type {} in HEALTHCHECK (try CMD)", crate::quote::quote(.0))]
    HealthcheckType(String),
    /// A duration of a flag that cannot be read or is too short, in Go's words.
    #[error("{0}")]
    Duration(String),
    /// A number of retries that is none.
    #[error("--retries must be a whole number from 0 to 2147483647, not: {0}")]
    Retries(String),
    /// A signal that does not exist.
    #[error("invalid signal: {0}")]
    Signal(String),
    /// A mount that makes no sense.
    #[error("{0}")]
    Mount(#[from] crate::mount::MountError),
    /// A network mode that does not exist.
    #[error("unsupported network mode {}", crate::quote::quote(.0))]
    Network(String),
    /// A security mode that does not exist.
    #[error("security {} is not valid", crate::quote::quote(.0))]
    Security(String),
    /// `RUN --device`, which BuildKit has in its labs channel only.
    #[error("device feature is only supported in Dockerfile frontend 1.14.0-labs or later")]
    Device,
    /// A variable in a flag that takes none.
    #[error("variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround")]
    FromVariable,
    /// A wrong mode.
    #[error("{0}")]
    Chmod(#[from] crate::chmod::ChmodError),
    /// A checksum of what has none.
    #[error("checksum requires HTTP(S) or Git sources")]
    ChecksumSource,
    /// A URL where `COPY` takes paths only.
    #[error("source can't be a URL for COPY")]
    CopyUrl,
    /// A pattern of `--exclude` that cannot be read.
    #[error("{0}")]
    Pattern(#[from] crate::ignore::PatternError),
}

/// One thing that is wrong, with its place and the line it stands on.
///
/// `Display` is one line: BuildKit's `dockerfile parse error on line 2: unknown instruction: COPPY (did you mean COPY?)`.
/// [`render`](Problem::render) gives the lines for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub reason: Reason,
    /// The name of the source.
    pub file: String,
    /// The bytes it is about.
    pub span: Span,
    /// Where they begin.
    pub position: Position,
    /// The line they begin on.
    pub line: String,
    /// How many characters of that line the mark covers, at least one.
    pub width: usize,
    /// What may have been meant.
    pub suggestion: Option<String>,
}

impl Problem {
    /// Makes a problem at a place of a source.
    pub fn new(source: &Source, span: Span, reason: Reason, suggestion: Option<String>) -> Self {
        let position = source.position(span.start);
        let line = source.line(position.line).to_owned();
        let rest = line.chars().count().saturating_sub(position.column - 1);
        let width = source.slice(span).lines().next().map_or(0, |text| text.chars().count()).min(rest).max(1);
        Self { reason, file: source.name().to_owned(), span, position, line, width, suggestion }
    }

    /// Tells whether the whole file is meant rather than a place in it.
    fn is_general(&self) -> bool {
        matches!(self.reason, Reason::Empty | Reason::NoInstructions | Reason::NoStage)
    }

    /// Returns the lines that show it: the place and what is wrong, the line, and a mark under it.
    ///
    /// ```
    /// let source = dockerfile::Source::new("Dockerfile", "FROM scratch\nCOPPY a b\n");
    /// let problems = dockerfile::parse(&source).unwrap_err();
    /// assert_eq!(
    ///     problems.iter().next().unwrap().render(),
    ///     ["Dockerfile:2:1: unknown instruction: COPPY (did you mean COPY?)", "  2 | COPPY a b", "    | ^^^^^"],
    /// );
    /// ```
    pub fn render(&self) -> Vec<String> {
        let sentence = self.sentence();
        if self.is_general() {
            return vec![format!("{}: {sentence}", self.file)];
        }
        let mut lines = vec![format!("{}:{}: {sentence}", self.file, self.position)];
        lines.extend(excerpt(&self.line, self.position, self.width));
        lines
    }

    /// Says what is wrong, on one line of a bearable length, and without what a terminal would obey.
    fn sentence(&self) -> String {
        let sentence = match &self.suggestion {
            Some(suggestion) => format!("{} (did you mean {suggestion}?)", self.reason),
            None => self.reason.to_string(),
        };
        let printable = |letter: char| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter };
        match sentence.char_indices().nth(LONGEST) {
            Some((end, _)) => sentence.get(..end).unwrap_or_default().chars().map(printable).chain("...".chars()).collect(),
            None => sentence.chars().map(printable).collect(),
        }
    }
}

/// Shows a line with its number, and a mark under a part of it. What a terminal would obey is shown as a blank.
pub(crate) fn excerpt(line: &str, position: Position, width: usize) -> [String; 2] {
    let from = position.column.saturating_sub(1).saturating_sub(SHOWN / 2);
    let from = if line.chars().count() <= SHOWN { 0 } else { from };
    let shown: String = line.chars().skip(from).take(SHOWN).map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let number = position.line.to_string();
    let indent = position.column.saturating_sub(1) - from;
    let marks = width.min(SHOWN.saturating_sub(indent)).max(1);
    [format!("  {number} | {shown}"), format!("  {} | {}{}", " ".repeat(number.len()), " ".repeat(indent), "^".repeat(marks))]
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_general() {
            write!(formatter, "dockerfile parse error on line {}: ", self.position.line)?;
        }
        formatter.write_str(&self.sentence())
    }
}

impl std::error::Error for Problem {}

impl Fault for Problem {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        let text = match &self.reason {
            Reason::UnterminatedHeredoc { word } => format!("end it with {word} on a line of its own, without blanks around it"),
            Reason::JsonStrings => "put every element between double quotes".to_owned(),
            Reason::NoEquals(_) => "put a value with blanks between quotes: name=\"a b\"".to_owned(),
            Reason::Device => "polyarch has no --device".to_owned(),
            Reason::ShellForm => "write SHELL [\"/bin/sh\", \"-c\"]".to_owned(),
            Reason::CopyUrl => "write ADD for a URL".to_owned(),
            Reason::BeforeStage(_) => "only ARG may stand before the first FROM".to_owned(),
            Reason::NotText => "save the file as UTF-8".to_owned(),
            // What may have been meant stands in the sentence.
            _ => return None,
        };
        Some(Hint::new(text))
    }
}

/// Everything that is wrong with a file, in the order of the file; at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    first: Box<Problem>,
    others: Vec<Problem>,
    uncounted: usize,
}

impl Problems {
    /// Returns the problems that were kept: the first hundred.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        std::iter::once(&*self.first).chain(&self.others)
    }

    /// Returns how many there are, also those beyond the first hundred.
    pub fn count(&self) -> usize {
        1 + self.others.len() + self.uncounted
    }

    /// Returns the lines that show them all, for a person.
    pub fn render(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.iter().flat_map(Problem::render).collect();
        if self.uncounted > 0 {
            lines.push(format!("and {} more", self.uncounted));
        }
        lines
    }
}

impl From<Problem> for Problems {
    fn from(first: Problem) -> Self {
        Self { first: Box::new(first), others: Vec::new(), uncounted: 0 }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.first)?;
        match self.count() - 1 {
            0 => Ok(()),
            more => write!(formatter, ", and {more} more"),
        }
    }
}

impl std::error::Error for Problems {}

impl Fault for Problems {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        self.first.hint()
    }
}

/// Collects problems while a file is read.
#[derive(Default)]
pub(crate) struct Collector {
    found: Vec<Problem>,
    uncounted: usize,
    /// How many bytes of lines are kept with the problems.
    bytes: usize,
}

impl Collector {
    pub fn add(&mut self, problem: Problem) {
        if self.is_full() {
            self.uncounted += 1;
            return;
        }
        self.bytes += problem.line.len();
        self.found.push(problem);
    }

    /// Tells whether a further problem would only be counted; then it need not be made.
    pub fn is_full(&self) -> bool {
        self.found.len() >= KEPT || self.bytes > KEPT_BYTES
    }

    /// Counts a problem that is not kept.
    pub fn count(&mut self) {
        self.uncounted += 1;
    }

    /// Tells whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns the problems in the order of the file.
    pub fn finish(mut self) -> Result<(), Problems> {
        self.found.sort_by_key(|problem| problem.span.start);
        let mut found = self.found.into_iter();
        match found.next() {
            Some(first) => Err(Problems { first: Box::new(first), others: found.collect(), uncounted: self.uncounted }),
            None => Ok(()),
        }
    }
}
