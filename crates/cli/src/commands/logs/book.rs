//! A log, read: its steps in their order, with what each has written.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use serde::Serialize;
use store::KeptLog;

use super::error::LogError;
use super::record::{Head, Line, Name, Outcome, StreamWord, VERSION, What};

/// How far before the end of a file its last line begins at most: a problem is one line of a command's words.
const LAST: u64 = 256 << 10;

/// A build of which something is kept.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Which.
    #[serde(flatten)]
    pub head: Head,
    /// How it ended; none where nobody told.
    #[serde(flatten)]
    pub outcome: Option<Outcome>,
    /// How many seconds that took.
    pub seconds: Option<f64>,
    /// It is still under way.
    pub running: bool,
}

/// A build, with all that is kept of it.
#[derive(Debug, Serialize)]
pub struct Book {
    /// The build.
    pub build: Summary,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// A step.
#[derive(Debug, Serialize)]
pub struct Step {
    /// What stands before all that it writes.
    #[serde(skip)]
    pub short: String,
    /// What it is.
    #[serde(flatten)]
    pub name: Name,
    /// What became of it.
    #[serde(flatten)]
    pub became: Became,
    /// How many seconds it took, where it came to an end.
    pub seconds: Option<f64>,
    /// What it has written.
    pub lines: Vec<Written>,
    #[serde(skip)]
    begun: f64,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "became", rename_all = "camelCase")]
pub enum Became {
    /// It was done.
    Done,
    /// It had been made before.
    Cached,
    /// It failed.
    Failed {
        /// Why.
        problem: String,
    },
    /// It came to no end: the build did before.
    Unfinished,
}

/// A line that a command wrote.
#[derive(Debug, Serialize)]
pub struct Written {
    /// Seconds since the build began.
    pub at: f64,
    /// Where to.
    pub stream: StreamWord,
    /// The line.
    pub text: String,
}

impl Summary {
    /// Reads the first line of a log and its last.
    ///
    /// # Errors
    /// Where it cannot be read, or is none.
    pub fn read(log: &KeptLog) -> Result<Self, LogError> {
        let mut file = open(log)?;
        let head = head(log, &mut file)?;
        let wrong = |problem| LogError::unreadable(log, problem);
        let length = file.seek(SeekFrom::End(0)).map_err(wrong)?;
        file.seek(SeekFrom::Start(length.saturating_sub(LAST))).map_err(wrong)?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail).map_err(wrong)?;
        let last = tail.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().and_then(line);
        Ok(Self { running: log.is_open, ..Self::of(head, last) })
    }

    fn of(head: Head, last: Option<Line>) -> Self {
        let (outcome, seconds) = match last {
            Some(Line { at, what: What::Ended { outcome } }) => (Some(outcome), Some(at)),
            _ => (None, None),
        };
        Self { head, outcome, seconds, running: false }
    }
}

impl Book {
    /// Reads a log.
    ///
    /// # Errors
    /// Where it cannot be read, or is none.
    pub fn read(log: &KeptLog) -> Result<Self, LogError> {
        let mut file = open(log)?;
        let head = head(log, &mut file)?;
        let (mut steps, mut last) = (Vec::new(), None);
        for text in file.split(b'\n') {
            let text = text.map_err(|problem| LogError::unreadable(log, problem))?;
            // One that was cut off, or that another polyarch wrote, says nothing.
            let Some(line) = line(&text) else { continue };
            take(&mut steps, &line);
            last = Some(line);
        }
        let place = |words: &[String], word: &str| words.iter().position(|other| other == word).unwrap_or(words.len());
        steps.sort_by_cached_key(|step: &Step| {
            let stage = step.name.stage.as_deref().map_or(0, |stage| place(&head.stages, stage));
            (place(&head.platforms, &step.name.platform), stage, step.name.number)
        });
        Ok(Self { build: Summary { running: log.is_open, ..Summary::of(head, last) }, steps })
    }
}

fn open(log: &KeptLog) -> Result<BufReader<File>, LogError> {
    File::open(&log.path).map(BufReader::new).map_err(|problem| LogError::unreadable(log, problem))
}

fn head(log: &KeptLog, file: &mut BufReader<File>) -> Result<Head, LogError> {
    let mut text = Vec::new();
    file.read_until(b'\n', &mut text).map_err(|problem| LogError::unreadable(log, problem))?;
    let head: Head = serde_json::from_slice(&text).map_err(|problem| LogError::unreadable(log, io::Error::other(problem)))?;
    if head.version > VERSION { Err(LogError::Newer { id: log.id.clone(), version: head.version }) } else { Ok(head) }
}

fn line(text: &[u8]) -> Option<Line> {
    serde_json::from_slice(text).ok()
}

/// Enters what happened.
fn take(steps: &mut Vec<Step>, line: &Line) {
    let at = line.at;
    match &line.what {
        What::Begun { step, name } => begin(steps, step, name, at),
        What::Wrote { step, stream, text } => {
            if let Some(step) = find(steps, step) {
                step.lines.push(Written { at, stream: *stream, text: text.clone() });
            }
        }
        What::Done { step, cached } => end(find(steps, step), at, if *cached { Became::Cached } else { Became::Done }),
        What::Failed { step, name, problem } => {
            if find(steps, step).is_none() {
                begin(steps, step, name, at);
            }
            end(find(steps, step), at, Became::Failed { problem: problem.clone() });
        }
        What::Ended { .. } => {}
    }
}

fn begin(steps: &mut Vec<Step>, short: &str, name: &Name, at: f64) {
    let (short, name) = (short.to_owned(), name.clone());
    steps.push(Step { short, name, became: Became::Unfinished, seconds: None, lines: Vec::new(), begun: at });
}

fn find<'a>(steps: &'a mut [Step], short: &str) -> Option<&'a mut Step> {
    steps.iter_mut().rev().find(|step| step.short == short)
}

fn end(step: Option<&mut Step>, at: f64, became: Became) {
    if let Some(step) = step {
        step.seconds = Some(((at - step.begun) * 1000.0).round() / 1000.0);
        step.became = became;
    }
}
