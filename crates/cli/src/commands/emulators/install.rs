//! `emulators install`: files by the names of emulators, tried and kept.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use emulate::{Emulator, Machine, Places, find};
use fault::{Failure, Fault, Kind};
use oci::{Locator, LocatorError};
use serde_json::{Value, json};

use super::error::EmulatorsError;
use super::folder;
use super::place::{Outcome, put};
use super::source::{Candidate, candidates};
use super::system::{self, Registered};
use crate::args::EmulatorsInstall;
use crate::commands::{Done, Interrupted, Session};
use crate::machines::{HANDLERS, LIMIT};
use crate::open::Opener;

/// The image of QEMU that is taken where none is named: that of tonistiigi/binfmt, which Docker's own documentation installs. The
/// digest is that of its index, as projects pin it that build with this version.
const USUAL: &str = "docker.io/tonistiigi/binfmt:qemu-v10.2.3@sha256:400a4873b838d1b89194d982c45e5fb3cda4593fbfd7e08a02e76b03b21166f0";

/// Our own name of an image is none.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct NoUsual(LocatorError);

impl Fault for NoUsual {
    fn kind(&self) -> Kind {
        Kind::Bug
    }
}

/// What became of files.
#[derive(Default)]
struct Kept {
    /// Those that are there, and whether they were not there before.
    there: Vec<(Emulator, bool)>,
    /// Where the others were, and what is wrong with them.
    passed: Vec<(String, String)>,
}

/// Runs the verb.
pub async fn run(session: &Session, words: EmulatorsInstall) -> Result<Done, Failure> {
    let handlers = Path::new(HANDLERS);
    if words.system {
        // Before anything is fetched.
        system::check(handlers)?;
    }
    let from = words.from.map_or_else(|| USUAL.parse().map_err(NoUsual), Ok)?;
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let candidates = candidates(session, &opener, &from).await?;
    if candidates.is_empty() {
        return Err(EmulatorsError::Nothing { from: from.to_string(), passed: Vec::new() }.into());
    }
    opener.store()?.make()?;
    let folder = folder(session);
    let place = folder.clone();
    let kept = tokio::task::spawn_blocking(move || put_all(&candidates, &place)).await.map_err(|_| Interrupted)??;
    if kept.there.is_empty() {
        let passed = kept.passed.into_iter().map(|(path, reason)| format!("{path}: {reason}")).collect();
        return Err(EmulatorsError::Nothing { from: from.to_string(), passed }.into());
    }
    say(session, &kept);
    let registered = if words.system { register_all(session, handlers, &folder, &kept)? } else { Vec::new() };
    show(session, &from, &kept, &registered);
    session.console.say("next: polyarch platforms");
    Ok(Done::Well)
}

fn put_all(candidates: &[Candidate], folder: &Path) -> Result<Kept, EmulatorsError> {
    let mut kept = Kept::default();
    fs::create_dir_all(folder).map_err(EmulatorsError::disk("make", folder))?;
    let mut names = HashSet::new();
    for candidate in candidates {
        let pass = |reason: String| (candidate.shown.clone(), reason);
        if names.contains(&candidate.name) {
            kept.passed.push(pass("another file of that name was taken".to_owned()));
            continue;
        }
        match put(candidate, folder)? {
            Outcome::Installed(emulator) => kept.there.push((emulator, true)),
            Outcome::Unchanged(emulator) => kept.there.push((emulator, false)),
            Outcome::Refused(reason) => {
                kept.passed.push(pass(reason));
                continue;
            }
        }
        names.insert(candidate.name.clone());
    }
    if kept.there.is_empty() {
        // Nothing is left of an attempt; a folder with others in it stays.
        let _ = fs::remove_dir(folder);
    }
    Ok(kept)
}

fn say(session: &Session, kept: &Kept) {
    let console = &session.console;
    for (path, reason) in &kept.passed {
        console.say(format!("passed over {path}: {reason}"));
    }
    for (emulator, is_new) in &kept.there {
        let version = emulator.version.map(|version| format!(", QEMU {version}")).unwrap_or_default();
        let what = if *is_new { "installed" } else { "there already" };
        console.say(format!("{what}: {}, for {}{version}", name(emulator), emulator.machine));
    }
}

/// Registers one emulator for every machine that this one is not.
fn register_all(session: &Session, handlers: &Path, folder: &Path, kept: &Kept) -> Result<Vec<(String, Registered)>, Failure> {
    let places = Places { installed: Some(folder.to_owned()), ..Places::default() };
    let foreign = |machine: &Machine| Machine::here().is_none_or(|here| !here.may_run(*machine));
    let mut registered = Vec::new();
    for machine in Machine::ALL.into_iter().filter(foreign) {
        let Some(emulator) = find(machine, &places, LIMIT)? else { continue };
        let is_new = kept.there.iter().any(|(other, is_new)| *is_new && other.path == emulator.path);
        let became = system::register(handlers, &emulator, is_new)?;
        session.console.say(match became {
            Registered::Newly => format!("registered {} for all of this machine, until it starts again", machine.handler_name()),
            Registered::Already => format!("{} is registered already", machine.handler_name()),
        });
        registered.push((machine.handler_name(), became));
    }
    Ok(registered)
}

fn show(session: &Session, from: &Locator, kept: &Kept, registered: &[(String, Registered)]) {
    let console = &session.console;
    if !session.context.global.json {
        return kept.there.iter().for_each(|(emulator, _)| console.line(emulator.path.display().to_string()));
    }
    let there = kept.there.iter().map(|(emulator, is_new)| {
        json!({
            "machine": emulator.machine.architecture(),
            "path": emulator.path.display().to_string(),
            "version": emulator.version.map(|version| version.to_string()),
            "isNew": is_new,
        })
    });
    let there: Vec<Value> = there.collect();
    let passed: Vec<Value> = kept.passed.iter().map(|(path, reason)| json!({"path": path, "reason": reason})).collect();
    let new = |became: Registered| became == Registered::Newly;
    let handlers: Vec<Value> = registered.iter().map(|(name, became)| json!({"name": name, "isNew": new(*became)})).collect();
    let all = json!({
        "polyarchEmulatorsInstall": 1,
        "from": from.to_string(),
        "emulators": there,
        "passedOver": passed,
        "handlers": handlers,
    });
    console.data(format!("{all:#}"));
}

fn name(emulator: &Emulator) -> String {
    emulator.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_image_is_named_by_its_digest() {
        let Ok(Locator::Name(name)) = USUAL.parse() else { panic!("{USUAL}") };
        assert!(name.digest().is_some());
    }
}
