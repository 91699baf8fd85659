//! `store`: the local store itself.

use fault::{Failure, Wishing};
use serde_json::json;
use store::{Store, Why};

use crate::args::{Prune, StoreCommand};
use crate::commands::{Done, Session};
use crate::console::{Table, bytes, counted};
use crate::open::Opener;

/// Runs the verb.
pub async fn run(session: &Session, command: StoreCommand) -> Result<Done, Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let store = opener.store()?;
    match command {
        StoreCommand::Path => path(session, store),
        StoreCommand::Du => usage(session, store).await.wishing(|| "measure the local store".to_owned()),
        StoreCommand::Check => check(session, store).await.wishing(|| "check the local store".to_owned()),
        StoreCommand::Prune(arguments) => prune(session, store, &arguments).await.wishing(|| "tidy the local store".to_owned()),
    }
}

fn path(session: &Session, store: &Store) -> Result<Done, Failure> {
    let path = store.root().display().to_string();
    session.console.data(if session.context.global.json { json!({"polyarchStorePath": 1, "path": path}).to_string() } else { path });
    Ok(Done::Well)
}

async fn usage(session: &Session, store: &Store) -> Result<Done, Failure> {
    let usage = store.usage().await?;
    if session.context.global.json {
        session.console.data(format!("{:#}", json!({"polyarchStoreDu": 1, "usage": usage})));
        return Ok(Done::Well);
    }
    let mut table = Table::new(&["WHAT", "COUNT", "SIZE"]);
    table.row(["names".to_owned(), usage.names.to_string(), String::new()]);
    table.row(["blobs".to_owned(), usage.blobs.to_string(), bytes(usage.bytes)]);
    table.row(["remembered from registries".to_owned(), String::new(), bytes(usage.recall_bytes)]);
    table.row(["remembered by builds".to_owned(), String::new(), bytes(usage.cache_bytes)]);
    table.row(["on their way in".to_owned(), String::new(), bytes(usage.ingest_bytes)]);
    session.console.table(&table);
    Ok(Done::Well)
}

async fn check(session: &Session, store: &Store) -> Result<Done, Failure> {
    let findings = store.check().await?;
    if session.context.global.json {
        session.console.data(format!("{:#}", json!({"polyarchStoreCheck": 1, "findings": findings})));
    } else {
        findings.iter().for_each(|finding| session.console.line(finding.to_string()));
    }
    if findings.is_empty() {
        session.console.say("the local store is whole");
        return Ok(Done::Well);
    }
    session.console.say(format!("{} in the local store", counted(findings.len() as u64, "problem")));
    Ok(Done::No)
}

async fn prune(session: &Session, store: &Store, arguments: &Prune) -> Result<Done, Failure> {
    let plan = store.prune_plan(arguments.grace).await?;
    let json = session.context.global.json;
    if !json {
        for item in &plan.items {
            let what = item.digest.as_ref().map_or_else(|| item.path.display().to_string(), ToString::to_string);
            let why = match item.why {
                Why::Unnamed => "no name needs it",
                Why::Unneeded => "a layer as a folder, which no named image has",
                Why::Interrupted => "left by an interrupted write",
                Why::Old => "not asked for in 30 days",
            };
            session.console.line(format!("{what}  {}  {why}", bytes(item.size)));
        }
    }
    let kept = plan.kept;
    let (files, size) = (counted(plan.items.len() as u64, "file"), plan.bytes());
    if kept.young_blobs > 0 {
        let are = if kept.young_blobs == 1 { "is" } else { "are" };
        let young = counted(kept.young_blobs, "younger blob");
        session.console.say(format!("{young} ({}) {are} spared: --grace", bytes(kept.young_bytes)));
    }
    if !arguments.apply {
        if json {
            session.console.data(format!("{:#}", json!({"polyarchStorePrune": 1, "plan": plan})));
        }
        session.console.say(format!(
            "{files} ({}) can go, {} {}; nothing was removed: --apply does it",
            bytes(size),
            counted(kept.blobs, "blob"),
            if kept.blobs == 1 { "stays" } else { "stay" }
        ));
        return Ok(Done::Well);
    }
    let whole = json.then(|| json!(plan));
    let pruned = store.prune(plan).await?;
    if let Some(plan) = whole {
        session.console.data(format!("{:#}", json!({"polyarchStorePrune": 1, "plan": plan, "pruned": pruned})));
    }
    let were = if pruned.spared == 1 { "was" } else { "were" };
    let removed = counted(pruned.removed, "file");
    session.console.say(format!("removed {removed} ({}), {} {were} wanted again", bytes(pruned.bytes), pruned.spared));
    Ok(Done::Well)
}
