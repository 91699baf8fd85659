//! `registry`: what a registry has, and what it can.

use std::time::SystemTime;

use fault::{Failure, Wishing};
use oci::{Digest, Tag};
use remote::{Depth, Finding, Intent};
use serde_json::json;

use crate::args::{Probe, RegistryCommand, RegistryList, Site, SiteError};
use crate::commands::{Done, Session};
use crate::console::{Table, counted};
use crate::names::check_pushable;
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
        RegistryCommand::Probe(arguments) => {
            let name = arguments.name.name();
            probe(session, &arguments, &name).await.wishing(|| format!("find out what {name} can do"))
        }
    }
}

async fn list(session: &Session, arguments: &RegistryList, what: &str, name: &str) -> Result<Done, Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let (console, as_json) = (&session.console, session.context.global.json);
    let (mut listing, noun, shape) = match &arguments.site {
        Site::Host(host) => (opener.client()?.repositories(host)?, "repository name", "polyarchRepositories"),
        Site::Repository(reference) => (opener.client()?.home(reference, Intent::Read)?.list_tags(), "tag", "polyarchTags"),
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

async fn probe(session: &Session, arguments: &Probe, name: &str) -> Result<Done, Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let console = &session.console;
    let (intent, depth) = if arguments.write {
        check_pushable(&arguments.name, "polyarch registry probe --write {}")?;
        let mark = mark(session)?;
        console.say(format!("writing {mark} into {name}, and removing it"));
        (Intent::Write, Depth::Write(mark))
    } else {
        console.say(format!("asking {name}"));
        (Intent::Read, Depth::Read)
    };
    let probed = opener.client()?.home(&arguments.name, intent)?.probe(arguments.name.tag(), &depth).await?;
    if session.context.global.json {
        let finding = |finding: &Finding| {
            json!({
                "ability": finding.ability.name(),
                "answer": finding.verdict.to_string(),
                "detail": finding.detail,
                "evidence": finding.evidence,
            })
        };
        let findings: Vec<_> = probed.findings.iter().map(finding).collect();
        console.data(format!("{:#}", json!({ "polyarchProbe": 1, "name": name, "findings": findings, "left": probed.left })));
    } else {
        let mut table = Table::new(&["ABILITY", "ANSWER", "EVIDENCE", "DETAIL"]);
        for Finding { ability, verdict, detail, evidence } in &probed.findings {
            table.row([ability.name().to_owned(), verdict.to_string(), evidence.clone(), detail.clone()]);
        }
        console.table(&table);
    }
    for left in &probed.left {
        console.warn(&format!("stayed in {name}: {left}"));
    }
    Ok(Done::Well)
}

/// Makes a tag that nobody else has, and that says what it is.
fn mark(session: &Session) -> Result<Tag, Failure> {
    let time = (session.context.now)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let random = Digest::of(format!("{} {}", time.as_nanos(), std::process::id()).as_bytes());
    let tag = format!("polyarch-probe-{}", random.hex().get(..12).unwrap_or_default()).parse::<Tag>();
    Ok(tag.map_err(SiteError::Name)?)
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}
