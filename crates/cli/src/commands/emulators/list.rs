//! `emulators ls`: what there is to run programs of other machines, and what is known to go wrong with it.

use std::collections::HashSet;

use emulate::{Emulator, Found, Handler, Handlers, Interpreter, Machine, State, Trouble, list};
use fault::{Failure, Fault};
use serde_json::{Value, json};

use crate::args::EmulatorsList;
use crate::commands::{Done, Interrupted, Session};
use crate::console::Table;
use crate::machines::{HANDLERS, LIMIT, places};

/// Runs the verb.
pub async fn run(session: &Session, words: EmulatorsList) -> Result<Done, Failure> {
    let places = places(session, words.emulators);
    let found = tokio::task::spawn_blocking(move || list(&places, LIMIT)).await.map_err(|_| Interrupted)?;
    let handlers = Handlers::read(HANDLERS.as_ref())?;
    let there = There { files: files(&found), handlers: &handlers, troubles: troubles(&found) };
    if session.context.global.json {
        session.console.data(format!("{:#}", there.json(session)));
    } else {
        there.show(session);
    }
    Ok(Done::Well)
}

/// All that is told.
struct There<'a> {
    files: Vec<File<'a>>,
    handlers: &'a Handlers,
    troubles: Vec<(Vec<Machine>, &'static Trouble)>,
}

/// A file, and what is said of it.
struct File<'a> {
    found: &'a Found,
    state: &'static str,
    reason: Option<String>,
}

impl File<'_> {
    fn version(&self) -> Option<String> {
        let emulator = self.found.opened.as_ref().ok()?;
        emulator.version.map(|version| version.to_string())
    }
}

/// Says of each file whether it is the one that is taken.
fn files<'a>(found: &'a [Found]) -> Vec<File<'a>> {
    let mut taken = HashSet::new();
    let file = |found: &'a Found| {
        let Found { machine, opened, .. } = found;
        match opened {
            Err(problem) => File { found, state: "unusable", reason: Some(problem.unfit.to_string()) },
            Ok(_) if taken.insert(*machine) => File { found, state: "taken", reason: None },
            Ok(_) => File { found, state: "usable", reason: Some("another one comes first".to_owned()) },
        }
    };
    found.iter().map(file).collect()
}

/// Lists what is known of those that are taken, each with the machines whose programs meet it.
fn troubles(found: &[Found]) -> Vec<(Vec<Machine>, &'static Trouble)> {
    let mut all: Vec<(Vec<Machine>, &'static Trouble)> = Vec::new();
    let mut taken = HashSet::new();
    for emulator in found.iter().filter_map(|found| found.opened.as_ref().ok()) {
        if !is_foreign(emulator) || !taken.insert(emulator.machine) {
            continue;
        }
        for trouble in emulator.troubles() {
            match all.iter_mut().find(|(_, known)| *known == trouble) {
                Some((machines, _)) => machines.push(emulator.machine),
                None => all.push((vec![emulator.machine], trouble)),
            }
        }
    }
    all
}

fn is_foreign(emulator: &Emulator) -> bool {
    Machine::here().is_none_or(|here| !here.may_run(emulator.machine))
}

impl There<'_> {
    fn show(&self, session: &Session) {
        let console = &session.console;
        let mut table = Table::new(&["MACHINE", "VERSION", "FROM", "FILE", "STATE"]);
        for file in &self.files {
            let reason = file.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            table.row([
                file.found.machine.to_string(),
                file.version().unwrap_or_default(),
                file.found.place.word().to_owned(),
                file.found.path.display().to_string(),
                format!("{}{reason}", file.state),
            ]);
        }
        console.table(&table);
        if self.files.is_empty() {
            console.say("no emulators are found: polyarch emulators install, or apt-get install qemu-user-static");
        }
        let mut table = Table::new(&["HANDLER", "MACHINE", "FLAGS", "INTERPRETER", "STATE"]);
        for (machine, handler) in self.registered() {
            table.row([
                handler.name.to_string_lossy().into_owned(),
                machine.to_string(),
                handler.flags.to_string(),
                handler.path.display().to_string(),
                state(self.handlers, handler).join("; "),
            ]);
        }
        let lines = table.lines();
        if !lines.is_empty() {
            console.line("");
            console.table(&table);
        }
        console.line("");
        console.line(match self.handlers.state {
            State::Unseen => "handlers of this machine: none can be seen, as binfmt_misc is not mounted".to_owned(),
            State::Off => format!("handlers of this machine: switched off; as root: echo 1 > {}/status", self.handlers.folder.display()),
            State::On if lines.is_empty() => "handlers of this machine: none for any of these machines".to_owned(),
            State::On => "handlers of this machine: switched on".to_owned(),
        });
        console.line(match &session.stand.registers {
            Some(Ok(())) => "handlers of a build alone: possible here".to_owned(),
            Some(Err(problem)) => format!("handlers of a build alone: not possible here: {problem}"),
            None => "handlers of a build alone: not tried".to_owned(),
        });
        if !self.troubles.is_empty() {
            console.line("");
            console.line("known to go wrong:");
        }
        for (machines, trouble) in &self.troubles {
            console.line(format!("  {}: {trouble}", whose(machines, trouble)));
        }
    }

    /// Lists the handlers of machines that are known here.
    fn registered(&self) -> impl Iterator<Item = (Machine, &Handler)> {
        let machine = |handler: &Handler| Machine::ALL.into_iter().find(|machine| handler.takes(*machine));
        self.handlers.list.iter().filter_map(move |handler| Some((machine(handler)?, handler)))
    }

    fn json(&self, session: &Session) -> Value {
        let file = |file: &File<'_>| {
            json!({
                "machine": file.found.machine.architecture(),
                "version": file.version(),
                "from": file.found.place.word(),
                "path": file.found.path.display().to_string(),
                "state": file.state,
                "reason": file.reason,
            })
        };
        let handler = |(machine, handler): (Machine, &Handler)| {
            json!({
                "name": handler.name.to_string_lossy(),
                "machine": machine.architecture(),
                "flags": handler.flags.to_string(),
                "interpreter": handler.path.display().to_string(),
                "isEnabled": handler.is_enabled,
                "notes": state(self.handlers, handler),
            })
        };
        let trouble = |(machines, trouble): &(Vec<Machine>, &Trouble)| {
            let machines: Vec<&str> = machines.iter().map(|machine| machine.architecture()).collect();
            json!({"machines": machines, "what": trouble.what, "thread": trouble.thread})
        };
        let state = match self.handlers.state {
            State::On => "on",
            State::Off => "off",
            State::Unseen => "unseen",
        };
        let problem = session.stand.registers.as_ref().and_then(|tried| tried.as_ref().err());
        json!({
            "polyarchEmulators": 1,
            "emulators": self.files.iter().map(file).collect::<Vec<_>>(),
            "handlers": {"state": state, "list": self.registered().map(handler).collect::<Vec<_>>()},
            "private": {
                "isPossible": matches!(session.stand.registers, Some(Ok(()))),
                "reason": problem.map(ToString::to_string),
                "hint": problem.and_then(Fault::hint).map(|hint| hint.to_string()),
            },
            "troubles": self.troubles.iter().map(trouble).collect::<Vec<_>>(),
        })
    }
}

/// Says what a handler does, and what it does not.
fn state(handlers: &Handlers, handler: &Handler) -> Vec<String> {
    let mut notes = Vec::new();
    if !handler.is_enabled {
        notes.push(format!("off; as root: echo 1 > {}", handlers.folder.join(&handler.name).display()));
    }
    match handler.interpreter {
        Interpreter::Missing if handler.flags.is_fixed => notes.push("its file is gone, and is held open".to_owned()),
        Interpreter::Missing => notes.push("its file is gone: nothing runs by it".to_owned()),
        Interpreter::Dynamic | Interpreter::Other if !handler.flags.is_fixed => {
            notes.push("works in no other root: it is not static, and has no flag F".to_owned());
        }
        _ => {}
    }
    if !handler.flags.takes_credentials {
        notes.push("sudo gains nothing by it, without the flag C".to_owned());
    }
    if notes.is_empty() {
        notes.push("works in every root".to_owned());
    }
    notes
}

/// Names the machines whose programs meet a trouble.
fn whose(machines: &[Machine], trouble: &Trouble) -> String {
    if trouble.machines.is_empty() {
        return "all".to_owned();
    }
    machines.iter().map(Machine::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use emulate::Flags;

    use super::*;

    #[test]
    fn what_a_handler_lacks_is_said() {
        let handlers = Handlers { folder: "/misc".into(), state: State::On, list: Vec::new() };
        let handler = |is_enabled, interpreter, is_fixed, takes_credentials| Handler {
            name: "qemu-arm".into(),
            is_enabled,
            path: "/x".into(),
            interpreter,
            flags: Flags { is_fixed, takes_credentials, ..Flags::default() },
            offset: 0,
            magic: Vec::new(),
            mask: Vec::new(),
        };
        let said = |handler: &Handler| state(&handlers, handler).join("; ");
        assert_eq!(said(&handler(true, Interpreter::Static, true, true)), "works in every root");
        assert_eq!(said(&handler(true, Interpreter::Missing, true, true)), "its file is gone, and is held open");
        let bare = said(&handler(false, Interpreter::Missing, false, false));
        assert!(bare.starts_with("off; as root: echo 1 > /misc/qemu-arm; its file is gone: nothing runs by it; sudo "), "{bare}");
        assert!(said(&handler(true, Interpreter::Dynamic, false, true)).starts_with("works in no other root"));
    }
}
