//! `registry`: what a registry has.

use fault::{Failure, Wishing};
use remote::Intent;
use serde_json::json;

use crate::args::{RegistryCommand, RegistryList, Site};
use crate::commands::{Done, Session};
use crate::console::counted;
use crate::open::Opener;

/// Names that cannot be used and are shown; the rest is counted.
const SHOWN: usize = 5;

/// Runs the verb.
pub async fn run(session: &Session, command: RegistryCommand) -> Result<Done, Failure> {
    match command {
        RegistryCommand::Ls(arguments) => {
            let (what, name) = match &arguments.site {
                Site::Host(host) => ("repositories", host.clone()),
                Site::Repository(reference) => ("tags", reference.name()),
            };
            list(session, &arguments, what, &name).await.wishing(|| format!("list the {what} of {name}"))
        }
    }
}

async fn list(session: &Session, arguments: &RegistryList, what: &str, name: &str) -> Result<Done, Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let (console, as_json) = (&session.console, session.context.global.json);
    let (mut listing, noun, shape) = match &arguments.site {
        Site::Host(host) => (opener.client()?.repositories(host), "repository name", "polyarchRepositories"),
        Site::Repository(reference) => (opener.client()?.repository(reference, Intent::Read).list_tags(), "tag", "polyarchTags"),
    };
    console.say(format!("asking {name}"));
    let (mut names, mut refused) = (Vec::new(), Vec::new());
    while let Some(page) = listing.next().await? {
        refused.extend(page.refused);
        if as_json {
            names.extend(page.names);
        } else {
            // Page by page: who looks for the first need not wait for the last.
            page.names.iter().for_each(|name| console.data(name));
        }
    }
    for odd in refused.iter().take(SHOWN) {
        console.warn(&format!("{name} lists {:?}, which is no {noun}: left out", shortened(odd)));
    }
    if let Some(more) = refused.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        console.warn(&format!("{name} lists {} more that cannot be used", counted(more as u64, "name")));
    }
    if as_json {
        console.data(format!("{:#}", json!({ shape: 1, "name": name, what: names, "refused": refused.len() })));
    }
    Ok(Done::Well)
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}
