//! `polyarch help`: verbs from the argument definitions, topics from here, and the whole of it as
//! Markdown for docs/cli.md.

mod markdown;
mod topics;

pub use markdown::markdown;
pub use topics::{names_of_topics, topic};

use clap::CommandFactory;

use crate::args::Polyarch;
use crate::fronts;

/// Returns the help of a verb (`create`, `store prune`), if there is such a verb.
pub fn verb(words: &[String]) -> Option<String> {
    let (first, rest) = words.split_first()?;
    let (mut command, rest) = match fronts::own_words(first) {
        Some(own) => (own, rest),
        None => (Polyarch::command(), words),
    };
    command.build();
    let mut at = &mut command;
    for word in rest {
        at = at.find_subcommand_mut(word)?;
    }
    Some(at.render_long_help().to_string())
}
