//! `polyarch help`: verbs from the argument definitions, topics from here, and the whole of it as
//! Markdown for docs/cli.md.

mod markdown;
mod topics;

pub use markdown::markdown;
pub use topics::{names_of_topics, topic};

use crate::args::Polyarch;

/// Returns the help of a verb (`create`, `store prune`), if there is such a verb.
pub fn verb(words: &[String]) -> Option<String> {
    let mut command = Polyarch::tree();
    command.build();
    let mut at = &mut command;
    for word in words {
        at = at.find_subcommand_mut(word)?;
    }
    Some(at.render_long_help().to_string())
}
