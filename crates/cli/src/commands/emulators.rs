//! `emulators`: what runs programs of other machines: looks at it, puts it there, and takes it away.

mod error;
mod install;
mod list;
mod place;
mod source;
mod system;
mod uninstall;

use std::path::PathBuf;

use fault::{Failure, Wishing};

use crate::args::EmulatorsCommand;
use crate::commands::{Done, Session};
use crate::machines::INSTALLED;

/// Runs the verb.
pub async fn run(session: &Session, command: EmulatorsCommand) -> Result<Done, Failure> {
    match command {
        EmulatorsCommand::Ls(words) => list::run(session, words).await,
        EmulatorsCommand::Install(words) => install::run(session, words).await.wishing(|| "install emulators".to_owned()),
        EmulatorsCommand::Uninstall { system: true } => {
            uninstall::of_system(session).wishing(|| "remove the handlers of this machine".to_owned())
        }
        EmulatorsCommand::Uninstall { system: false } => uninstall::of_store(session).wishing(|| "remove emulators".to_owned()),
    }
}

/// Returns the folder of those that are installed.
fn folder(session: &Session) -> PathBuf {
    session.context.store.join(INSTALLED)
}
