//! `logs`: what the commands of builds wrote.

mod book;
mod error;
pub mod record;

use fault::{Failure, Wishing};
use oci::Reference;
use serde_json::json;
use store::KeptLog;

use crate::args::{Logs, LogsCommand};
use crate::commands::{Done, Session};
use crate::console::Table;
use crate::open::Opener;

use book::{Became, Book, Step, Summary};
use error::LogError;
use record::Outcome;

/// Runs the verb.
pub async fn run(session: &Session, arguments: &Logs) -> Result<Done, Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let kept = opener.store()?.logs().await.wishing(|| "list the logs of builds".to_owned())?;
    match arguments.command {
        Some(LogsCommand::Ls) => list(session, &kept),
        None => {
            let wish = || arguments.build.as_ref().map_or_else(|| "show a log".to_owned(), |word| format!("show the log of {word}"));
            show(session, arguments, &kept).wishing(wish)?;
        }
    }
    Ok(Done::Well)
}

/// Lists what is kept, the newest first. What cannot be read is named, and hides no other.
fn list(session: &Session, kept: &[KeptLog]) {
    let summaries = kept.iter().rev().filter_map(|log| match Summary::read(log) {
        Ok(summary) => Some(summary),
        Err(problem) => {
            session.console.warn(&problem.to_string());
            None
        }
    });
    let summaries: Vec<Summary> = summaries.collect();
    if session.context.global.json {
        session.console.data(format!("{:#}", json!({"polyarchLogsLs": 1, "builds": summaries})));
        return;
    }
    if summaries.is_empty() {
        session.console.say(LogError::Nothing.to_string());
    }
    let mut table = Table::new(&["BUILD", "BEGUN", "NAME", "PLATFORMS", "OUTCOME"]);
    for build in summaries {
        let outcome = became(&build);
        table.row([build.head.id, build.head.begun, build.head.tags.join(" "), build.head.platforms.join(" "), outcome]);
    }
    session.console.table(&table);
}

fn show(session: &Session, arguments: &Logs, kept: &[KeptLog]) -> Result<(), LogError> {
    let mut book = Book::read(&choose(arguments.build.as_deref(), kept)?)?;
    if arguments.failed {
        book.steps.retain(|step| matches!(step.became, Became::Failed { .. }));
    }
    if session.context.global.json {
        session.console.data(format!("{:#}", json!({"polyarchLogs": 1, "build": book.build, "steps": book.steps})));
        return Ok(());
    }
    let Summary { head, .. } = &book.build;
    let names = if head.tags.is_empty() { String::new() } else { format!(" of {}", head.tags.join(", ")) };
    session.console.say(format!("build {}{names} for {}, begun {}", head.id, head.platforms.join(", "), head.begun));
    for step in &book.steps {
        session.console.line(format!("{} {} ({})", step.short, step.name.text, end_of(step)));
        step.lines.iter().for_each(|line| session.console.written(&line.text));
    }
    session.console.say(became(&book.build));
    if let Some(Outcome::Failed { problem }) = &book.build.outcome {
        session.console.say(problem);
    }
    Ok(())
}

/// Finds a build: by its ID or the beginning of it, or as the last one that was to be called so; else the last of all.
fn choose(word: Option<&str>, kept: &[KeptLog]) -> Result<KeptLog, LogError> {
    let Some(word) = word else { return kept.last().cloned().ok_or(LogError::Nothing) };
    let begin: Vec<&KeptLog> = kept.iter().filter(|log| log.id.starts_with(word)).collect();
    match begin.as_slice() {
        [only] => Ok((*only).clone()),
        [] => kept.iter().rev().find(|log| is_called(log, word)).cloned().ok_or_else(|| LogError::Unknown(word.to_owned())),
        several => Err(LogError::Several { word: word.to_owned(), count: several.len() }),
    }
}

fn is_called(log: &KeptLog, word: &str) -> bool {
    let full = |word: &str| word.parse::<Reference>().map(|name| name.to_string());
    let same = |name: &String| name == word || full(name).is_ok_and(|name| full(word).is_ok_and(|word| word == name));
    Summary::read(log).is_ok_and(|summary| summary.head.tags.iter().any(same))
}

/// Says how a build ended.
fn became(build: &Summary) -> String {
    let after = build.seconds.map(|seconds| format!(" after {seconds:.1} s")).unwrap_or_default();
    match &build.outcome {
        Some(Outcome::Done { .. }) => format!("done{after}"),
        Some(Outcome::Failed { .. }) => format!("failed{after}"),
        Some(Outcome::Interrupted) => format!("interrupted{after}"),
        None if build.running => "running".to_owned(),
        None => "broken off".to_owned(),
    }
}

/// Says how a step ended, as the lines of a build do.
fn end_of(step: &Step) -> String {
    let seconds = format!("{:.1} s", step.seconds.unwrap_or_default());
    match step.became {
        Became::Done => seconds,
        Became::Cached => "cached".to_owned(),
        Became::Failed { .. } => format!("failed after {seconds}"),
        Became::Unfinished => "not finished".to_owned(),
    }
}
