//! What the commands of a build write, kept in the store as it comes. A build that runs none keeps nothing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use engine::build::{Happening, Plan, StepName};
use engine::run::Stream;
use fault::{Failure, Kind};
use store::{Log, Store};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::args::Build;
use crate::commands::logs::record::{Head, Line, Name, Outcome, StreamWord, VERSION, What};
use crate::console::Console;
use crate::context::Context;

/// The log of a build. Where it is dropped before the end is told, somebody has interrupted the build.
pub struct BuildLog(Arc<Mutex<State>>);

struct State {
    store: Store,
    console: Console,
    begun: Instant,
    head: Head,
    /// What has happened before a command ran.
    waiting: Vec<Line>,
    log: Option<Log>,
    /// Nothing more is written: it is complete, or the disk does not take it.
    is_over: bool,
}

impl BuildLog {
    /// Prepares one; nothing is written yet.
    pub fn new(store: &Store, console: &Console, head: Head) -> Self {
        let (store, console, begun) = (store.clone(), console.clone(), Instant::now());
        Self(Arc::new(Mutex::new(State { store, console, begun, head, waiting: Vec::new(), log: None, is_over: false })))
    }

    /// Returns what hears of everything that happens.
    pub fn listener(&self) -> impl Fn(&Happening) + Send + Sync + use<> {
        let state = Arc::clone(&self.0);
        move |happening| locked(&state).hear(happening)
    }

    /// Tells how the build has ended.
    pub fn end(&self, outcome: Outcome) {
        locked(&self.0).end(outcome);
    }
}

impl Drop for BuildLog {
    fn drop(&mut self) {
        self.end(Outcome::Interrupted);
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn hear(&mut self, happening: &Happening) {
        let what = match happening {
            Happening::Begun(step) => What::Begun { step: step.in_short(), name: name(step) },
            Happening::Runs(_) => return self.open(),
            Happening::Wrote { step, stream, line } => {
                let stream = if *stream == Stream::Error { StreamWord::Stderr } else { StreamWord::Stdout };
                What::Wrote { step: step.in_short(), stream, text: line.clone() }
            }
            Happening::Done { step, cached } => What::Done { step: step.in_short(), cached: *cached },
            Happening::Failed { step, problem } => {
                self.open();
                What::Failed { step: step.in_short(), name: name(step), problem: problem.clone() }
            }
            Happening::Limited { .. } | Happening::Reading { .. } | Happening::NotTested { .. } | Happening::LeftOut { .. } => return,
        };
        self.tell(what);
    }

    fn end(&mut self, outcome: Outcome) {
        if self.log.is_some() {
            self.tell(What::Ended { outcome });
        }
        self.is_over = true;
        self.log = None;
    }

    /// Begins the file, once.
    fn open(&mut self) {
        if self.log.is_some() || self.is_over {
            return;
        }
        match self.store.begin_log() {
            Ok(log) => {
                let head = Head { id: log.id().to_owned(), ..self.head.clone() };
                self.log = Some(log);
                self.add(&head.to_json());
                for line in std::mem::take(&mut self.waiting) {
                    self.add(&line.to_json());
                }
            }
            Err(problem) => self.lose(&problem),
        }
    }

    fn tell(&mut self, what: What) {
        if self.is_over {
            return;
        }
        let line = Line::new(self.begun.elapsed(), what);
        if self.log.is_some() { self.add(&line.to_json()) } else { self.waiting.push(line) }
    }

    fn add(&mut self, text: &str) {
        if let Some(Err(problem)) = self.log.as_mut().map(|log| log.add(text)) {
            self.lose(&problem);
        }
    }

    /// A build goes on without its log.
    fn lose(&mut self, problem: &store::StoreError) {
        self.console.warn(&format!("`polyarch logs` will not have all of this build: {problem}"));
        self.is_over = true;
        self.log = None;
    }
}

/// Says which build it is.
pub fn head(context: &Context, arguments: &Build, decided: &Plan) -> Head {
    let names = arguments.outputs().iter().flat_map(|output| arguments.names(output)).map(|name| name.to_string()).collect();
    let platforms = decided.targets.iter().map(|planned| planned.target.platform.to_string()).collect();
    let ready = decided.targets.iter().filter_map(|planned| planned.outcome.as_ref().ok());
    let stages = ready.flat_map(|ready| ready.outline.stages.iter().map(|stage| ready.outline.graph.name(stage.index))).collect();
    let begun = OffsetDateTime::from((context.now)()).replace_millisecond(0).ok().and_then(|now| now.format(&Rfc3339).ok());
    Head {
        version: VERSION,
        id: String::new(),
        begun: begun.unwrap_or_default(),
        tags: each(names),
        platforms: each(platforms),
        stages: each(stages),
    }
}

/// Says how it ended, by the digest of what was made.
pub fn outcome(made: Result<&str, &Failure>) -> Outcome {
    match made {
        Ok(digest) => Outcome::Done { digest: digest.to_owned() },
        Err(failure) if failure.fault().kind() == Kind::Interrupted => Outcome::Interrupted,
        Err(failure) => Outcome::Failed { problem: failure.lines().into_iter().next().unwrap_or_default() },
    }
}

/// Keeps each word once.
fn each(mut words: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    words.retain(|word| seen.insert(word.clone()));
    words
}

fn name(step: &StepName) -> Name {
    Name { platform: step.platform.to_string(), stage: step.stage.clone(), number: step.number, of: step.of, text: step.text.clone() }
}
