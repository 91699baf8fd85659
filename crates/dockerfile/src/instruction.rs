//! The instructions as types. Nothing in them is expanded: texts keep their variables, quotes and escapes.

use crate::directive::{CheckOptions, Directives};
use crate::heredoc::{self, Heredoc};
use crate::mount::Mount;
use crate::source::{Span, Word};

/// A Dockerfile that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dockerfile {
    /// What the comments at the top say.
    pub directives: Directives,
    /// The `ARG` instructions before the first `FROM`.
    pub globals: Vec<Statement>,
    /// The stages in their order; at least one.
    pub stages: Vec<Stage>,
}

impl Dockerfile {
    /// Returns every instruction but `FROM`, in the order of the file.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.globals.iter().chain(self.stages.iter().flat_map(|stage| &stage.statements))
    }
}

/// A `FROM` and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The image or the stage it begins with.
    pub base: Word,
    /// The value of `--platform`.
    pub platform: Option<Word>,
    /// The name behind `AS`, as it was written; compare by [`name`](Stage::name).
    pub alias: Option<Word>,
    /// The word `AS` as it was written.
    pub keyword: Option<Word>,
    /// The instruction itself.
    pub header: Header,
    /// The instructions of the stage.
    pub statements: Vec<Statement>,
    /// What a comment `# name text` right above says about it.
    pub description: Option<String>,
}

impl Stage {
    /// Returns the name in lower case, by which others refer to it.
    pub fn name(&self) -> Option<String> {
        self.alias.as_ref().map(|alias| alias.text.to_lowercase())
    }
}

/// What every instruction has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The name of the instruction as it was written.
    pub keyword: Word,
    /// All of it, with its heredocs.
    pub span: Span,
    /// The first line, from 1.
    pub first_line: usize,
    /// The last line, with its heredocs.
    pub last_line: usize,
    /// The text after its lines were joined, without comments, heredocs and blanks around it.
    pub original: String,
    /// The comments right above it.
    pub comments: Vec<Word>,
    /// What a comment `# check=` right above it asks for.
    pub check: CheckOptions,
    /// Whether a blank line stands inside.
    pub empty_continuation: bool,
}

/// An instruction with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its name, place and text.
    pub header: Header,
    /// What it says.
    pub instruction: Instruction,
}

/// What an instruction says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// `ADD`
    Add(Add),
    /// `ARG`
    Arg(Vec<Declaration>),
    /// `CMD`
    Cmd(CommandLine),
    /// `COPY`
    Copy(Copy),
    /// `ENTRYPOINT`
    Entrypoint(CommandLine),
    /// `ENV`
    Env(Pairs),
    /// `EXPOSE`: the ports; see [`expose`](crate::expose).
    Expose(Vec<Word>),
    /// `HEALTHCHECK`
    Healthcheck(Healthcheck),
    /// `LABEL`
    Label(Pairs),
    /// `MAINTAINER`
    Maintainer(Word),
    /// `ONBUILD`: the text to be read by [`parse_trigger`](crate::parse_trigger) in the stage that begins with the image.
    Onbuild(Word),
    /// `RUN`
    Run(Run),
    /// `SHELL`
    Shell(Vec<Word>),
    /// `STOPSIGNAL`
    Stopsignal(Word),
    /// `USER`
    User(Word),
    /// `VOLUME`
    Volume(Vec<Word>),
    /// `WORKDIR`
    Workdir(Word),
}

impl Instruction {
    /// Returns the name in upper case.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Add(_) => "ADD",
            Self::Arg(_) => "ARG",
            Self::Cmd(_) => "CMD",
            Self::Copy(_) => "COPY",
            Self::Entrypoint(_) => "ENTRYPOINT",
            Self::Env(_) => "ENV",
            Self::Expose(_) => "EXPOSE",
            Self::Healthcheck(_) => "HEALTHCHECK",
            Self::Label(_) => "LABEL",
            Self::Maintainer(_) => "MAINTAINER",
            Self::Onbuild(_) => "ONBUILD",
            Self::Run(_) => "RUN",
            Self::Shell(_) => "SHELL",
            Self::Stopsignal(_) => "STOPSIGNAL",
            Self::User(_) => "USER",
            Self::Volume(_) => "VOLUME",
            Self::Workdir(_) => "WORKDIR",
        }
    }
}

/// One name of an `ARG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The name; it is never expanded.
    pub name: Word,
    /// The default; nothing where there is no `=`.
    pub default: Option<Word>,
    /// What a comment `# name text` right above says about it.
    pub description: Option<String>,
}

/// The names and values of `ENV` and `LABEL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairs {
    /// The pairs in their order.
    pub pairs: Vec<(Word, Word)>,
    /// Written without `=`, the old way: one name, and the rest of the line is its value.
    pub legacy: bool,
}

/// A command of `RUN`, `CMD`, `ENTRYPOINT` or `HEALTHCHECK`. It is never expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandLine {
    /// A text for the shell.
    Shell(Word),
    /// The words of a JSON array.
    Exec(Vec<Word>),
}

impl CommandLine {
    /// Returns the words to run, with the shell before a text.
    pub fn words(&self, shell: &[String]) -> Vec<String> {
        match self {
            Self::Shell(text) => shell.iter().cloned().chain([text.text.clone()]).collect(),
            Self::Exec(words) => words.iter().map(|word| word.text.clone()).collect(),
        }
    }
}

/// `RUN`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What follows the flags.
    pub command: CommandLine,
    /// The heredocs behind it.
    pub heredocs: Vec<Heredoc>,
    /// `--mount`
    pub mounts: Vec<Mount>,
    /// `--network`
    pub network: Network,
    /// `--security`
    pub security: Security,
}

/// What a `RUN` runs in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Script {
    /// These words.
    Exec(Vec<String>),
    /// The shell, with this text.
    Shell(String),
    /// The shell, with the path of a file that holds this text and is on no layer: a heredoc that begins with `#!`.
    File {
        /// The name of the file.
        name: String,
        /// What it holds.
        content: String,
    },
}

impl Run {
    /// Returns what runs, with the heredocs where the shell is to find them. `windows` knows no `#!`.
    pub fn script(&self, windows: bool) -> Script {
        let text = match &self.command {
            CommandLine::Exec(words) => return Script::Exec(words.iter().map(|word| word.text.clone()).collect()),
            CommandLine::Shell(text) => &text.text,
        };
        let Some(first) = self.heredocs.first() else { return Script::Shell(text.clone()) };
        if !matches!(heredoc::parse_word(text), Ok(Some(_))) {
            // The shell reads them itself: the line, then each content with its end.
            let appended = self.heredocs.iter().map(|heredoc| format!("\n{}{}", heredoc.content, heredoc.word));
            return Script::Shell(std::iter::once(text.clone()).chain(appended).collect());
        }
        match first.content.starts_with("#!") && !windows {
            true => Script::File { name: first.word.clone(), content: first.text() },
            false => Script::Shell(first.text()),
        }
    }

    /// Returns the words to run, with the shell in front: for a file, its path in `/dev/pipes`.
    pub fn words(&self, shell: &[String], windows: bool) -> Vec<String> {
        let with_shell = |text: String| shell.iter().cloned().chain([text]).collect();
        match self.script(windows) {
            Script::Exec(words) => words,
            Script::Shell(text) => with_shell(text),
            Script::File { name, .. } => with_shell(format!("/dev/pipes/{name}")),
        }
    }
}

/// `RUN --network`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// As the builder decides.
    #[default]
    Default,
    /// Loopback only.
    None,
    /// The host's.
    Host,
}

/// `RUN --security`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// In the sandbox.
    #[default]
    Sandbox,
    /// With all the rights that the builder has.
    Insecure,
}

/// A source of `COPY` or `ADD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopySource {
    /// A path, a pattern, or for `ADD` a URL.
    Path(Word),
    /// A file that stands in the Dockerfile itself.
    Inline(Heredoc),
}

/// `COPY`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// What is copied, in the order it was written.
    pub sources: Vec<CopySource>,
    /// Where to.
    pub destination: Word,
    /// `--from`: a stage by name or number, an image or a named context. It is never expanded.
    pub from: Option<Word>,
    /// `--chown`: a user and a group, by number or by the names that the image gives them.
    pub chown: Option<Word>,
    /// `--chmod`; see [`Chmod`](crate::Chmod).
    pub chmod: Option<Word>,
    /// `--link`
    pub link: bool,
    /// `--parents`
    pub parents: bool,
    /// `--exclude`; never expanded. See [`PatternList`](crate::PatternList).
    pub exclude: Vec<Word>,
}

/// `ADD`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Add {
    /// What is added, in the order it was written.
    pub sources: Vec<CopySource>,
    /// Where to.
    pub destination: Word,
    /// `--chown`: a user and a group, by number or by the names that the image gives them.
    pub chown: Option<Word>,
    /// `--chmod`; see [`Chmod`](crate::Chmod).
    pub chmod: Option<Word>,
    /// `--link`
    pub link: bool,
    /// `--exclude`; never expanded. See [`PatternList`](crate::PatternList).
    pub exclude: Vec<Word>,
    /// `--checksum`
    pub checksum: Option<Word>,
    /// `--keep-git-dir`
    pub keep_git_dir: Option<bool>,
    /// `--unpack`
    pub unpack: Option<bool>,
}

/// `HEALTHCHECK`; durations are in nanoseconds, and 0 where they are not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Healthcheck {
    /// No check, not even that of the base.
    None,
    /// A command.
    Command {
        /// What runs.
        command: CommandLine,
        /// `--interval`
        interval: i64,
        /// `--timeout`
        timeout: i64,
        /// `--start-period`
        start_period: i64,
        /// `--start-interval`
        start_interval: i64,
        /// `--retries`
        retries: u32,
    },
}

/// Where a source of `ADD` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the build context.
    Context,
    /// Behind a URL.
    Http,
    /// In a git repository.
    Git,
}

impl Location {
    /// Tells where an expanded source is. `github.com/acme/api` is a path, as BuildKit has it for `ADD`: only as a context it may
    /// mean a repository.
    ///
    /// ```
    /// use dockerfile::Location;
    ///
    /// assert_eq!(Location::of("https://example.com/a.git#main:sub"), Location::Git);
    /// assert_eq!(Location::of("https://example.com/a.tar"), Location::Http);
    /// assert_eq!(Location::of("a.git"), Location::Context);
    /// ```
    pub fn of(source: &str) -> Self {
        let http = source.starts_with("http://") || source.starts_with("https://");
        let path = source.split(['#', '?']).next().unwrap_or_default();
        let git = ["git://", "ssh://", "git@"].iter().any(|prefix| source.starts_with(prefix));
        match (git || (http && path.ends_with(".git")), http) {
            (true, _) => Self::Git,
            (false, true) => Self::Http,
            (false, false) => Self::Context,
        }
    }
}
