//! What a person sees: data on stdout, everything else on stderr.

mod keyboard;
mod lanes;
mod picture;
mod progress;
mod size;
mod table;
mod visible;

pub use keyboard::{Keyboard, KeyboardError};
use progress::Progress;
pub use size::{bytes, counted};
pub use table::Table;
pub use visible::visible;
use visible::written;

use std::error::Error;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::error::{ContextKind, ContextValue};
use content::{Event, Events};
use fault::{Failure, Kind};
use serde_json::{Value, json};

use crate::args::ProgressFlag;
use crate::context::Context;

/// The two streams, as one run uses them.
#[derive(Clone)]
pub struct Console {
    quiet: bool,
    /// Programs read stderr: statuses, and what cannot be one of them.
    raw: bool,
    verbose: bool,
    colour: bool,
    /// Whether a person reads stdout.
    terminal: bool,
    /// Why output is missing, the first time it was lost.
    lost: Arc<Mutex<Option<String>>>,
    /// Warnings that were said already; registries repeat theirs on every answer.
    warned: Arc<Mutex<Vec<String>>>,
    /// What registries want people to know, kept for the end.
    notices: Arc<Mutex<Vec<String>>>,
    progress: Progress,
}

impl Console {
    /// Makes the console of a run.
    pub fn new(context: &Context) -> Self {
        let global = &context.global;
        let console = Self {
            quiet: global.quiet,
            raw: global.progress == ProgressFlag::Rawjson,
            verbose: global.verbose,
            colour: context.colour,
            terminal: context.terminal,
            lost: Arc::default(),
            warned: Arc::default(),
            notices: Arc::default(),
            progress: Progress::new(global),
        };
        if global.progress == ProgressFlag::Tty && !global.quiet && !console.progress.is_picture() {
            console.warn("--progress tty: stderr is no terminal to draw on, progress is told in lines");
        }
        console
    }

    /// Returns the same console, which tells every request (a front's own `--debug`).
    pub fn telling_all(&self) -> Self {
        Self { verbose: true, ..self.clone() }
    }

    /// Prints a line for a person; text from elsewhere in it cannot steer the terminal.
    pub fn line(&self, line: impl AsRef<str>) {
        self.data(visible(line.as_ref()));
    }

    /// Prints a line that a program has written, set off from what is said of it.
    pub fn written(&self, text: &str) {
        self.line(format!("  {}", written(text)));
    }

    /// Prints the lines of a table.
    pub fn table(&self, table: &Table) {
        for line in table.lines() {
            self.data(line);
        }
    }

    /// Prints data as it is, and ends the line: JSON, digests, names.
    pub fn data(&self, line: impl AsRef<str>) {
        self.raw(line.as_ref().as_bytes());
        self.raw(b"\n");
    }

    /// Prints data as it is.
    pub fn raw(&self, bytes: &[u8]) {
        let write = || std::io::stdout().lock().write_all(bytes);
        self.keep(if self.terminal { self.progress.aside(write) } else { write() });
    }

    /// Prints an exact document. A person's terminal gets a line's end behind it; files and pipes
    /// get nothing but its bytes, which have a digest.
    pub fn document(&self, bytes: &[u8]) {
        self.raw(bytes);
        if self.terminal && !bytes.ends_with(b"\n") {
            self.raw(b"\n");
        }
    }

    /// Returns why data that was printed did not arrive, if it did not: a full disk, for one. Asked
    /// once, at the end: what is still on its way is sent first.
    pub fn lost_output(&self) -> Option<String> {
        self.keep(std::io::stdout().lock().flush());
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers the first failure. A reader that went away (`| head`) is none.
    fn keep(&self, written: std::io::Result<()>) {
        let Err(error) = written else { return };
        if error.kind() != ErrorKind::BrokenPipe {
            self.lost.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| format!("cannot write to stdout: {error}"));
        }
    }

    /// Says something that a person may want to know.
    pub fn say(&self, line: impl AsRef<str>) {
        if !self.quiet && !self.raw {
            self.error_line(&visible(line.as_ref()));
        }
    }

    /// Says what is wrong in the words of another tool, as they are.
    pub fn complain(&self, line: impl AsRef<str>) {
        self.error_line(&visible(line.as_ref()));
    }

    /// Says something that a person should know, once.
    pub fn warn(&self, text: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.iter().any(|other| other == text) {
            return;
        }
        warned.push(text.to_owned());
        if self.raw {
            return self.status(&json!({"warnings": [{"level": 1, "short": BASE64_STANDARD.encode(text)}]}));
        }
        self.labelled("warning:", "33", text);
    }

    /// Prints a status for programs, where they read them.
    pub fn status(&self, status: &Value) {
        if self.raw && !self.quiet {
            error_line(&status.to_string());
        }
    }

    /// Prints a failure: the wish and what stopped it, where that is, the causes, the hint.
    pub fn fail(&self, failure: &Failure) {
        let lines = failure.lines();
        let (first, others) = lines.split_first().map_or(("", [].as_slice()), |(first, others)| (first.as_str(), others));
        self.labelled("error:", "31", first);
        others.iter().for_each(|line| self.error_line(&visible(line)));
        for cause in failure.causes() {
            self.labelled("cause:", "1", &cause);
        }
        if let Some(hint) = failure.fault().hint() {
            self.labelled("hint:", "36", &hint.to_string());
        }
    }

    fn labelled(&self, label: &str, code: &str, text: &str) {
        self.error_line(&format!("{} {}", self.paint(label, code), visible(text)));
    }

    /// The one door to stderr: nothing tears the picture.
    fn error_line(&self, line: &str) {
        self.progress.aside(|| error_line(line));
    }

    /// Shows that a step of a build begins.
    pub fn begin_step(&self, platform: &str, step: &str) {
        self.progress.begin(platform, step);
    }

    /// Shows what a step of a build has written: behind it in its lane, or as a line.
    pub fn tail_step(&self, platform: &str, step: &str, text: &str, line: impl FnOnce(&str) -> String) {
        let text = written(text);
        if self.progress.tail(platform, step, &text) {
            self.say(line(&text));
        }
    }

    /// Shows that a step of a build is done: its lane goes on, or a line says it.
    pub fn end_step(&self, platform: &str, step: &str, line: impl FnOnce() -> String) {
        if self.progress.done(platform, step) {
            self.say(line());
        }
    }

    /// Ends what is shown of the work: the picture goes, and what registries want people to know is
    /// said, each once.
    pub fn end(&self) {
        self.progress.end();
        let notices = std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner));
        notices.iter().for_each(|notice| self.warn(notice));
    }

    /// Returns a listener for what the rooms tell.
    pub fn events(&self) -> Events {
        let console = self.clone();
        Events::to(move |event| match event {
            Event::Warning(text) => console.warn(&text),
            Event::Notice(text) => console.notices.lock().unwrap_or_else(PoisonError::into_inner).push(text),
            Event::Request(line) | Event::Detail(line) if console.verbose => console.error_line(&visible(&line)),
            Event::Retry(line) => console.say(line),
            other => {
                if let Some(line) = console.progress.take_in(&other) {
                    console.say(line);
                }
            }
        })
    }

    fn paint(&self, text: &str, code: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn error_line(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Takes passwords out of the value that could not be read, and the whole of it where it was to say where a secret is.
pub fn without_passwords(mut error: clap::Error) -> clap::Error {
    if error.source().is_some_and(|cause| cause.is::<crate::args::SecretError>()) {
        error.insert(ContextKind::InvalidValue, ContextValue::String("...".to_owned()));
    }
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) {
        let shown = oci::without_password(value).into_owned();
        error.insert(ContextKind::InvalidValue, ContextValue::String(shown));
    }
    error
}

/// Prints what is wrong with the words, or the help that was asked for.
pub fn usage(error: &clap::Error) -> ExitCode {
    usage_with(error, fault::ExitCode::of(Kind::Usage).number())
}

/// The same, where words that are wrong end with another code.
pub fn usage_with(error: &clap::Error, code: u8) -> ExitCode {
    let printed = error.print();
    if !error.use_stderr() {
        return match printed.and_then(|()| std::io::stdout().flush()) {
            Err(problem) if problem.kind() != ErrorKind::BrokenPipe => {
                error_line(&format!("error: cannot write to stdout: {problem}"));
                ExitCode::from(fault::ExitCode::of(Kind::Place).number())
            }
            _ => ExitCode::SUCCESS,
        };
    }
    if let Some(hint) = hint_of(error) {
        error_line(&format!("hint: {hint}"));
    }
    ExitCode::from(code)
}

/// Finds the hint of the value that could not be read: clap keeps the error but not what it knows.
fn hint_of(error: &clap::Error) -> Option<String> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(platform) = cause.downcast_ref::<oci::PlatformError>() {
            return platform.hint();
        }
        if let Some(oci::LocatorError::Platform(platform)) = cause.downcast_ref::<oci::LocatorError>() {
            return platform.hint();
        }
        if let Some(annotation) = cause.downcast_ref::<index::AnnotationError>() {
            return fault::Fault::hint(annotation).map(|hint| hint.to_string());
        }
        if let Some(site) = cause.downcast_ref::<crate::args::SiteError>() {
            return fault::Fault::hint(site).map(|hint| hint.to_string());
        }
        if let Some(word) = cause.downcast_ref::<crate::args::WordError>() {
            return fault::Fault::hint(word).map(|hint| hint.to_string());
        }
        if let Some(word) = cause.downcast_ref::<crate::args::RunWordError>() {
            return fault::Fault::hint(word).map(|hint| hint.to_string());
        }
        if let Some(word) = cause.downcast_ref::<crate::args::ProgramWordError>() {
            return fault::Fault::hint(word).map(|hint| hint.to_string());
        }
        if let Some(secret) = cause.downcast_ref::<crate::args::SecretError>() {
            return fault::Fault::hint(secret).map(|hint| hint.to_string());
        }
        if let Some(output) = cause.downcast_ref::<crate::args::OutputError>() {
            return fault::Fault::hint(output).map(|hint| hint.to_string());
        }
        if let Some(attestation) = cause.downcast_ref::<crate::args::AttestationError>() {
            return fault::Fault::hint(attestation).map(|hint| hint.to_string());
        }
        if let Some(address) = cause.downcast_ref::<crate::args::ListenError>() {
            return fault::Fault::hint(address).map(|hint| hint.to_string());
        }
        if let Some(account) = cause.downcast_ref::<remote::RemoteError>() {
            return fault::Fault::hint(account).map(|hint| hint.to_string());
        }
        next = cause.source();
    }
    None
}

/// Prints something that must never happen.
pub fn bug(what: &str, error: &dyn Error) -> ExitCode {
    error_line(&format!("error: {what}: {error}"));
    ExitCode::from(fault::ExitCode::of(Kind::Bug).number())
}
