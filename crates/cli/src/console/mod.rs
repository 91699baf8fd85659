//! What a person sees: data on stdout, everything else on stderr.

mod size;
mod table;

pub use size::bytes;
pub use table::Table;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use content::{Event, Events};
use fault::{Failure, Kind};

use crate::context::Context;

/// The two streams, as one run uses them.
#[derive(Clone)]
pub struct Console {
    quiet: bool,
    verbose: bool,
    colour: bool,
    /// Warnings that were said already; registries repeat theirs on every answer.
    warned: Arc<Mutex<Vec<String>>>,
}

impl Console {
    /// Makes the console of a run.
    pub fn new(context: &Context) -> Self {
        let global = &context.global;
        Self { quiet: global.quiet, verbose: global.verbose, colour: context.colour, warned: Arc::default() }
    }

    /// Prints a line of data.
    pub fn data(&self, line: impl AsRef<str>) {
        self.raw(line.as_ref().as_bytes());
        self.raw(b"\n");
    }

    /// Prints data as it is.
    pub fn raw(&self, bytes: &[u8]) {
        // A reader that went away (`| head`) is no problem of ours.
        let _ = std::io::stdout().lock().write_all(bytes);
    }

    /// Says something that a person may want to know.
    pub fn say(&self, line: impl AsRef<str>) {
        if !self.quiet {
            error_line(line.as_ref());
        }
    }

    /// Says something that a person should know, once.
    pub fn warn(&self, text: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.iter().any(|other| other == text) {
            return;
        }
        warned.push(text.to_owned());
        error_line(&format!("{} {text}", self.paint("warning:", "33")));
    }

    /// Prints a failure: the wish and what stopped it, the causes, the hint.
    pub fn fail(&self, failure: &Failure) {
        error_line(&format!("{} {failure}", self.paint("error:", "31")));
        for cause in failure.causes() {
            error_line(&format!("{} {cause}", self.paint("cause:", "1")));
        }
        if let Some(hint) = failure.fault().hint() {
            error_line(&format!("{} {hint}", self.paint("hint:", "36")));
        }
    }

    /// Returns a listener for what the rooms tell.
    pub fn events(&self) -> Events {
        let console = self.clone();
        Events::to(move |event| match event {
            Event::Warning(text) => console.warn(&text),
            Event::Request(line) if console.verbose => error_line(&line),
            Event::Retry(line) => console.say(line),
            _ => {}
        })
    }

    fn paint(&self, text: &str, code: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn error_line(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints what is wrong with the words, or the help that was asked for.
pub fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    if let Some(hint) = hint_of(error) {
        error_line(&format!("hint: {hint}"));
    }
    ExitCode::from(fault::ExitCode::of(Kind::Usage).number())
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
        next = cause.source();
    }
    None
}

/// Prints something that must never happen.
pub fn bug(what: &str, error: &dyn Error) -> ExitCode {
    error_line(&format!("error: {what}: {error}"));
    ExitCode::from(fault::ExitCode::of(Kind::Bug).number())
}
