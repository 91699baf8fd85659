//! A stage of a Dockerfile, decided: what its image says, and which steps make its files.
//!
//! Every instruction is looked at once, in order. What only changes the image's config is done here; what
//! makes files becomes a [`Step`], with everything expanded.

use dockerfile::{
    Add, Chmod, CommandLine, Copy, CopySource, Exposed, Globals, Heredoc, Instruction, Location, Pairs, Rules, Run, Script, Span,
    StageScope, Statement, Word, check_signal, expose, history,
};
use serde_json::{Map, Value, json};

use crate::command::{RunStep, below};
use crate::error::{StageError, StageReason};
use crate::image::{HistoryLine, Image};
use crate::windows::{plain_path, windows_path};

/// What makes files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Files are copied or added.
    Copy(Box<CopyStep>),
    /// The working folder is made, for a user.
    Workdir {
        /// Its path.
        path: String,
        /// Whose it is: `USER` as it stood.
        user: String,
    },
    /// A command is run.
    Run(Box<RunStep>),
}

impl Step {
    /// Lists the stages, contexts and images that it takes files from.
    pub fn providers(&self) -> Vec<&str> {
        match self {
            Self::Copy(step) => step.from.as_deref().into_iter().collect(),
            Self::Workdir { .. } => Vec::new(),
            Self::Run(step) => step.providers().collect(),
        }
    }
}

/// A file whose content stands in the Dockerfile: its name, and its content.
pub type Inline = (String, String);

/// A `COPY` or `ADD`, expanded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyStep {
    /// `ADD` rather than `COPY`.
    pub add: bool,
    /// Paths and patterns, or addresses for `ADD`.
    pub sources: Vec<String>,
    /// Files whose content stands in the Dockerfile: name and content.
    pub inline: Vec<Inline>,
    /// Where to, as it was written.
    pub destination: String,
    /// The working folder that a destination without `/` is in.
    pub working: String,
    /// The stage, context or image that files are taken from.
    pub from: Option<String>,
    /// `--chown`.
    pub chown: Option<String>,
    /// `--chmod`.
    pub chmod: Option<Chmod>,
    /// `--link`.
    pub link: bool,
    /// `--parents`.
    pub parents: bool,
    /// `--exclude`.
    pub exclude: Vec<String>,
    /// `ADD --unpack`.
    pub unpack: Option<bool>,
    /// `ADD --checksum`.
    pub checksum: Option<String>,
    /// `ADD --keep-git-dir`.
    pub keep_git_dir: bool,
}

impl CopyStep {
    /// Tells whether its layer knows nothing of what is below it: `--link`. With `--chmod` BuildKit copies as without it, and has to:
    /// a folder that is there would get the mode of what is made on the way.
    pub const fn stands_alone(&self) -> bool {
        self.link && self.chmod.is_none()
    }
}

/// A step with its place, and the line of the history that is its.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The step.
    pub step: Step,
    /// The line of the Dockerfile where it begins.
    pub line: usize,
    /// Where it stands there.
    pub span: Span,
    /// Which line of the history is its.
    pub history: usize,
    /// What that line says.
    pub said: String,
}

/// A stage, decided.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// What its image says.
    pub image: Image,
    /// The steps that make its files, in order.
    pub steps: Vec<Placed>,
    /// The variables as they are at its end, for a stage that begins with it.
    pub scope: StageScope,
    /// The shell as it is at its end.
    pub shell: Vec<String>,
    /// Variables that were looked up and are set nowhere, with the line.
    pub unset: Vec<(String, usize)>,
}

impl Recipe {
    /// Begins with an image, or with nothing: `scratch` is [`Image::scratch`].
    pub fn of_image(image: Image) -> Self {
        let scope = StageScope::new(image.environment());
        let shell = image.shell();
        Self { image, steps: Vec::new(), scope, shell, unset: Vec::new() }
    }

    /// Begins with another stage: its variables are inherited, its steps are its own.
    #[must_use]
    pub fn of_stage(parent: &Self) -> Self {
        Self { steps: Vec::new(), unset: Vec::new(), ..parent.clone() }
    }

    /// Forgets everything but the steps: asked when no other stage begins with this one any more. Of a long chain of stages,
    /// each knows all that those before it said.
    pub fn forget(&mut self) {
        let image = Image::scratch(self.image.platform.clone());
        *self = Self { steps: std::mem::take(&mut self.steps), unset: std::mem::take(&mut self.unset), ..Self::of_image(image) };
    }

    /// Takes the instructions of a stage.
    ///
    /// # Errors
    /// Names the word that cannot be expanded, or makes no sense.
    pub fn take(&mut self, statements: &[Statement], globals: &Globals, escape: char) -> Result<(), StageError> {
        let mut taking = Taking { recipe: self, globals, escape, line: 0, span: Span::default(), has_command: false };
        for statement in statements {
            (taking.line, taking.span) = (statement.header.first_line, statement.header.span);
            taking.one(&statement.instruction)?;
        }
        Ok(())
    }
}

/// One stage's instructions on their way.
struct Taking<'a> {
    recipe: &'a mut Recipe,
    globals: &'a Globals,
    escape: char,
    line: usize,
    span: Span,
    /// `CMD` stood in this stage, so `ENTRYPOINT` leaves it.
    has_command: bool,
}

impl Taking<'_> {
    fn one(&mut self, instruction: &Instruction) -> Result<(), StageError> {
        match instruction {
            Instruction::Arg(_) => {
                let applied = self.recipe.scope.apply(instruction, self.globals, self.escape)?;
                self.note(applied.unset);
                self.said(history::arg(&applied.pairs), true);
            }
            Instruction::Env(_) => {
                let applied = self.recipe.scope.apply(instruction, self.globals, self.escape)?;
                self.note(applied.unset);
                let environment: Vec<String> =
                    self.recipe.scope.image_environment().iter().map(|(name, value)| format!("{name}={value}")).collect();
                self.config("Env", json!(environment));
                self.said(history::env(&applied.pairs), true);
            }
            Instruction::Label(pairs) => self.label(instruction, pairs)?,
            Instruction::Cmd(line) => {
                let words = line.words(&self.recipe.shell);
                self.has_command = true;
                self.said(history::cmd(&words), true);
                self.config("Cmd", json!(words));
                self.config("ArgsEscaped", json!(true));
            }
            Instruction::Entrypoint(line) => self.entrypoint(line),
            Instruction::Shell(words) => {
                self.recipe.shell = words.iter().map(|word| word.text.clone()).collect();
                let shell = self.recipe.shell.clone();
                self.said(history::shell(&shell), true);
                self.config("Shell", json!(shell));
            }
            Instruction::Expose(words) => self.expose(words)?,
            Instruction::Volume(words) => {
                let paths = words.iter().map(|word| self.expand(word)).collect::<Result<Vec<_>, _>>()?;
                self.add_to("Volumes", &paths);
                self.said(history::volume(&paths), true);
            }
            Instruction::User(word) => {
                let user = self.expand(word)?;
                self.said(history::user(&user), true);
                self.config("User", json!(user));
            }
            Instruction::Stopsignal(word) => {
                let signal = self.expand(word)?;
                check_signal(&signal).map_err(|problem| self.wrong(StageReason::Signal(problem)))?;
                self.said(history::stopsignal(&signal), true);
                self.config("StopSignal", json!(signal));
            }
            Instruction::Maintainer(word) => {
                self.said(history::maintainer(&word.text), true);
                self.recipe.image.author = Some(word.text.clone());
            }
            Instruction::Onbuild(word) => {
                let mut triggers = self.recipe.image.triggers();
                triggers.push(word.text.clone());
                self.config("OnBuild", json!(triggers));
            }
            Instruction::Healthcheck(check) => {
                self.said(history::healthcheck(check), true);
                self.config("Healthcheck", healthcheck(check));
            }
            Instruction::Workdir(word) => self.workdir(word)?,
            Instruction::Copy(copy) => self.copy(copy)?,
            Instruction::Add(add) => self.add(add)?,
            Instruction::Run(run) => self.run(run)?,
        }
        Ok(())
    }

    fn wrong(&self, reason: StageReason) -> StageError {
        StageError { span: self.span, reason: Box::new(reason) }
    }

    fn config(&mut self, key: &str, value: Value) {
        self.recipe.image.set(key, value);
    }

    fn said(&mut self, text: String, empty: bool) {
        self.recipe.image.history.push(HistoryLine::new(text, empty));
    }

    fn note(&mut self, unset: impl IntoIterator<Item = String>) {
        let line = self.line;
        self.recipe.unset.extend(unset.into_iter().map(|name| (name, line)));
    }

    fn step(&mut self, step: Step, said: String) {
        let history = self.recipe.image.history.len();
        self.said(said.clone(), false);
        self.recipe.steps.push(Placed { step, line: self.line, span: self.span, history, said });
    }

    fn expand(&mut self, word: &Word) -> Result<String, StageError> {
        let expansion = self.recipe.scope.expand(word, self.escape)?;
        self.note(expansion.unset);
        Ok(expansion.text)
    }

    fn expand_some(&mut self, word: Option<&Word>) -> Result<Option<String>, StageError> {
        word.map(|word| self.expand(word)).transpose()
    }

    fn label(&mut self, instruction: &Instruction, _pairs: &Pairs) -> Result<(), StageError> {
        let applied = self.recipe.scope.apply(instruction, self.globals, self.escape)?;
        self.note(applied.unset);
        let mut labels = self.recipe.image.object("Labels");
        for (key, value) in &applied.pairs {
            labels.insert(key.clone(), json!(value.clone().unwrap_or_default()));
        }
        self.config("Labels", Value::Object(labels));
        self.said(history::label(&applied.pairs), true);
        Ok(())
    }

    fn entrypoint(&mut self, line: &CommandLine) {
        let words = line.words(&self.recipe.shell);
        self.said(history::entrypoint(&words), true);
        self.config("Entrypoint", if words.is_empty() { Value::Null } else { json!(words) });
        if !self.has_command {
            // A command that was inherited belongs to another program. What is said of its words stays, as BuildKit leaves it.
            self.config("Cmd", Value::Null);
        }
    }

    fn expose(&mut self, words: &[Word]) -> Result<(), StageError> {
        let exposed: Exposed =
            expose(words, &self.recipe.scope, Rules::word(self.escape)).map_err(|problem| self.wrong(StageReason::Expose(problem)))?;
        self.note(exposed.unset);
        self.add_to("ExposedPorts", &exposed.ports);
        self.said(history::expose(&exposed.ports), true);
        Ok(())
    }

    /// Adds keys to an object whose values are empty objects, as Go writes a set.
    fn add_to(&mut self, field: &str, keys: &[String]) {
        let mut set = self.recipe.image.object(field);
        for key in keys {
            set.insert(key.clone(), json!({}));
        }
        self.config(field, Value::Object(set));
    }

    fn workdir(&mut self, word: &Word) -> Result<(), StageError> {
        let written = self.expand(word)?;
        let path = history::workdir_path(&self.working(), &self.path(&written)?);
        let is_windows = self.recipe.image.is_windows();
        self.config("WorkingDir", json!(if is_windows { windows_path(&path) } else { path.clone() }));
        let said = history::workdir(&path);
        if path == "/" {
            self.said(said, true);
        } else {
            // Windows has no /etc/passwd, and its users no numbers.
            let user = if is_windows { String::new() } else { self.recipe.image.text("User") };
            self.step(Step::Workdir { path, user }, said);
        }
        Ok(())
    }

    fn working(&self) -> String {
        let path = self.recipe.image.text("WorkingDir");
        // What a base says is a path already, or means nothing here.
        let path = self.path(&path).unwrap_or_default();
        if path.is_empty() { "/".to_owned() } else { path }
    }

    /// Returns a path as trees have it: for Windows, it may be written as there.
    fn path(&self, written: &str) -> Result<String, StageError> {
        if !self.recipe.image.is_windows() {
            return Ok(written.to_owned());
        }
        plain_path(written).map_err(|problem| self.wrong(StageReason::WindowsPath(problem)))
    }

    fn sources(&mut self, sources: &[CopySource]) -> Result<(Vec<String>, Vec<Inline>), StageError> {
        let (mut paths, mut inline) = (Vec::new(), Vec::new());
        for source in sources {
            match source {
                CopySource::Path(word) => paths.push(self.expand(word)?),
                CopySource::Inline(heredoc) => inline.push((heredoc.word.clone(), self.content(heredoc)?)),
            }
        }
        Ok((paths, inline))
    }

    fn content(&mut self, heredoc: &Heredoc) -> Result<String, StageError> {
        if !heredoc.expands {
            return Ok(heredoc.text());
        }
        let word = Word::new(heredoc.text(), heredoc.content_span);
        let expansion = self.recipe.scope.expand_by(&word, Rules::heredoc())?;
        self.note(expansion.unset);
        Ok(expansion.text)
    }

    fn chmod(&mut self, word: Option<&Word>) -> Result<Option<(Chmod, String)>, StageError> {
        let Some(text) = self.expand_some(word)? else { return Ok(None) };
        let mode = Chmod::parse(&text).map_err(|problem| self.wrong(StageReason::Chmod(problem)))?;
        Ok(Some((mode, text)))
    }

    fn copy(&mut self, copy: &Copy) -> Result<(), StageError> {
        let (sources, inline) = self.sources(&copy.sources)?;
        let destination = self.expand(&copy.destination)?;
        let (chown, chmod) = (self.expand_some(copy.chown.as_ref())?, self.chmod(copy.chmod.as_ref())?);
        let step = CopyStep {
            sources,
            inline,
            destination,
            from: copy.from.as_ref().map(|from| from.text.clone()),
            chown,
            link: copy.link,
            parents: copy.parents,
            exclude: copy.exclude.iter().map(|word| word.text.clone()).collect(),
            working: self.working(),
            ..CopyStep::default()
        };
        self.copied(step, chmod)
    }

    fn add(&mut self, add: &Add) -> Result<(), StageError> {
        let (sources, inline) = self.sources(&add.sources)?;
        let destination = self.expand(&add.destination)?;
        let (chown, chmod) = (self.expand_some(add.chown.as_ref())?, self.chmod(add.chmod.as_ref())?);
        let checksum = self.expand_some(add.checksum.as_ref())?;
        if checksum.is_some() && sources.iter().any(|source| Location::of(source) == Location::Context) {
            return Err(self.wrong(StageReason::Checksum));
        }
        let step = CopyStep {
            add: true,
            sources,
            inline,
            destination,
            chown,
            link: add.link,
            exclude: add.exclude.iter().map(|word| word.text.clone()).collect(),
            working: self.working(),
            unpack: add.unpack,
            checksum,
            keep_git_dir: add.keep_git_dir.unwrap_or(false),
            ..CopyStep::default()
        };
        self.copied(step, chmod)
    }

    fn copied(&mut self, step: CopyStep, chmod: Option<(Chmod, String)>) -> Result<(), StageError> {
        let names: Vec<String> = step.inline.iter().map(|(name, _)| name.clone()).collect();
        let said = history::copy(&history::Copied {
            add: step.add,
            parents: step.parents,
            chown: step.chown.as_deref(),
            chmod: chmod.as_ref().map(|(_, text)| text.as_str()),
            sources: &step.sources,
            inline: &names,
            destination: &step.destination,
        });
        // The history has paths as they were written.
        let destination = self.path(&step.destination)?;
        let source = |source: &String| if Location::of(source) == Location::Context { self.path(source) } else { Ok(source.clone()) };
        let sources = step.sources.iter().map(source).collect::<Result<Vec<_>, _>>()?;
        self.step(Step::Copy(Box::new(CopyStep { chmod: chmod.map(|(mode, _)| mode), destination, sources, ..step })), said);
        Ok(())
    }

    fn run(&mut self, run: &Run) -> Result<(), StageError> {
        let windows = self.recipe.image.is_windows();
        let words = run.words(&self.recipe.shell, windows);
        let said = history::run(&words, &self.recipe.scope);
        let inline = match run.script(windows) {
            Script::File { name, content } => Some((name, content)),
            Script::Exec(_) | Script::Shell(_) => None,
        };
        let working = self.working();
        let mut mounts = Vec::new();
        for mount in &run.mounts {
            let resolved = mount.resolve(&self.recipe.scope, Rules::word(self.escape));
            let resolved = resolved.map_err(|problem| StageError { span: mount.span, reason: Box::new(StageReason::Mount(problem)) })?;
            mounts.push(below(resolved, &working));
        }
        let step = RunStep {
            words,
            inline,
            mounts,
            network: run.network,
            security: run.security,
            environment: self.recipe.scope.environment().to_vec(),
            working,
            user: self.recipe.image.text("User"),
        };
        self.step(Step::Run(Box::new(step)), said);
        Ok(())
    }
}

/// A check as the config has it: what is not set is not written.
fn healthcheck(check: &dockerfile::Healthcheck) -> Value {
    let mut fields = Map::new();
    fields.insert("Test".to_owned(), json!(history::healthcheck_test(check)));
    if let dockerfile::Healthcheck::Command { interval, timeout, start_period, start_interval, retries, .. } = check {
        let durations = [("Interval", interval), ("Timeout", timeout), ("StartPeriod", start_period), ("StartInterval", start_interval)];
        for (name, duration) in durations.into_iter().filter(|(_, duration)| **duration != 0) {
            fields.insert(name.to_owned(), json!(duration));
        }
        if *retries != 0 {
            fields.insert("Retries".to_owned(), json!(retries));
        }
    }
    Value::Object(fields)
}
