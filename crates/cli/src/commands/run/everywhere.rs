//! `run --all-platforms`: the program of every image under a name, by whatever runs it here, and a table of what became of each.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use engine::cache::Cache;
use engine::machines::Machines;
use engine::program::{Programs, Wish};
use futures_util::stream::{self, StreamExt};
use oci::{Locator, Platform};
use sandbox::{Exit, Input, Output, Streams};
use serde_json::{Value, json};

use super::image::Finder;
use super::signals::Signals;
use super::{NotRun, order};
use crate::args::Run;
use crate::commands::build::ROOTS;
use crate::commands::{Done, Interrupted, Session};
use crate::console::Table;
use crate::machines::{machines, unfollowed};
use crate::open::Opener;

/// How much of the first line of a program is shown, in bytes.
const LONGEST_LINE: u64 = 200;

/// What became of the image of one platform.
struct Row {
    platform: String,
    /// What ran it; none if this machine did by itself.
    by: Option<String>,
    outcome: Outcome,
}

enum Outcome {
    Ran {
        exit: Exit,
        took: Duration,
        line: String,
    },
    /// It is for another system, which runs here by nothing.
    Skipped(String),
    NotRun(String),
}

/// Runs them all, as many at once as this machine has processors.
pub async fn run(session: &Session, arguments: &Run) -> Result<Done, NotRun> {
    let locator = order::image(arguments)?;
    let streams = Streams::Separate { input: Input::Empty, output: Output::Piped };
    let wish = order::wish(session, arguments, streams)?;
    let mut signals = Signals::listen();
    let work = all(session, arguments, &locator, &wish);
    let rows = tokio::select! {
        rows = work => rows?,
        // Dropping the work ends what runs.
        () = signals.end() => return Err(Interrupted.into()),
    };
    session.console.end();
    show(session, &rows);
    Ok(if rows.iter().all(Row::is_well) { Done::Well } else { Done::No })
}

async fn all(session: &Session, arguments: &Run, locator: &Locator, wish: &Wish) -> Result<Vec<Row>, NotRun> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    opener.store()?.make()?;
    let machines = machines(session, &arguments.emulation);
    let programs = Programs::open(&session.context.store.join(ROOTS), session.stand.standing.clone(), Arc::clone(&machines)).await?;
    let offered = Finder::new(session, &opener, &machines, None).offered(locator, arguments.pull).await?;
    let cache = Cache::new(Arc::new(opener.store()?.clone()), session.context.now.clone());
    let one = Everywhere { session, arguments, locator, wish, opener: &opener, machines: &machines, programs: &programs, cache: &cache };
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    Ok(stream::iter(offered).map(|platform| one.row(platform)).buffered(at_once).collect().await)
}

/// What every image is run with.
struct Everywhere<'a> {
    session: &'a Session,
    arguments: &'a Run,
    locator: &'a Locator,
    wish: &'a Wish,
    opener: &'a Opener,
    machines: &'a Machines,
    programs: &'a Programs,
    cache: &'a Cache,
}

impl Everywhere<'_> {
    async fn row(&self, platform: String) -> Row {
        let (by, outcome) = match platform.parse::<Platform>() {
            Ok(parsed) => (self.machines.emulator(&parsed), self.outcome(&parsed).await),
            Err(problem) => (None, Outcome::NotRun(problem.to_string())),
        };
        Row { platform, by, outcome }
    }

    async fn outcome(&self, platform: &Platform) -> Outcome {
        match self.machines.why_not(platform) {
            Some(why) if platform.os != self.machines.host().os => return Outcome::Skipped(why.reason),
            Some(why) => return Outcome::NotRun(why.reason),
            None => {}
        }
        match self.program(platform).await {
            Ok(outcome) => outcome,
            Err(NotRun { failure, .. }) => Outcome::NotRun(failure.fault().to_string()),
        }
    }

    async fn program(&self, platform: &Platform) -> Result<Outcome, NotRun> {
        let finder = Finder::new(self.session, self.opener, self.machines, Some(platform)).quietly();
        let base = finder.find(self.locator, self.arguments.pull).await?;
        let mut running = self.programs.start(&base, self.cache, self.wish.clone()).await?;
        let begun = Instant::now();
        let process = running.process();
        if let Some(reason) = process.unfollowed.take() {
            self.session.console.warn(&unfollowed(reason));
        }
        let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
        let ended = tokio::task::spawn_blocking(move || {
            let read = |from: Option<_>| thread::spawn(move || from.map(first_line).unwrap_or_default());
            let (output, errors) = (read(stdout), read(stderr));
            let exit = running.wait();
            let line = |reader: thread::JoinHandle<String>| reader.join().unwrap_or_default();
            let (output, errors) = (line(output), line(errors));
            (exit, begun.elapsed(), if output.is_empty() { errors } else { output })
        });
        let (exit, took, line) = ended.await.map_err(|_| Interrupted)?;
        Ok(Outcome::Ran { exit: exit?, took, line })
    }
}

/// Reads a program's output to its end, and keeps its first line that is not empty.
fn first_line(from: impl Read) -> String {
    let mut from = BufReader::new(from);
    let mut first = String::new();
    let mut line = Vec::new();
    while first.is_empty() {
        line.clear();
        match from.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(length) if length > 0 => String::from_utf8_lossy(&line).trim().clone_into(&mut first),
            _ => return first,
        }
    }
    // What is not read would stop it.
    let _ = std::io::copy(&mut from, &mut std::io::sink());
    first
}

impl Row {
    fn is_well(&self) -> bool {
        match &self.outcome {
            Outcome::Ran { exit, .. } => exit.is_success(),
            Outcome::Skipped(_) => true,
            Outcome::NotRun(_) => false,
        }
    }

    /// How it ran: by this machine, by what, or not.
    fn way(&self) -> String {
        match (&self.outcome, &self.by) {
            (Outcome::Skipped(_), _) => "skipped".to_owned(),
            (Outcome::NotRun(_), _) => "not run".to_owned(),
            (Outcome::Ran { .. }, None) => "native".to_owned(),
            (Outcome::Ran { .. }, Some(by)) => by.clone(),
        }
    }

    fn json(&self) -> Value {
        let ran = json!({"platform": self.platform, "ran": matches!(self.outcome, Outcome::Ran { .. }), "emulator": self.by});
        let more = match &self.outcome {
            Outcome::Ran { exit, took, line } => json!({"exit": exit.status(), "seconds": took.as_secs_f64(), "line": line}),
            Outcome::Skipped(why) => json!({"skipped": why}),
            Outcome::NotRun(why) => json!({"problem": why}),
        };
        let both = [ran, more].into_iter().filter_map(|part| if let Value::Object(fields) = part { Some(fields) } else { None });
        Value::Object(both.flatten().collect())
    }
}

fn show(session: &Session, rows: &[Row]) {
    let console = &session.console;
    if session.context.global.json {
        let all: Vec<Value> = rows.iter().map(Row::json).collect();
        return console.data(format!("{:#}", json!({"polyarchRun": 1, "platforms": all})));
    }
    let mut table = Table::new(&["PLATFORM", "RAN BY", "EXIT", "TIME", "FIRST LINE"]);
    for row in rows {
        let (exit, time, line) = match &row.outcome {
            Outcome::Ran { exit, took, line } => (exit.status().to_string(), format!("{:.2} s", took.as_secs_f64()), line.clone()),
            Outcome::Skipped(why) | Outcome::NotRun(why) => (String::new(), String::new(), why.clone()),
        };
        table.row([row.platform.clone(), row.way(), exit, time, line]);
    }
    console.table(&table);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_says_something_is_kept() {
        assert_eq!(first_line(&b"\n  \nnginx/1.22 \nmore\n"[..]), "nginx/1.22");
        assert_eq!(first_line(&b""[..]), "");
        assert_eq!(first_line(&[b'x'; 1000][..]).len(), 200);
    }
}
