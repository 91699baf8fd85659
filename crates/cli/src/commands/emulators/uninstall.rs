//! `emulators uninstall`: files that were installed, or handlers that were registered, and nothing else.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use emulate::{Handlers, Machine};
use fault::Failure;
use serde_json::json;

use super::error::EmulatorsError;
use super::place::UNDER_WAY;
use super::{folder, system};
use crate::commands::{Done, Session};
use crate::machines::HANDLERS;

/// Removes the files.
///
/// # Errors
/// The folder cannot be written to.
pub fn of_store(session: &Session) -> Result<Done, Failure> {
    let folder = folder(session);
    let removed = remove(&folder)?;
    report(session, &removed.iter().map(|path| path.display().to_string()).collect::<Vec<_>>());
    let left = fs::read_dir(&folder).map_or(0, Iterator::count);
    if removed.is_empty() {
        session.console.say("nothing is installed");
    }
    if left > 0 {
        session.console.say(format!("{} has something else in it, and stays", folder.display()));
    }
    // The kernel holds their files open.
    if let Ok(handlers) = Handlers::read(HANDLERS.as_ref())
        && handlers.list.iter().any(|handler| handler.path.starts_with(&folder))
    {
        session.console.say("handlers of this machine are left, which work all the same: polyarch emulators uninstall --system");
    }
    Ok(Done::Well)
}

/// Removes the handlers of this machine.
///
/// # Errors
/// They are not this user's to remove, or the kernel refuses.
pub fn of_system(session: &Session) -> Result<Done, Failure> {
    let handlers = Path::new(HANDLERS);
    system::check(handlers)?;
    let mut removed = Vec::new();
    for machine in Machine::ALL {
        if system::remove(handlers, machine)? {
            removed.push(machine.handler_name());
        }
    }
    report(session, &removed);
    if removed.is_empty() {
        session.console.say("none of them is registered");
    }
    Ok(Done::Well)
}

fn report(session: &Session, removed: &[String]) {
    if session.context.global.json {
        session.console.data(format!("{:#}", json!({"polyarchEmulatorsUninstall": 1, "removed": removed})));
    } else {
        removed.iter().for_each(|name| session.console.line(name));
    }
}

/// Removes what goes by the names of emulators, and what was under way when somebody was stopped.
fn remove(folder: &Path) -> Result<Vec<PathBuf>, EmulatorsError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(problem) if problem.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(problem) => return Err(EmulatorsError::disk("read", folder)(problem)),
    };
    let mut removed = Vec::new();
    for entry in entries {
        let path = entry.map_err(EmulatorsError::disk("read", folder))?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let is_emulator = Machine::of_emulator(name).is_some();
        if is_emulator || name.starts_with(UNDER_WAY.as_bytes()) {
            fs::remove_file(&path).map_err(EmulatorsError::disk("remove", &path))?;
        }
        if is_emulator {
            removed.push(path);
        }
    }
    removed.sort();
    // A folder with something else in it stays.
    let _ = fs::remove_dir(folder);
    Ok(removed)
}
