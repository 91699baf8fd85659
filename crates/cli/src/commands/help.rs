//! `help`: verbs and topics.

use fault::{Failure, Fault, Hint, Kind};

use crate::commands::{Done, Session};
use crate::help;

#[derive(Debug, thiserror::Error)]
#[error("no help on {0:?}: there is no such verb or topic")]
struct Unknown(String);

impl Fault for Unknown {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new("`polyarch help` lists the verbs; the topics are names, platforms, exit-codes, environment"))
    }
}

/// Runs the verb.
pub fn run(session: &Session, words: &[String], markdown: bool) -> Result<Done, Failure> {
    let text = match words {
        _ if markdown => Some(help::markdown()),
        [word] => help::topic(word).map(|topic| topic.text()).or_else(|| help::verb(words)),
        _ => help::verb(words),
    };
    let text = text.ok_or_else(|| Unknown(words.join(" ")))?;
    session.console.raw(text.as_bytes());
    Ok(Done::Well)
}
