//! `shims`: links under other tools' names.

use fault::Failure;

use crate::args::ShimsCommand;
use crate::commands::{Done, Session};

/// Runs the verb.
pub fn run(_session: &Session, _command: ShimsCommand) -> Result<Done, Failure> {
    Ok(Done::Well)
}
