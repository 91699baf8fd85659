//! `platforms`: the platforms whose programs can be tried, what else they are called, and by what they run here.

use emulate::{Decision, Means, Obstacle, Probe};
use fault::Failure;
use oci::Platform;
use serde_json::{Value, json};

use crate::args::EmulationWords;
use crate::commands::{Done, Interrupted, Session};
use crate::console::Table;
use crate::machines::prospects;

/// Runs the verb.
pub async fn run(session: &Session, words: EmulationWords) -> Result<Done, Failure> {
    let own = session.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let platforms: Vec<Platform> = Probe::all().map(Probe::platform).collect();
        prospects(&own, &words, &platforms)
    });
    // The thread ends early only where the program does.
    let decided = asked.await.map_err(|_| Interrupted)??;
    let rows: Vec<Row> = decided.iter().map(|decision| Row::of(session, decision)).collect();
    if session.context.global.json {
        let rows: Vec<Value> = rows.iter().map(Row::json).collect();
        session.console.data(format!("{:#}", json!({"polyarchPlatforms": 1, "platforms": rows})));
        return Ok(Done::Well);
    }
    let mut table = Table::new(&["PLATFORM", "ALIASES", "RUNS"]);
    for row in &rows {
        table.row([row.platform.to_string(), row.aliases.join(" "), row.runs()]);
    }
    session.console.table(&table);
    let mut hints: Vec<&str> = Vec::new();
    for hint in rows.iter().filter_map(|row| row.hint.as_deref()) {
        if !hints.contains(&hint) {
            hints.push(hint);
            session.console.say(format!("hint: {hint}"));
        }
    }
    if rows.iter().any(|row| row.by.is_some()) {
        session.console.say("next: polyarch emulators ls (what is known to go wrong with them)");
    }
    Ok(Done::Well)
}

/// What is told of a platform.
struct Row<'a> {
    platform: &'a Platform,
    aliases: Vec<&'static str>,
    /// The word for the means.
    word: &'static str,
    /// What runs it, with its version.
    by: Option<String>,
    /// The name of the handler, where it is the host's.
    handler: Option<String>,
    reason: Option<String>,
    hint: Option<String>,
}

impl<'a> Row<'a> {
    fn of(session: &Session, decision: &'a Decision) -> Self {
        let Decision { platform, means } = decision;
        let aliases = Platform::aliases().filter(|(_, meant)| meant == platform).map(|(word, _)| word).collect();
        let (reason, hint) = match means {
            Means::None(obstacle) => (Some(why(session, obstacle)), obstacle.hint().map(|hint| hint.to_string())),
            _ => (None, None),
        };
        let handler = match means {
            Means::Host(host) => host.handler.as_ref().map(|handler| handler.name.to_string_lossy().into_owned()),
            _ => None,
        };
        Self { platform, aliases, word: word(means), by: by(means), handler, reason, hint }
    }

    fn runs(&self) -> String {
        let by = self.by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
        match (&self.reason, &self.handler) {
            (Some(reason), _) => format!("{}: {reason}", self.word),
            (None, Some(handler)) => format!("host's handler {handler}{by}"),
            (None, None) if self.word == "host" => "host's handler, which cannot be seen from here".to_owned(),
            (None, None) => format!("{}{by}", self.word),
        }
    }

    fn json(&self) -> Value {
        json!({
            "platform": self.platform.to_string(),
            "aliases": self.aliases,
            "runs": self.word,
            "by": self.by,
            "handler": self.handler,
            "reason": self.reason,
            "hint": self.hint,
        })
    }
}

/// Returns the word for a means.
pub const fn word(means: &Means) -> &'static str {
    match means {
        Means::Native => "native",
        Means::Host(_) => "host",
        Means::Private(_) => "private",
        Means::Wrapped(_) => "wrapped",
        Means::None(_) => "no",
    }
}

/// Returns what runs the programs, where it is known: its file, and its version.
fn by(means: &Means) -> Option<String> {
    let file = means.interpreter()?.file_name()?.to_string_lossy().into_owned();
    let version = means.emulator().and_then(|emulator| emulator.version);
    Some(version.map_or_else(|| file.clone(), |version| format!("{file} {version}")))
}

/// Says why programs do not run; the sandbox knows more of it than the room that decides.
fn why(session: &Session, obstacle: &Obstacle) -> String {
    match (obstacle, &session.stand.registers) {
        (Obstacle::NoPrivate, Some(Err(problem))) => format!("{obstacle}: {problem}"),
        _ => obstacle.to_string(),
    }
}
