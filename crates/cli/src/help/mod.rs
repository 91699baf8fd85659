//! `polyarch help`: verbs from the argument definitions, topics from here, and the whole of it as
//! Markdown for docs/cli.md.

mod markdown;
mod topics;

pub use markdown::markdown;
pub use topics::{names_of_topics, topic};

use clap::CommandFactory;

use crate::args::Polyarch;
use crate::fronts;

/// Returns the help of a verb (`create`, `store prune`), if there is such a verb; without one, that of the program.
pub fn verb(words: &[String]) -> Option<String> {
    let front = words.split_first().and_then(|(first, rest)| Some((fronts::own_words(first)?, rest)));
    let (mut command, rest) = front.unwrap_or_else(|| (Polyarch::command(), words));
    command.build();
    let mut at = &mut command;
    for word in rest {
        at = at.find_subcommand_mut(word)?;
    }
    Some(at.render_long_help().to_string())
}
