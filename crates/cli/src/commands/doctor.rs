//! `doctor`: what on this machine would stop a build, a push or a run. Found out by doing it, not by reading about it.

mod cgroups;
mod check;
mod credentials;
mod emulation;
mod engine;
mod mount;
mod obstacle;
mod registry;
mod sandbox;
mod store;
mod users;

use fault::Failure;
use serde_json::json;

use crate::args::Doctor;
use crate::commands::{Done, Interrupted, Session};
use crate::console::Table;

use check::{Check, State};

/// The checks of what only a `RUN` needs.
const OF_RUN: [&str; 8] = ["namespaces", "users", "overlay", "seccomp", "proc", "devices", "network", "sandbox"];

/// Runs the verb.
pub async fn run(session: &Session, arguments: Doctor) -> Result<Done, Failure> {
    let own = session.clone();
    let machine = tokio::task::spawn_blocking(move || of_this_machine(&own)).await;
    // The thread ends early only where the program does.
    let mut checks = machine.map_err(|_| Interrupted)?;
    checks.push(engine::check(session).await);
    if let Some(site) = &arguments.registry {
        checks.push(registry::check(session, site).await);
    }
    show(session, &checks);
    Ok(if checks.iter().any(|check| check.state == State::Missing) { Done::No } else { Done::Well })
}

/// What waits for the kernel and the disk.
fn of_this_machine(session: &Session) -> Vec<Check> {
    let context = &session.context;
    let mut checks = vec![store::writable(context), store::space(context)];
    checks.extend(sandbox::checks(context));
    checks.extend([cgroups::check(), emulation::check(session), credentials::check(context)]);
    checks
}

fn show(session: &Session, checks: &[Check]) {
    let console = &session.console;
    if session.context.global.json {
        let one = |check: &Check| json!({"name": check.name, "state": check.state.word(), "found": check.found, "mend": check.mend});
        let all: Vec<_> = checks.iter().map(one).collect();
        console.data(format!("{:#}", json!({"polyarchDoctor": 1, "checks": all})));
    } else {
        let mut table = Table::new(&["CHECK", "STATE", "FOUND"]);
        for check in checks {
            table.row([check.name.to_owned(), check.state.word().to_owned(), check.found.clone()]);
        }
        console.table(&table);
        // As a shell takes it, so that it can be copied whole.
        for (check, mend) in checks.iter().filter_map(|check| Some((check, check.mend.as_ref()?))) {
            console.line("");
            console.line(format!("# {}", check.name));
            mend.lines().for_each(|line| console.line(line));
        }
    }
    let named = |state: State| {
        let names: Vec<&str> = checks.iter().filter(|check| check.state == state).map(|check| check.name).collect();
        names.join(", ")
    };
    console.say(match (named(State::Missing).as_str(), named(State::Limited).as_str()) {
        ("", "") => "nothing stands in the way of a build, a push or a run".to_owned(),
        ("", limited) => format!("builds can work here, with less than there could be: {limited}"),
        (missing, _) if missing.split(", ").all(|name| OF_RUN.contains(&name)) => {
            format!("no RUN can be carried out here: {missing}; builds without one work")
        }
        (missing, _) => format!("something is missing: {missing}"),
    });
}
